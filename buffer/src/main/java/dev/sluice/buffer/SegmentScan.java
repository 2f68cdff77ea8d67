package dev.sluice.buffer;

import dev.sluice.buffer.Segment.Damage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The result of reading one segment from its header to its end. {@link Recovery} decides what to do about it.
 *
 * @param validEnd byte after the last intact frame
 * @param nextOffset offset after the last intact frame
 * @param entries number of records in intact frames
 * @param epoch newest epoch of any frame; 0 if there is no frame
 * @param damages ranges before the last intact frame that hold no frame, and gaps between frames
 * @param unwritten ranges of offsets below {@code nextOffset} that hold no record: first offset (inclusive) to end
 *     (exclusive)
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
        /** The beginning of a frame, or bytes that are no frame. */
        TORN,
        /** Zero bytes only. */
        ZERO,
        /** A complete frame with a wrong checksum; more bytes may follow. */
        DAMAGED,
        /** Frames at or above the first offset of the next segment: a failed write left them. */
        ABANDONED
    }

    /**
     * Scans a segment.
     *
     * @param window a window on the file
     * @param size how many bytes of the file to read
     * @param tag first half of the log id
     * @param firstOffset offset that the file's name states
     * @param endOffset first offset of the next segment, or {@link Long#MAX_VALUE}
     * @param times receives the time of each append
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
