package dev.sluice.bridge.ingest;

/** A log entry is not a message in a format this program knows. Its checksum was right, so it was written like this. */
public final class MessageFormatException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    MessageFormatException(String message) {
        super(message);
    }

    MessageFormatException(String message, Throwable cause) {
        super(message, cause);
    }
}
