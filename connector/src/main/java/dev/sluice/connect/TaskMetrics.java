package dev.sluice.connect;

import java.util.LinkedHashMap;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.metrics.Gauge;
import org.apache.kafka.common.metrics.PluginMetrics;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Publishes numbers of a task among the worker's metrics, where the worker has a place for them (Kafka 4.1 and later):
 * in JMX {@code kafka.connect:type=plugins}. Elsewhere they are only in the log.
 */
final class TaskMetrics {
    private static final Logger log = LoggerFactory.getLogger(TaskMetrics.class);

    private TaskMetrics() {}

    /**
     * Publishes a number.
     *
     * @param metrics the worker's, asked once
     * @param setting the setting it belongs to, as the tag {@code setting}
     */
    static void publish(
            Supplier<PluginMetrics> metrics, String name, String description, String setting, LongSupplier value) {
        try {
            Registration.publish(metrics, name, description, setting, value);
        } catch (LinkageError | RuntimeException e) {
            log.debug("The worker takes no metric of a task name={} setting={}", name, setting, e);
        }
    }

    /** Apart, so that a worker that does not know the types never loads them. */
    private static final class Registration {
        static void publish(
                Supplier<PluginMetrics> metrics, String name, String description, String setting, LongSupplier value) {
            PluginMetrics registry = metrics.get();
            var tags = new LinkedHashMap<String, String>();
            tags.put("setting", setting);
            MetricName metric = registry.metricName(name, description, tags);
            Gauge<Long> gauge = (config, now) -> value.getAsLong();
            registry.addMetric(metric, gauge);
        }
    }
}
