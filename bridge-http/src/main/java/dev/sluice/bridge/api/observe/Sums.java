package dev.sluice.bridge.api.observe;

import dev.sluice.queue.view.Counter;
import dev.sluice.queue.view.MinuteCounters.Point;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Sums the counts of several points. Of a gauge it keeps the maximum. One thread. */
final class Sums {
    private final Map<Counter, Long> values = new EnumMap<>(Counter.class);

    static Sums of(List<Point> points) {
        var sums = new Sums();
        points.forEach(sums::add);
        return sums;
    }

    void add(Point point) {
        for (Counter counter : Counter.values()) {
            values.merge(counter, point.get(counter), counter.isSum() ? Long::sum : Math::max);
        }
    }

    long get(Counter counter) {
        return values.getOrDefault(counter, 0L);
    }
}
