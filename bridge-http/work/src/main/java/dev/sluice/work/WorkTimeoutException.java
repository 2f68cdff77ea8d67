package dev.sluice.work;

/** A handler ran into its timeout. */
public final class WorkTimeoutException extends Exception {
    private static final long serialVersionUID = 1L;

    public WorkTimeoutException(String message) {
        super(message);
    }
}
