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
            "Most queues that are counted by name. What happens in others is counted together.");
    static final Key<Integer> RETENTION_DAYS = GROUP.integer(
            "metrics.retention.days",
            90,
            1,
            10_000,
            "Days for which counts by minute, and traces of messages, are kept.");

    static MetricsSettings of(Values values) {
        return new MetricsSettings(values.get(MAX_QUEUES));
    }
}
