package dev.sluice.bridge.api.observe;

import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.CounterSnapshot.CounterDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot.GaugeDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.util.LinkedHashMap;
import java.util.Map;

/** Collects the points of metrics into families. A point of a family may be added at any time. One thread. */
final class Families {
    private final Map<String, CounterSnapshot.Builder> counters = new LinkedHashMap<>();
    private final Map<String, GaugeSnapshot.Builder> gauges = new LinkedHashMap<>();

    /**
     * Adds a point to a counter.
     *
     * @param name without {@code _total}, which the text gets
     * @param labels names and values in turn
     */
    void counter(String name, String help, double value, String... labels) {
        counters.computeIfAbsent(
                        name, unused -> CounterSnapshot.builder().name(name).help(help))
                .dataPoint(CounterDataPointSnapshot.builder()
                        .value(value)
                        .labels(Labels.of(labels))
                        .build());
    }

    /** Adds a point with a whole number. */
    void counter(String name, String help, long value, String... labels) {
        counter(name, help, (double) value, labels);
    }

    /**
     * Adds a point to a gauge.
     *
     * @param labels names and values in turn
     */
    void gauge(String name, String help, double value, String... labels) {
        gauges.computeIfAbsent(
                        name, unused -> GaugeSnapshot.builder().name(name).help(help))
                .dataPoint(GaugeDataPointSnapshot.builder()
                        .value(value)
                        .labels(Labels.of(labels))
                        .build());
    }

    /** Adds a point with a whole number. */
    void gauge(String name, String help, long value, String... labels) {
        gauge(name, help, (double) value, labels);
    }

    /** Returns all families and the given ones. */
    MetricSnapshots with(MetricSnapshot... more) {
        MetricSnapshots.Builder all = MetricSnapshots.builder();
        counters.values().forEach(each -> all.metricSnapshot(each.build()));
        gauges.values().forEach(each -> all.metricSnapshot(each.build()));
        for (MetricSnapshot each : more) {
            all.metricSnapshot(each);
        }
        return all.build();
    }
}
