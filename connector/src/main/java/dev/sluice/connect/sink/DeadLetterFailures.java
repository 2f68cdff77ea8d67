package dev.sluice.connect.sink;

import dev.sluice.connect.plugin.ConnectSettings;
import dev.sluice.connect.plugin.WorkerBeans;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Counts the records that the worker has failed to send to a connector's dead letter topic. It reads the metrics of the
 * worker.
 *
 * <p>The future of {@code ErrantRecordReporter.report} does not tell: Connect drops every future that is done when the
 * reporter returns, also one that has failed. The producer fails in this way if the record is too large or the topic
 * does not exist. The metric {@code deadletterqueue-produce-failures} counts these failures before {@code report}
 * returns.
 *
 * <p>The metric also counts records that a converter or a transform of the worker has refused. The task never gets such
 * a record nor its future. All of them have arrived once the worker's producer buffers no bytes.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class DeadLetterFailures {
    private static final Logger log = LoggerFactory.getLogger(DeadLetterFailures.class);

    private static final String METRICS = "kafka.connect:type=task-error-metrics,*";
    private static final String FAILURES = "deadletterqueue-produce-failures";
    private static final String REQUESTS = "deadletterqueue-produce-requests";

    /** The metrics of the producer for a dead letter topic, without the name of the connector and the task. */
    private static final String PRODUCER = "kafka.producer:type=producer-metrics,client-id=connector-dlq-producer-";

    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

    private final List<ObjectName> beans;

    /** The producers of the records that the metrics count. */
    private final List<ObjectName> producers;

    /** The last count: a metric that is gone counts nothing, and the count never falls. */
    private long last;

    /** The number of requests when the producers last had nothing in their buffers. */
    private long settledRequests;

    private DeadLetterFailures(List<ObjectName> beans, List<ObjectName> producers) {
        this.beans = beans;
        this.producers = producers;
        this.last = read(beans, FAILURES);
    }

    /** Returns one that counts nothing, if there is no dead letter topic or no worker. */
    static DeadLetterFailures none() {
        return new DeadLetterFailures(List.of(), List.of());
    }

    /**
     * Finds the metrics of a task. Call it on the task's thread, whose name has the number of the task. On any other
     * thread it counts the failures of all tasks of the connector in this process.
     *
     * @param properties of the connector
     */
    static DeadLetterFailures of(Map<String, String> properties) {
        String topic = properties.getOrDefault(ConnectSettings.DEAD_LETTER_TOPIC, "");
        String connector = properties.getOrDefault(ConnectSettings.NAME, "");
        if (topic.isBlank()) {
            return none();
        }
        String task = WorkerBeans.taskNumber(connector);
        try {
            List<ObjectName> beans =
                    ManagementFactory.getPlatformMBeanServer().queryNames(new ObjectName(METRICS), null).stream()
                            .filter(bean -> WorkerBeans.text(bean, "connector").equals(connector))
                            .filter(bean -> task.isEmpty()
                                    || WorkerBeans.text(bean, "task").equals(task))
                            .toList();
            var producers = new ArrayList<ObjectName>();
            for (ObjectName bean : beans) {
                producers.add(new ObjectName(
                        PRODUCER + WorkerBeans.quoted(connector + "-" + WorkerBeans.text(bean, "task"))));
            }
            return new DeadLetterFailures(beans, producers);
        } catch (JMException e) {
            log.debug("The metrics of the worker cannot be read connector={}", connector, e);
            return none();
        }
    }

    /** Returns true if the worker publishes the metric. */
    boolean isKnown() {
        return !beans.isEmpty();
    }

    /** Returns the number of failures so far; 0 if the worker publishes no metric. */
    long count() {
        last = Math.max(last, read(beans, FAILURES));
        return last;
    }

    /**
     * Returns true if each record that the worker has sent to the dead letter topic has arrived or failed, as far as
     * the metrics show.
     */
    boolean isSettled() {
        long requests = read(beans, REQUESTS);
        if (requests != settledRequests) {
            if (read(producers, "buffer-available-bytes") != read(producers, "buffer-total-bytes")) {
                return false;
            }
            settledRequests = requests;
        }
        return true;
    }

    /**
     * Waits until each such record has arrived or failed.
     *
     * @return false if the time is over before that
     * @throws InterruptedException if the thread is interrupted
     */
    boolean awaitSettled(long nanos) throws InterruptedException {
        long deadline = System.nanoTime() + nanos;
        while (!isSettled()) {
            if (System.nanoTime() - deadline > 0) {
                return false;
            }
            TimeUnit.NANOSECONDS.sleep(POLL_NANOS);
        }
        return true;
    }

    /** Returns the sum of an attribute. A metric that cannot be read counts as 0. */
    private static long read(List<ObjectName> beans, String attribute) {
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        long sum = 0;
        for (ObjectName bean : beans) {
            try {
                sum += server.getAttribute(bean, attribute) instanceof Number number ? number.longValue() : 0;
            } catch (JMException e) {
                log.debug("A metric of the worker cannot be read bean={}", bean, e);
            }
        }
        return sum;
    }
}
