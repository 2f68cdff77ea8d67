package dev.sluice.buffer;

import java.util.List;
import java.util.UUID;

/**
 * What lies in a log directory.
 *
 * @param id identity of the log
 * @param closedCleanly whether it was closed cleanly
 * @param epoch newest epoch begun; the next opening raises it if the log was not closed cleanly
 * @param committedOffset next offset not yet committed, as far as that became durable
 * @param nextOffset offset the next append will get
 * @param uncommittedEntries entries from committed to next; in segments that were not read every offset counts
 * @param bytes size of all segments
 * @param segments oldest first
 * @param quarantine what was set aside
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
     * A file in {@code quarantine/}: a copy of a damaged range, named {@code <segment>.<from>-<to>} with the bytes'
     * place in the segment, or a whole file that was moved there.
     *
     * @param file file name within {@code quarantine/}
     * @param bytes its size
     */
    public record QuarantinedFile(String file, long bytes) {}
}
