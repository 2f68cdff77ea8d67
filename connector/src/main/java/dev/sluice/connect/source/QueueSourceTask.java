package dev.sluice.connect.source;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.connect.plugin.PluginVersion;
import dev.sluice.connect.plugin.TaskMetrics;
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
import javax.sql.DataSource;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the partitions of its share by position and hands their messages to Connect, each as {@link RecordHeaders}
 * says. Where it stands is known to Connect alone ({@link SourceOffsets}), with the records: after any crash it goes on
 * behind the last message in the topic, at least once, or exactly once where the worker supports that
 * ({@code exactly.once.source.support}).
 *
 * <p>A queue that can have no topic is passed over ({@link QueueTopics}), and the others are read.
 *
 * <p>When nothing that is known is left, it looks which partitions have moved, and which are new. {@link #poll} waits
 * at most {@code poll.interval.ms} for something, or {@code retry.backoff.ms} when PostgreSQL cannot be read, which is
 * tried for ever.
 *
 * <p>All methods are called on one thread, except {@link #stop}, which may be called on another: it ends a wait, and a
 * read by taking its connection away.
 */
public final class QueueSourceTask extends SourceTask {
    private static final Logger log = LoggerFactory.getLogger(QueueSourceTask.class);

    private final CountDownLatch stopped = new CountDownLatch(1);
    private final SourcePositions positions = new SourcePositions();
    private volatile @Nullable Settings settings;
    private int failures;

    /** What {@link #start} makes of the configuration. */
    private static final class Settings {
        final QueueSourceConfig config;
        final Share share;
        final QueueTopics topics;
        final StartFrom startFrom;
        final HikariDataSource dataSource;
        final QueueReader reader;
        boolean ready;

        /** When this connector first started; known when it is ready, if it begins at the end. */
        @Nullable
        Instant firstStart;

        Settings(QueueSourceConfig config, Share share) {
            this.config = config;
            this.share = share;
            this.topics = config.topics();
            this.startFrom = config.startFrom();
            this.dataSource = config.dataSource();
            this.reader = new QueueReader(
                    dataSource, config.postgres().schema(), config.postgres().cipher());
        }
    }

    /** Made by the Connect worker. */
    public QueueSourceTask() {}

    @Override
    public String version() {
        return PluginVersion.VERSION;
    }

    /**
     * Reads the configuration. PostgreSQL is asked for the first time by {@link #poll}, so that a task starts without
     * it.
     *
     * @throws ConfigException if the configuration is not valid
     */
    @Override
    public void start(Map<String, String> props) {
        var config = new QueueSourceConfig(props);
        var share = new Share(
                QueueSourceConfig.taskNumber(props, QueueSourceConfig.TASK_INDEX, 0),
                QueueSourceConfig.taskNumber(props, QueueSourceConfig.TASK_COUNT, 1));
        var made = new Settings(config, share);
        settings = made;
        TaskMetrics.publish(
                context,
                "queues-without-topic",
                "Queues that are passed over because they can have no topic",
                QueueSourceConfig.TOPIC_FORMAT,
                made.topics::passedOver);
        log.info(
                "Starting. connector={} url={} schema={} share={}/{} startFrom={}",
                config.connectorName(),
                config.postgres().urlForLog(),
                config.postgres().schema(),
                share.index(),
                share.count(),
                config.getString(QueueSourceConfig.START_FROM));
    }

    /**
     * Returns new messages, each partition's in order; null if there are none yet, or PostgreSQL cannot be read now.
     *
     * @throws ConnectException if PostgreSQL will not be readable until somebody does something about it
     */
    @Override
    public @Nullable List<SourceRecord> poll() throws InterruptedException {
        Settings task = requireNonNull(settings, "the task has not been started");
        try {
            prepare(task);
            List<Run> runs = positions.next(task.config.batchSize());
            if (runs.isEmpty()) {
                look(task);
                runs = positions.next(task.config.batchSize());
            }
            List<SourceRecord> records = runs.isEmpty() ? List.of() : read(task, runs);
            succeeded();
            if (records.isEmpty() && runs.isEmpty()) {
                await(task.config.pollInterval());
            }
            return records.isEmpty() ? null : records;
        } catch (QueueException e) {
            if (stopped.getCount() == 0) {
                return null;
            }
            failed(e);
            await(task.config.retryBackoff());
            return null;
        }
    }

    private void await(Duration time) throws InterruptedException {
        boolean ended = stopped.await(time.toMillis(), TimeUnit.MILLISECONDS);
        log.trace("Waited. stopped={}", ended);
    }

    /** Checks (or applies) the schema once, and finds out when this connector first started if that counts. */
    private static void prepare(Settings task) {
        if (task.ready) {
            return;
        }
        try {
            // Not from the pool: the check looks at two connections side by side.
            DataSource connections = task.config.connections();
            if (task.config.postgres().appliesSchema()) {
                QueueSchema.apply(connections, task.config.postgres().schema());
            } else {
                QueueSchema.verifyReadable(connections, task.config.postgres().schema());
            }
        } catch (IllegalStateException e) {
            throw new ConnectException(e.getMessage(), e);
        }
        if (task.startFrom.kind() == StartFrom.Kind.END) {
            task.firstStart = task.reader.firstStart(task.config.connectorName());
        }
        task.ready = true;
    }

    /** Finds out how the partitions of the share stand, and where to begin in those that are new. */
    private void look(Settings task) {
        QueueTopics.Look queues = task.topics.look();
        List<Partition> partitions = task.reader.partitions(queues, task.share);
        queues.end();
        List<Partition> unknown = positions.unknown(partitions);
        if (!unknown.isEmpty()) {
            begin(task, unknown);
        }
        positions.standing(partitions);
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
        try {
            slices = task.reader.read(runs, task.config.batchBytes());
        } catch (QueueException e) {
            positions.notRead(runs);
            throw e;
        }
        var records = new ArrayList<SourceRecord>();
        for (Slice slice : slices) {
            Partition partition = slice.run().partition();
            for (Message message : slice.messages()) {
                records.add(record(task, partition, message));
            }
        }
        positions.read(slices);
        return records;
    }

    private static SourceRecord record(Settings task, Partition partition, Message message) {
        var moved = NewMessage.builder(
                        message.id(),
                        message.queue(),
                        message.partition(),
                        message.transactionId(),
                        message.payload().getBytes(UTF_8))
                .traceId(message.traceId())
                .producerSub(message.producerSub())
                .origin(new Origin(message.createdAt(), partition.lane()))
                .build();
        boolean bytes = task.config.writesBytes();
        try {
            return new SourceRecord(
                    SourceOffsets.key(partition),
                    SourceOffsets.offset(message.seq()),
                    task.topics.topic(message.queue()),
                    null,
                    Schema.STRING_SCHEMA,
                    RecordHeaders.key(moved),
                    bytes ? Schema.BYTES_SCHEMA : Schema.STRING_SCHEMA,
                    bytes ? moved.payload() : message.payload(),
                    null,
                    RecordHeaders.connect(moved));
        } catch (IllegalArgumentException e) {
            throw new ConnectException(e.getMessage(), e);
        }
    }

    private void failed(QueueException e) {
        if (!e.isTransient()) {
            throw new ConnectException(e.getMessage(), e);
        }
        if (failures++ == 0) {
            log.warn("PostgreSQL cannot be read now; it is tried again until it can. reason={}", e.getMessage());
        }
    }

    private void succeeded() {
        if (failures > 0) {
            log.info("PostgreSQL can be read again. failures={}", failures);
            failures = 0;
        }
    }

    /** Ends what {@link #poll} waits for and gives the connection back. Any thread may call it, more than once. */
    @Override
    public void stop() {
        stopped.countDown();
        Settings task = settings;
        if (task != null && !task.dataSource.isClosed()) {
            task.dataSource.close();
            log.info(
                    "Stopped connector={} deletedUnread={} queuesWithoutTopic={}",
                    task.config.connectorName(),
                    positions.gone(),
                    task.topics.passedOver());
        }
    }
}
