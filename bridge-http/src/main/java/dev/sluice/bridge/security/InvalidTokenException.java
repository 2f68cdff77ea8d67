package dev.sluice.bridge.security;

/**
 * A token that proves nothing. The message is one of a fixed set of sentences, for the client. Has no stack trace: it
 * says nothing about this program.
 */
public final class InvalidTokenException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    InvalidTokenException(String reason) {
        super(reason, null, false, false);
    }
}
