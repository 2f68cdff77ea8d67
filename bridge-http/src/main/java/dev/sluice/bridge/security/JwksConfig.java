package dev.sluice.bridge.security;

import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;

/**
 * Where an issuer publishes its keys, and how often to ask.
 *
 * @param url http or https ({@code auth.jwt.jwks.url})
 * @param maxAge keys are asked for again when they are older ({@code auth.jwt.jwks.max.age.ms})
 * @param refreshInterval the shortest time between two fetches, whatever names of keys tokens have ({@code
 *     auth.jwt.jwks.refresh.ms}); after a failure a second is enough
 * @param timeout of one fetch ({@code auth.jwt.jwks.timeout.ms})
 */
public record JwksConfig(URI url, Duration maxAge, Duration refreshInterval, Duration timeout) {
    /** Most keys taken from a set; those after them are ignored. */
    static final int MAX_KEYS = 64;

    /** Largest set, in bytes. */
    static final int MAX_BYTES = 256 << 10;

    private static final String NO_ADDRESS = "auth.jwt.jwks.url must begin with https:// or http:// and a host";

    /** Reads an address. Throws {@link IllegalArgumentException} if it is not one. */
    public static URI address(String url) {
        try {
            return new URI(url);
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException(NO_ADDRESS, e);
        }
    }

    /**
     * Checks the address.
     *
     * @throws IllegalArgumentException if it is not an absolute http or https address
     */
    public JwksConfig {
        boolean http = "https".equalsIgnoreCase(url.getScheme()) || "http".equalsIgnoreCase(url.getScheme());
        if (!http || url.getHost() == null) {
            throw new IllegalArgumentException(NO_ADDRESS);
        }
    }
}
