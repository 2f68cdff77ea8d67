package dev.sluice.bridge.ingest;

/** A message, or a push as a whole, is too large for the local log. Nothing was accepted. */
public final class MessageTooLargeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    MessageTooLargeException(IllegalArgumentException cause) {
        super(cause.getMessage(), cause);
    }
}
