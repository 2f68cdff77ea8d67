package dev.sluice.bridge.drain;

/** PostgreSQL has moved on in a lane's source without this lane: another copy of its log is, or was, in use. */
final class SourceTakenException extends Exception {
    private static final long serialVersionUID = 1L;

    SourceTakenException(String message) {
        super(message);
    }
}
