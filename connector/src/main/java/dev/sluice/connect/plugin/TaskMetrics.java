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
 * Publishes numbers of a task as metrics of the worker, in JMX under {@code kafka.connect:type=plugins}. Workers before
 * Kafka 4.1 and the bridge have no such metrics; there the numbers are only in the log.
 */
public final class TaskMetrics {
    private static final Logger log = LoggerFactory.getLogger(TaskMetrics.class);

    private TaskMetrics() {}

    /** Publishes a number of a sink task. The tag {@code setting} names the setting that the number belongs to. */
    public static void publish(
            SinkTaskContext context, String name, String description, String setting, LongSupplier value) {
        try {
            Registration.ofSink(context, name, description, setting, value);
        } catch (LinkageError | RuntimeException e) {
            logUnpublished(name, setting, e);
        }
    }

    /** Publishes a number of a source task, as for a sink task. */
    public static void publish(
            SourceTaskContext context, String name, String description, String setting, LongSupplier value) {
        try {
            Registration.ofSource(context, name, description, setting, value);
        } catch (LinkageError | RuntimeException e) {
            logUnpublished(name, setting, e);
        }
    }

    private static void logUnpublished(String name, String setting, Throwable e) {
        log.debug("The worker does not publish the metric of a task name={} setting={}", name, setting, e);
    }

    /**
     * Registers metrics. It is a class of its own because a worker before Kafka 4.1 does not have these types: the
     * worker fails when it loads a class with a method or a lambda that has one in its signature.
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
