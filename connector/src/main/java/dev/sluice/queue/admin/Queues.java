package dev.sluice.queue.admin;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PartitionKey;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.QueueInfo;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import dev.sluice.queue.write.PartitionDirectory;
import dev.sluice.queue.write.TailAdvance;
import dev.sluice.queue.write.TailAdvance.Extent;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * The queues of a schema: their options, and the deletion of queues, partitions and messages.
 *
 * <p>Deleting makes things invisible in one short transaction, whatever their size: no pop, push or list finds them
 * once the method has returned. The space they take is given back by {@link Retention}, in small steps. A push that is
 * under way at that moment either commits before and is deleted too, or notices and makes the queue anew; it is never
 * lost in between.
 *
 * <p>Every method blocks until it has committed. Safe for use by many threads and by many processes on one database.
 */
public final class Queues {
    /** Times a queue is made again because somebody deletes it while it is configured. */
    private static final int MAX_RESTARTS = 5;
    /** Partitions cleared in one transaction. */
    private static final int PAGE = 100;
    /** Scheduled messages deleted in one transaction. */
    private static final int ROWS = 1000;

    private final Transactions transactions;
    private final Transactions byIndex;
    private final Statements statements;
    /** Partitions are made by the statements of the flush. */
    private final Statements writer;

    private final PartitionPages partitions;
    private final TailAdvance trim;
    private final boolean mayEncrypt;
    private final Runnable configured;

    /** Makes the administration of a schema that {@link QueueSchema} has brought up to date, without a key. */
    public Queues(DataSource dataSource, String schema) {
        this(dataSource, schema, PayloadCipher.NONE, () -> {});
    }

    /**
     * Makes the administration of a schema that {@link QueueSchema} has brought up to date.
     *
     * @param cipher what writers encrypt with: without a key no queue becomes an encrypted one
     * @param configured run after options were committed, before the caller hears of it; must not throw
     */
    public Queues(DataSource dataSource, String schema, PayloadCipher cipher, Runnable configured) {
        this.mayEncrypt = cipher.hasKey();
        this.configured = configured;
        this.transactions = new Transactions(dataSource);
        this.byIndex = Transactions.byIndex(dataSource);
        this.statements = Statements.read("queues.sql", schema);
        this.writer = Statements.read("partition_directory.sql", schema);
        this.partitions = new PartitionPages(byIndex, schema, PAGE);
        this.trim = new TailAdvance(schema);
    }

    /**
     * Creates a queue, or replaces all settings of the one there is. Creates its partition
     * {@value NewMessage#DEFAULT_PARTITION}.
     *
     * @param namespace replaces the namespace, which may be empty
     * @param task replaces the task, which may be empty
     * @return the queue as it is now, without counts
     * @throws IllegalArgumentException if PostgreSQL cannot store the name, or the queue shall be encrypted and there
     *     is no key
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless it failed while committing
     */
    public QueueInfo configure(String queue, String namespace, String task, QueueOptions options) {
        requireNonNull(namespace, "namespace");
        requireNonNull(task, "task");
        requireNonNull(options, "options");
        return configure(queue, namespace, task, before -> options);
    }

    /**
     * Changes some settings of a queue; creates it if there is none. Of several changes at a time, each sees what the
     * one before has left. Creates the partition {@value NewMessage#DEFAULT_PARTITION}.
     *
     * @param namespace the namespace, or null to leave it
     * @param task the task, or null to leave it
     * @param change makes the new options of the old ones, {@link QueueOptions#DEFAULTS} for a new queue. Called while
     *     the queue is locked, perhaps more than once; what it throws is thrown
     * @return the queue as it is now, without counts
     * @throws IllegalArgumentException if PostgreSQL cannot store the name, or the queue shall be encrypted and there
     *     is no key
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless it failed while committing
     */
    public QueueInfo configure(
            String queue, @Nullable String namespace, @Nullable String task, UnaryOperator<QueueOptions> change) {
        NewMessage.checkName("queue", queue);
        QueueInfo committed = byIndex.run("could not configure queue " + queue, connection -> {
            QueueInfo before = createAndLock(connection, queue);
            QueueOptions options = change.apply(before.options());
            checkKey(before.options(), options);
            QueueInfo after = new QueueInfo(
                    before.id(),
                    queue,
                    namespace == null ? before.namespace() : namespace,
                    task == null ? before.task() : task,
                    options,
                    before.createdAt(),
                    0,
                    0);
            update(connection, after);
            createDefaultPartition(connection, queue);
            if (before.options().lane() != options.lane()) {
                run(connection, "change-lanes", after.id());
                run(connection, "change-lanes-of-cursors", after.id());
            }
            return after;
        });
        configured.run();
        return committed;
    }

