package dev.sluice.buffer;

import java.util.List;
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
}
