package dev.sluice.connect.sink;

import static dev.sluice.queue.write.SourceProgress.NONE;

import dev.sluice.connect.record.RecordMapping;
import dev.sluice.connect.record.RecordPlace;
import dev.sluice.connect.sink.BatchTransactions.Batch;
import dev.sluice.connect.sink.BatchTransactions.Written;
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
import java.util.function.Supplier;
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
 * <p>With a linger, a batch is written in the background, on a second thread ({@link BatchTransactions}), while Connect
 * polls the records of the next one. At most one batch is under way. Its outcome is taken on the task's thread: by the
 * next call, or when the next batch is due. While something is to be retried, refused or ended, each batch is written
 * at once.
 *
 * <p>A record that cannot be written is reported. If that fails, too, its partition ends there.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class BatchWriter implements AutoCloseable {
    /** How soon to look again for the outcome of a write in the background, if no record comes. */
    private static final Duration LOOK_AGAIN = Duration.ofMillis(10);

    private final QueueSinkConfig config;
    private final RecordMapping mapping;
    private final SinkTaskContext context;
    private final SinkPositions positions;
    private final WorkerDuties duties;
    private final OutcomeObserver observer;

    private final HeldRecords held = new HeldRecords();
    private final ErrantRecords errant = new ErrantRecords();
    private final EndedPartitions ended = new EndedPartitions();
    private final BatchLimit batchLimit = new BatchLimit();

    private final BatchTransactions transactions;

    /** Whether the last write has failed. Its records are still held. */
    private boolean isRetrying;

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
        this.mapping = mapping;
        this.positions = positions;
        this.duties = duties;
        this.observer = observer;
        this.context = context;
        this.transactions = new BatchTransactions(writer, config.sourceName());
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

    /** Returns true if a batch is being written in the background: then nothing else may use the writer. */
    boolean isWriting() {
        return transactions.isUnderWay();
    }

    /**
     * Takes the outcome of the write in the background, if there is one.
     *
     * @param isAwaited whether to wait for it
     * @throws QueueException if it has failed
     */
    void takeOutcome(boolean isAwaited) {
        if (isWriting() && (isAwaited || transactions.isDone())) {
            written = 0;
            try {
                awaitOutcome();
            } finally {
                held.removeFirst(written);
            }
        }
    }

    /**
     * Waits for the write in the background, if there is one, without a retry: if it has failed, its records are still
     * held, and the next write meets the failure again.
     */
    void settle() {
        if (!isWriting()) {
            return;
        }
        Batch batch = transactions.underWay();
        Written result;
        try {
            result = transactions.await();
        } catch (QueueException e) {
            failed(batch, e);
            return;
        }
        written = 0;
        committed(batch, result);
        held.removeFirst(written);
    }

    /** Drops held records that are stored meanwhile. No batch is under way. */
    void dropStored() {
        drop(BatchWriter::isStored);
    }

    /** Ends the thread in the background. */
    @Override
    public void close() {
        transactions.close();
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
        settle(); // What the batch in the background has stored is not named.
        var offsets = new LinkedHashMap<TopicPartition, Long>();
        held.records(0, held.size()).forEach(record -> addFirstOffset(offsets, record));
        delivered.forEach(record -> addFirstOffset(offsets, record));
        throw ErrantRecords.lost(config.originalsStrings(), offsets);
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
     * Writes the batches that are due, or gives one to the thread in the background.
     *
     * @return when to call again, if no record comes before that; zero if no record is left
     * @throws RetriableException if {@code put.timeout.ms} is over before all batches are written
     */
    Duration writeDue() {
        written = 0;
        long startNanos = System.nanoTime();
        try {
            int from = held.underWay();
            while (from < held.size()) {
                int end = held.batchEnd(from, batchLimit.records(config.batchSize()), config.batchBytes());
                Duration wait = waitBefore(from, end);
                if (!wait.isZero()) {
                    return wait;
                }
                if (isWriting()) {
                    awaitOutcome();
                    handBackIfLate(startNanos, from);
                }
                write(end, true);
                from = isWriting() ? end : written;
                handBackIfLate(startNanos, from);
            }
            return isWriting() ? LOOK_AGAIN : Duration.ZERO;
        } finally {
            held.removeFirst(written);
        }
    }

    private void handBackIfLate(long startNanos, int from) {
        Duration putTimeout = config.putTimeout();
        if (from < held.size() && System.nanoTime() - startNanos > putTimeout.toNanos()) {
            context.timeout(1);
            throw new RetriableException(
                    "handing back after " + putTimeout + " of writing, with " + (held.size() - from) + " records left");
        }
    }

    /** Returns how long the batch from {@code from} to {@code end} has to wait; zero if it is due. */
    private Duration waitBefore(int from, int end) {
        boolean isFull = end < held.size() || end - from >= config.batchSize();
        if (config.linger().isZero() || isFull || !ended.isEmpty()) {
            return Duration.ZERO;
        }
        if (!transactions.isDone()) {
            return LOOK_AGAIN; // The batch grows until the writer is free.
        }
        Duration left = config.linger().minus(held.age());
        return left.isNegative() ? Duration.ZERO : left;
    }

    /**
     * Returns true if the next batch may be written while Connect polls. Whatever needs an answer of the task, such as
     * a backoff or the end of a partition, is decided in the call that has the records.
     */
    private boolean mayWriteInBackground() {
        return !config.linger().isZero() && !isRetrying && errant.isEmpty() && ended.isEmpty();
    }

    /** Takes the outcome of the write in the background, and uses that the writer is free. */
    private void awaitOutcome() {
        complete(transactions.underWay(), transactions::await);
        duties.releaseParked();
    }

    /** Writes the records up to {@code to}, exclusive, and moves {@link #written} there; or begins to do so. */
    private void write(int to, boolean inBackground) {
        Batch batch = batch(to);
        if (batch != null && inBackground && mayWriteInBackground()) {
            transactions.start(batch);
            held.begin(to);
        } else if (batch != null) {
            complete(batch, () -> transactions.run(batch));
        }
    }

    /** Returns the batch of the records up to {@code to}, exclusive; null if nothing of it may be written. */
    private @Nullable Batch batch(int to) {
        awaitReports(written, to);
        Map<SinkPosition, Long> ends = ends(written, to);
        if (ends.isEmpty()) {
            written = to; // Each record lies beyond the end of its partition.
            return null;
        }
        var progress = new ArrayList<SourceProgress>(ends.size());
        ends.forEach((position, next) -> progress.add(position.progressTo(next)));
        return new Batch(to - written, held.messages(written, to, this::isBeyondEnd), ends, progress);
    }

    /** Takes the result of a batch's transaction, and decides what follows from a failure. */
    private void complete(Batch batch, Supplier<Written> transaction) {
        Written result;
        try {
            result = transaction.get();
        } catch (QueueException e) {
            failed(batch, e);
            if (e instanceof SourceMovedException moved) {
                throw moved(moved);
            }
            if (!e.isAboutData()) {
                throw e;
            }
            writeInParts(written, written + batch.records(), e);
            return;
        }
        committed(batch, result);
    }

    private void failed(Batch batch, QueueException failure) {
        held.beginNothing();
        isRetrying = true;
        if (!(failure instanceof SourceMovedException) && !failure.isAboutData()) {
            batch.ends().forEach(SinkPosition::attempt);
            batchLimit.failed(failure, batch.records());
        }
    }

    private void committed(Batch batch, Written result) {
        isRetrying = false;
        observer.flushed(batch.messages().size(), result.took());
        batchLimit.succeeded();
        int from = written;
        written = from + batch.records();
        batch.ends().forEach(SinkPosition::moveTo);
        report(from, written, result.outcomes());
        batch.ends().forEach(SinkPosition::reportedTo);
        duties.written(batch.messages(), result.outcomes());
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
            write((from + to) >>> 1, false);
            write(to, false);
            return;
        }
        if (held.message(from) == null) {
            throw new ConnectException("the offset alone was refused: " + refusal.getMessage(), refusal);
        }
        refuse(held.record(from), refusal);
        held.refused(from);
        write(to, false);
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
