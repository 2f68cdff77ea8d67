package dev.sluice.bridge.metrics;

import dev.sluice.work.BreakerState;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.watch.WorkMeter;
import io.prometheus.metrics.core.datapoints.DistributionDataPoint;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Counts what happens to works in this process, by type. The number of types that are counted by name is bounded; all
 * others are counted as {@link #OTHER}. Any thread may count.
 */
public final class WorkMetrics implements WorkMeter {
    /** Stands for the types beyond the bound. No type has this name. */
    static final String OTHER = "(other)";

    private static final double[] RUN_SECONDS = {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800};
    private static final double[] WAIT_SECONDS = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 60, 300, 3600};
    private static final double NANOS = 1e9;

    private final int mostTypes;
    private final Map<String, OfType> types = new ConcurrentHashMap<>();
    private final Histogram ran = histogram(
            "sluice_work_run_duration_seconds", "Time that a handler took, whatever its outcome.", RUN_SECONDS);
    private final Histogram waited = histogram(
            "sluice_work_start_delay_seconds",
            "Time from the enqueue of a work to the start of its first run.",
            WAIT_SECONDS);
    private volatile LongSupplier droppedEvents = () -> 0;

    /**
     * Makes counters that start at zero.
     *
     * @param mostTypes types that are counted by name
     */
    public WorkMetrics(int mostTypes) {
        this.mostTypes = mostTypes;
    }

    private static Histogram histogram(String name, String help, double[] bounds) {
        return Histogram.builder()
                .name(name)
                .help(help)
                .labelNames("type")
                .classicOnly()
                .classicUpperBounds(bounds)
                .withoutExemplars()
                .build();
    }

    /** The counts of a type. Any thread may call. */
    public static final class OfType {
        private final Map<WorkEvent.Kind, LongAdder> events = new EnumMap<>(WorkEvent.Kind.class);
        private final LongAdder crashed = new LongAdder();
        private final AtomicLong active = new AtomicLong();
        private volatile BreakerState breaker = BreakerState.CLOSED;
        private final DistributionDataPoint ran;
        private final DistributionDataPoint waited;

        private OfType(DistributionDataPoint ran, DistributionDataPoint waited) {
            this.ran = ran;
            this.waited = waited;
            for (WorkEvent.Kind kind : WorkEvent.Kind.values()) {
                events.put(kind, new LongAdder());
            }
        }

        /** Returns how often something has happened. */
        public long count(WorkEvent.Kind kind) {
            LongAdder sum = events.get(kind);
            return sum == null ? 0 : sum.sum();
        }

        /** Returns how many works were taken over from engines that died. */
        public long crashed() {
            return crashed.sum();
        }

        /** Returns the state of the circuit breaker of works without a target. */
        public BreakerState breaker() {
            return breaker;
        }

        /** Returns how many handlers run. */
        public long active() {
            return active.get();
        }
    }

    private OfType of(String type) {
        OfType known = types.get(type);
        if (known != null) {
            return known;
        }
        String name = types.size() < mostTypes ? type : OTHER;
        return types.computeIfAbsent(name, key -> new OfType(ran.labelValues(key), waited.labelValues(key)));
    }

    /** Sets who knows how many events listeners have missed. */
    public void droppedEvents(LongSupplier count) {
        droppedEvents = count;
    }

    @Override
    public void happened(WorkEvent.Kind kind, String type) {
        LongAdder sum = of(type).events.get(kind);
        if (sum != null) {
            sum.increment();
        }
    }

    @Override
    public void began(String type, @Nullable Instant createdAt) {
        OfType counts = of(type);
        counts.active.incrementAndGet();
        if (createdAt != null) {
            Duration wait = Duration.between(createdAt, Instant.now());
            counts.waited.observe(Math.max(0, wait.toNanos()) / NANOS);
        }
    }

    @Override
    public void ran(String type, Duration took) {
        OfType counts = of(type);
        counts.active.decrementAndGet();
        counts.ran.observe(took.toNanos() / NANOS);
    }

    @Override
    public void crashed(String type, int works) {
        of(type).crashed.add(works);
    }

    @Override
    public void breaker(String type, BreakerState state) {
        of(type).breaker = state;
    }

    /** Returns the counts by type, sorted. */
    public Map<String, OfType> all() {
        return new TreeMap<>(types);
    }

    /** Returns how many events listeners have missed. */
    public long droppedEvents() {
        return droppedEvents.getAsLong();
    }

    /** Returns the histogram of the times of handlers. */
    public HistogramSnapshot runTimes() {
        return ran.collect();
    }

    /** Returns the histogram of the times between enqueue and start. */
    public HistogramSnapshot startDelays() {
        return waited.collect();
    }
}
