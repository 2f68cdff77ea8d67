package dev.sluice.bridge.outbound;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;

/** Finds the addresses of a name. May block. */
@FunctionalInterface
public interface HostLookup {
    /** What the operating system says. */
    HostLookup SYSTEM = host -> List.of(InetAddress.getAllByName(host));

    /**
     * Looks a name up.
     *
     * @throws UnknownHostException if it has no address
     */
    List<InetAddress> lookUp(String host) throws UnknownHostException;
}
