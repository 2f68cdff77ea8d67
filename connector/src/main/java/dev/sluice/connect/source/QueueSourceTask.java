package dev.sluice.connect.source;

import static java.util.Objects.requireNonNull;

import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.connect.plugin.DatabaseState;
import dev.sluice.connect.plugin.PluginVersion;
import dev.sluice.connect.plugin.TaskBean;
import dev.sluice.connect.plugin.TaskMetrics;
import dev.sluice.connect.plugin.WorkerBeans;
import dev.sluice.connect.record.RecordHeaders;
import dev.sluice.queue.Message;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.read.QueueReader;
import dev.sluice.queue.read.QueueReader.Partition;
import dev.sluice.queue.read.QueueReader.Run;
import dev.sluice.queue.read.QueueReader.Share;
import dev.sluice.queue.read.QueueReader.Slice;
import dev.sluice.queue.sql.QueueSchema;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the partitions of its share by position and hands their messages to Connect as records ({@link RecordHeaders}).
 *
 * <p>Connect stores the offsets together with the records ({@link SourceOffsets}); the task stores nothing. After a
 * crash the task continues after the last message in the topic: at least once, or exactly once if the worker has
 * {@code exactly.once.source.support}.
 *
 * <p>When the task has read all messages it knows of, it lists the partitions of its share again and finds those that
 * have moved and those that are new. If there is nothing to read, {@link #poll} waits for {@code poll.interval.ms}. If
 * PostgreSQL is not readable, it waits for {@code retry.backoff.ms}, and retries without limit.
 *
 * <p>Connect calls all methods on one thread, except {@link #stop}. That may come from another thread: it ends a wait,
 * and closes the connection under a read.
 */
public final class QueueSourceTask extends SourceTask {
    private static final Logger log = LoggerFactory.getLogger(QueueSourceTask.class);

    private final CountDownLatch stopped = new CountDownLatch(1);
    private final SourcePositions positions = new SourcePositions();
    private final SourceMetrics metrics = new SourceMetrics();
    private volatile @Nullable Settings settings;

    /** What {@link #start} derives from the configuration. */
    private static final class Settings {
        final QueueSourceConfig config;
        final Share share;
        final QueueTopics topics;
        final StartFrom startFrom;
        final RecordValues values;
        final HikariDataSource dataSource;
        final QueueReader reader;
        final DatabaseState state;
        final TaskBean bean;
        boolean prepared;

        /** When this connector first started. Null until the task is prepared, and unless it begins at the end. */
        @Nullable
        Instant firstStart;

        Settings(QueueSourceConfig config, Share share, SourceMetrics metrics) {
            this.config = config;
            this.share = share;
            this.topics = config.topics();
            this.startFrom = config.startFrom();
            this.values = config.recordValues();
            this.dataSource = config.dataSource();
            this.reader = new QueueReader(
                    dataSource, config.postgres().schema(), config.postgres().cipher());
            this.state = new DatabaseState("source " + config.connectorName());
            String number = WorkerBeans.taskNumber(config.connectorName());
            this.bean = TaskBean.register(
                    "source-task-metrics",
                    config.connectorName(),
                    number.isEmpty() ? Integer.toString(share.index()) : number,
                    metrics.metrics(topics, state));
        }
    }

    /** The Connect worker calls this constructor. */
    public QueueSourceTask() {}

    @Override
    public String version() {
        return PluginVersion.VERSION;
    }

    /**
     * Reads the configuration. The task connects to PostgreSQL only in {@link #poll}, so that it also starts while
     * PostgreSQL is down.
     *
     * @throws ConfigException if the configuration is not valid
     */
    @Override
    public void start(Map<String, String> props) {
        var config = new QueueSourceConfig(props);
        Share share = QueueSourceConfig.share(props);
        var task = new Settings(config, share, metrics);
        settings = task;
        TaskMetrics.publish(
                context,
                "queues-without-topic",
                "Queues that are skipped because they can have no topic",
                QueueSourceConfig.TOPIC_FORMAT,
                () -> task.topics.skipped().size());
        log.info(
                "Starting the source task connector={} url={} schema={} share={}/{} startFrom={}",
                config.connectorName(),
                config.postgres().urlForLog(),
                config.postgres().schema(),
                share.index(),
                share.count(),
                config.getString(QueueSourceConfig.START_FROM));
    }

    /**
     * Returns new messages, those of each partition in order; null if there are none, or if a transient failure of
     * PostgreSQL prevented the read.
     *
     * @throws ConnectException if the failure is permanent, so that an operator has to act
     */
    @Override
    public @Nullable List<SourceRecord> poll() throws InterruptedException {
        Settings task = requireNonNull(settings, "the task has not been started");
        metrics.polled();
        try {
            prepare(task);
            List<Run> runs = positions.next(task.config.batchSize());
            if (runs.isEmpty()) {
                listPartitions(task);
                runs = positions.next(task.config.batchSize());
            }
            List<SourceRecord> records = runs.isEmpty() ? List.of() : read(task, runs);
            task.state.succeeded();
            metrics.at(positions);
            metrics.handedOver(records.size());
            if (records.isEmpty() && runs.isEmpty()) {
                await(task.config.pollInterval());
            }
            return records.isEmpty() ? null : records;
        } catch (QueueException e) {
            if (stopped.getCount() == 0) {
                return null;
            }
            if (!e.isTransient()) {
                throw new ConnectException(e.getMessage(), e);
            }
            task.state.failed(e);
            await(task.config.retryBackoff());
            return null;
        }
    }

    private void await(Duration time) throws InterruptedException {
        boolean unused = stopped.await(time.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Checks (or applies) the schema once. If the connector begins at the end, it reads when it first started. */
    private static void prepare(Settings task) {
        if (task.prepared) {
            return;
        }
        // Not from the pool, which has one connection: the check compares two sessions.
        task.config.postgres().prepareSchema(task.config.connections(), QueueSchema::verifyReadable);
        if (task.startFrom.kind() == StartFrom.Kind.END) {
            task.firstStart = task.reader.firstStart(task.config.connectorName());
        }
        task.prepared = true;
    }

    /** Lists the partitions of the share with their newest message, and finds the position in those that are new. */
    private void listPartitions(Settings task) {
        QueueTopics.Scan queues = task.topics.scan();
        List<Partition> partitions = task.reader.partitions(queues, task.share);
        queues.finish();
        List<Partition> unknown = positions.unknown(partitions);
        if (!unknown.isEmpty()) {
            begin(task, unknown);
        }
        positions.update(partitions);
    }

    private void begin(Settings task, List<Partition> partitions) {
        List<Map<String, Object>> keys =
                partitions.stream().map(SourceOffsets::key).toList();
        Map<Map<String, Object>, Map<String, Object>> offsets =
                context.offsetStorageReader().offsets(keys);
        var fresh = new ArrayList<Partition>();
        for (Partition partition : partitions) {
            Long seq = SourceOffsets.seq(offsets.get(SourceOffsets.key(partition)));
            if (seq == null) {
                fresh.add(partition);
            } else {
                positions.begin(partition, seq);
            }
        }
        if (!fresh.isEmpty()) {
            Instant from = task.startFrom.kind() == StartFrom.Kind.END ? task.firstStart : task.startFrom.time();
            Map<Long, Long> starts = from == null ? Map.of() : task.reader.positionsAt(from, fresh);
            for (Partition partition : fresh) {
                positions.begin(partition, starts.getOrDefault(partition.id(), 0L));
            }
        }
    }

    private List<SourceRecord> read(Settings task, List<Run> runs) {
        List<Slice> slices;
        long startNanos = System.nanoTime();
        try {
            slices = task.reader.read(runs, task.config.batchBytes());
        } catch (QueueException e) {
            positions.putBack(runs);
            throw e;
        }
        metrics.read(startNanos);
        var records = new ArrayList<SourceRecord>();
        for (Slice slice : slices) {
            Partition partition = slice.run().partition();
            for (Message message : slice.messages()) {
                records.add(record(task, partition, message));
            }
        }
        positions.advance(slices);
        return records;
    }

    private static SourceRecord record(Settings task, Partition partition, Message message) {
        var outgoing = NewMessage.builder(
                        message.id(), message.queue(), message.partition(), message.transactionId(), message.payload())
                .headers(message.headers())
                .traceId(message.traceId())
                .producerSub(message.producerSub())
                .origin(new Origin(message.createdAt(), partition.lane()))
                .build();
        try {
            SchemaAndValue value = task.values.of(message);
            return new SourceRecord(
                    SourceOffsets.key(partition),
                    SourceOffsets.offset(message.seq()),
                    task.topics.topic(message.queue()),
                    null,
                    Schema.STRING_SCHEMA,
                    RecordHeaders.key(outgoing),
                    value.schema(),
                    value.value(),
                    null,
                    RecordHeaders.connect(outgoing));
        } catch (IllegalArgumentException e) {
            throw new ConnectException(e.getMessage(), e);
        }
    }

    /** Counts a record that a topic has, or that a transform has dropped. Any thread may call it. */
    @Override
    public void commitRecord(SourceRecord record, @Nullable RecordMetadata metadata) {
        metrics.acknowledged();
    }

    /**
     * Ends a wait of {@link #poll}, closes the pool and removes the metrics. Any thread may call it, more than once.
     */
    @Override
    public void stop() {
        stopped.countDown();
        Settings task = settings;
        if (task != null && !task.dataSource.isClosed()) {
            task.dataSource.close();
            task.bean.close();
            log.info(
                    "Stopped the source task connector={} deletedUnread={} queuesWithoutTopic={}",
                    task.config.connectorName(),
                    positions.deletedUnread(),
                    task.topics.skipped().size());
        }
    }
}
