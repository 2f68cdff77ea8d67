package dev.sluice.connect.sink;

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
 * The records a sink task cannot write for what they are, from when they are reported until the offset has moved past
 * them.
 *
 * <p>A report counts only if the record has reached its place. The future of the report tells that in the bridge. On a
 * worker {@link DeadLetterFailures} tells what the future hides.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
public final class ErrantRecords {
    private static final Logger log = LoggerFactory.getLogger(ErrantRecords.class);

    /** Setting of Connect: whether the worker logs errors. With it and no topic the reporter writes to the log only. */
    private static final String LOG_ENABLE = "errors.log.enable";

    /**
     * Setting of Connect: without {@code all} the reporter sends a record to the topic, and then fails, at every start
     * of the task.
     */
    public static final String TOLERANCE = "errors.tolerance";

    /** Where the reporter of a Connect worker comes from. */
    private static final String WORKER_PACKAGE = "org.apache.kafka.connect.runtime.";

    private final IdentityHashMap<SinkRecord, String> reasons = new IdentityHashMap<>();

    /** Reports that may not have reached their place yet. */
    private final List<Report> reports = new ArrayList<>();

    /** Records that have reached no place, each with the failure. */
    private final List<Unplaced> unplaced = new ArrayList<>();

    private @Nullable ErrantRecordReporter reporter;
    private DeadLetterFailures failures = DeadLetterFailures.none();

    /** How many of the failures are known: those before the task started, and those of records this task reported. */
    private long knownFailures;

    private boolean hidesFailures;

    private record Report(SinkRecord record, Future<Void> done) {}

    /**
     * A record that is neither in the queue nor where it was reported to.
     *
     * @param record the record
     * @param failure why
     */
    record Unplaced(SinkRecord record, ConnectException failure) {}

    /** Takes the reporter of a host that is not a worker, or is not configured. */
    void reportTo(SinkTaskContext context) {
        reportTo(context, Map.of());
    }

    /**
     * Takes the worker's reporter, if it has one: workers before 2.6 have none, and others may not be set up for it. A
     * reporter that only writes to the worker's log does not count, because nobody can take a record from there. A
     * reporter that tolerates nothing does not count either.
     *
     * @param properties of the connector
     */
    void reportTo(SinkTaskContext context, Map<String, String> properties) {
        try {
            reporter = context.errantRecordReporter();
        } catch (NoSuchMethodError | NoClassDefFoundError e) {
            log.debug("This worker has no errant record reporter", e);
            reporter = null;
        }
        String topic = properties.getOrDefault(DeadLetterFailures.TOPIC, "");
        boolean onlyLogs = topic.isBlank()
                && Boolean.parseBoolean(properties.getOrDefault(LOG_ENABLE, "").strip());
        boolean onlyReports = !topic.isBlank()
                && !properties.getOrDefault(TOLERANCE, "none").strip().equalsIgnoreCase("all");
        if (onlyLogs || onlyReports) {
            reporter = null;
        }
        failures = DeadLetterFailures.of(properties);
        knownFailures = failures.count();
        hidesFailures = !topic.isBlank()
                && !failures.isKnown()
                && reporter != null
                && reporter.getClass().getName().startsWith(WORKER_PACKAGE);
        if (hidesFailures) {
            log.warn(
                    "The worker publishes no metrics by JMX, so a report to the dead letter topic that ends at once counts"
                            + " as failed topic={}",
                    topic);
        }
    }

    /** Says whether no record is refused. */
    boolean isEmpty() {
        return reasons.isEmpty();
    }

    /**
     * Reports a record.
     *
     * @throws ConnectException if there is nowhere to report it, or the report has failed; {@link #takeUnplaced} names
     *     it then
     */
    void refuse(SinkRecord record, Exception reason) {
        ErrantRecordReporter place = reporter;
        if (place == null) {
            throw unplaced(
                    record,
                    new ConnectException(
                            name(record) + " cannot be written and there is nowhere to report it: "
                                    + reason.getMessage()
                                    + ". With errors.tolerance=all it would go to the topic " + DeadLetterFailures.TOPIC
                                    + " and the task would go on.",
                            reason));
        }
        reports.add(new Report(record, report(place, record, reason)));
        reasons.put(record, String.valueOf(reason.getMessage()));
        log.warn("A record is refused record={} reason={}", name(record), reason.getMessage());
    }

    private Future<Void> report(ErrantRecordReporter place, SinkRecord record, Exception reason) {
        long before = failures.count();
        Future<Void> done;
        try {
            done = place.report(record, reason);
        } catch (RuntimeException e) { // The tolerance is exceeded, or the place is gone.
            knownFailures += failures.count() - before;
            throw unplaced(record, notReported(record, reason, e));
        }
        long failed = failures.count() - before;
        if (failed > 0) {
            knownFailures += failed;
            throw unplaced(record, notReported(record, reason, null));
        }
        if (hidesFailures && done.isDone()) {
            throw unplaced(record, notReported(record, reason, null));
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
                name(record) + " cannot be written (" + reason.getMessage() + "), and it could not be reported: " + why,
                failure == null ? reason : failure);
    }

    private ConnectException unplaced(SinkRecord record, ConnectException failure) {
        unplaced.add(new Unplaced(record, failure));
        return failure;
    }

    /** Returns the records that have reached no place, and forgets them. */
    List<Unplaced> takeUnplaced() {
        List<Unplaced> taken = List.copyOf(unplaced);
        unplaced.clear();
        return taken;
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
     * @throws ConnectException if one could not be reported; {@link #takeUnplaced} names all of them then
     */
    void await(Duration timeout) {
        long deadline = System.nanoTime() + timeout.toNanos();
        for (Iterator<Report> waiting = reports.iterator(); waiting.hasNext(); waiting.remove()) {
            Report report = waiting.next();
            try {
                report.done.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
            } catch (ExecutionException e) {
                unplaced.add(new Unplaced(report.record, failed(report.record, e)));
                knownFailures += failures.isKnown() ? 1 : 0;
            } catch (TimeoutException e) {
                throw new RetriableException("refused records have not been reported within " + timeout, e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new ConnectException("interrupted while a refused record was being reported", e);
            }
        }
        awaitWorker(deadline, timeout);
        if (!unplaced.isEmpty()) {
            throw unplaced.get(0).failure;
        }
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
                name(record) + " cannot be written, and it could not be reported: " + cause.getMessage(), cause);
    }

    /**
     * Says whether the worker has lost a record: a converter or a transform refused it, and the dead letter topic did
     * not take it. The task never sees such a record. Nothing more may be written then, for it would lie behind that
     * record.
     */
    boolean hasLostRecords() {
        return reports.isEmpty() && failures.count() > knownFailures;
    }

    /** Says whether offsets may be confirmed: no record is lost, and none is on its way to the dead letter topic. */
    boolean isSettled() {
        return failures.isSettled() && !hasLostRecords();
    }

    public static String name(SinkRecord record) {
        return "record " + record.originalTopic() + "-" + record.originalKafkaPartition() + " offset "
                + record.originalKafkaOffset();
    }
}
