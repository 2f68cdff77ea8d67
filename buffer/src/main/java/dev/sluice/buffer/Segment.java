package dev.sluice.buffer;

import java.util.ArrayList;
import java.util.List;

/**
 * One log segment: a file of the log, named by its first offset. Only the writing thread extends and seals it. It seals
 * a segment after the last extension. So a reader that sees the seal first, and then the extent, sees all of it.
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
     * @param to byte after the last one
     * @param lost how many offsets are missing because of it
     */
    record Damage(long from, long to, long lost) {}

    /**
     * How far a segment reaches.
     *
     * @param length how many bytes of the file count
     * @param nextOffset offset after the last one in those bytes
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

    /** Returns the offset after the last one in the segment; frames at or above it do not count. */
    long nextOffset() {
        return extent.nextOffset;
    }

    long epoch() {
        return epoch;
    }

    String name() {
        return SegmentFormat.fileName(firstOffset);
    }

    /** Returns how many bytes count; beyond them the file ends, or holds what a failed write left. */
    long length() {
        return extent.length;
    }

    /** Returns a consistent pair of length and next offset. */
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

    /** Returns whether no extension can follow. */
    boolean isSealed() {
        return sealed;
    }

    /** Returns whether the file goes to the quarantine instead of being deleted: damaged bytes were not copied. */
    boolean isKept() {
        return kept;
    }

    void keep() {
        kept = true;
    }

    /** Records a damaged range; returns false if it is known. */
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
