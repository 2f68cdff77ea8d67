package dev.sluice.bridge.ingest;

/** The local log is full: nothing of the push was accepted. The producer may retry when the drain has caught up. */
public final class IntakeFullException extends Exception {
    private static final long serialVersionUID = 1L;

    private final long usedBytes;
    private final long limitBytes;

    /** Says how full the log is. */
    public IntakeFullException(long usedBytes, long limitBytes) {
        super("the buffer is full: " + usedBytes + " of " + limitBytes + " bytes are in use (buffer.max.bytes)");
        this.usedBytes = usedBytes;
        this.limitBytes = limitBytes;
    }

    /** Returns the bytes in use. */
    public long usedBytes() {
        return usedBytes;
    }

    /** Returns the limit in bytes. */
    public long limitBytes() {
        return limitBytes;
    }
}
