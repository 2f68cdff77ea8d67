package dev.sluice.buffer;

import java.time.Duration;
import java.util.List;

/**
 * The result of opening a log: what was found, kept, cut and set aside.
 *
 * @param cleanClose whether the log was closed cleanly or is new; otherwise opening raised the epoch
 * @param epoch epoch of new appends
 * @param segments number of log segments kept
 * @param segmentsVerified how many of them were verified; the others are verified when they are read
 * @param entries number of entries in verified segments, including committed ones
 * @param firstOffset the lowest offset retained
 * @param nextOffset offset that the next append gets
 * @param committedOffset the lowest offset that is not committed
 * @param bytesRead how many bytes were read
 * @param cutBytes bytes cut from torn tails
 * @param quarantinedBytes bytes of damaged ranges and foreign segments that went to {@code quarantine/}
 * @param lostEntries offsets that were assigned and can no longer be read, as far as that can be known
 * @param findings everything out of the ordinary, oldest segment first; empty after a clean close
 * @param took how long opening took
 */
public record RecoveryReport(
        boolean cleanClose,
        long epoch,
        int segments,
        int segmentsVerified,
        long entries,
        long firstOffset,
        long nextOffset,
        long committedOffset,
        long bytesRead,
        long cutBytes,
        long quarantinedBytes,
        long lostEntries,
        List<Finding> findings,
        Duration took) {

    /** Copies the list. */
    public RecoveryReport {
        findings = List.copyOf(findings);
    }

    /** The kind of a finding. */
    public enum Kind {
        /** The last append was incomplete; its bytes were cut. Normal after a crash. */
        TORN_TAIL,
        /** The file ended in zero bytes, which file systems leave after a power cut; they were cut. */
        ZERO_TAIL,
        /** The last append is complete but its checksum is wrong; copied to the quarantine, then cut. */
        DAMAGED_TAIL,
        /** Bytes before the last intact frame are damaged; copied to the quarantine, then skipped. */
        DAMAGED_FRAMES,
        /** The header of a segment is damaged; its frames identify themselves and were kept. */
        DAMAGED_HEADER,
        /** A failed write left bytes after the end of a segment; none of them was ever acknowledged. */
        ABANDONED_TAIL,
        /** Offsets between two segments or frames are missing. */
        MISSING_ENTRIES,
        /** An empty segment, left by a crash during its creation; deleted. */
        HALF_CREATED_SEGMENT,
        /** A file that is named like a segment and holds no data of this log; moved to the quarantine. */
        FOREIGN_SEGMENT,
        /** A segment of a format version that this program does not know; left alone and skipped. */
        UNKNOWN_VERSION,
        /** An earlier program had the log open and could not read a segment; everything from it on is uncommitted. */
        PASSED_OVER,
        /** A file or directory that the log did not make; left alone. */
        FOREIGN_FILE,
        /** There are segments but no position; everything retained counts as uncommitted. */
        MISSING_POSITION,
        /** The position is damaged or belongs to another log; copied to the quarantine, not used. */
        DAMAGED_POSITION,
        /** The committed position is beyond the data: committed entries were not durable in the log. */
        POSITION_AHEAD,
        /** The committed position is below the oldest segment: it is an old copy, or segments are missing. */
        POSITION_BEHIND,
        /** A segment could not be read; it is kept. */
        UNREADABLE_SEGMENT,
        /** Damaged bytes could not be copied; their whole file will be kept. */
        NOT_COPIED
    }

    /**
     * Something out of the ordinary.
     *
     * @param kind what was found
     * @param file file name within the directory of the log
     * @param position byte position in the file; 0 if the finding concerns the whole file
     * @param bytes how many bytes it concerns
     * @param detail an explanation for the operator
     */
    public record Finding(Kind kind, String file, long position, long bytes, String detail) {
        @Override
        public String toString() {
            return kind + " in " + file + " at byte " + position + " (" + bytes + " bytes): " + detail;
        }
    }
}
