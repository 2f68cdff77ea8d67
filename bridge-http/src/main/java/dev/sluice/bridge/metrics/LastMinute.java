package dev.sluice.bridge.metrics;

import dev.sluice.queue.view.Counter;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;

/**
 * The counts of the last minute by queue: the difference of two readings of the counters, the newest and one that is a
 * minute older. One thread takes readings; any thread may ask.
 */
public final class LastMinute {
    private static final long MINUTE_NANOS = Duration.ofMinutes(1).toNanos();

    private final Deque<Reading> readings = new ArrayDeque<>();

    private record Reading(long nanos, Map<String, Map<Counter, Long>> totals) {}

    /** Takes a reading at {@code nanos}, which is later than all before. */
    synchronized void read(Counters counters, long nanos) {
        var totals = new HashMap<String, Map<Counter, Long>>();
        counters.all().forEach((queue, counts) -> {
            var of = new EnumMap<Counter, Long>(Counter.class);
            for (Counter counter : Counter.values()) {
                if (counter.isSum()) {
                    of.put(counter, counts.total(counter));
                }
            }
            totals.put(queue, of);
        });
        readings.addLast(new Reading(nanos, totals));
        // Keeps one reading that is at least a minute old, and all younger ones.
        while (readings.size() > 2 && ageOfSecond(nanos) >= MINUTE_NANOS) {
            readings.removeFirst();
        }
    }

    private long ageOfSecond(long nanos) {
        var each = readings.iterator();
        each.next();
        return nanos - each.next().nanos();
    }

    /** Returns the count between the two readings; 0 before there are two. A new queue began with 0. */
    public synchronized long count(String queue, Counter counter) {
        if (readings.size() < 2) {
            return 0;
        }
        long before = total(readings.getFirst(), queue, counter);
        return Math.max(0, total(readings.getLast(), queue, counter) - before);
    }

    /** Returns the count of all queues together. */
    public synchronized long count(Counter counter) {
        if (readings.isEmpty()) {
            return 0;
        }
        return readings.getLast().totals().keySet().stream()
                .mapToLong(queue -> count(queue, counter))
                .sum();
    }

    private static long total(Reading reading, String queue, Counter counter) {
        return reading.totals().getOrDefault(queue, Map.of()).getOrDefault(counter, 0L);
    }

    /** Returns the age of the newest reading at {@code nanos}; zero before there is one. */
    public synchronized Duration age(long nanos) {
        return readings.isEmpty()
                ? Duration.ZERO
                : Duration.ofNanos(nanos - readings.getLast().nanos());
    }
}
