package dev.sluice.bridge.config;

/**
 * Settings of metrics.
 *
 * @param maxQueues most queues that are counted by name, {@code metrics.max.queues}
 */
public record MetricsSettings(int maxQueues) {
    static final KeyGroup GROUP = new KeyGroup("Metrics");

    static final Key<Integer> MAX_QUEUES = GROUP.integer(
            "metrics.max.queues",
            200,
            0,
            100_000,
            "The largest number of queues that the metrics count by name. They count all other queues together.");
    static final Key<Integer> RETENTION_DAYS = GROUP.integer(
            "metrics.retention.days",
            90,
            1,
            10_000,
            "The number of days for which the service keeps counts by minute and traces of messages.");

    static MetricsSettings of(Values values) {
        return new MetricsSettings(values.get(MAX_QUEUES));
    }
}
