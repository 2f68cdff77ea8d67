package dev.sluice.bridge.api.observe;

import dev.sluice.bridge.metrics.SampledMetric;
import dev.sluice.queue.view.MinuteCounters;
import dev.sluice.queue.view.MinuteCounters.Range;
import dev.sluice.queue.view.MinuteCounters.Sample;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The resources that bridges used, by time, summed over the bridges. */
final class UsageByTime {
    private static final Usage NOTHING = new Usage(0, 0, 0, 0, 0, 0);
    private static final double BYTES_PER_MEGABYTE = 1 << 20;
    private static final double MICROS_PER_PERCENT_OF_SECOND = 10_000;

    private final NavigableMap<Instant, Usage> byTime = new TreeMap<>();

    /**
     * The used resources.
     *
     * @param userPercent processor time of the bridges' own code, in percent of one processor
     * @param systemPercent processor time of the system for them
     * @param residentMegabytes memory in RAM
     * @param poolActive connections to the database in use
     * @param poolIdle connections not in use
     * @param poolSize both
     */
    record Usage(
            double userPercent,
            double systemPercent,
            double residentMegabytes,
            long poolActive,
            long poolIdle,
            long poolSize) {}

    private UsageByTime() {}

    /** Reads the sums over all bridges of the range. */
    static UsageByTime read(MinuteCounters counters, Range range) {
        return sumOf(counters.samples(range));
    }

    /** Reads each bridge of the range, by name. */
    static Map<String, UsageByTime> byWorker(MinuteCounters counters, Range range) {
        var byWorker = new TreeMap<String, UsageByTime>();
        counters.samples(range).stream()
                .collect(Collectors.groupingBy(Sample::worker))
                .forEach((worker, samples) -> byWorker.put(worker, sumOf(samples)));
        return byWorker;
    }

    private static UsageByTime sumOf(List<Sample> samples) {
        var usage = new UsageByTime();
        Map<Instant, Map<String, Double>> sums = new TreeMap<>();
        for (Sample sample : samples) {
            sums.computeIfAbsent(sample.bucket(), unused -> new HashMap<>())
                    .merge(sample.metric(), value(sample), Double::sum);
        }
        sums.forEach((time, values) -> usage.byTime.put(
                time,
                new Usage(
                        of(values, SampledMetric.CPU_USER),
                        of(values, SampledMetric.CPU_SYSTEM),
                        of(values, SampledMetric.MEMORY_RESIDENT) / BYTES_PER_MEGABYTE,
                        Math.round(of(values, SampledMetric.POOL_ACTIVE)),
                        Math.round(of(values, SampledMetric.POOL_IDLE)),
                        Math.round(of(values, SampledMetric.POOL_SIZE)))));
        return usage;
    }

    /** Processor time is a counter whose samples are a second apart. Of other metrics the average counts. */
    private static double value(Sample sample) {
        if (sample.metric().equals(SampledMetric.CPU_USER.key())
                || sample.metric().equals(SampledMetric.CPU_SYSTEM.key())) {
            double used = (sample.greatest() - sample.least()) / Math.max(1, sample.samples() - 1);
            return Math.round(100 * used / MICROS_PER_PERCENT_OF_SECOND) / 100.0;
        }
        return sample.average();
    }

    private static double of(Map<String, Double> values, SampledMetric metric) {
        return values.getOrDefault(metric.key(), 0.0);
    }

    Usage at(Instant bucket) {
        return byTime.getOrDefault(bucket, NOTHING);
    }

    /** Returns the last usage, or zeros if the bridge has no samples. */
    static Usage last(@Nullable UsageByTime usage) {
        return usage == null || usage.byTime.isEmpty()
                ? NOTHING
                : usage.byTime.lastEntry().getValue();
    }
}
