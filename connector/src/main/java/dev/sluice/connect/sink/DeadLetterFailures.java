package dev.sluice.connect.sink;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How many records the worker has failed to send to a connector's dead letter topic, by the worker's own metric.
 *
 * <p>The future that {@code ErrantRecordReporter.report} returns does not tell: Connect drops every future that is done
 * when the reporter returns, also one that has failed. A producer fails so if the record is too large, or if the topic
 * is missing. The metric {@code deadletterqueue-produce-failures} counts these failures before {@code report} returns.
 * It also counts the records that a converter or a transform of the worker refused, which the task never sees. Nobody
 * holds their futures. They have arrived when the worker's producer holds no bytes any more.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class DeadLetterFailures {
    private static final Logger log = LoggerFactory.getLogger(DeadLetterFailures.class);

    /** Setting of Connect: the topic for records that cannot be written. */
    static final String TOPIC = "errors.deadletterqueue.topic.name";

    private static final String METRICS = "kafka.connect:type=task-error-metrics,*";
    private static final String FAILURES = "deadletterqueue-produce-failures";
    private static final String REQUESTS = "deadletterqueue-produce-requests";

    /** The producer of a task's dead letter topic, with the name of connector and task to be added. */
    private static final String PRODUCER = "kafka.producer:type=producer-metrics,client-id=connector-dlq-producer-";

    private static final long LOOKS_AGAIN_AFTER_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

    /** The name that Connect gives to the thread of a task. */
    private static final Pattern TASK_THREAD = Pattern.compile("task-thread-(.*)-(\\d+)");

    /** What Kafka writes into the name of a metric without quotes. */
    private static final Pattern UNQUOTED = Pattern.compile("[\\w-%\\. \t]*");

    private final List<ObjectName> beans;

    /** The producers that send what the metrics count. */
    private final List<ObjectName> producers;

    private long last;

    /** How many sends have come to an end, of those that the metric counts. */
    private long settledRequests;

    private DeadLetterFailures(List<ObjectName> beans, List<ObjectName> producers) {
        this.beans = beans;
        this.producers = producers;
        this.last = read(beans, FAILURES);
    }

    /** Counts nothing: there is no dead letter topic, or no worker. */
    static DeadLetterFailures none() {
        return new DeadLetterFailures(List.of(), List.of());
    }

    /**
     * Looks for the metric of a task. Call it on the task's thread, whose name tells which task of the connector it is.
     * On any other thread the failures of all tasks of the connector in this process count.
     *
     * @param properties of the connector
     */
    static DeadLetterFailures of(Map<String, String> properties) {
        String topic = properties.getOrDefault(TOPIC, "");
        String connector = properties.getOrDefault(QueueSinkConfig.NAME, "");
        if (topic.isBlank()) {
            return none();
        }
        Matcher thread = TASK_THREAD.matcher(Thread.currentThread().getName());
        String task = thread.matches() && thread.group(1).equals(connector) ? thread.group(2) : "";
        try {
            List<ObjectName> beans =
                    ManagementFactory.getPlatformMBeanServer().queryNames(new ObjectName(METRICS), null).stream()
                            .filter(bean -> value(bean, "connector").equals(connector))
                            .filter(bean ->
                                    task.isEmpty() || value(bean, "task").equals(task))
                            .toList();
            var producers = new ArrayList<ObjectName>();
            for (ObjectName bean : beans) {
                producers.add(new ObjectName(PRODUCER + quoted(connector + "-" + value(bean, "task"))));
            }
            return new DeadLetterFailures(beans, producers);
        } catch (JMException e) {
            log.debug("The metrics of the worker cannot be read connector={}", connector, e);
            return none();
        }
    }

    private static String value(ObjectName bean, String key) {
        String text = bean.getKeyProperty(key);
        if (text == null) {
            return "";
        }
        return text.startsWith("\"") ? ObjectName.unquote(text) : text;
    }

    /** Returns a value as Kafka writes it into the name of a metric. */
    private static String quoted(String text) {
        return UNQUOTED.matcher(text).matches() ? text : ObjectName.quote(text);
    }

    /** Says whether the worker publishes the metric. */
    boolean isKnown() {
        return !beans.isEmpty();
    }

    /** Returns the number of failures so far; 0 if it is not known. */
    long count() {
        last = Math.max(last, read(beans, FAILURES));
        return last;
    }

    /**
     * Says whether every record that was sent to the dead letter topic has arrived or has failed, as far as can be
     * known.
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
     * Waits until every such record has arrived or has failed.
     *
     * @return false if it was not within the time
     * @throws InterruptedException if the thread is interrupted
     */
    boolean awaitSettled(long nanos) throws InterruptedException {
        long deadline = System.nanoTime() + nanos;
        while (!isSettled()) {
            if (System.nanoTime() - deadline > 0) {
                return false;
            }
            TimeUnit.NANOSECONDS.sleep(LOOKS_AGAIN_AFTER_NANOS);
        }
        return true;
    }

    /** Returns the sum of an attribute; what cannot be read counts nothing. */
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
