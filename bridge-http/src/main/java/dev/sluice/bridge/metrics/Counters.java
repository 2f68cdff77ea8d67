package dev.sluice.bridge.metrics;

import dev.sluice.queue.view.Counter;
import dev.sluice.queue.view.MinuteCounters;
import dev.sluice.queue.view.MinuteCounters.Increment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/** Counters of a bounded number of queues. Any thread may count. */
public final class Counters {
    /** The name of the counters for no queue, and for all queues beyond the bound. */
    public static final String OTHER = MinuteCounters.NO_QUEUE;

    /** Flushes without a count after which a queue is evicted: one hour. */
    static final int IDLE_FLUSHES = 720;

    private final int maxQueues;
    private final QueueCounters other = new QueueCounters();
    private final Map<String, QueueCounters> queues = new ConcurrentHashMap<>();

    /**
     * Makes counters that start at zero.
     *
     * @param maxQueues queues counted by name ({@code metrics.max.queues})
     */
    public Counters(int maxQueues) {
        this.maxQueues = maxQueues;
    }

    /** Returns the counters of a queue. */
    public QueueCounters queue(String name) {
        QueueCounters found = queues.get(name);
        if (found != null) {
            return found;
        }
        // Concurrent calls may exceed the bound a little; it only protects memory.
        return name.equals(OTHER) || queues.size() >= maxQueues
                ? other
                : queues.computeIfAbsent(name, unused -> new QueueCounters());
    }

    /** Returns all counters, sorted by the name of the queue. */
    public Map<String, QueueCounters> all() {
        var all = new TreeMap<>(queues);
        all.put(OTHER, other);
        return all;
    }

    /** Returns the sum over all queues. */
    public long total(Counter counter) {
        long total = other.total(counter);
        for (QueueCounters each : queues.values()) {
            total += each.total(counter);
        }
        return total;
    }

    /** Passes the counts since the last flush to {@code writer}. If it throws, the next flush includes them. */
    synchronized void flush(Consumer<List<Increment>> writer) {
        var growth = new HashMap<String, Map<Counter, Long>>();
        all().forEach((name, counters) -> {
            Map<Counter, Long> more = counters.growth();
            if (!more.isEmpty()) {
                growth.put(name, more);
            }
        });
        var increments = new ArrayList<Increment>();
        growth.forEach((name, more) -> increments.add(new Increment(name, more)));
        writer.accept(increments);
        growth.forEach((name, more) -> queue(name).flushed(more));
        queues.values().removeIf(counters -> counters.idleFlushes() >= IDLE_FLUSHES);
    }
}
