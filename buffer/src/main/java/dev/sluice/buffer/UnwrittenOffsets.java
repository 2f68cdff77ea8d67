package dev.sluice.buffer;

import java.util.TreeMap;

/**
 * Offsets that are in no file: those of appends that failed and of entries that were lost. Counts of the entries of a
 * log leave them out.
 *
 * <p>Neighbours merge, so a disk that stays full costs one range. Bounded: beyond {@link #MAX_RANGES} the two lowest
 * ranges become one that remembers how many offsets both had, so the count stays exact for positions before them.
 * Thread-safe.
 */
final class UnwrittenOffsets {
    static final int MAX_RANGES = 10_000;

    /**
     * Offsets below {@code end}, from the key of the range on.
     *
     * @param count how many of them are unwritten; all, unless ranges had to be put together
     */
    private record Range(long end, long count) {}

    private final TreeMap<Long, Range> ranges = new TreeMap<>();

    /**
     * Adds the range from {@code from} (inclusive) to {@code to} (exclusive), which has no offset in common with
     * others.
     */
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
