package dev.sluice.queue.admin;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PartitionKey;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.QueueInfo;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.admin.TailAdvance.Extent;
import dev.sluice.queue.index.IdIndex;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import dev.sluice.queue.write.PartitionCreation;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Configures the queues of a schema, and deletes queues, partitions and messages.
 *
 * <p>A deletion makes rows invisible in one short transaction, whatever their number: after the call no pop, push or
 * list finds them. {@link Retention} frees their space later, in small steps. A concurrent push either commits before
 * the deletion and is deleted too, or finds the queue missing and creates it again. No push is lost in between.
 *
 * <p>Every method blocks until it has committed. Safe for use by many threads and by many processes on one database.
 */
public final class Queues {
    /** How often a queue is created again if another process deletes it while it is configured. */
    private static final int MAX_RESTARTS = 5;
    /** Partitions cleared in one transaction. */
    private static final int PAGE = 100;
    /** Scheduled messages deleted in one transaction. */
    private static final int ROWS = 1000;

    private final Transactions transactions;
    private final Transactions byIndex;
    private final Statements statements;
    private final PartitionCreation partitionCreation;

    private final PartitionPages pages;
    private final TailAdvance tailAdvance;
    private final IdIndex ids;
    private final boolean mayEncrypt;
    private final Runnable configured;

    /** Makes the administration of a schema that {@link QueueSchema} has brought up to date, without a key. */
    public Queues(DataSource dataSource, String schema) {
        this(dataSource, schema, PayloadCipher.NONE, () -> {});
    }

    /**
     * Makes the administration of a schema that {@link QueueSchema} has brought up to date.
     *
     * @param cipher the cipher of the writers: if it has no key, no queue can be set to encrypted
     * @param configured runs after the commit of options, before the caller gets its answer; must not throw
     */
    public Queues(DataSource dataSource, String schema, PayloadCipher cipher, Runnable configured) {
        this.mayEncrypt = cipher.hasKey();
        this.configured = configured;
        this.transactions = new Transactions(dataSource);
        this.byIndex = Transactions.byIndex(dataSource);
        this.statements = Statements.read("queues.sql", schema);
        this.partitionCreation = new PartitionCreation(schema);
        this.pages = new PartitionPages(byIndex, schema, PAGE);
        this.tailAdvance = new TailAdvance(schema);
        this.ids = new IdIndex(schema);
    }

    /**
     * Creates a queue, or replaces all settings of an existing one. Creates its partition
     * {@value NewMessage#DEFAULT_PARTITION}.
     *
     * @param namespace the new namespace, may be empty
     * @param task the new task, may be empty
     * @return the queue with the new settings, without counts
     * @throws IllegalArgumentException if PostgreSQL cannot store the name, or if the options ask for encryption and
     *     there is no key
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless the commit failed
     */
    public QueueInfo configure(String queue, String namespace, String task, QueueOptions options) {
        requireNonNull(namespace, "namespace");
        requireNonNull(task, "task");
        requireNonNull(options, "options");
        NewMessage.checkQueueName("queue", queue);
        QueueInfo committed = byIndex.run("could not configure queue " + queue, connection -> {
            QueueInfo before = createAndLock(connection, queue);
            var after = new QueueInfo(before.id(), queue, namespace, task, options, before.createdAt(), 0, 0);
            replace(connection, before, after);
            partitionCreation.run(connection, queue, NewMessage.DEFAULT_PARTITION);
            return after;
        });
        configured.run();
        return committed;
    }

    /**
     * Creates a queue with options, unless there is one.
     *
     * @return the options that the queue has now
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless the commit failed
     */
    public QueueOptions ensure(String queue, QueueOptions options) {
        NewMessage.checkQueueName("queue", queue);
        return byIndex.run("could not create queue " + queue, connection -> {
            Optional<QueueInfo> before = lock(connection, queue);
            boolean isNew = before.isEmpty()
                    && statements
                                    .on(connection, "create-queue")
                                    .set("queue", queue)
                                    .execute()
                            > 0;
            QueueInfo found = before.isPresent() ? before.get() : createAndLock(connection, queue);
            if (!isNew) {
                return found.options();
            }
            replace(connection, found, new QueueInfo(found.id(), queue, "", "", options, found.createdAt(), 0, 0));
            partitionCreation.run(connection, queue, NewMessage.DEFAULT_PARTITION);
            return options;
        });
    }

    /** Computes the new settings of a queue from the old ones. */
    @FunctionalInterface
    public interface Change {
        /** Returns the queue with other settings; its id and its name must stay. */
        QueueInfo of(QueueInfo before);
    }

