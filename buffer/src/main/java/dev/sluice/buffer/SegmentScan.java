package dev.sluice.buffer;

import dev.sluice.buffer.Segment.Damage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What reading one segment from its header to its end found. Makes no decision: {@link Recovery} does.
 *
 * @param validEnd byte after the last intact frame
 * @param nextOffset offset after the last one read
 * @param entries records in intact frames
 * @param epoch newest epoch in any frame; 0 if there is none
 * @param damages ranges in the middle that hold no frame, and gaps between frames
 * @param unwritten offsets below {@code nextOffset} that hold no record, by the first of each range, with the one after
 *     its last
 * @param tail what follows {@code validEnd}
 */
record SegmentScan(
        long validEnd,
        long nextOffset,
        long entries,
        long epoch,
        List<Damage> damages,
        Map<Long, Long> unwritten,
        Tail tail) {

    /** What follows the last intact frame of a segment. */
    enum Tail {
        /** Nothing. */
        NONE,
        /** The beginning of a frame, or something that is no frame. */
        TORN,
        /** Zero bytes only. */
        ZERO,
        /** A complete frame with a wrong checksum, perhaps with more behind it. */
        DAMAGED,
        /** Frames at or after the offset where the next segment begins: left by a failed write. */
        ABANDONED
    }

    /**
     * Scans a segment.
     *
     * @param window opened on the file
     * @param size bytes to look at
     * @param firstOffset offset that the file's name states
     * @param endOffset first offset of the next segment, or {@link Long#MAX_VALUE}
     * @param times told when each append was made
     */
    static SegmentScan of(FrameWindow window, long size, long tag, long firstOffset, long endOffset, AppendTimes times)
            throws IOException {
        var damages = new ArrayList<Damage>();
        var unwritten = new TreeMap<Long, Long>();
        long position = SegmentFormat.HEADER_BYTES;
        long expected = firstOffset;
        long entries = 0;
        long epoch = 0;
        var tail = Tail.NONE;
        while (position < size) {
            var verdict = window.check(position, size, tag);
            if (verdict == FrameWindow.Verdict.VALID && window.frame().firstOffset() >= endOffset) {
                tail = Tail.ABANDONED;
                break;
            }
            if (verdict != FrameWindow.Verdict.VALID || window.frame().firstOffset() < expected) {
                long resumed = window.find(position + 1, size, tag, expected, endOffset);
                if (resumed < 0) {
                    tail = window.isZero(position, size)
                            ? Tail.ZERO
                            : verdict == FrameWindow.Verdict.DAMAGED ? Tail.DAMAGED : Tail.TORN;
                    break;
                }
                damages.add(new Damage(position, resumed, window.frame().firstOffset() - expected));
                position = resumed;
            } else if (window.frame().firstOffset() > expected) {
                damages.add(new Damage(position, position, window.frame().firstOffset() - expected));
            }
            var frame = window.frame();
            long present = frame.isVoid() ? window.nextOffset() : frame.firstOffset();
            if (present > expected) {
                unwritten.put(expected, present);
            }
            times.add(frame.firstOffset(), frame.appendedAtMillis());
            position += frame.bytes();
            expected = window.nextOffset();
            entries += frame.count();
            epoch = Math.max(epoch, frame.epoch());
        }
        return new SegmentScan(
                Math.min(position, Math.max(size, SegmentFormat.HEADER_BYTES)),
                expected,
                entries,
                epoch,
                damages,
                unwritten,
                tail);
    }
}
