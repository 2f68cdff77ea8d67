package dev.sluice.bridge.drain;

/** The offset in PostgreSQL has moved without this lane: another copy of its log is or was in use. */
final class SourceTakenException extends Exception {
    private static final long serialVersionUID = 1L;

    SourceTakenException(String message) {
        super(message);
    }
}
