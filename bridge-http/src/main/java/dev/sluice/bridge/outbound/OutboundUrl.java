package dev.sluice.bridge.outbound;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Locale;

/**
 * A URL that may be called: {@code http} or {@code https}, with a host, without a user and without a fragment.
 *
 * @param scheme {@code http} or {@code https}
 * @param host as in the URL, in lower case; an IPv6 address is in brackets
 * @param port the one of the scheme if the URL has none
 * @param path with the query; begins with {@code /}
 */
public record OutboundUrl(String scheme, String host, int port, String path) {
    /** Longest URL. */
    public static final int MAX_LENGTH = 2048;

    private static final int HTTP = 80;
    private static final int HTTPS = 443;
    private static final int MAX_PORT = 65_535;

    /**
     * Parses a URL. Looks up no name: the guard checks addresses when it connects.
     *
     * @throws IllegalArgumentException if the URL cannot be called; the message does not show its query
     */
    public static OutboundUrl parse(String text) {
        if (text.length() > MAX_LENGTH) {
            throw new IllegalArgumentException(
                    "a URL must have at most " + MAX_LENGTH + " characters, this one has " + text.length());
        }
        URI uri;
        try {
            uri = new URI(text).parseServerAuthority();
        } catch (URISyntaxException e) {
            // Its message shows the whole text, which may have a secret.
            throw new IllegalArgumentException("this is no URL: " + e.getReason() + " at character " + e.getIndex(), e);
        }
        String scheme = uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
        if (!scheme.equals("http") && !scheme.equals("https")) {
            throw new IllegalArgumentException("a URL must begin with https:// or http://");
        }
        if (uri.getHost() == null || uri.getHost().isEmpty()) {
            throw new IllegalArgumentException("a URL must have a host");
        }
        if (uri.getRawUserInfo() != null) {
            throw new IllegalArgumentException("a URL must have no user; set a header instead");
        }
        if (uri.getRawFragment() != null) {
            throw new IllegalArgumentException("a URL must have no fragment (#)");
        }
        int port = uri.getPort() < 0 ? scheme.equals("https") ? HTTPS : HTTP : uri.getPort();
        if (port < 1 || port > MAX_PORT) {
            throw new IllegalArgumentException("a port must be 1 to " + MAX_PORT + ", was " + port);
        }
        String path = uri.getRawPath() == null || uri.getRawPath().isEmpty() ? "/" : uri.getRawPath();
        String query = uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery();
        // What is not ASCII is percent-encoded, so that the request line has it as the URL means it.
        String target = URI.create(path + query).toASCIIString();
        return new OutboundUrl(scheme, uri.getHost().toLowerCase(Locale.ROOT), port, target);
    }

    /** Returns whether calls are encrypted. */
    public boolean isSecure() {
        return scheme.equals("https");
    }

    /** Returns the host and the port, for people. A path and a query may have secrets. */
    public String hostAndPort() {
        return host + ":" + port;
    }

    /** Returns the URL without its query, for people. */
    public String shown() {
        int query = path.indexOf('?');
        return scheme + "://" + hostAndPort() + (query < 0 ? path : path.substring(0, query) + "?…");
    }

    /** Returns the URL. It may have secrets in its path or its query. */
    @Override
    public String toString() {
        boolean isUsual = port == (isSecure() ? HTTPS : HTTP);
        return scheme + "://" + host + (isUsual ? "" : ":" + port) + path;
    }
}
