package dev.sluice.bridge.limits;

/**
 * More requests wait than are allowed, or the service is stopping. Nothing was done; the client may try again later.
 */
public final class OverloadedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Says what there is too much of. */
    public OverloadedException(String message) {
        super(message, null, false, false);
    }
}
