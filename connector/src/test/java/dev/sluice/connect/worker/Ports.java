package dev.sluice.connect.worker;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Finds free ports for servers. The ports are below those that the system gives to clients (32768 and up on Linux). So
 * the port of a stopped server is still free when the server starts again.
 */
public final class Ports {
    private static final int FIRST = 15_000;
    private static final int END = 32_000;
    private static final int TRIES = 1_000;

    private Ports() {}

    /** Returns a port on which no process listens. */
    public static int free() {
        for (int i = 0; i < TRIES; i++) {
            int port = ThreadLocalRandom.current().nextInt(FIRST, END);
            try (var socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
                return socket.getLocalPort();
            } catch (IOException taken) {
                // The port is in use. Try another one.
            }
        }
        throw new IllegalStateException("no port is free from " + FIRST + " to " + END);
    }
}
