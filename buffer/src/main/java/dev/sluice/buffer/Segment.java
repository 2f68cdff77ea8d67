package dev.sluice.buffer;

import java.util.ArrayList;
import java.util.List;

/**
 * One file of the log, named by its first offset. The write loop alone extends and seals it; readers and the keeper
 * look. It is sealed only after its last extension, so a reader that finds it sealed and then takes its extent has seen
 * all.
 */
final class Segment {
    private final long firstOffset;
    private final long epoch;
    private volatile Extent extent;
    private volatile boolean sealed;
    private volatile boolean kept;
    private final List<Damage> damages = new ArrayList<>();

    /**
     * A range of bytes that holds no frame.
     *
     * @param from first byte
     * @param to byte after the last
     * @param lost offsets missing because of it
     */
    record Damage(long from, long to, long lost) {}

    /**
     * How far a segment reaches.
     *
     * @param length bytes that count
     * @param nextOffset offset after the last one in them
     */
    record Extent(long length, long nextOffset) {}

    Segment(long firstOffset, long epoch, long length, long nextOffset, boolean sealed) {
        this.firstOffset = firstOffset;
        this.epoch = epoch;
        this.extent = new Extent(length, nextOffset);
        this.sealed = sealed;
    }

    long firstOffset() {
        return firstOffset;
    }

    /** Returns the offset after the last one in the segment; frames from there on do not count. */
    long nextOffset() {
        return extent.nextOffset;
    }

    long epoch() {
        return epoch;
    }

    String name() {
        return SegmentFormat.fileName(firstOffset);
    }

    /** Returns the bytes that count: beyond them there is nothing, or what a failed write left. */
    long length() {
        return extent.length;
    }

    /** Returns length and next offset as they were at one moment. */
    Extent extent() {
        return extent;
    }

    boolean isEmpty() {
        return extent.nextOffset == firstOffset;
    }

    synchronized void extend(long bytes, long newNextOffset) {
        extent = new Extent(extent.length + bytes, newNextOffset);
    }

    void seal() {
        sealed = true;
    }

    /** Says that the segment will not be extended any more. */
    boolean isSealed() {
        return sealed;
    }

    /** Says that damaged bytes could not be copied, so the file is moved to the quarantine and not deleted. */
    boolean isKept() {
        return kept;
    }

    void keep() {
        kept = true;
    }

    /** Remembers a damaged range; false if it was known. */
    synchronized boolean addDamage(Damage damage) {
        for (var known : damages) {
            if (known.from() == damage.from()) {
                return false;
            }
        }
        damages.add(damage);
        return true;
    }
}
