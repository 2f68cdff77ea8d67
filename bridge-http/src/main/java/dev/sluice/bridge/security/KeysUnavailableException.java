package dev.sluice.bridge.security;

/** The JWKS endpoint does not answer, and the key of a token is not cached. */
public final class KeysUnavailableException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    KeysUnavailableException() {
        super("The keys of the token's issuer cannot be fetched", null, false, false);
    }
}
