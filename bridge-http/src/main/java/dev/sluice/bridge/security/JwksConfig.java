package dev.sluice.bridge.security;

import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.Optional;

/**
 * The JWKS endpoint of an issuer, and how often to fetch its keys.
 *
 * @param url http or https ({@code auth.jwt.jwks.url})
 * @param maxAge keys that are older are fetched again ({@code auth.jwt.jwks.max.age.ms})
 * @param refreshInterval the shortest time between two fetches, whatever keys the tokens name
 *     ({@code auth.jwt.jwks.refresh.ms}); after a failure at most a second
 * @param timeout of one fetch ({@code auth.jwt.jwks.timeout.ms})
 * @param maxWait the longest time a request waits for a fetch ({@code auth.jwt.jwks.wait.ms})
 */
public record JwksConfig(URI url, Duration maxAge, Duration refreshInterval, Duration timeout, Duration maxWait) {
    /** Most keys taken from a set; the rest is ignored. */
    static final int MAX_KEYS = 64;

    /** Largest set, in bytes. */
    static final int MAX_BYTES = 256 << 10;

    private static final String NO_ADDRESS = "auth.jwt.jwks.url must begin with https:// or http:// and a host";
    private static final int MAX_PORT = 65_535;

    /** Parses an address. Throws {@link IllegalArgumentException} if it is none; the message shows nothing of it. */
    public static URI address(String url) {
        URI address;
        try {
            address = new URI(url);
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException(NO_ADDRESS); // The cause would show the address.
        }
        check(address);
        return address;
    }

    private static void check(URI url) {
        boolean http = "https".equalsIgnoreCase(url.getScheme()) || "http".equalsIgnoreCase(url.getScheme());
        if (!http || url.getHost() == null) {
            throw new IllegalArgumentException(NO_ADDRESS);
        }
        if (url.getPort() == 0 || url.getPort() > MAX_PORT) {
            throw new IllegalArgumentException(
                    "auth.jwt.jwks.url must have a port from 1 to " + MAX_PORT + ", or none");
        }
    }

    /**
     * Checks the address.
     *
     * @throws IllegalArgumentException if it is not an absolute http or https address
     */
    public JwksConfig {
        check(url);
    }

    /** Returns the address without user and password. */
    URI endpoint() {
        String authority = url.getRawAuthority();
        String query = url.getRawQuery() == null ? "" : "?" + url.getRawQuery();
        return URI.create(url.getScheme() + "://" + authority.substring(authority.lastIndexOf('@') + 1)
                + url.getRawPath() + query);
    }

    /** Returns the {@code user:password} before the host; empty if there is none. */
    Optional<String> credentials() {
        return Optional.ofNullable(url.getUserInfo());
    }

    /** Returns an address for logs, without user, password and query, which may contain a token. */
    public static String shown(String url) {
        int query = url.indexOf('?');
        String address = query < 0 ? url : url.substring(0, query) + "?[hidden]";
        int at = address.lastIndexOf('@');
        int host = address.indexOf("://") + "://".length();
        return at < host ? address : address.substring(0, host) + "[hidden]" + address.substring(at);
    }

    @Override
    public String toString() {
        return "JwksConfig[url=" + shown(url.toString()) + "]";
    }
}
