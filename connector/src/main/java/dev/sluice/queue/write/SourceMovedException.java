package dev.sluice.queue.write;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.SqlStates;

/**
 * Thrown when the stored offset of a source partition is not the one that a write expects: another writer has taken the
 * source over, or a commit whose outcome was unknown is committed. The transaction was rolled back. The caller reads
 * the stored offset and continues from there.
 */
public final class SourceMovedException extends QueueException {
    private static final long serialVersionUID = 1L;

    private final transient SourcePartition partition;
    private final long expectedOffset;
    private final long storedOffset;

    SourceMovedException(SourcePartition partition, long expectedOffset, long storedOffset) {
        super(
                "offset of " + partition + " is " + storedOffset + " in PostgreSQL, expected " + expectedOffset,
                SqlStates.SERIALIZATION_FAILURE,
                null);
        this.partition = partition;
        this.expectedOffset = expectedOffset;
        this.storedOffset = storedOffset;
    }

    /** Returns the source partition. */
    public SourcePartition partition() {
        return partition;
    }

    /** Returns the offset that the write expected, {@link SourceProgress#NONE} for none. */
    public long expectedOffset() {
        return expectedOffset;
    }

    /** Returns the stored offset, {@link SourceProgress#NONE} for none. */
    public long storedOffset() {
        return storedOffset;
    }
}
