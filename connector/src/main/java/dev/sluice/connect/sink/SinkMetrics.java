package dev.sluice.connect.sink;

import dev.sluice.connect.plugin.DatabaseState;
import dev.sluice.connect.plugin.RecentValues;
import dev.sluice.connect.plugin.TaskBean.Metric;
import dev.sluice.connect.record.MappingSettings;
import dev.sluice.connect.record.RecordMapping;
import dev.sluice.queue.PushOutcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * What a sink task on a Connect worker has done, for JMX. It hears of each outcome as the task's observer.
 *
 * <p>The task's thread counts. Any thread may read.
 */
final class SinkMetrics implements OutcomeObserver {
    private final AtomicLong delivered = new AtomicLong();
    private final AtomicLong written = new AtomicLong();
    private final AtomicLong duplicates = new AtomicLong();
    private final AtomicLong scheduled = new AtomicLong();
    private final AtomicLong parked = new AtomicLong();
    private final AtomicLong skipped = new AtomicLong();
    private final AtomicLong refused = new AtomicLong();
    private final AtomicLong batches = new AtomicLong();
    private final RecentValues batchRecords = new RecentValues();
    private final RecentValues flushMillis = new RecentValues();

    private volatile long held;
    private volatile long heldSinceNanos;

    /** Notes records that Connect has delivered. */
    void delivered(int records) {
        delivered.addAndGet(records);
    }

    /** Notes how many records are delivered and not written, after the task has worked on a delivery. */
    void held(int records) {
        if (held == 0 && records > 0) {
            heldSinceNanos = System.nanoTime();
        }
        held = records;
    }

    @Override
    public void committed(List<SinkRecord> records, List<PushOutcome> outcomes) {
        written.addAndGet(outcomes.size());
        for (PushOutcome outcome : outcomes) {
            if (outcome instanceof PushOutcome.Duplicate) {
                duplicates.incrementAndGet();
            } else if (outcome instanceof PushOutcome.Scheduled) {
                scheduled.incrementAndGet();
            } else if (outcome instanceof PushOutcome.Parked) {
                parked.incrementAndGet();
            }
        }
    }

    @Override
    public void alreadyStored(List<SinkRecord> records) {
        skipped.addAndGet(records.size());
    }

    @Override
    public void refused(SinkRecord record, String reason) {
        refused.incrementAndGet();
    }

    @Override
    public void flushed(int messages, Duration took) {
        batches.incrementAndGet();
        batchRecords.add(messages);
        flushMillis.add(took.toNanos() / (double) TimeUnit.MILLISECONDS.toNanos(1));
    }

    /** Returns the attributes of the task's bean, with the numbers of other parts of the task. */
    List<Metric> metrics(RecordMapping mapping, SkippedTopics topics, LongSupplier lag, DatabaseState database) {
        Map<String, LongSupplier> missing = mapping.missingCounters();
        var metrics = new ArrayList<Metric>();
        addRecords(metrics);
        addBatches(metrics, lag);
        for (String setting : MappingSettings.selectors()) {
            metrics.add(Metric.number(
                    setting.replace('.', '-') + "-missing-total",
                    "records",
                    "Records that have nothing where " + setting + " looks.",
                    missing.getOrDefault(setting, () -> 0)));
        }
        metrics.add(Metric.number(
                "headers-left-out-total",
                "headers",
                "Headers of records that the task leaves out because no message can have them.",
                mapping::headersLeftOut));
        metrics.add(Metric.number(
                "topics-without-queue",
                "topics",
                "Topics that the task skips because their queue can have no name.",
                topics::count));
        metrics.addAll(database.metrics());
        return metrics;
    }

    private void addRecords(List<Metric> metrics) {
        metrics.add(Metric.number(
                "records-delivered-total", "records", "Records that Connect has delivered.", delivered::get));
        metrics.add(Metric.number(
                "records-written-total",
                "records",
                "Records that a transaction has taken into the queues. The next three are parts of it.",
                written::get));
        metrics.add(Metric.number(
                "duplicates-total",
                "records",
                "Records that were skipped because the partition had their transaction id already.",
                duplicates::get));
        metrics.add(Metric.number(
                "scheduled-total", "records", "Records that wait for their time of delivery.", scheduled::get));
        metrics.add(Metric.number(
                "parked-total",
                "records",
                "Records whose queue another transaction kept locked. They wait in the table parked.",
                parked::get));
        metrics.add(Metric.number(
                "records-skipped-total",
                "records",
                "Records that Connect has delivered although an earlier transaction had written them.",
                skipped::get));
        metrics.add(Metric.number(
                "records-refused-total",
                "records",
                "Records that cannot be written because of their data, and that the dead letter topic has.",
                refused::get));
    }

    private void addBatches(List<Metric> metrics, LongSupplier lag) {
        metrics.add(Metric.number("batches-total", "batches", "Transactions that have written records.", batches::get));
        metrics.add(value("batch-records-avg", "records", "The mean size of a batch.", batchRecords, false));
        metrics.add(value("batch-records-max", "records", "The largest size of a batch.", batchRecords, true));
        metrics.add(value("flush-time-avg-ms", "ms", "The mean time of a transaction.", flushMillis, false));
        metrics.add(value("flush-time-max-ms", "ms", "The longest time of a transaction.", flushMillis, true));
        metrics.add(Metric.number(
                "records-held", "records", "Records that are delivered and not written yet.", () -> held));
        metrics.add(Metric.number(
                "records-held-age-ms",
                "ms",
                "The time since there are such records. 0 if there are none.",
                () -> held == 0 ? 0 : TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - heldSinceNanos)));
        metrics.add(Metric.number(
                "records-lag",
                "records",
                "Records of the task's partitions that are in Kafka and not written yet, as the consumer saw at its"
                        + " last fetch. -1 if the worker does not publish the metrics of its consumers.",
                () -> {
                    long inKafka = lag.getAsLong();
                    return inKafka < 0 ? -1 : inKafka + held;
                }));
    }

    private static Metric value(String name, String unit, String description, RecentValues values, boolean isLargest) {
        return new Metric(
                name,
                unit,
                description + " It covers the last 30 to 60 seconds; 0 if there was none.",
                Double.class,
                isLargest ? values::largest : values::average);
    }
}
