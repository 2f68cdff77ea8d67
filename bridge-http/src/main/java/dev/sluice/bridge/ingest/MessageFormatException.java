package dev.sluice.bridge.ingest;

/** A log entry is no message in a known format. Its checksum is right, so it was written like this. */
public final class MessageFormatException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    MessageFormatException(String message) {
        super(message);
    }

    MessageFormatException(String message, Throwable cause) {
        super(message, cause);
    }
}
