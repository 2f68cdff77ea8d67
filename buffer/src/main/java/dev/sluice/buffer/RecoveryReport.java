package dev.sluice.buffer;

import java.time.Duration;
import java.util.List;

/**
 * What opening a log found, kept, cut and set aside.
 *
 * @param cleanClose whether the log had been closed cleanly; otherwise its epoch was raised
 * @param epoch epoch from now on
 * @param segments segments kept
 * @param segmentsVerified how many of them were read through and checked now; the others are checked when they are read
 * @param entries entries found in verified segments, committed ones included
 * @param firstOffset lowest offset retained
 * @param nextOffset offset the next append gets
 * @param committedOffset next offset not yet committed
 * @param bytesRead how much was read
 * @param cutBytes bytes cut from torn tails
 * @param quarantinedBytes bytes of damaged ranges and foreign segments, set aside in {@code quarantine/}
 * @param lostEntries offsets that were once assigned and cannot be read any more, as far as that can be known
 * @param findings everything out of the ordinary, oldest segment first; empty after a clean close
 * @param took how long it took
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

    /** What kind of thing was found. */
    public enum Kind {
        /** The last append was not written completely; its bytes were cut. Normal after a crash. */
        TORN_TAIL,
        /** The file ended in zero bytes, as file systems leave them after a power cut; they were cut. */
        ZERO_TAIL,
        /** The last append is complete but its checksum is wrong; copied to the quarantine, then cut. */
        DAMAGED_TAIL,
        /** Bytes in the middle fail their checksum; copied to the quarantine and passed over. */
        DAMAGED_FRAMES,
        /** A segment's header fails its checksum; its contents identify themselves and were kept. */
        DAMAGED_HEADER,
        /** Bytes after the end of a segment that a failed write left; none of them was ever acknowledged. */
        ABANDONED_TAIL,
        /** Offsets between two segments or frames are missing. */
        MISSING_ENTRIES,
        /** A segment with nothing in it, left by a crash while it was made; deleted. */
        HALF_CREATED_SEGMENT,
        /** A file named like a segment that holds none of this log's data; moved to the quarantine. */
        FOREIGN_SEGMENT,
        /** A segment of a format version this program does not know; left alone and passed over. */
        UNKNOWN_VERSION,
        /** A file or directory this log did not make; left alone. */
        FOREIGN_FILE,
        /** There are segments but no position file; everything retained counts as uncommitted. */
        MISSING_POSITION,
        /** The position file fails its checksum or belongs to another log; copied to the quarantine, not used. */
        DAMAGED_POSITION,
        /** The committed position is beyond the data: what was committed had not become durable here. */
        POSITION_AHEAD,
        /** The committed position is below the oldest segment: it is older than what was deleted since. */
        POSITION_BEHIND,
        /** A segment could not be read; its remaining contents were passed over. */
        UNREADABLE_SEGMENT,
        /** Damaged bytes could not be copied; the file they are in will be kept whole. */
        NOT_COPIED
    }

    /**
     * One thing found.
     *
     * @param kind what
     * @param file file name within the log's directory
     * @param position byte offset in the file, 0 when it concerns the whole file
     * @param bytes how many bytes it concerns
     * @param detail a sentence for the reader at night
     */
    public record Finding(Kind kind, String file, long position, long bytes, String detail) {
        @Override
        public String toString() {
            return kind + " in " + file + " at byte " + position + " (" + bytes + " bytes): " + detail;
        }
    }
}
