package dev.sluice.connect;

import java.time.Duration;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.ErrantRecordReporter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTaskContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The records a sink task cannot write for what they are, from when they are reported until the offset has moved past them.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class ErrantRecords {
    private static final Logger log = LoggerFactory.getLogger(ErrantRecords.class);

    private final IdentityHashMap<SinkRecord, String> reasons = new IdentityHashMap<>();

    /** Reports that may not have reached their place yet. */
    private final List<Future<Void>> reports = new ArrayList<>();

    private @Nullable ErrantRecordReporter reporter;

    /** Takes the worker's reporter, if it has one: workers before 2.6 do not know of it, others may not be set up for it. */
    void reportTo(SinkTaskContext context) {
        try {
            reporter = context.errantRecordReporter();
        } catch (NoSuchMethodError | NoClassDefFoundError e) {
            log.debug("This worker has no errant record reporter.", e);
            reporter = null;
        }
    }

    boolean isEmpty() {
        return reasons.isEmpty();
    }

    /**
     * Reports a record.
     *
     * @throws ConnectException if there is nowhere to report it; the task must stop
     */
    void refuse(SinkRecord record, Exception reason) {
        ErrantRecordReporter place = reporter;
        if (place == null) {
            throw new ConnectException(
                    name(record) + " cannot be written and there is nowhere to report it: " + reason.getMessage()
                            + ". With errors.tolerance=all it would go to the topic"
                            + " errors.deadletterqueue.topic.name and the task would go on.",
                    reason);
        }
        reports.add(place.report(record, reason));
        reasons.put(record, String.valueOf(reason.getMessage()));
        log.warn("A record is refused. record={} reason={}", name(record), reason.getMessage());
    }

    /** Returns why a record was refused, and forgets it; null if it was not. */
    @Nullable
    String remove(SinkRecord record) {
        return reasons.remove(record);
    }

    /**
     * Waits until the refused records are where they were reported to: only then may the offset move past them.
     *
     * @throws RetriableException if that takes longer than {@code timeout}: wait again
     * @throws ConnectException if one cannot be reported; the task must stop
     */
    void await(Duration timeout) {
        long deadline = System.nanoTime() + timeout.toNanos();
        for (Future<Void> report : reports) {
            try {
                report.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
            } catch (ExecutionException e) {
                throw new ConnectException("a refused record could not be reported", e.getCause());
            } catch (TimeoutException e) {
                throw new RetriableException("refused records have not been reported within " + timeout, e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new ConnectException("interrupted while a refused record was being reported", e);
            }
        }
        reports.clear();
    }

    static String name(SinkRecord record) {
        return "record " + record.originalTopic() + "-" + record.originalKafkaPartition() + " offset "
                + record.originalKafkaOffset();
    }
}
