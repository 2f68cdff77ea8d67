package dev.sluice.buffer;

import java.util.OptionalLong;
import java.util.TreeMap;

/**
 * Records when offsets were appended, with one point for each second that has appends. So ages are exact to a second.
 * Memory is bounded: beyond {@link #MAX_POINTS} every other point is dropped, and the ages of the points before become
 * less exact. Thread-safe.
 */
final class AppendTimes {
    static final int MAX_POINTS = 20_000;
    private static final long RESOLUTION_MILLIS = 1_000;

    private final TreeMap<Long, Long> millisByOffset = new TreeMap<>();

    synchronized void add(long firstOffset, long millis) {
        var last = millisByOffset.lastEntry();
        if (last != null && millis - last.getValue() < RESOLUTION_MILLIS && millis >= last.getValue()) {
            return;
        }
        millisByOffset.put(firstOffset, millis);
        if (millisByOffset.size() > MAX_POINTS) {
            var drop = false;
            for (var points = millisByOffset.entrySet().iterator(); points.hasNext(); drop = !drop) {
                points.next();
                if (drop) {
                    points.remove();
                }
            }
        }
    }

    /** Drops the points that only lower offsets need. */
    synchronized void forgetBelow(long offset) {
        var floor = millisByOffset.floorKey(offset);
        if (floor != null) {
            millisByOffset.headMap(floor, false).clear();
        }
    }

    /**
     * Returns when the offset was appended: the time of the nearest point at or below it, or that of the first point;
     * empty if there is no point.
     */
    synchronized OptionalLong millis(long offset) {
        var point = millisByOffset.floorEntry(offset);
        if (point == null) {
            point = millisByOffset.firstEntry();
        }
        return point == null ? OptionalLong.empty() : OptionalLong.of(point.getValue());
    }
}
