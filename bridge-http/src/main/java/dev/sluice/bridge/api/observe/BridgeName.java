package dev.sluice.bridge.api.observe;

import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * The name of a bridge in the tables: host and port.
 *
 * @param host name of its machine
 * @param port its port
 */
record BridgeName(String host, int port) {
    /** The id of the only worker of a bridge. */
    static final int ID = 0;

    static BridgeName of(String name) {
        int colon = name.lastIndexOf(':');
        return new BridgeName(name.substring(0, Math.max(colon, 0)), Integer.parseInt(name.substring(colon + 1)));
    }

    /** Adds {@code "hostname": "…", "workerId": 0}. */
    ObjectNode describe(ObjectNode node) {
        return node.put("hostname", host).put("workerId", ID);
    }
}
