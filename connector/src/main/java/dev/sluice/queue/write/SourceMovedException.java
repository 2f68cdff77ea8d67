package dev.sluice.queue.write;

import dev.sluice.queue.QueueException;

/**
 * The stored offset of a source partition is not the one the writer started from: somebody else has taken it over, or a
 * commit whose answer got lost did happen. The transaction was rolled back; read the stored offset and go on from
 * there.
 */
public final class SourceMovedException extends QueueException {
    private static final long serialVersionUID = 1L;

    private final transient SourcePartition partition;
    private final long expectedOffset;
    private final long storedOffset;

    SourceMovedException(SourcePartition partition, long expectedOffset, long storedOffset) {
        super(
                "offset of " + partition + " is " + storedOffset + " in PostgreSQL, expected " + expectedOffset,
                "40001",
                null);
        this.partition = partition;
        this.expectedOffset = expectedOffset;
        this.storedOffset = storedOffset;
    }

    /** Returns the source partition. */
    public SourcePartition partition() {
        return partition;
    }

    /** Returns the offset the writer started from, {@link SourceProgress#NONE} for none. */
    public long expectedOffset() {
        return expectedOffset;
    }

    /** Returns the offset found, {@link SourceProgress#NONE} for none. */
    public long storedOffset() {
        return storedOffset;
    }
}
