package dev.sluice.connect.sink;

import dev.sluice.connect.plugin.ConnectSettings;
import dev.sluice.connect.plugin.DatabaseState;
import dev.sluice.connect.plugin.PluginVersion;
import dev.sluice.connect.plugin.TaskBean;
import dev.sluice.connect.plugin.TaskMetrics;
import dev.sluice.connect.plugin.WorkerBeans;
import dev.sluice.connect.record.MappingSettings;
import dev.sluice.connect.record.RecordMapping;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.write.SourceMovedException;
import dev.sluice.queue.write.SourceRefusedException;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.apache.kafka.connect.sink.SinkTaskContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the records of its topic partitions into queues, exactly once and in order. The package comment says how, and
 * what the task does about failures.
 *
 * <p>From {@link #put} on the task holds a record until it is written: at once, or when {@code batch.size},
 * {@code batch.bytes} or {@code linger.ms} is reached. {@link #preCommit} returns only offsets of written records, so
 * Connect delivers again whatever is held when the task ends. If a delivery fails, the same records come again, and the
 * task recognises them by their offsets. On a worker the task itself keeps them ({@link Redelivery}); in a bridge it
 * throws {@link RetriableException}.
 *
 * <p>Connect, or the bridge's drain, calls all methods on one thread.
 */
public final class QueueSinkTask extends SinkTask {
    private static final Logger log = LoggerFactory.getLogger(QueueSinkTask.class);

    private final OutcomeObserver observer;
    private final SinkMetrics metrics;

    /** Whether the task runs on a Connect worker, and not in a bridge. */
    private final boolean isOnWorker;

    private final SinkPositions positions = new SinkPositions();
    private final RecreatedTopics recreated = new RecreatedTopics();
    private final Retries retries = new Retries();
    private @Nullable Started started;

    /**
     * The records of the last {@link #put} if it threw. Connect delivers them again, or those that are left of them.
     */
    private Collection<SinkRecord> failedDelivery = List.of();

    /** What {@link #start} makes of the configuration. */
    private static final class Started {
        final QueueSinkConfig config;
        final RecordMapping mapping;
        final SinkDatabase database;
        final SkippedTopics skippedTopics;
        final WorkerDuties duties;
        final BatchWriter batches;
        final Redelivery redelivery;
        final DatabaseState state;

        /** The bean with the metrics; null in a bridge. */
        @Nullable
        TaskBean bean;

        Started(
                QueueSinkConfig config,
                boolean isOnWorker,
                SinkPositions positions,
                OutcomeObserver observer,
                SinkTaskContext context) {
            this.config = config;
            this.mapping = config.mapping();
            this.database = new SinkDatabase(config);
            this.skippedTopics = new SkippedTopics(mapping);
            this.redelivery = new Redelivery(partition -> skippedTopics.contains(partition.topic()));
            this.state = new DatabaseState("sink " + config.sourceName());
            this.duties = new WorkerDuties(isOnWorker, config, database, state);
            this.batches = new BatchWriter(config, database.writer(), mapping, positions, duties, observer, context);
        }
    }

    /** The Connect worker calls this constructor. */
    public QueueSinkTask() {
        this(new SinkMetrics());
    }

    private QueueSinkTask(SinkMetrics metrics) {
        this(metrics, metrics, true);
    }

    /** Makes a task for the bridge. The bridge tells its clients the outcomes, and wakes consumers itself. */
    public QueueSinkTask(OutcomeObserver observer) {
        this(observer, new SinkMetrics(), false);
    }

    private QueueSinkTask(OutcomeObserver observer, SinkMetrics metrics, boolean isOnWorker) {
        this.observer = observer;
        this.metrics = metrics;
        this.isOnWorker = isOnWorker;
    }

    @Override
    public String version() {
        return PluginVersion.VERSION;
    }

    /**
     * Reads the configuration and checks (or applies) the schema. If PostgreSQL is not reachable, the task starts all
     * the same, and checks the schema with the first records.
     *
     * @throws ConfigException if the configuration is not valid
     * @throws ConnectException if the schema has another version
     */
    @Override
    public void start(Map<String, String> props) {
        var config = new QueueSinkConfig(props);
        var task = new Started(config, isOnWorker, positions, observer, context);
        started = task;
        publishMetrics(task);
        log.info(
                "Starting the sink task source={} url={} schema={} batchSize={} lingerMs={}",
                config.sourceName(),
                config.postgres().urlForLog(),
                config.postgres().schema(),
                config.batchSize(),
                config.linger().toMillis());
        try {
            task.database.checkSchema();
            task.state.succeeded();
        } catch (QueueException e) {
            tolerateIfTransient(e);
        } catch (ConnectException e) {
            closeBean(task);
            throw e;
        }
    }

    private void publishMetrics(Started task) {
        task.mapping
                .missingCounters()
                .forEach((setting, counter) -> TaskMetrics.publish(
                        context,
                        "records-missing",
                        "Records that had nothing where the setting looks",
                        setting,
                        counter));
        TaskMetrics.publish(
                context,
                "topics-without-queue",
                "Topics that are skipped because their queue can have no name",
                MappingSettings.QUEUE_NAME_FORMAT,
                task.skippedTopics::count);
        if (isOnWorker) {
            register(task);
        }
    }

    private void register(Started task) {
        Map<String, String> properties = task.config.originalsStrings();
        String connector = properties.getOrDefault(ConnectSettings.NAME, "");
        String number = WorkerBeans.taskNumber(connector);
        var lag = new ConsumerLag(properties, connector, number);
        task.bean = TaskBean.register(
                "sink-task-metrics",
                connector,
                number,
                metrics.metrics(task.mapping, task.skippedTopics, lag::records, task.state));
    }

    private void tolerateIfTransient(QueueException e) {
        if (!e.isTransient()) {
            closeBean(started());
            throw new ConnectException(e.getMessage(), e);
        }
        if (isOnWorker) {
            started().state.failed(e);
            return;
        }
        log.warn("PostgreSQL is not reachable; the task retries with the first records reason={}", e.getMessage());
    }

    /**
     * Reads the stored offset of each partition and has Connect continue there. It pauses partitions of topics whose
     * queue can have no name, unless a transform may change the topic: then the name is known only with each record.
     *
     * @throws ConnectException if the topic of a partition was recreated, and no operator has set the offset since
     */
    @Override
    public void open(Collection<TopicPartition> partitions) {
        Started task = started();
        if (!task.config.isTransformed()) {
            task.skippedTopics.pauseAmong(partitions, context);
        }
        task.redelivery.open(partitions, context);
        task.duties.see(partitions);
        positions.open(task.config.sourceName(), partitions);
        try {
            task.database.checkSchema();
            positions.resume(partitions, task.database.writer(), context);
            task.duties.storeTopics();
        } catch (QueueException e) {
            tolerateIfTransient(e);
        } catch (SourceRefusedException e) {
            throw new ConnectException(e.getMessage(), e);
        }
    }

    /**
     * Accepts the records and writes the batches that are due. If a failure of PostgreSQL is transient, a task on a
     * worker keeps the records and tries them at the next call ({@link Redelivery}), after the time given to
     * {@code context.timeout}.
     *
     * @throws RetriableException in a bridge, if a failure of PostgreSQL is transient: call again with the same
     *     records, after the time given to {@code context.timeout}. If another task moves the same source, the cause is
     *     a {@link SourceMovedException}
     * @throws ConnectException if a failure of PostgreSQL is permanent, if a topic was recreated, or if a record can be
     *     neither written nor reported. In the last case everything that precedes the record in its partition is
     *     written. Stop the task
     */
    @Override
    public void put(Collection<SinkRecord> delivered) {
        Started task = started();
        if (!isOnWorker) {
            deliver(task, delivered);
            return;
        }
        metrics.delivered(delivered.size());
        if (!task.redelivery.isEmpty()) {
            notice(delivered);
        }
        Collection<SinkRecord> records = task.redelivery.next(delivered, context);
        try {
            deliver(task, records);
            task.redelivery.succeeded(context);
        } catch (RetriableException e) {
            task.redelivery.failed(records, e, context);
            if (e.getCause() instanceof QueueException cause) {
                task.state.failed(cause);
            }
        }
        metrics.held(task.batches.held() > 0 ? task.batches.held() : task.redelivery.size());
    }

    private void deliver(Started task, Collection<SinkRecord> delivered) {
        task.batches.failIfRecordsAreLost(delivered);
        Collection<SinkRecord> records = recognise(delivered);
        failedDelivery = delivered;
        Duration linger = Duration.ZERO;
        if (!isIdle(task, records)) {
            linger = write(task, records);
            retries.succeeded();
            task.state.succeeded();
        }
        failedDelivery = List.of();
        task.duties.releaseParked(task.batches.isIdle());
        scheduleNextPut(task, linger);
        task.batches.failIfPartitionsEnded();
    }

    /** Returns the records to work on. It notes those that Connect delivers for the first time. */
    private Collection<SinkRecord> recognise(Collection<SinkRecord> delivered) {
        if (isRedelivery(delivered)) {
            // Connect drops the records of closed partitions, but by the topic that a transform has given them.
            return delivered.stream()
                    .filter(record -> positions.find(record) != null)
                    .toList();
        }
        positions.rewound();
        notice(delivered);
        return delivered;
    }

    /** Checks records that Connect delivers for the first time. */
    private void notice(Collection<SinkRecord> delivered) {
        delivered.forEach(record -> recreated.notice(positions.of(record), record.originalKafkaOffset()));
    }

    /**
     * Returns true if Connect delivers the records again that the last {@link #put} has failed on, or a part of them.
     */
    @SuppressWarnings("ReferenceEquality") // Connect delivers the same objects, and other records may be equal to them.
    private boolean isRedelivery(Collection<SinkRecord> delivered) {
        if (delivered.isEmpty()) {
            return false;
        }
        SinkRecord first = delivered.iterator().next();
        return failedDelivery.stream().anyMatch(record -> record == first);
    }

    /** Returns true if there is nothing to do. */
    private boolean isIdle(Started task, Collection<SinkRecord> records) {
        return records.isEmpty() && task.batches.isIdle() && recreated.isEmpty() && positions.areKnown();
    }

    /** Accepts records and writes the batches that are due. Returns how long the others may linger. */
    private Duration write(Started task, Collection<SinkRecord> records) {
        try {
            task.database.checkSchema();
            recreated.failIfAny(task.database.writer());
            task.duties.storeTopics();
            positions.locate(records, task.database.writer(), context);
            positions.settleAttempts(task.database.writer());
            if (positions.takeMoved()) {
                task.batches.dropStored();
            }
            task.batches.accept(records);
            return task.batches.writeDue();
        } catch (QueueException e) {
            throw retries.failed(e, task.config, context);
        } catch (SourceRefusedException e) {
            throw new ConnectException(e.getMessage(), e);
        }
    }

    /** Has Connect call again when the linger is over or, before that, when more wake-ups are due. */
    private void scheduleNextPut(Started task, Duration linger) {
        Duration wakeUp = task.duties.sendWakeUps();
        boolean isWakeUpFirst = linger.isZero() || (!wakeUp.isZero() && wakeUp.compareTo(linger) < 0);
        Duration next = isWakeUpFirst ? wakeUp : linger;
        if (!next.isZero()) {
            context.timeout(Math.max(1, next.toMillis()));
        }
    }

    /**
     * Returns the next offset of each partition, as far as records are written. If a record that Connect has delivered
     * may be neither in the queue nor in the dead letter topic, or is kept for another attempt, it returns none. It
     * writes nothing.
     */
    @Override
    public Map<TopicPartition, OffsetAndMetadata> preCommit(Map<TopicPartition, OffsetAndMetadata> currentOffsets) {
        Started task = started();
        return task.batches.isSettled() && task.redelivery.isEmpty() ? positions.committable(currentOffsets) : Map.of();
    }

    /** Forgets partitions and their held records. The next owner gets the records again. */
    @Override
    public void close(Collection<TopicPartition> partitions) {
        Started task = started();
        task.redelivery.close(partitions);
        BatchWriter batches = task.batches;
        batches.close(partitions);
        for (TopicPartition partition : partitions) {
            SinkPosition position = positions.close(partition);
            if (position != null) {
                batches.forgetEnd(position);
            }
        }
    }

    /** Closes the connection and removes the metrics. */
    @Override
    public void stop() {
        Started task = started;
        if (task != null) {
            closeBean(task);
            task.database.close();
            log.info(
                    "Stopped the sink task source={} held={} missing={} headersLeftOut={}",
                    task.config.sourceName(),
                    task.batches.held(),
                    missing(task),
                    task.mapping.headersLeftOut());
        }
    }

    private static void closeBean(Started task) {
        TaskBean bean = task.bean;
        if (bean != null) {
            bean.close();
        }
    }

    /** Returns, by setting, the number of records that had nothing where the setting looks. */
    private static Map<String, Long> missing(Started task) {
        var counts = new LinkedHashMap<String, Long>();
        task.mapping.missingCounters().forEach((setting, counter) -> counts.put(setting, counter.getAsLong()));
        return counts;
    }

    private Started started() {
        Started task = started;
        if (task == null) {
            throw new IllegalStateException("the task has not been started");
        }
        return task;
    }
}
