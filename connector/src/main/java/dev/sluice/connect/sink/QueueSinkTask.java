package dev.sluice.connect.sink;

import static dev.sluice.queue.write.SourceProgress.NONE;

import dev.sluice.connect.plugin.PluginVersion;
import dev.sluice.connect.plugin.TaskMetrics;
import dev.sluice.connect.record.RecordMapping;
import dev.sluice.connect.record.WatchedSelector;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.SourceMovedException;
import dev.sluice.queue.write.SourceProgress;
import dev.sluice.queue.write.SourceRefusedException;
import dev.sluice.queue.write.WriterWakeUps;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import javax.sql.DataSource;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the records of its topic partitions into queues, exactly once and in order. The package comment says how, and
 * what it does about failures.
 *
 * <p>Records are held from {@link #put} until they are written: at once, or when {@code batch.size},
 * {@code batch.bytes} or {@code linger.ms} says so. {@link #preCommit} names only what is written, so whatever is held
 * when the task ends is delivered again. {@link #put} throws {@link RetriableException} with records held; Connect then
 * delivers the same records once more, which are recognised by their offsets.
 *
 * <p>All methods are called on one thread, by Connect or by the bridge's drain.
 */
public final class QueueSinkTask extends SinkTask {
    private static final Logger log = LoggerFactory.getLogger(QueueSinkTask.class);

    /** Parked messages of a queue released in one transaction. */
    private static final int PARKED_RECORDS = 2_000;

    private final OutcomeObserver observer;
    /** Whether to tell bridges, which are other processes, that there is something to read. */
    private final boolean wakesConsumers;

    private final Map<TopicPartition, SinkPosition> sources = new HashMap<>();

    private final HeldRecords held = new HeldRecords();
    private final ErrantRecords errant = new ErrantRecords();
    private final Retries retries = new Retries();
    private final BatchLimit batchLimit = new BatchLimit();
    private final RecreatedTopics newBeginnings = new RecreatedTopics();
    private final EndedPartitions ended = new EndedPartitions();

    private final SeenTopics seenTopics = new SeenTopics();

    /** Topics that have been passed over since the task started; the worker's thread of metrics reads how many. */
    private final Set<String> topicsWithoutQueue = ConcurrentHashMap.newKeySet();

    private @Nullable Settings settings;
    private @Nullable SinkPosition lastSource;
    private int written;

    /**
     * What the last {@link #put} was given, if it threw: Connect delivers it again, or what is left of it, from before
     * any rewind.
     */
    private Collection<SinkRecord> undelivered = List.of();

    /** What {@link #start} makes of the configuration. */
    private static final class Settings {
        final QueueSinkConfig config;
        final RecordMapping mapping;
        final DataSource dataSource;
        final QueueWriter writer;
        final WriterWakeUps wakeUps;
        boolean schemaChecked;

        Settings(QueueSinkConfig config) {
            this.config = config;
            this.mapping = config.mapping();
            this.dataSource = config.dataSource();
            this.writer = new QueueWriter(dataSource, config.writer());
            this.wakeUps = new WriterWakeUps(writer, config.postgres().schema());
        }
    }

    /** Made by the Connect worker. */
    public QueueSinkTask() {
        this(OutcomeObserver.NONE, true);
    }

    /** Made by the bridge, whose clients wait to hear what became of their messages; it wakes consumers itself. */
    public QueueSinkTask(OutcomeObserver observer) {
        this(observer, false);
    }

    private QueueSinkTask(OutcomeObserver observer, boolean wakesConsumers) {
        this.observer = observer;
        this.wakesConsumers = wakesConsumers;
    }

    @Override
    public String version() {
        return PluginVersion.VERSION;
    }

    /**
     * Reads the configuration and checks (or applies) the schema. If PostgreSQL cannot be reached the task starts all
     * the same and catches up on the check with the first records.
     *
     * @throws ConfigException if the configuration is not valid
     * @throws ConnectException if the schema does not fit
     */
    @Override
    public void start(Map<String, String> props) {
        var config = new QueueSinkConfig(props);
        var made = new Settings(config);
        settings = made;
        publishMetrics(made);
        errant.reportTo(context, props);
        log.info(
                "Starting. source={} url={} schema={} batchSize={} lingerMs={}",
                config.sourceName(),
                config.postgres().urlForLog(),
                config.postgres().schema(),
                config.batchSize(),
                config.linger().toMillis());
        try {
            checkSchema();
        } catch (QueueException e) {
            tolerateIfTransient(e);
        }
    }

    private void publishMetrics(Settings task) {
        for (WatchedSelector selector : task.mapping.watched()) {
            TaskMetrics.publish(
                    context,
                    "records-missing",
                    "Records that had nothing where the setting looks",
                    selector.setting(),
                    selector::missing);
        }
        TaskMetrics.publish(
                context,
                "topics-without-queue",
                "Topics that are passed over because their queue can have no name",
                QueueSinkConfig.QUEUE_NAME_FORMAT,
                topicsWithoutQueue::size);
    }

    private void checkSchema() {
        Settings task = started();
        if (task.schemaChecked) {
            return;
        }
        try {
            if (task.config.postgres().appliesSchema()) {
                QueueSchema.apply(task.dataSource, task.config.postgres().schema());
            } else {
                QueueSchema.verify(task.dataSource, task.config.postgres().schema());
            }
        } catch (IllegalStateException e) {
            throw new ConnectException(e.getMessage(), e);
        }
        task.schemaChecked = true;
    }

    private static void tolerateIfTransient(QueueException e) {
        if (!e.isTransient()) {
            throw new ConnectException(e.getMessage(), e);
        }
        log.warn("PostgreSQL cannot be asked now; the first records will try again. reason={}", e.getMessage());
    }

    /**
     * Asks PostgreSQL how far each partition is written, and Connect to continue there.
     *
     * @throws ConnectException if a partition began anew, and nobody has set its offset since
     */
    @Override
    public void open(Collection<TopicPartition> partitions) {
        lastSource = null;
        passOverTopicsWithoutQueue(partitions);
        seenTopics.see(partitions);
        for (TopicPartition partition : partitions) {
            sources.put(partition, new SinkPosition(started().config.sourceName(), partition));
        }
        try {
            checkSchema();
            for (TopicPartition partition : partitions) {
                SinkPosition source = sources.get(partition);
                OptionalLong stored = started().writer.storedOffset(source.partition);
                source.locatedAt(stored);
                stored.ifPresent(offset -> {
                    context.offset(partition, offset);
                    source.continueAt(offset);
                });
            }
            noteTopics();
        } catch (QueueException e) {
            tolerateIfTransient(e);
        } catch (SourceRefusedException e) {
            throw new ConnectException(e.getMessage(), e);
        }
    }

    /**
     * Pauses the partitions of topics whose queue can have no name, so that the others go on. Their offsets stay where
     * they are. Where a transform may give records another topic, the name is known only with each record.
     */
    private void passOverTopicsWithoutQueue(Collection<TopicPartition> partitions) {
        if (started().config.isTransformed()) {
            return;
        }
        for (TopicPartition partition : partitions) {
            try {
                started().mapping.checkQueueOf(partition.topic());
            } catch (IllegalArgumentException e) {
                context.pause(partition);
                if (topicsWithoutQueue.add(partition.topic())) {
                    log.warn(
                            "A topic is passed over because its queue can have no name; change {} topic={} passedOver={}"
                                    + " reason={}",
                            QueueSinkConfig.QUEUE_NAME_FORMAT,
                            partition.topic(),
                            topicsWithoutQueue.size(),
                            e.getMessage());
                }
            }
        }
    }

    /**
     * Takes the records and writes those that are due.
     *
     * @throws RetriableException if PostgreSQL cannot take them now: call again with the same records, after the time
     *     given to {@code context.timeout}. The cause is a {@link SourceMovedException} if somebody else moves the same
     *     source
     * @throws ConnectException if PostgreSQL refuses them until an operator acts, if a partition begins again, or if a
     *     record can neither be written nor be reported; everything that precedes the record in its partition is
     *     written then. Stop the task
     */
    @Override
    public void put(Collection<SinkRecord> delivered) {
        refuseIfRecordsAreLost(delivered);
        Collection<SinkRecord> records = delivered;
        if (isRedelivery(delivered)) {
            records = ofOpenPartitions(delivered);
        } else {
            sources.values().forEach(SinkPosition::rewound);
            delivered.forEach(record -> newBeginnings.notice(source(record), record.originalKafkaOffset()));
        }
        undelivered = delivered;
        if (isIdle(records)) {
            undelivered = List.of();
            releaseParked();
            wakeConsumers(Duration.ZERO);
            return;
        }
        Duration lingering;
        try {
            checkSchema();
            newBeginnings.refuse(started().writer);
            noteTopics();
            locate(records);
            settleAttempts();
            accept(records);
            lingering = writeDue();
        } catch (QueueException e) {
            throw retries.failed(e, started().config, context);
        } catch (SourceRefusedException e) {
            throw new ConnectException(e.getMessage(), e);
        }
        undelivered = List.of();
        retries.succeeded();
        releaseParked();
        wakeConsumers(lingering);
        if (!ended.isEmpty()) {
            throw ended.failure();
        }
    }

    /** Fails if the worker has lost a record that it did not hand over: nothing behind that record may be written. */
    private void refuseIfRecordsAreLost(Collection<SinkRecord> delivered) {
        if (!errant.hasLostRecords()) {
            return;
        }
        var offsets = new LinkedHashMap<TopicPartition, Long>();
        held.records(0, held.size()).forEach(record -> firstNotStored(offsets, record));
        delivered.forEach(record -> firstNotStored(offsets, record));
        throw new ConnectException(
                "a record that the worker's converter or transform refused could not be sent to the topic "
                        + started().config.originals().get(DeadLetterFailures.TOPIC)
                        + ", and the worker's log says why. If the record is too large, set"
                        + " producer.override.max.request.size, and max.message.bytes of the topic. Records that were"
                        + " delivered with it are not stored; first offsets that are not: " + offsets);
    }

    private static void firstNotStored(Map<TopicPartition, Long> offsets, SinkRecord record) {
        offsets.putIfAbsent(topicPartition(record), record.originalKafkaOffset());
    }

    /** Stores how many partitions the topics have. The bridge does not need it. */
    private void noteTopics() {
        if (wakesConsumers) {
            seenTopics.note(started().config);
        }
    }

    /** Writes parked messages to their queues and notifies the bridges. In a bridge another thread does that. */
    private void releaseParked() {
        if (!wakesConsumers) {
            return;
        }
        try {
            started().wakeUps.released(started().writer.releaseParked(PARKED_RECORDS));
        } catch (QueueException e) {
            log.warn("Parked messages wait until the database takes them reason={}", e.getMessage());
        }
    }

    /** Says whether there is nothing to do: no record, none held, and every partition stands where PostgreSQL says. */
    private boolean isIdle(Collection<SinkRecord> records) {
        return records.isEmpty()
                && held.isEmpty()
                && ended.isEmpty()
                && newBeginnings.isEmpty()
                && sources.values().stream().allMatch(SinkPosition::isKnown);
    }

    /** Says whether Connect delivers what is left of the records of a {@link #put} that threw. */
    @SuppressWarnings("ReferenceEquality") // It delivers the same objects, and others may be equal to them.
    private boolean isRedelivery(Collection<SinkRecord> delivered) {
        if (delivered.isEmpty()) {
            return false;
        }
        SinkRecord first = delivered.iterator().next();
        for (SinkRecord record : undelivered) {
            if (record == first) {
                return true;
            }
        }
        return false;
    }

    /**
     * Returns the records of partitions that are still this task's. Connect takes others out of a redelivery, but by
     * the topic that a transform has given them.
     */
    private Collection<SinkRecord> ofOpenPartitions(Collection<SinkRecord> delivered) {
        var open = new ArrayList<SinkRecord>(delivered.size());
        for (SinkRecord record : delivered) {
            if (sources.containsKey(topicPartition(record))) {
                open.add(record);
            }
        }
        return open;
    }

    /**
     * Tells those who wait for messages, and has Connect come back when there is more to tell or, before that, to
     * write.
     */
    private void wakeConsumers(Duration lingering) {
        Duration untold = started().wakeUps.sendRest();
        Duration next =
                lingering.isZero() || (!untold.isZero() && untold.compareTo(lingering) < 0) ? untold : lingering;
        if (!next.isZero()) {
            context.timeout(Math.max(1, next.toMillis()));
        }
    }

    /** Finds out about sources whose offset is not known, and drops what was delivered from beyond it. */
    private void locate(Collection<SinkRecord> delivered) {
        for (SinkPosition source : sources.values()) {
            if (source.isKnown()) {
                continue;
            }
            OptionalLong stored = started().writer.storedOffset(source.partition);
            long expected = source.stored();
            long continueAt = source.locatedAt(stored);
            long first = firstOffset(delivered, source);
            boolean isLost = stored.isEmpty() && continueAt != NONE;
            if (isLost) {
                log.warn(
                        "PostgreSQL has lost the offset of a source, and with it what was written: restored from a backup, failed"
                                + " over, or deleted. Going back to the first record this task knows of; what was written before"
                                + " that must be sought to by hand. source={} expected={} goingBackTo={} delivered={}",
                        source.partition,
                        expected,
                        continueAt,
                        first);
            }
            if (isLost || (continueAt != NONE && first > continueAt)) {
                source.rewind(continueAt);
                context.offset(source.topicPartition, continueAt);
            } else if (continueAt != NONE && lastOffset(delivered, source) < continueAt) {
                // As open does: what is stored need not come by, what is in its place is noticed, and what was held
                // comes again. Where the records reach beyond, Connect stands behind the last of them.
                source.continueAt(continueAt);
                context.offset(source.topicPartition, continueAt);
            }
        }
    }

    private long lastOffset(Collection<SinkRecord> delivered, SinkPosition source) {
        long last = NONE;
        for (SinkRecord record : delivered) {
            if (source(record) == source) {
                last = record.originalKafkaOffset();
            }
        }
        return last;
    }

    private long firstOffset(Collection<SinkRecord> delivered, SinkPosition source) {
        for (SinkRecord record : delivered) {
            if (source(record) == source) {
                return record.originalKafkaOffset();
            }
        }
        return NONE;
    }

    /** Finds out whether a write whose answer got lost was committed, and drops what it had written. */
    private void settleAttempts() {
        for (SinkPosition source : sources.values()) {
            if (!source.hasUnsettledAttempt()) {
                continue;
            }
            OptionalLong stored = started().writer.storedOffset(source.partition);
            if (stored.isPresent() && stored.getAsLong() == source.attempted()) {
                log.info(
                        "A commit whose answer got lost had happened. source={} offset={}",
                        source.partition,
                        stored.getAsLong());
                source.moveTo(stored.getAsLong());
            }
        }
        dropHeld(source -> true, true);
    }

    private interface SourceFilter {
        boolean accepts(SinkPosition source);
    }

    /** Takes records out of what is held: those that are stored by now, or all of some sources. */
    private void dropHeld(SourceFilter filter, boolean onlyStored) {
        var stored = new ArrayList<SinkRecord>();
        held.removeIf(record -> {
            SinkPosition source = source(record);
            boolean isStored = record.originalKafkaOffset() < source.stored();
            if (!filter.accepts(source) || (onlyStored && !isStored)) {
                return false;
            }
            String reason = errant.remove(record);
            if (isStored && source.reportStored(record.originalKafkaOffset())) {
                if (reason == null) {
                    stored.add(record);
                } else {
                    observer.refused(record, reason);
                }
            }
            return true;
        });
        if (!stored.isEmpty()) {
            observer.alreadyStored(stored);
        }
    }

    private void accept(Collection<SinkRecord> delivered) {
        RecordMapping mapping = started().mapping;
        var stored = new ArrayList<SinkRecord>();
        for (SinkRecord record : delivered) {
            SinkPosition source = source(record);
            if (ended.isBeyond(source, record.originalKafkaOffset())) {
                continue;
            }
            if (source.accept(record.originalKafkaOffset())) {
                held.add(record, message(mapping, record));
            } else if (source.reportStored(record.originalKafkaOffset())) {
                stored.add(record);
            }
        }
        if (!stored.isEmpty()) {
            observer.alreadyStored(stored);
        }
    }

    /** Returns the message of a record; null if it has none, and was refused. */
    private @Nullable NewMessage message(RecordMapping mapping, SinkRecord record) {
        try {
            return mapping.map(record);
        } catch (DataException e) {
            refuse(record, e);
            return null;
        }
    }

    /** Reports a record; where that is not possible its partition ends there. */
    private void refuse(SinkRecord record, Exception reason) {
        try {
            errant.refuse(record, reason);
        } catch (ConnectException e) {
            endPartitions(e);
        }
    }

    /** Notes where partitions end because of records that have reached no place. */
    private void endPartitions(ConnectException failure) {
        List<ErrantRecords.Unplaced> unplaced = errant.takeUnplaced();
        if (unplaced.isEmpty()) {
            throw failure;
        }
        for (ErrantRecords.Unplaced each : unplaced) {
            SinkPosition source = sources.get(topicPartition(each.record()));
            if (source != null) { // Else the next owner of the partition gets the record again.
                ended.add(source, each.record(), each.failure());
            }
        }
    }

    private boolean isBeyondEnd(SinkRecord record) {
        return !ended.isEmpty() && ended.isBeyond(source(record), record.originalKafkaOffset());
    }

    /** Writes the batches that are due; returns how long the last one may still wait, zero if none is left. */
    private Duration writeDue() {
        written = 0;
        long startNanos = System.nanoTime();
        Duration putTimeout = started().config.putTimeout();
        try {
            while (written < held.size()) {
                int end = held.batchEnd(
                        written,
                        batchLimit.records(started().config.batchSize()),
                        started().config.batchBytes());
                Duration wait = lingerLeft(end);
                if (!wait.isZero()) {
                    return wait;
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
        Duration linger = started().config.linger();
        boolean full = end < held.size() || end - written >= started().config.batchSize();
        if (linger.isZero() || full || !ended.isEmpty()) {
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
            written = to; // All of them lie behind records that are nowhere.
            return;
        }
        var progress = new ArrayList<SourceProgress>(ends.size());
        ends.forEach((source, next) -> progress.add(source.progressTo(next)));
        List<NewMessage> batch = held.messages(from, to, this::isBeyondEnd);
        List<PushOutcome> outcomes;
        try {
            outcomes = started().writer.write(batch, progress);
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
        batchLimit.succeeded();
        written = to;
        ends.forEach(SinkPosition::moveTo);
        report(from, to, outcomes);
        ends.forEach(SinkPosition::reportedTo);
        if (wakesConsumers) {
            started().wakeUps.written(batch, outcomes);
        }
    }

    /** Waits until the refused records are where they were reported to, or it is known which of them are not. */
    private void awaitReports(int from, int to) {
        try {
            errant.await(started().config.putTimeout());
        } catch (RetriableException e) {
            context.timeout(1); // They may be there at once.
            throw e;
        } catch (ConnectException e) {
            endPartitions(e);
        }
        refuseIfRecordsAreLost(held.records(from, to));
    }

    /** Returns how far a range moves each partition. Leaves out partitions of which nothing may be written. */
    private Map<SinkPosition, Long> ends(int from, int to) {
        var ends = new LinkedHashMap<SinkPosition, Long>();
        @Nullable SinkPosition current = null;
        long next = NONE;
        for (SinkRecord record : held.records(from, to)) {
            if (isBeyondEnd(record)) {
                continue;
            }
            SinkPosition source = source(record);
            if (source != current) {
                if (current != null) {
                    ends.put(current, next);
                }
                current = source;
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

    /** Writes the halves of a range that PostgreSQL refused, down to the record that it refuses alone. */
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

    /** Tells our own late commit from somebody else's, whose records we then forget. */
    private RuntimeException moved(SourceMovedException e) {
        for (SinkPosition source : sources.values()) {
            if (source.partition.equals(e.partition())) {
                if (source.hasUnsettledAttempt() && source.attempted() == e.storedOffset()) {
                    context.timeout(1);
                    return new RetriableException(
                            "the server was still committing an earlier write: " + e.getMessage());
                }
                held.removeFirst(written);
                written = 0;
                source.lost();
                ended.forget(source);
                dropHeld(other -> other == source, false);
                return e;
            }
        }
        return e;
    }

    private SinkPosition source(SinkRecord record) {
        SinkPosition last = lastSource;
        if (last != null
                && last.topicPartition.partition() == record.originalKafkaPartition()
                && last.topicPartition.topic().equals(record.originalTopic())) {
            return last;
        }
        SinkPosition source = sources.get(topicPartition(record));
        if (source == null) {
            throw new IllegalStateException(
                    ErrantRecords.name(record) + " belongs to no open partition: " + sources.keySet());
        }
        lastSource = source;
        return source;
    }

    private static TopicPartition topicPartition(SinkRecord record) {
        return new TopicPartition(record.originalTopic(), record.originalKafkaPartition());
    }

    /** Returns the next offset of each partition, as far as records below it are written. Writes nothing. */
    @Override
    public Map<TopicPartition, OffsetAndMetadata> preCommit(Map<TopicPartition, OffsetAndMetadata> currentOffsets) {
        var committable = new HashMap<TopicPartition, OffsetAndMetadata>();
        if (!errant.isSettled()) {
            return committable; // What Connect has delivered may lie behind a record that has reached no place.
        }
        currentOffsets.forEach((partition, current) -> {
            SinkPosition source = sources.get(partition);
            long next = source == null ? NONE : source.committable(current.offset());
            if (next != NONE) {
                committable.put(partition, new OffsetAndMetadata(next));
            }
        });
        return committable;
    }

    /** Forgets the partitions and what is held of them; their next owner gets it again. */
    @Override
    public void close(Collection<TopicPartition> partitions) {
        dropHeld(source -> partitions.contains(source.topicPartition), false);
        for (TopicPartition partition : partitions) {
            SinkPosition source = sources.remove(partition);
            if (source != null) {
                ended.forget(source);
            }
        }
        lastSource = null;
    }

    /** Gives the connection back. */
    @Override
    public void stop() {
        Settings task = settings;
        if (task != null) {
            task.writer.close();
            log.info("Stopped source={} held={} missing={}", task.config.sourceName(), held.size(), missing(task));
        }
    }

    /** Returns how many records had nothing where a setting looks, by the setting. */
    private static Map<String, Long> missing(Settings task) {
        var counts = new LinkedHashMap<String, Long>();
        task.mapping.watched().forEach(selector -> counts.put(selector.setting(), selector.missing()));
        return counts;
    }

    private Settings started() {
        Settings task = settings;
        if (task == null) {
            throw new IllegalStateException("the task has not been started");
        }
        return task;
    }
}
