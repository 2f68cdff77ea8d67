package dev.sluice.bridge.config;

import dev.sluice.bridge.system.StartException;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.UnknownHostException;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * The address on which the service listens.
 *
 * @param host {@code http.host}: an address, an IPv6 address with or without brackets, or a name
 * @param port {@code http.port}; 0 for a free port
 */
public record ListenAddress(String host, int port) {
    private static final Pattern NAME = Pattern.compile("[\\p{L}\\p{N}._-]+");
    private static final Pattern IPV6 = Pattern.compile("[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[\\p{L}\\p{N}._~-]+)?");
    private static final int FIRST_FREE_PORT = 1024;

    /**
     * Checks whether a text can be a host.
     *
     * @throws IllegalArgumentException if it cannot; the message shows no part of the text
     */
    static void check(String host) {
        String bare = withoutBrackets(host);
        if (bare.indexOf(':') >= 0 && bare.indexOf(':') == bare.lastIndexOf(':') && !bare.contains("/")) {
            throw new IllegalArgumentException("must not hold a port; the port is http.port");
        }
        if (!NAME.matcher(bare).matches() && !IPV6.matcher(bare).matches()) {
            throw new IllegalArgumentException("must be an address or a name, as 0.0.0.0, ::1 or localhost");
        }
    }

    private static String withoutBrackets(String host) {
        return host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host;
    }

    /**
     * Fails if the service cannot listen on this address, before the service unpacks or starts anything. Another
     * process may still take the port before the server does; then the server reports it.
     */
    public void refuseUnusable() throws StartException {
        InetAddress address;
        try {
            address = InetAddress.getByName(host);
        } catch (UnknownHostException e) {
            throw new StartException(
                    "http.host " + host
                            + " is not a known name or address; set http.host to an address of this machine,"
                            + " to 127.0.0.1, or to 0.0.0.0 for all",
                    e);
        }
        if (address.isMulticastAddress() || address.getHostAddress().equals("255.255.255.255")) {
            throw new StartException(advice(new IOException("it is an address of many machines")));
        }
        try (var socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(address, port), 1);
        } catch (IOException e) {
            throw new StartException(advice(e), e);
        }
    }

    private String advice(IOException e) {
        String reason = String.valueOf(e.getMessage());
        String lower = reason.toLowerCase(Locale.ROOT);
        if (lower.contains("permission denied") && port < FIRST_FREE_PORT) {
            return "http.port " + port + " cannot be used: " + reason + "; ports below " + FIRST_FREE_PORT
                    + " need a special right, set another http.port";
        }
        if (e instanceof BindException && lower.contains("in use")) {
            return "http.port " + port + " on " + host + " cannot be used: " + reason
                    + "; stop what uses it, or set another http.port";
        }
        // For example an address of another machine, a disabled address family, or a zone without its interface.
        return "http.host " + host + " cannot be used: " + reason + "; set http.host to an address of this machine, to"
                + " 127.0.0.1, or to 0.0.0.0 for all";
    }

    /**
     * Returns the address of the service for a client on this machine.
     *
     * @param boundPort the port on which the service listens
     */
    public String url(int boundPort) {
        return "http://" + clientHost() + ":" + boundPort;
    }

    private String clientHost() {
        String bare = withoutBrackets(host);
        if (!IPV6.matcher(bare).matches()) {
            return isAnyAddress(bare) ? "127.0.0.1" : bare;
        }
        if (isAnyAddress(bare)) {
            return "[::1]";
        }
        return "[" + bare.replace("%", "%25") + "]"; // RFC 6874 §2.
    }

    /** Recognizes every notation of 0.0.0.0 and ::, and resolves no names. */
    private static boolean isAnyAddress(String bare) {
        if (IPV6.matcher(bare).matches() || bare.matches("[0-9.]+")) {
            try {
                return InetAddress.getByName(bare).isAnyLocalAddress();
            } catch (UnknownHostException e) {
                return false;
            }
        }
        return false;
    }
}
