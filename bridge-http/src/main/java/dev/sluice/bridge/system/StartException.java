package dev.sluice.bridge.system;

/** The service cannot start, and its user can fix the reason. The message is one line for that user. */
public final class StartException extends Exception {
    private static final long serialVersionUID = 1L;

    public StartException(String message) {
        super(message);
    }

    public StartException(String message, Throwable cause) {
        super(message, cause);
    }
}
