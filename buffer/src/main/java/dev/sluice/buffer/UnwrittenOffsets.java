package dev.sluice.buffer;

import java.util.TreeMap;

/**
 * The offsets that are in no file: those of failed appends and of lost entries. The log leaves them out when it counts
 * its entries.
 *
 * <p>Adjacent ranges merge, so a disk that stays full costs one range. Memory is bounded: beyond {@link #MAX_RANGES}
 * the two lowest ranges become one, which remembers how many unwritten offsets both had. The count stays exact for
 * positions below them. Thread-safe.
 */
final class UnwrittenOffsets {
    static final int MAX_RANGES = 10_000;

    /**
     * The offsets from the key of the range (inclusive) to {@code end} (exclusive).
     *
     * @param count how many of them are unwritten: all, unless two ranges were combined
     */
    private record Range(long end, long count) {}

    private final TreeMap<Long, Range> ranges = new TreeMap<>();

    /** Adds the range from {@code from} (inclusive) to {@code to} (exclusive), which must not overlap another range. */
    synchronized void add(long from, long to) {
        if (from >= to) {
            return;
        }
        long start = from;
        long end = to;
        long count = to - from;
        var before = ranges.lowerEntry(from);
        if (before != null && before.getValue().end() == from) {
            start = before.getKey();
            count += before.getValue().count();
        }
        var after = ranges.remove(to);
        if (after != null) {
            end = after.end();
            count += after.count();
        }
        ranges.put(start, new Range(end, count));
        if (ranges.size() > MAX_RANGES) {
            var lowest = ranges.pollFirstEntry();
            var second = ranges.pollFirstEntry();
            long both = lowest.getValue().count() + second.getValue().count();
            ranges.put(lowest.getKey(), new Range(second.getValue().end(), both));
        }
    }

    /** Returns how many unwritten offsets there are from {@code from} (inclusive) to {@code to} (exclusive). */
    synchronized long count(long from, long to) {
        long count = 0;
        var containing = ranges.lowerEntry(from);
        if (containing != null) {
            var range = containing.getValue();
            count += Math.max(0, Math.min(range.count(), Math.min(range.end(), to) - from));
        }
        for (var range : ranges.subMap(from, to).entrySet()) {
            count += Math.min(range.getValue().count(), to - range.getKey());
        }
        return count;
    }

    /** Returns the first offset at or after this one that is not unwritten. */
    synchronized long skip(long offset) {
        var range = ranges.floorEntry(offset);
        boolean isWhole =
                range != null && range.getValue().count() == range.getValue().end() - range.getKey();
        return isWhole ? Math.max(offset, range.getValue().end()) : offset;
    }

    /** Forgets ranges that end at or below the offset. */
    synchronized void forgetBelow(long offset) {
        while (!ranges.isEmpty() && ranges.firstEntry().getValue().end() <= offset) {
            ranges.pollFirstEntry();
        }
    }
}
