package dev.sluice.connect.plugin;

import java.util.LinkedHashMap;
import java.util.function.LongSupplier;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.metrics.Gauge;
import org.apache.kafka.common.metrics.PluginMetrics;
import org.apache.kafka.connect.sink.SinkTaskContext;
import org.apache.kafka.connect.source.SourceTaskContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Publishes numbers of a task among the worker's metrics, where the worker has a place for them (Kafka 4.1 and later):
 * in JMX {@code kafka.connect:type=plugins}. Elsewhere they are only in the log.
 */
public final class TaskMetrics {
    private static final Logger log = LoggerFactory.getLogger(TaskMetrics.class);

    private TaskMetrics() {}

    /** Publishes a number of a sink's task, with the setting it belongs to as the tag {@code setting}. */
    public static void publish(
            SinkTaskContext context, String name, String description, String setting, LongSupplier value) {
        try {
            Registration.ofSink(context, name, description, setting, value);
        } catch (LinkageError | RuntimeException e) {
            refused(name, setting, e);
        }
    }

    /** The same of a source's task. */
    public static void publish(
            SourceTaskContext context, String name, String description, String setting, LongSupplier value) {
        try {
            Registration.ofSource(context, name, description, setting, value);
        } catch (LinkageError | RuntimeException e) {
            refused(name, setting, e);
        }
    }

    private static void refused(String name, String setting, Throwable e) {
        log.debug("The worker takes no metric of a task name={} setting={}", name, setting, e);
    }

    /**
     * Apart from everything else: a worker before Kafka 4.1 does not have these types, and fails when it meets a method
     * or a lambda that has one in its signature.
     */
    private static final class Registration {
        static void ofSink(
                SinkTaskContext context, String name, String description, String setting, LongSupplier value) {
            add(context.pluginMetrics(), name, description, setting, value);
        }

        static void ofSource(
                SourceTaskContext context, String name, String description, String setting, LongSupplier value) {
            add(context.pluginMetrics(), name, description, setting, value);
        }

        private static void add(
                PluginMetrics metrics, String name, String description, String setting, LongSupplier value) {
            var tags = new LinkedHashMap<String, String>();
            tags.put("setting", setting);
            MetricName metric = metrics.metricName(name, description, tags);
            Gauge<Long> gauge = (config, now) -> value.getAsLong();
            metrics.addMetric(metric, gauge);
        }
    }
}
