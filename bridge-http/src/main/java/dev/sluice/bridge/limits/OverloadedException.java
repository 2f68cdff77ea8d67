package dev.sluice.bridge.limits;

/**
 * Refuses a request because too many requests wait, or because the service is stopping. The request had no effect; the
 * client may retry.
 */
public final class OverloadedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Names the exhausted resource in the message. */
    public OverloadedException(String message) {
        super(message, null, false, false);
    }
}
