package dev.sluice.bridge.ingest;

/** A message, or all messages of a push together, are larger than the local log takes. Nothing was accepted. */
public final class MessageTooLargeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    MessageTooLargeException(IllegalArgumentException cause) {
        super(cause.getMessage(), cause);
    }
}