    /** A queue that already is encrypted may be configured by who has no key. */
    private void checkKey(QueueOptions before, QueueOptions after) {
        if (after.encryptionEnabled() && !before.encryptionEnabled() && !mayEncrypt) {
            throw new IllegalArgumentException("encryptionEnabled needs a key to encrypt with: set encryption.keys");
        }
    }

    /** Returns a queue, or nothing when there is none of that name. */
    public Optional<QueueInfo> find(String queue) {
        return select(requireNonNull(queue, "queue")).stream().findFirst();
    }

    /** Returns all queues, newest first. */
    public List<QueueInfo> list() {
        return select(null);
    }

    /**
     * Returns the id of a partition, or nothing when there is none of that name.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public OptionalLong findPartition(String queue, String partition) {
        requireNonNull(partition, "partition");
        return byIndex.run("could not read partition " + partition + " of queue " + queue, connection -> {
            return statements
                    .on(connection, "partition-id")
                    .set("queue", queue)
                    .set("partition", partition)
                    .first(row -> OptionalLong.of(row.getLong("id")))
                    .orElseGet(OptionalLong::empty);
        });
    }

    /**
     * Returns partitions, by queue and name.
     *
     * @param queue only those of the queue of that name; null: of all queues
     * @param limit most of them returned, 0 or more
     * @param offset how many to leave out first, 0 or more
     * @param after where the page before ended; null: from the first on
     * @throws QueueException if PostgreSQL failed
     */
    public List<PartitionInfo> listPartitions(
            @Nullable String queue, int limit, long offset, @Nullable PartitionKey after) {
        return transactions.run("could not read the partitions", connection -> {
            var partitions = new ArrayList<PartitionInfo>();
            try (var statement = new BoundStatement(connection, statements.get("partitions"))
                            .set("queue", queue)
                            .set("after_queue", after == null ? null : after.queue())
                            .set("after_partition", after == null ? null : after.partition())
                            .set("limit", limit)
                            .set("offset", offset);
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    partitions.add(PartitionInfo.of(row));
                }
            }
            return partitions;
        });
    }

    /**
     * Deletes a queue with its partitions, messages, groups and dead letters.
     *
     * @return false if there was none
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless it failed while committing
     */
    public boolean delete(String queue) {
        return byIndex.run("could not delete queue " + queue, connection -> {
            Optional<QueueInfo> found = lock(connection, queue);
            if (found.isEmpty()) {
                return false;
            }
            deletePartitions(connection, found.get().id(), null);
            deleteParked(connection, queue, null);
            run(connection, "delete-groups", found.get().id());
            run(connection, "delete-queue", found.get().id());
            return true;
        });
    }

    /**
     * Deletes a partition with its messages and dead letters. A push to it makes a new one, whose seqs start at 1.
     *
     * @return false if there was none
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless it failed while committing
     */
    public boolean deletePartition(String queue, String partition) {
        requireNonNull(partition, "partition");
        return byIndex.run("could not delete partition " + partition + " of queue " + queue, connection -> {
            Optional<QueueInfo> found = lock(connection, queue);
            if (found.isEmpty()) {
                return false;
            }
            int partitions = deletePartitions(connection, found.get().id(), partition);
            int parked = deleteParked(connection, queue, partition);
            return partitions > 0 || parked > 0;
        });
    }

    /**
     * Deletes one message, its dead letters and its traces. Its seq stays taken; groups that have not read it pass over
     * it. The message may be one that waits for its time. Reads the transaction ids of the whole partition.
     *
     * @param partitionId id of its partition
     * @param transactionId its key; all messages of that key go, should there be several
     * @return false if there was none
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless it failed while committing
     */
    public boolean deleteMessage(long partitionId, String transactionId) {
        requireNonNull(transactionId, "transactionId");
        return byIndex.run("could not delete message " + transactionId, connection -> {
            long deleted = 0;
            // Dead letters before partitions, in the order a redrive locks them.
            try (var statement = ofMessage(connection, "delete-dead-letters-of-message", partitionId, transactionId)) {
                deleted += statement.update();
            }
            try (var statement = ofMessage(connection, "delete-traces-of-message", partitionId, transactionId)) {
                statement.update();
            }
            boolean waits;
            try (var statement = new BoundStatement(connection, statements.get("lock-partition-of-scheduled"))
                            .set("partition", partitionId);
                    ResultSet row = statement.query()) {
                waits = row.next();
            }
            if (waits) {
                try (var statement = ofMessage(connection, "delete-scheduled-message", partitionId, transactionId);
                        ResultSet row = statement.query()) {
                    row.next();
                    deleted += row.getLong(1);
                }
            }
            try (var statement = ofMessage(connection, "delete-message", partitionId, transactionId)) {
                deleted += statement.update();
            }
            return deleted > 0;
        });
    }

    /**
     * Deletes the messages of a queue, scheduled and parked ones too, and ends its leases. The queue stays with its
     * partitions and groups; so do its dead letters. Goes a hundred partitions at a time; after a failure some may be
     * empty and others not.
     *
     * @param partition clears only the partition of that name; null: all
     * @return how many messages there were
     * @throws QueueException if PostgreSQL failed; to be repeated
     */
    public long clear(String queue, @Nullable String partition) {
        // First: one that is released meanwhile is in a partition by then.
        long cleared =
                byIndex.run("could not clear queue " + queue, connection -> deleteParked(connection, queue, partition));
        PartitionPages.Walk walk = partitions.walk("could not clear queue " + queue, queue, partition);
        for (List<Long> page = walk.next(); !page.isEmpty(); page = walk.next()) {
            List<Long> ids = page;
            long[] deleted;
            do {
                deleted = byIndex.run("could not clear queue " + queue, connection -> clear(connection, ids));
                cleared += deleted[0] + deleted[1];
            } while (deleted[1] == ROWS);
        }
        return cleared;
    }

    /** Clears partitions; returns how many messages, and how many scheduled ones, of which some may be left. */
    private long[] clear(Connection connection, List<Long> page) throws SQLException {
        SortedMap<Long, Extent> extents = trim.lock(connection, page);
        SortedMap<Long, Long> tails = new TreeMap<>();
        long messages = 0;
        for (Map.Entry<Long, Extent> each : extents.entrySet()) {
            long tail = each.getValue().head() + 1;
            if (tail > each.getValue().tail()) {
                messages += tail - each.getValue().tail();
                tails.put(each.getKey(), tail);
            }
        }
        trim.run(connection, tails);
        try (var statement = new BoundStatement(connection, statements.get("clear-scheduled"))
                        .set("partitions", TailAdvance.longs(extents.keySet()))
                        .set("limit", ROWS);
                ResultSet row = statement.query()) {
            row.next();
            return new long[] {messages, row.getLong(1)};
        }
    }

    private QueueInfo createAndLock(Connection connection, String queue) throws SQLException {
        for (int restart = 0; restart <= MAX_RESTARTS; restart++) {
            try (var create = new BoundStatement(connection, statements.get("create-queue")).set("queue", queue)) {
                create.update();
            }
            Optional<QueueInfo> locked = lock(connection, queue);
            if (locked.isPresent()) {
                return locked.get();
            }
        }
        throw new QueueException(
                "queue " + queue + " was deleted " + MAX_RESTARTS + " times while it was configured", "55000", null);
    }

    private Optional<QueueInfo> lock(Connection connection, String queue) throws SQLException {
        try (var statement = new BoundStatement(connection, statements.get("lock-queue")).set("queue", queue);
                ResultSet row = statement.query()) {
            return row.next() ? Optional.of(QueueInfo.of(row)) : Optional.empty();
        }
    }

    private void update(Connection connection, QueueInfo queue) throws SQLException {
        QueueOptions options = queue.options();
        try (var statement = new BoundStatement(connection, statements.get("configure-queue"))
                .set("queue_id", queue.id())
                .set("namespace", queue.namespace())
                .set("task", queue.task())
                .set("lease_time_s", (int) options.leaseTime().toSeconds())
                .set("retry_limit", options.retryLimit())
                .set(
                        "retry_delay_ms",
                        options.retryDelay() == null
                                ? null
                                : (Long) options.retryDelay().toMillis())
                .set("redelivery_limit", options.redeliveryLimit())
                .set("priority", options.priority())
                .set("max_size", options.maxSize())
                .set(
                        "ttl_s",
                        options.ttl() == null ? null : (Long) options.ttl().toSeconds())
                .set("dead_letter_queue", options.deadLetterQueue())
                .set("dlq_after_max_retries", options.dlqAfterMaxRetries())
                .set("delayed_processing_s", options.delayedProcessing().toSeconds())
                .set("window_buffer_s", options.windowBuffer().toSeconds())
                .set("retention_enabled", options.retentionEnabled())
                .set("retention_s", options.retention().toSeconds())
                .set("completed_retention_s", options.completedRetention().toSeconds())
                .set("max_wait_time_s", options.maxWaitTime().toSeconds())
                .set("encryption_enabled", options.encryptionEnabled())
                .set(
                        "dedup_window_ms",
                        options.dedupWindow() == null
                                ? null
                                : (Long) options.dedupWindow().toMillis())) {
            statement.update();
        }
    }

    /** Registers the groups that waited for the queue, and makes the partition with their cursors. */
    private void createDefaultPartition(Connection connection, String queue) throws SQLException {
        String[] queueName = {queue};
        try (var pending = new BoundStatement(connection, writer.get("register-pending")).set("queues", queueName);
                var create = new BoundStatement(connection, writer.get("create-partitions"))
                        .set("queues", queueName)
                        .set("partitions", new String[] {NewMessage.DEFAULT_PARTITION})
                        .set("lanes", new int[] {PartitionDirectory.LANE_OF_QUEUE})) {
            pending.update();
            create.update();
        }
    }

    private int deletePartitions(Connection connection, long queueId, @Nullable String partition) throws SQLException {
        try (var lock = new BoundStatement(connection, statements.get("lock-partitions-for-deletion"))
                        .set("queue_id", queueId)
                        .set("partition", partition);
                var cursors = new BoundStatement(connection, statements.get("delete-cursors"))
                        .set("queue_id", queueId)
                        .set("partition", partition);
                var partitions = new BoundStatement(connection, statements.get("delete-partitions"))
                        .set("queue_id", queueId)
                        .set("partition", partition)) {
            lock.query().close();
            cursors.update();
            return partitions.update();
        }
    }

    /**
     * Deletes messages that wait for the queue: otherwise they would create it again. After the partitions, as those
     * who release them.
     */
    private int deleteParked(Connection connection, String queue, @Nullable String partition) throws SQLException {
        try (var statement = new BoundStatement(connection, statements.get("delete-parked"))
                .set("queue", queue)
                .set("partition", partition)) {
            return statement.update();
        }
    }

    private List<QueueInfo> select(@Nullable String queue) {
        return transactions.run("could not read the queues", connection -> {
            var queues = new ArrayList<QueueInfo>();
            try (var statement = new BoundStatement(connection, statements.get("queues")).set("queue", queue);
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    queues.add(QueueInfo.of(row));
                }
            }
            return queues;
        });
    }

    private BoundStatement ofMessage(Connection connection, String name, long partitionId, String transactionId)
            throws SQLException {
        return new BoundStatement(connection, statements.get(name))
                .set("partition", partitionId)
                .set("transaction_id", transactionId);
    }

    private void run(Connection connection, String name, long queueId) throws SQLException {
        try (var statement = new BoundStatement(connection, statements.get(name)).set("queue_id", queueId)) {
            statement.update();
        }
    }
}
