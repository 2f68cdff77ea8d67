package dev.sluice.queue.write;

/**
 * How far one write moves on in a {@link SourcePartition}: a compare-and-set that commits with the data.
 *
 * @param partition the stream
 * @param expectedOffset the offset stored now, or {@link #NONE} when nothing is stored yet
 * @param nextOffset the offset to store: that of the first record not written yet
 */
public record SourceProgress(SourcePartition partition, long expectedOffset, long nextOffset) {
    /** In {@code expectedOffset}: no offset is stored yet. */
    public static final long NONE = -1;

    public SourceProgress {
        if (expectedOffset < NONE || nextOffset < 0 || nextOffset < expectedOffset) {
            throw new IllegalArgumentException(
                    "offsets of " + partition + " must not go back: from " + expectedOffset + " to " + nextOffset);
        }
    }
}
