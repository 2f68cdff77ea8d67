package dev.sluice.bridge.workflow;

/** What the client library throws: a request that failed, or an answer that says so. */
final class ClientException extends Exception {
    private static final long serialVersionUID = 1L;

    /** The status of a request that got no answer. */
    static final int NO_ANSWER = 0;

    private final int status;

    ClientException(int status, String message) {
        super(message);
        this.status = status;
    }

    /** Returns the HTTP status, or {@link #NO_ANSWER}. */
    int status() {
        return status;
    }
}
