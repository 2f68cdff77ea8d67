package dev.sluice.connect.sink;

import dev.sluice.connect.plugin.ConnectSettings;
import dev.sluice.connect.record.RecordPlace;
import java.time.Duration;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
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
 * The records that a sink task cannot write because of their data, from the report until the offset has moved past
 * them.
 *
 * <p>A report counts only once the record has reached its destination. In the bridge the future of the report tells
 * that. On a worker {@link DeadLetterFailures} detects the failures that the future hides.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class ErrantRecords {
    private static final Logger log = LoggerFactory.getLogger(ErrantRecords.class);

    /** The package of the reporter of a Connect worker. */
    private static final String WORKER_PACKAGE = "org.apache.kafka.connect.runtime.";

    /** The reason for each record that was reported. */
    private final IdentityHashMap<SinkRecord, String> reasons = new IdentityHashMap<>();

    /** The reports that may not have reached their destination yet. */
    private final List<Report> reports = new ArrayList<>();

    private final List<Unreported> unreported = new ArrayList<>();

    private @Nullable ErrantRecordReporter reporter;
    private DeadLetterFailures failures = DeadLetterFailures.none();

    /**
     * The number of explained failures: those before the task started, and those of records that this task reported.
     */
    private long explainedFailures;

    /** Whether a report that the worker has dropped looks like one that has succeeded. */
    private boolean hidesFailures;

    private record Report(SinkRecord record, Future<Void> done) {}

    /**
     * A record that is neither in the queue nor reported.
     *
     * @param record the record
     * @param failure why
     */
    record Unreported(SinkRecord record, ConnectException failure) {}

    /**
     * Uses the host's reporter if it has one. Workers before 2.6 have none, and others may not be configured for one.
     * Two kinds of reporters do not count. One only writes to the worker's log, and no one can recover a record from
     * there. The other tolerates no error, so it reports the record and then fails, at every start of the task.
     *
     * @param properties of the connector; empty in a host that is not a worker
     */
    void reportTo(SinkTaskContext context, Map<String, String> properties) {
        try {
            reporter = context.errantRecordReporter();
        } catch (NoSuchMethodError | NoClassDefFoundError e) {
            log.debug("The worker has no errant record reporter", e);
            reporter = null;
        }
        String topic = properties.getOrDefault(ConnectSettings.DEAD_LETTER_TOPIC, "");
        boolean onlyLogs = topic.isBlank()
                && Boolean.parseBoolean(properties
                        .getOrDefault(ConnectSettings.ERRORS_LOG_ENABLE, "")
                        .strip());
        boolean failsAfterReport = !topic.isBlank() && !ConnectSettings.toleratesErrors(properties);
        if (onlyLogs || failsAfterReport) {
            reporter = null;
        }
        failures = DeadLetterFailures.of(properties);
        explainedFailures = failures.count();
        hidesFailures = !topic.isBlank()
                && !failures.isKnown()
                && reporter != null
                && reporter.getClass().getName().startsWith(WORKER_PACKAGE);
        if (hidesFailures) {
            log.warn(
                    "The worker publishes no metrics by JMX, so a report to the dead letter topic that ends at once counts"
                            + " as failed; enable JMX topic={}",
                    topic);
        }
    }

    /** Returns true if no record is refused. */
    boolean isEmpty() {
        return reasons.isEmpty();
    }

    /** Reports a record. If that is not possible, {@link #takeUnreported} returns the record. */
    void refuse(SinkRecord record, Exception reason) {
        ErrantRecordReporter target = reporter;
        if (target == null) {
            unreported.add(new Unreported(
                    record,
                    new ConnectException(
                            RecordPlace.describe(record) + " cannot be written and there is nowhere to report it: "
                                    + reason.getMessage() + ". With " + ConnectSettings.ERRORS_TOLERANCE
                                    + "=all it would go to the topic " + ConnectSettings.DEAD_LETTER_TOPIC
                                    + " and the task would go on.",
                            reason)));
            return;
        }
        Future<Void> done = report(target, record, reason);
        if (done != null) {
            reports.add(new Report(record, done));
            reasons.put(record, String.valueOf(reason.getMessage()));
            log.warn(
                    "A record is refused and reported record={} reason={}",
                    RecordPlace.describe(record),
                    reason.getMessage());
        }
    }

    /** Returns the future of a report; null if the report has failed already. */
    private @Nullable Future<Void> report(ErrantRecordReporter target, SinkRecord record, Exception reason) {
        long before = failures.count();
        Future<Void> done = null;
        RuntimeException thrown = null;
        try {
            done = target.report(record, reason);
        } catch (RuntimeException e) { // The tolerance is exceeded, or the destination is gone.
            thrown = e;
        }
        long failed = failures.count() - before;
        explainedFailures += failed;
        if (done == null || failed > 0 || (hidesFailures && done.isDone())) {
            unreported.add(new Unreported(record, notReported(record, reason, thrown)));
            return null;
        }
        return done;
    }

    private static ConnectException notReported(SinkRecord record, Exception reason, @Nullable Throwable failure) {
        String why = failure == null
                ? "the producer of the dead letter topic has failed, and the worker's log says why. If the record is"
                        + " too large for it, set producer.override.max.request.size, and max.message.bytes of the"
                        + " topic"
                : String.valueOf(failure.getMessage());
        return new ConnectException(
                RecordPlace.describe(record) + " cannot be written (" + reason.getMessage()
                        + "), and it could not be reported: " + why,
                failure == null ? reason : failure);
    }

    /** Returns the records that could not be reported, and forgets them. */
    List<Unreported> takeUnreported() {
        List<Unreported> taken = List.copyOf(unreported);
        unreported.clear();
        return taken;
    }

    /** Returns the reason for a record that was reported, and forgets it; null if the record was not reported. */
    @Nullable
    String remove(SinkRecord record) {
        return reasons.remove(record);
    }

    /**
     * Waits until each report has reached its destination or has failed: only then may the offset move past the record.
     * If a report has failed, {@link #takeUnreported} returns the record.
     *
     * @throws RetriableException if that takes longer than {@code timeout}: wait again
     * @throws ConnectException if the thread is interrupted
     */
    void await(Duration timeout) {
        long deadline = System.nanoTime() + timeout.toNanos();
        for (Iterator<Report> waiting = reports.iterator(); waiting.hasNext(); waiting.remove()) {
            Report report = waiting.next();
            try {
                report.done.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
            } catch (ExecutionException e) {
                unreported.add(new Unreported(report.record, failed(report.record, e)));
                explainedFailures += failures.isKnown() ? 1 : 0;
            } catch (TimeoutException e) {
                throw new RetriableException("refused records have not been reported within " + timeout, e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new ConnectException("interrupted while a refused record was being reported", e);
            }
        }
        awaitWorker(deadline, timeout);
    }

    /** Waits for the records that the worker itself has sent to the dead letter topic. */
    private void awaitWorker(long deadline, Duration timeout) {
        try {
            if (!failures.awaitSettled(deadline - System.nanoTime())) {
                throw new RetriableException("the dead letter topic has not taken all records within " + timeout);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ConnectException("interrupted while the worker was reporting records", e);
        }
    }

    private static ConnectException failed(SinkRecord record, ExecutionException e) {
        Throwable cause = e.getCause() == null ? e : e.getCause();
        return new ConnectException(
                RecordPlace.describe(record) + " cannot be written, and it could not be reported: "
                        + cause.getMessage(),
                cause);
    }

    /**
     * Returns true if the worker has lost a record: a converter or a transform has refused it, and the dead letter
     * topic has not taken it. The task never gets such a record. It must write nothing more then, because a later
     * record would move the offset past the lost one.
     */
    boolean hasLostRecords() {
        return reports.isEmpty() && failures.count() > explainedFailures;
    }

    /** Returns true if Connect may commit offsets: no record is lost or on its way to the dead letter topic. */
    boolean isSettled() {
        return failures.isSettled() && !hasLostRecords();
    }
}
