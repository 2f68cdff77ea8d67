package dev.sluice.connect.source;

import dev.sluice.connect.plugin.DatabaseState;
import dev.sluice.connect.plugin.RecentValues;
import dev.sluice.connect.plugin.TaskBean.Metric;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What a source task has done, for JMX.
 *
 * <p>The task's thread and Connect's producer count. Any thread may read.
 */
final class SourceMetrics {
    private final AtomicLong polls = new AtomicLong();
    private final AtomicLong records = new AtomicLong();
    private final AtomicLong acknowledged = new AtomicLong();
    private final AtomicLong reads = new AtomicLong();
    private final RecentValues readMillis = new RecentValues();

    private volatile long partitions;
    private volatile long unread;
    private volatile long deletedUnread;

    void polled() {
        polls.incrementAndGet();
    }

    /** Notes records that Connect gets. */
    void handedOver(int count) {
        records.addAndGet(count);
    }

    /** Notes that a topic has a record, or that a transform has dropped it. */
    void acknowledged() {
        acknowledged.incrementAndGet();
    }

    /** Notes a read of messages that began at a time of {@link System#nanoTime}. */
    void read(long startNanos) {
        reads.incrementAndGet();
        readMillis.add((System.nanoTime() - startNanos) / (double) TimeUnit.MILLISECONDS.toNanos(1));
    }

    /** Notes how far the task is. */
    void at(SourcePositions positions) {
        partitions = positions.size();
        unread = positions.unread();
        deletedUnread = positions.deletedUnread();
    }

    /** Returns the attributes of the task's bean, with the numbers of other parts of the task. */
    List<Metric> metrics(QueueTopics topics, DatabaseState database) {
        var metrics = new ArrayList<Metric>();
        metrics.add(Metric.number("polls-total", "polls", "Calls of Connect for records.", polls::get));
        metrics.add(Metric.number("records-total", "records", "Records that Connect has got.", records::get));
        metrics.add(Metric.number(
                "records-acknowledged-total",
                "records",
                "Records that a topic has, or that a transform has dropped.",
                acknowledged::get));
        metrics.add(Metric.number(
                "records-unacknowledged",
                "records",
                "Records that Connect has got and has not acknowledged.",
                () -> Math.max(0, records.get() - acknowledged.get())));
        metrics.add(Metric.number("reads-total", "reads", "Reads of messages from PostgreSQL.", reads::get));
        metrics.add(new Metric(
                "read-time-avg-ms",
                "ms",
                "The mean time of a read. It covers the last 30 to 60 seconds; 0 if there was none.",
                Double.class,
                readMillis::average));
        metrics.add(new Metric(
                "read-time-max-ms",
                "ms",
                "The longest time of a read. It covers the last 30 to 60 seconds; 0 if there was none.",
                Double.class,
                readMillis::largest));
        metrics.add(Metric.number("partitions", "partitions", "Partitions of the task's share.", () -> partitions));
        metrics.add(Metric.number(
                "messages-lag",
                "messages",
                "Messages of the task's share that were in the queues at its last look and that Connect has not got.",
                () -> unread));
        metrics.add(Metric.number(
                "messages-deleted-unread-total",
                "messages",
                "Messages that were deleted before the task read them.",
                () -> deletedUnread));
        metrics.add(Metric.number(
                "queues-without-topic",
                "queues",
                "Queues that the task skips because they can have no topic.",
                () -> topics.skipped().size()));
        metrics.addAll(database.metrics());
        return metrics;
    }
}
