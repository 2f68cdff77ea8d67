package dev.sluice.queue.write;

/**
 * Moves the stored offset of a {@link SourcePartition}: a compare-and-set that commits with the messages.
 *
 * @param partition the stream
 * @param expectedOffset the offset that is stored, or {@link #NONE} if none is
 * @param nextOffset the offset to store: that of the first record that is not written
 */
public record SourceProgress(SourcePartition partition, long expectedOffset, long nextOffset) {
    /** As {@code expectedOffset}: no offset is stored. */
    public static final long NONE = -1;

    public SourceProgress {
        if (expectedOffset < NONE || nextOffset < 0 || nextOffset < expectedOffset) {
            throw new IllegalArgumentException(
                    "offsets of " + partition + " must not go back: from " + expectedOffset + " to " + nextOffset);
        }
    }
}
