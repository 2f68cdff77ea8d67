package dev.sluice.bridge.security;

/** The endpoint with the issuer's keys does not answer, and the key of a token is not among those it gave before. */
public final class KeysUnavailableException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    KeysUnavailableException() {
        super("The keys of the token's issuer cannot be fetched", null, false, false);
    }
}
