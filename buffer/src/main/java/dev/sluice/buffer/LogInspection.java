package dev.sluice.buffer;

import java.time.Instant;
import java.util.List;
import java.util.OptionalLong;
import java.util.UUID;

/**
 * The contents of a log directory.
 *
 * @param id identity of the log
 * @param closedCleanly whether it was closed cleanly
 * @param epoch the newest epoch; if the log was not closed cleanly, the next opening raises it
 * @param committedOffset the lowest offset that is not committed, by the stored position
 * @param nextOffset offset that the next append gets
 * @param uncommittedEntries entries from committed to next; every offset of a segment that was not read counts
 * @param bytes size of all segments
 * @param segments oldest first
 * @param quarantine the files in {@code quarantine/}
 */
public record LogInspection(
        UUID id,
        boolean closedCleanly,
        long epoch,
        long committedOffset,
        long nextOffset,
        long uncommittedEntries,
        long bytes,
        List<SegmentInfo> segments,
        List<QuarantinedFile> quarantine) {

    /** Copies the lists. */
    public LogInspection {
        segments = List.copyOf(segments);
        quarantine = List.copyOf(quarantine);
    }

    /**
     * A file in {@code quarantine/}: a copy of a damaged range, named {@code <segment>.<from>-<to>} by its byte
     * positions, or a whole file that was moved there.
     *
     * @param file file name within {@code quarantine/}
     * @param bytes its size
     */
    public record QuarantinedFile(String file, long bytes) {}

    /**
     * One log segment, as {@link LogDirectory#inspect} shows it.
     *
     * @param file file name
     * @param firstOffset the lowest offset that it may hold
     * @param nextOffset offset after the last one in it
     * @param bytes size of the file
     * @param epoch epoch in which it was written
     * @param entries how many records it holds; empty if it was not read
     * @param createdAt when it was created; 1970 if its header is damaged
     */
    public record SegmentInfo(
            String file,
            long firstOffset,
            long nextOffset,
            long bytes,
            long epoch,
            OptionalLong entries,
            Instant createdAt) {}
}
