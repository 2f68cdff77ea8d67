package dev.sluice.buffer;

import java.util.TreeMap;

/**
 * Ranges of offsets that were not written or did not become durable. {@link AppendQueue} consults them when a caller
 * asks late. Adjacent ranges merge, so a disk that stays full costs one range. Memory is bounded: beyond
 * {@link #MAX_RANGES} the lowest range is dropped. Not thread-safe.
 */
final class OffsetRanges {
    static final int MAX_RANGES = 10_000;

    private final TreeMap<Long, Long> ends = new TreeMap<>();

    /** Adds the range from {@code from} (inclusive) to {@code to} (exclusive). */
    void add(long from, long to) {
        if (from >= to) {
            return;
        }
        long start = from;
        long end = to;
        var before = ends.floorEntry(from);
        if (before != null && before.getValue() >= from) {
            start = before.getKey();
            end = Math.max(end, before.getValue());
        }
        for (var next = ends.ceilingEntry(start);
                next != null && next.getKey() <= end;
                next = ends.ceilingEntry(start)) {
            end = Math.max(end, next.getValue());
            ends.remove(next.getKey());
        }
        ends.put(start, end);
        if (ends.size() > MAX_RANGES) {
            ends.pollFirstEntry();
        }
    }

    boolean contains(long offset) {
        var range = ends.floorEntry(offset);
        return range != null && offset < range.getValue();
    }
}
