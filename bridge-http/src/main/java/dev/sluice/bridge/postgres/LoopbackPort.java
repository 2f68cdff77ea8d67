package dev.sluice.bridge.postgres;

import dev.sluice.bridge.system.StartException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.UnknownHostException;
import java.util.OptionalInt;

/** A port of the embedded server on 127.0.0.1. */
final class LoopbackPort {
    private static final int CONNECT_MILLIS = 1000;
    private static final InetAddress ADDRESS = address();

    private LoopbackPort() {}

    /** 127.0.0.1, even if the system prefers ::1. */
    private static InetAddress address() {
        try {
            return InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
        } catch (UnknownHostException e) {
            throw new AssertionError("four bytes are an address", e);
        }
    }

    /**
     * Chooses a port: the wanted one, else the last one if it is free, so that addresses that were written down stay
     * valid, else any free one.
     *
     * @param wanted {@code postgres.port}; 0 for any
     * @throws StartException if the wanted port cannot be used
     */
    static int choose(int wanted, OptionalInt last) throws StartException, IOException {
        if (wanted != 0) {
            try {
                bind(wanted);
            } catch (IOException e) {
                throw new StartException(
                        "postgres.port " + wanted + " on " + LocalPostgres.HOST + " cannot be used: " + e.getMessage()
                                + "; set another postgres.port, or 0 for a free one",
                        e);
            }
            return wanted;
        }
        if (last.isPresent() && isFree(last.getAsInt())) {
            return last.getAsInt();
        }
        try (var socket = new ServerSocket(0, 1, ADDRESS)) {
            return socket.getLocalPort();
        }
    }

    private static boolean isFree(int port) {
        try {
            bind(port);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /** Binds a port and releases it. */
    private static void bind(int port) throws IOException {
        try (var socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(ADDRESS, port), 1);
        }
    }

    /** Returns whether a process accepts connections on a port. */
    static boolean accepts(int port) {
        try (var socket = new Socket()) {
            socket.connect(new InetSocketAddress(ADDRESS, port), CONNECT_MILLIS);
            return true;
        } catch (IOException e) {
            return false;
        }
    }
}
