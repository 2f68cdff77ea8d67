package dev.sluice.bridge.metrics;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.view.Counter;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAccumulator;
import java.util.concurrent.atomic.LongAdder;

/** The counters of one queue. Any thread may add; one thread flushes. */
public final class QueueCounters {
    /** Not modified after the constructor, so that any thread may read it. */
    private final Map<Counter, LongAdder> sums = new EnumMap<>(Counter.class);

    private final LongAccumulator lagMaxMillis = new LongAccumulator(Math::max, 0);
    private final LongAccumulator mostParked = new LongAccumulator(Math::max, 0);
    private final AtomicInteger parked = new AtomicInteger();
    private final Map<Counter, Long> flushed = new EnumMap<>(Counter.class);
    private long flushedLagMax;
    private long flushedParked;
    private int idleFlushes;

    QueueCounters() {
        for (Counter counter : Counter.values()) {
            sums.put(counter, new LongAdder());
        }
    }

    /** Adds to a counter that is a sum. */
    public void add(Counter counter, long count) {
        adder(counter).add(count);
    }

    private LongAdder adder(Counter counter) {
        return requireNonNull(sums.get(counter));
    }

    /** Counts messages and their ages at delivery. */
    public void lag(long messages, long sumMillis, long maxMillis) {
        add(Counter.LAG_COUNT, messages);
        add(Counter.LAG_SUM_MS, sumMillis);
        lagMaxMillis.accumulate(maxMillis);
    }

    /** Notes that a pop begins to wait. */
    public void parks() {
        mostParked.accumulate(parked.incrementAndGet());
    }

    /** Notes that a waiting pop is answered. */
    public void leaves() {
        parked.decrementAndGet();
    }

    /** Returns how many pops wait. */
    public int parked() {
        return parked.get();
    }

    /** Returns a sum since the start of the process. */
    public long total(Counter counter) {
        return adder(counter).sum();
    }

    /** Returns the counts since the last flush; empty if there are none. */
    Map<Counter, Long> growth() {
        var growth = new EnumMap<Counter, Long>(Counter.class);
        for (Counter counter : Counter.values()) {
            if (counter.isSum()) {
                long more = total(counter) - flushed.getOrDefault(counter, 0L);
                if (more != 0) {
                    growth.put(counter, more);
                }
            }
        }
        flushedLagMax = Math.max(flushedLagMax, lagMaxMillis.getThenReset());
        flushedParked = Math.max(flushedParked, Math.max(mostParked.getThenReset(), parked.get()));
        if (flushedLagMax > 0) {
            growth.put(Counter.LAG_MAX_MS, flushedLagMax);
        }
        if (flushedParked > 0) {
            growth.put(Counter.PARKED, flushedParked);
        }
        idleFlushes = growth.isEmpty() ? idleFlushes + 1 : 0;
        return growth;
    }

    /** Notes that the database has this growth. */
    void flushed(Map<Counter, Long> growth) {
        growth.forEach((counter, more) -> {
            if (counter.isSum()) {
                flushed.merge(counter, more, Long::sum);
            }
        });
        flushedLagMax = 0;
        flushedParked = 0;
    }

    /** Returns the number of flushes in a row without a count. */
    int idleFlushes() {
        return idleFlushes;
    }
}