    /**
     * Changes settings of an existing queue. Concurrent changes run one after the other, so none is lost.
     *
     * @return the queue with the new settings, without counts; empty if there is no such queue
     * @throws IllegalArgumentException if the options ask for encryption and there is no key
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless the commit failed
     */
    public Optional<QueueInfo> change(String queue, Change change) {
        Optional<QueueInfo> committed = byIndex.run("could not configure queue " + queue, connection -> {
            Optional<QueueInfo> before = lock(connection, queue);
            if (before.isEmpty()) {
                return before;
            }
            QueueInfo after = change.of(before.get());
            replace(connection, before.get(), after);
            return Optional.of(after);
        });
        configured.run();
        return committed;
    }

    /** Replaces the settings of a locked queue. */
    private void replace(Connection connection, QueueInfo before, QueueInfo after) throws SQLException {
        checkKey(before.options(), after.options());
        update(connection, after);
        if (!hasLanes(after)
                && (hasLanes(before)
                        || before.options().lane() != after.options().lane())) {
            run(connection, "change-lanes", after.id());
            run(connection, "change-lanes-of-cursors", after.id());
        }
    }

    /** Returns whether the messages decide about the lanes of their partitions. */
    private static boolean hasLanes(QueueInfo queue) {
        return queue.options().itemPriority() || queue.name().startsWith(PushRule.WORK);
    }

    /** A process without a key may configure a queue that is encrypted already. */
    private void checkKey(QueueOptions before, QueueOptions after) {
        if (after.encryptionEnabled() && !before.encryptionEnabled() && !mayEncrypt) {
            throw new IllegalArgumentException("encryptionEnabled needs a key to encrypt with: set encryption.keys");
        }
    }

    private QueueInfo createAndLock(Connection connection, String queue) throws SQLException {
        for (int restart = 0; restart <= MAX_RESTARTS; restart++) {
            statements.on(connection, "create-queue").set("queue", queue).execute();
            Optional<QueueInfo> locked = lock(connection, queue);
            if (locked.isPresent()) {
                return locked.get();
            }
        }
        throw new QueueException(
                "queue " + queue + " was deleted " + MAX_RESTARTS + " times while it was configured", "55000", null);
    }

    private Optional<QueueInfo> lock(Connection connection, String queue) throws SQLException {
        return statements.on(connection, "lock-queue").set("queue", queue).first(QueueInfo::of);
    }

    private void update(Connection connection, QueueInfo queue) throws SQLException {
        QueueOptions options = queue.options();
        statements
                .on(connection, "configure-queue")
                .set("queue_id", queue.id())
                .set("namespace", queue.namespace())
                .set("task", queue.task())
                .set("lease_time_s", options.leaseTime().toSeconds())
                .set("retry_limit", options.retryLimit())
                .set("retry_delay_ms", millis(options.retryDelay()))
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
                .set("dedup_window_ms", millis(options.dedupWindow()))
                .set("item_priority", options.itemPriority())
                .execute();
    }

    private static @Nullable Long millis(@Nullable Duration duration) {
        return duration == null ? null : duration.toMillis();
    }

    /**
     * Returns the id of a partition, or empty if there is no partition of that name.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public OptionalLong findPartition(String queue, String partition) {
        requireNonNull(partition, "partition");
        return byIndex.run(
                "could not read partition " + partition + " of queue " + queue,
                connection -> statements
                        .on(connection, "partition-id")
                        .set("queue", queue)
                        .set("partition", partition)
                        .first(row -> OptionalLong.of(row.getLong("id")))
                        .orElseGet(OptionalLong::empty));
    }

    /**
     * Returns partitions, by queue and name.
     *
     * @param queue only the partitions of the queue of that name; null: of all queues
     * @param limit most partitions returned, 0 or more
     * @param offset how many partitions to skip first, 0 or more
     * @param after where the page before ended; null: start at the first
     * @throws QueueException if PostgreSQL failed
     */
    public List<PartitionInfo> listPartitions(
            @Nullable String queue, int limit, long offset, @Nullable PartitionKey after) {
        return transactions.run(
                "could not read the partitions",
                connection -> statements
                        .on(connection, "partitions")
                        .set("queue", queue)
                        .set("after_queue", after == null ? null : after.queue())
                        .set("after_partition", after == null ? null : after.partition())
                        .set("limit", limit)
                        .set("offset", offset)
                        .list(PartitionInfo::of));
    }

    /**
     * Deletes a queue with its partitions, messages, groups and dead letters.
     *
     * @return false if there was no such queue
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless the commit failed
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
     * Deletes a partition with its messages and dead letters. A push to its name creates a new partition, whose seqs
     * start at 1.
     *
     * @return false if there was no such partition
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless the commit failed
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

    private int deletePartitions(Connection connection, long queueId, @Nullable String partition) throws SQLException {
        ofQueue(connection, "lock-partitions-for-deletion", queueId, partition).run();
        ofQueue(connection, "delete-cursors", queueId, partition).execute();
        return ofQueue(connection, "delete-partitions", queueId, partition).execute();
    }

    /**
     * Deletes the parked messages of a queue: otherwise they would create it again. Runs after the deletion of
     * partitions, because the release of parked messages locks in that order too.
     */
    private int deleteParked(Connection connection, String queue, @Nullable String partition) throws SQLException {
        return statements
                .on(connection, "delete-parked")
                .set("queue", queue)
                .set("partition", partition)
                .execute();
    }

