package dev.sluice.work;

/** A work was not enqueued because another work of its type has the same idempotency key and another payload. */
public final class KeyConflictException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final WorkId other;
    private final String storedHash;
    private final String givenHash;

    public KeyConflictException(Work work, WorkId other, String storedHash, String givenHash) {
        super("idempotency key " + work.idempotencyKey() + " of type " + work.type() + " belongs to work " + other
                + " with another payload: its SHA-256 is " + storedHash + ", that of this work is " + givenHash);
        this.other = other;
        this.storedHash = storedHash;
        this.givenHash = givenHash;
    }

    /** Returns the work that has the key. */
    public WorkId other() {
        return other;
    }

    /** Returns the SHA-256 of the payload of that work, in hexadecimal digits. */
    public String storedHash() {
        return storedHash;
    }

    /** Returns the SHA-256 of the payload that was refused, in hexadecimal digits. */
    public String givenHash() {
        return givenHash;
    }
}
