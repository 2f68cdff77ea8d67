package dev.sluice.bridge.metrics;

import dev.sluice.bridge.metrics.ProcessUsage.Usage;
import dev.sluice.queue.view.MinuteCounters;
import java.util.Arrays;
import java.util.List;

/** The samples of the process since the last flush. One thread owns it. */
final class ProcessSamples {
    private static final List<SampledMetric> METRICS = List.of(SampledMetric.values());
    private static final List<String> KEYS =
            METRICS.stream().map(SampledMetric::key).toList();

    private final double[] sums = new double[METRICS.size()];
    private final double[] least = new double[METRICS.size()];
    private final double[] greatest = new double[METRICS.size()];
    private final double[] lasts = new double[METRICS.size()];
    private int samples;

    void add(Usage usage) {
        for (int i = 0; i < sums.length; i++) {
            double value = METRICS.get(i).of(usage);
            sums[i] += value;
            least[i] = samples == 0 ? value : Math.min(least[i], value);
            greatest[i] = samples == 0 ? value : Math.max(greatest[i], value);
            lasts[i] = value;
        }
        samples++;
    }

    /** Writes the samples and clears them. If that throws, they stay. */
    void flush(MinuteCounters counters, String bridge) {
        if (samples == 0) {
            return;
        }
        counters.addSamples(bridge, samples, KEYS, sums, least, greatest, lasts);
        Arrays.fill(sums, 0);
        samples = 0;
    }
}