    /**
     * Deletes one message with its dead letters and traces. Its seq stays taken, and groups that have not read it skip
     * it. The message may be a scheduled one.
     *
     * @param partitionId id of its partition
     * @param transactionId its key; if several messages have the key, all of them are deleted
     * @return false if there was no such message
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless the commit failed
     */
    public boolean deleteMessage(long partitionId, String transactionId) {
        requireNonNull(transactionId, "transactionId");
        return byIndex.run("could not delete message " + transactionId, connection -> {
            // A redrive locks dead letters before partitions; so does this transaction.
            long deleted = ofMessage(connection, "delete-dead-letters-of-message", partitionId, transactionId)
                    .execute();
            ofMessage(connection, "delete-traces-of-message", partitionId, transactionId)
                    .execute();
            deleted += deleteScheduled(connection, partitionId, transactionId);
            List<IdIndex.Range> segments =
                    ids.find(connection, partitionId, transactionId).stored();
            deleted += ofMessage(connection, "delete-message", partitionId, transactionId)
                    .set("firsts", segments, IdIndex.Range::first)
                    .set("lasts", segments, IdIndex.Range::last)
                    .execute();
            return deleted > 0;
        });
    }

    private long deleteScheduled(Connection connection, long partitionId, String transactionId) throws SQLException {
        Optional<Long> locked = statements
                .on(connection, "lock-partition-of-scheduled")
                .set("partition", partitionId)
                .first(row -> row.getLong("id"));
        if (locked.isEmpty()) {
            return 0;
        }
        return ofMessage(connection, "delete-scheduled-message", partitionId, transactionId)
                .first(row -> row.getLong("messages"))
                .orElse(0L);
    }

    /**
     * Deletes the messages of a queue, including scheduled and parked ones, and ends its leases. The queue keeps its
     * partitions, groups and dead letters. Clears some hundred partitions in one transaction: after a failure some may
     * be empty and others not.
     *
     * @param partition only the partition of that name; null: all partitions
     * @return how many messages were deleted
     * @throws QueueException if PostgreSQL failed; the caller should repeat the call
     */
    public long clear(String queue, @Nullable String partition) {
        String what = "could not clear queue " + queue;
        // Parked messages first: one that is released during the call is in a partition by then.
        long cleared = byIndex.run(what, connection -> deleteParked(connection, queue, partition));
        PartitionPages.Walk walk = pages.walk(what, queue, partition);
        for (List<Long> page = walk.next(); !page.isEmpty(); page = walk.next()) {
            List<Long> partitions = page;
            Cleared step;
            do {
                step = byIndex.run(what, connection -> clear(connection, partitions));
                cleared += step.messages() + step.scheduled();
            } while (step.scheduled() == ROWS);
        }
        return cleared;
    }

    /**
     * What one transaction has cleared.
     *
     * @param messages all messages of its partitions
     * @param scheduled scheduled messages, at most {@link #ROWS}
     */
    private record Cleared(long messages, long scheduled) {}

    private Cleared clear(Connection connection, List<Long> partitions) throws SQLException {
        NavigableMap<Long, Extent> extents = tailAdvance.lock(connection, partitions);
        NavigableMap<Long, Long> tails = new TreeMap<>();
        long messages = 0;
        for (var each : extents.entrySet()) {
            long oldTail = each.getValue().tail();
            long newTail = each.getValue().head() + 1;
            if (newTail > oldTail) {
                messages += newTail - oldTail;
                tails.put(each.getKey(), newTail);
            }
        }
        tailAdvance.advance(connection, tails);
        long scheduled = statements
                .on(connection, "clear-scheduled")
                .set("partitions", extents.keySet(), Long::longValue)
                .set("limit", ROWS)
                .first(row -> row.getLong("messages"))
                .orElse(0L);
        return new Cleared(messages, scheduled);
    }

    private BoundStatement ofMessage(Connection connection, String name, long partitionId, String transactionId)
            throws SQLException {
        return statements.on(connection, name).set("partition", partitionId).set("transaction_id", transactionId);
    }

    private BoundStatement ofQueue(Connection connection, String name, long queueId, @Nullable String partition)
            throws SQLException {
        return statements.on(connection, name).set("queue_id", queueId).set("partition", partition);
    }

    private void run(Connection connection, String name, long queueId) throws SQLException {
        statements.on(connection, name).set("queue_id", queueId).execute();
    }
}
