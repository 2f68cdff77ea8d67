package dev.sluice.connect.sink;

import static dev.sluice.queue.write.SourceProgress.NONE;

import dev.sluice.connect.plugin.ConnectSettings;
import dev.sluice.connect.record.RecordMapping;
import dev.sluice.connect.record.RecordPlace;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.SourceMovedException;
import dev.sluice.queue.write.SourceProgress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiPredicate;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTaskContext;
import org.jspecify.annotations.Nullable;

/**
 * Holds the records that a sink task has accepted, and writes them in batches, each in one transaction with the offsets
 * of its partitions.
 *
 * <p>A record that cannot be written is reported. If that fails, too, its partition ends there.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class BatchWriter {
    private final QueueSinkConfig config;
    private final QueueWriter writer;
    private final RecordMapping mapping;
    private final SinkTaskContext context;
    private final SinkPositions positions;
    private final WorkerDuties duties;
    private final OutcomeObserver observer;

    private final HeldRecords held = new HeldRecords();
    private final ErrantRecords errant = new ErrantRecords();
    private final EndedPartitions ended = new EndedPartitions();
    private final BatchLimit batchLimit = new BatchLimit();

    /** How many of the held records are written. */
    private int written;

    BatchWriter(
            QueueSinkConfig config,
            QueueWriter writer,
            RecordMapping mapping,
            SinkPositions positions,
            WorkerDuties duties,
            OutcomeObserver observer,
            SinkTaskContext context) {
        this.config = config;
        this.writer = writer;
        this.mapping = mapping;
        this.positions = positions;
        this.duties = duties;
        this.observer = observer;
        this.context = context;
        errant.reportTo(context, config.originalsStrings());
    }

    /** Returns true if no record is held and no partition has ended. */
    boolean isIdle() {
        return held.isEmpty() && ended.isEmpty();
    }

    /** Returns the number of records that are held. */
    int held() {
        return held.size();
    }

    /**
     * Returns false if a record that Connect has delivered may be neither in the queue nor in the dead letter topic.
     */
    boolean isSettled() {
        return errant.isSettled();
    }

    /** Accepts the records that are neither stored nor held. It reports stored ones to the observer. */
    void accept(Collection<SinkRecord> delivered) {
        var stored = new ArrayList<SinkRecord>();
        for (SinkRecord record : delivered) {
            SinkPosition position = positions.of(record);
            long offset = record.originalKafkaOffset();
            if (ended.isBeyond(position, offset)) {
                continue;
            }
            if (position.accept(offset)) {
                held.add(record, message(record));
            } else if (position.reportStored(offset)) {
                stored.add(record);
            }
        }
        reportStored(stored);
    }

    /** Returns the message of a record; null if the record has none and is refused. */
    private @Nullable NewMessage message(SinkRecord record) {
        try {
            return mapping.map(record);
        } catch (DataException e) {
            refuse(record, e);
            return null;
        }
    }

    private void reportStored(List<SinkRecord> records) {
        if (!records.isEmpty()) {
            observer.alreadyStored(records);
        }
    }

    /** Drops held records that are stored meanwhile. */
    void dropStored() {
        drop(BatchWriter::isStored);
    }

    /** Drops the held records of partitions that the task gives away. The next owner gets them again. */
    void close(Collection<TopicPartition> partitions) {
        drop((position, record) -> partitions.contains(position.topicPartition));
    }

    /** Forgets that a partition has ended. */
    void forgetEnd(SinkPosition position) {
        ended.forget(position);
    }

    private static boolean isStored(SinkPosition position, SinkRecord record) {
        return record.originalKafkaOffset() < position.stored();
    }

    private void drop(BiPredicate<SinkPosition, SinkRecord> isDropped) {
        var stored = new ArrayList<SinkRecord>();
        held.removeIf(record -> {
            SinkPosition position = positions.of(record);
            if (!isDropped.test(position, record)) {
                return false;
            }
            String reason = errant.remove(record);
            if (isStored(position, record) && position.reportStored(record.originalKafkaOffset())) {
                if (reason == null) {
                    stored.add(record);
                } else {
                    observer.refused(record, reason);
                }
            }
            return true;
        });
        reportStored(stored);
    }

    /** Fails if the worker has lost a record. A later record must not be written then, so that the lost one can be. */
    void failIfRecordsAreLost(Collection<SinkRecord> delivered) {
        if (!errant.hasLostRecords()) {
            return;
        }
        var offsets = new LinkedHashMap<TopicPartition, Long>();
        held.records(0, held.size()).forEach(record -> addFirstOffset(offsets, record));
        delivered.forEach(record -> addFirstOffset(offsets, record));
        throw new ConnectException(
                "a record that the worker's converter or transform refused could not be sent to the topic "
                        + config.originals().get(ConnectSettings.DEAD_LETTER_TOPIC)
                        + ", and the worker's log says why. If the record is too large, set"
                        + " producer.override.max.request.size, and max.message.bytes of the topic. Records that were"
                        + " delivered with it are not stored; first offsets that are not: " + offsets);
    }

    private static void addFirstOffset(Map<TopicPartition, Long> offsets, SinkRecord record) {
        offsets.putIfAbsent(RecordPlace.partition(record), record.originalKafkaOffset());
    }

    /**
     * Fails if a partition has ended.
     *
     * @throws ConnectException with the offset from which nothing is stored
     */
    void failIfPartitionsEnded() {
        if (!ended.isEmpty()) {
            throw ended.failure();
        }
    }

    /** Reports a record. If that fails, its partition ends there. */
    private void refuse(SinkRecord record, Exception reason) {
        errant.refuse(record, reason);
        endPartitions();
    }

    /** Ends partitions at records that could not be reported. */
    private void endPartitions() {
        for (ErrantRecords.Unreported each : errant.takeUnreported()) {
            SinkPosition position = positions.find(each.record());
            if (position != null) { // Otherwise the next owner of the partition gets the record again.
                ended.add(position, each.record(), each.failure());
            }
        }
    }

    private boolean isBeyondEnd(SinkRecord record) {
        return !ended.isEmpty() && ended.isBeyond(positions.of(record), record.originalKafkaOffset());
    }

    /**
     * Writes the batches that are due.
     *
     * @return how long the last batch may still linger; zero if no record is left
     * @throws RetriableException if {@code put.timeout.ms} is over before all batches are written
     */
    Duration writeDue() {
        written = 0;
        long startNanos = System.nanoTime();
        Duration putTimeout = config.putTimeout();
        try {
            while (written < held.size()) {
                int end = held.batchEnd(written, batchLimit.records(config.batchSize()), config.batchBytes());
                Duration linger = lingerLeft(end);
                if (!linger.isZero()) {
                    return linger;
                }
                write(written, end);
                if (written < held.size() && System.nanoTime() - startNanos > putTimeout.toNanos()) {
                    context.timeout(1);
                    throw new RetriableException("handing back after " + putTimeout + " of writing, with "
                            + (held.size() - written) + " records left");
                }
            }
            return Duration.ZERO;
        } finally {
            held.removeFirst(written);
        }
    }

    /** Returns how long the batch that ends at {@code end} may still wait for more records; zero if it is due. */
    private Duration lingerLeft(int end) {
        Duration linger = config.linger();
        boolean isFull = end < held.size() || end - written >= config.batchSize();
        if (linger.isZero() || isFull || !ended.isEmpty()) {
            return Duration.ZERO;
        }
        Duration left = linger.minus(held.age());
        return left.isNegative() ? Duration.ZERO : left;
    }

    /** Writes the records from {@code from} to {@code to}, exclusive, and moves {@link #written} there. */
    private void write(int from, int to) {
        awaitReports(from, to);
        Map<SinkPosition, Long> ends = ends(from, to);
        if (ends.isEmpty()) {
            written = to; // Each record lies beyond the end of its partition.
            return;
        }
        var progress = new ArrayList<SourceProgress>(ends.size());
        ends.forEach((position, next) -> progress.add(position.progressTo(next)));
        List<NewMessage> batch = held.messages(from, to, this::isBeyondEnd);
        List<PushOutcome> outcomes;
        long startNanos = System.nanoTime();
        try {
            outcomes = writer.write(batch, progress);
        } catch (SourceMovedException e) {
            throw moved(e);
        } catch (QueueException e) {
            if (!e.isAboutData()) {
                ends.forEach(SinkPosition::attempt);
                batchLimit.failed(e, to - from);
                throw e;
            }
            writeInParts(from, to, e);
            return;
        }
        observer.flushed(batch.size(), Duration.ofNanos(System.nanoTime() - startNanos));
        batchLimit.succeeded();
        written = to;
        ends.forEach(SinkPosition::moveTo);
        report(from, to, outcomes);
        ends.forEach(SinkPosition::reportedTo);
        duties.written(batch, outcomes);
    }

    /**
     * Waits until each refused record is reported or has failed to be, and ends partitions at those that have failed.
     */
    private void awaitReports(int from, int to) {
        try {
            errant.await(config.putTimeout());
        } catch (RetriableException e) {
            context.timeout(1);
            throw e;
        }
        endPartitions();
        failIfRecordsAreLost(held.records(from, to));
    }

    /**
     * Returns the offset after a range for each partition. It omits partitions without a record that may be written.
     */
    private Map<SinkPosition, Long> ends(int from, int to) {
        var ends = new LinkedHashMap<SinkPosition, Long>();
        SinkPosition current = null;
        long next = NONE;
        for (SinkRecord record : held.records(from, to)) {
            if (isBeyondEnd(record)) {
                continue;
            }
            SinkPosition position = positions.of(record);
            if (position != current) {
                if (current != null) {
                    ends.put(current, next);
                }
                current = position;
            }
            next = record.originalKafkaOffset() + 1;
        }
        if (current != null) {
            ends.put(current, next);
        }
        return ends;
    }

    private void report(int from, int to, List<PushOutcome> outcomes) {
        if (errant.isEmpty() && ended.isEmpty()) {
            observer.committed(held.records(from, to), outcomes);
            return;
        }
        var stored = new ArrayList<SinkRecord>(to - from);
        for (SinkRecord record : held.records(from, to)) {
            if (isBeyondEnd(record)) {
                continue;
            }
            String reason = errant.remove(record);
            if (reason == null) {
                stored.add(record);
            } else {
                observer.refused(record, reason);
            }
        }
        if (!stored.isEmpty()) {
            observer.committed(stored, outcomes);
        }
    }

    /** Writes the halves of a range that PostgreSQL has refused, down to each single record that it refuses. */
    private void writeInParts(int from, int to, QueueException refusal) {
        if (to - from > 1) {
            int middle = (from + to) >>> 1;
            write(from, middle);
            write(middle, to);
            return;
        }
        if (held.message(from) == null) {
            throw new ConnectException("the offset alone was refused: " + refusal.getMessage(), refusal);
        }
        refuse(held.record(from), refusal);
        held.refused(from);
        write(from, to);
    }

    /**
     * Tells a late commit of this task from a write of another task. After the latter, it drops the partition's
     * records.
     */
    private RuntimeException moved(SourceMovedException e) {
        SinkPosition position = positions.find(e.partition());
        if (position == null) {
            return e;
        }
        if (position.hasUnsettledAttempt() && position.attempted() == e.storedOffset()) {
            context.timeout(1);
            return new RetriableException("the server was still committing an earlier write: " + e.getMessage());
        }
        held.removeFirst(written);
        written = 0;
        position.forget();
        ended.forget(position);
        drop((other, record) -> other == position);
        return e;
    }
}
