package dev.sluice.bridge.security;

/**
 * A token is not valid. The message is one of a fixed set of sentences for the client. There is no stack trace, because
 * the cause is the token and not this program.
 */
public final class InvalidTokenException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    InvalidTokenException(String reason) {
        super(reason, null, false, false);
    }
}
