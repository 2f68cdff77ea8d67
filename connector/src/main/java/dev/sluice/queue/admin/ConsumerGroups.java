package dev.sluice.queue.admin;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.PartitionKey;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import dev.sluice.queue.write.TailAdvance;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * The consumer groups of a schema: what they have left, and where they go on. A group is made by its first pop on a
 * queue ({@link Queue#pop}).
 *
 * <p>What is left is arithmetic on heads and positions, never a count of messages. A position goes back only here.
 *
 * <p>Every method blocks until it has committed. Safe for use by many threads and by many processes on one database.
 */
public final class ConsumerGroups {
    /** Partitions moved in one transaction. */
    private static final int PAGE = 500;

    private final Transactions transactions;
    private final Transactions byIndex;
    private final Statements statements;
    private final PartitionPages partitions;

    /** Makes the administration of a schema that {@link QueueSchema} has brought up to date. */
    public ConsumerGroups(DataSource dataSource, String schema) {
        this.transactions = new Transactions(dataSource);
        this.byIndex = Transactions.byIndex(dataSource);
        this.statements = Statements.read("consumer_groups.sql", schema);
        this.partitions = new PartitionPages(byIndex, schema, PAGE);
    }

    private record Registered(long id, String queue, Subscription subscription, Instant createdAt) {}

    /**
     * Where a page of groups ended, in the order of group and queue.
     *
     * @param group name of the group of the last row
     * @param queue name of its queue
     */
    public record Key(String group, String queue) {}

    /**
     * Where a page of lagging groups ended, in the order of its fields.
     *
     * @param oldestUnreadAt when the oldest message was written that the group of the last row has not read
     * @param group name of that group
     * @param partition its partition
     */
    public record LagKey(Instant oldestUnreadAt, String group, PartitionKey partition) {}

    /** Returns all groups of a filter with what they have left, as {@link #list(String, String, Key, int)}. */
    public List<GroupInfo> list(@Nullable String group, @Nullable String queue) {
        return list(group, queue, null, Integer.MAX_VALUE);
    }

    /**
     * Returns groups with what they have left, a row for each group and queue, by group and queue.
     *
     * @param group only the group of that name; null: all
     * @param queue only on the queue of that name; null: all
     * @param after where the page before ended; null: from the first on
     * @param limit most rows returned, 0 or more
     * @throws QueueException if PostgreSQL failed
     */
    public List<GroupInfo> list(@Nullable String group, @Nullable String queue, @Nullable Key after, int limit) {
        return transactions.run("could not read the consumer groups", connection -> {
            var groups = new ArrayList<GroupInfo>();
            try (var statement = ofGroup(connection, "groups", group, queue)
                            .set("after_group", after == null ? null : after.group())
                            .set("after_queue", after == null ? null : after.queue())
                            .set("limit", limit);
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    Timestamp oldest = row.getTimestamp("oldest_unread_at");
                    groups.add(new GroupInfo(
                            row.getString("group_name"),
                            row.getString("queue"),
                            subscription(row),
                            row.getTimestamp("created_at").toInstant(),
                            row.getLong("partitions"),
                            row.getLong("partitions_with_lag"),
                            row.getLong("lag"),
                            row.getBoolean("has_read"),
                            oldest == null ? null : oldest.toInstant(),
                            Duration.ofMillis(Math.max(0, row.getLong("time_lag_ms")))));
                }
            }
            return groups;
        });
    }

    /**
     * Returns how far a group has read each partition, by queue and partition.
     *
     * @param after where the page before ended; null: from the first on
     * @param limit most rows returned, 0 or more
     * @throws QueueException if PostgreSQL failed
     */
    public List<GroupPartition> partitions(String group, @Nullable PartitionKey after, int limit) {
        requireNonNull(group, "group");
        return transactions.run(
                "could not read consumer group " + group,
                connection -> groupPartitions(groupPartitions(connection, group, null, after, limit)));
    }

    /**
     * Returns how far a group has read one partition; nothing if it has never read the queue.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Optional<GroupPartition> partition(String group, PartitionKey partition) {
        requireNonNull(group, "group");
        return transactions.run(
                "could not read consumer group " + group,
                connection -> groupPartitions(groupPartitions(connection, group, partition, null, 1)).stream()
                        .findFirst());
    }

    private BoundStatement groupPartitions(
            Connection connection, String group, @Nullable PartitionKey only, @Nullable PartitionKey after, int limit)
            throws SQLException {
        return ofGroup(connection, "group-partitions", group, only == null ? null : only.queue())
                .set("partition", only == null ? null : only.partition())
                .set("after_queue", after == null ? null : after.queue())
                .set("after_partition", after == null ? null : after.partition())
                .set("limit", limit);
    }

    /**
     * Returns where the oldest message a group has left is at least that old, oldest first, over all groups.
     *
     * @param limit most rows returned
     * @param after where the page before ended; null: from the first on
     * @throws QueueException if PostgreSQL failed
     */
    public List<GroupPartition> lagging(Duration minLag, int limit, @Nullable LagKey after) {
        return transactions.run(
                "could not read the lag of the consumer groups",
                connection -> groupPartitions(new BoundStatement(connection, statements.get("lagging"))
                        .set("min_lag_ms", minLag.toMillis())
                        .set("after_at", after == null ? null : after.oldestUnreadAt())
                        .set("after_group", after == null ? null : after.group())
                        .set(
                                "after_queue",
                                after == null ? null : after.partition().queue())
                        .set(
                                "after_partition",
                                after == null ? null : after.partition().partition())
                        .set("limit", limit)));
    }

    /**
     * Sets where a group goes on in a queue. Its leases end, so that verdicts given under them come too late; what it
     * had acknowledged beyond its position is forgotten, and so are failed attempts. Goes some hundred partitions at a
     * time; after a failure some may have moved and others not.
     *
     * @param partition only in the partition of that name; null: in all
     * @return how many partitions it was set in: 0 when the group has never read the queue, or there is no such
     *     partition
     * @throws QueueException if PostgreSQL failed; to be repeated
     */
    public int seek(String group, String queue, @Nullable String partition, SeekTarget target) {
        requireNonNull(target, "target");
        requireNonNull(queue, "queue");
        int moved = 0;
        for (Registered registered : registered(group, queue)) {
            moved += seek(registered, partition, target);
        }
        return moved;
    }

    /**
     * Sets a group back to where its subscription starts: to the beginning, to when it was registered, or to the time
     * it asked for. As {@link #seek} for the rest.
     *
     * @param queue only on the queue of that name; null: on all it reads
     * @return how many partitions it was set in
     * @throws QueueException if PostgreSQL failed; to be repeated
     */
    public int restart(String group, @Nullable String queue) {
        int moved = 0;
        for (Registered registered : registered(group, queue)) {
            Instant from = registered.subscription().from();
            SeekTarget start = from != null
                    ? new SeekTarget.After(from.minusNanos(1000))
                    : registered.subscription().mode() == Subscription.Mode.NEW
                            ? new SeekTarget.After(registered.createdAt())
                            : new SeekTarget.Beginning();
            moved += seek(registered, null, start);
        }
        return moved;
    }

    /**
     * Deletes a group: its subscription, positions and leases. What it waits for on queues that do not exist is
     * forgotten too. Its dead letters stay. Its next pop registers it anew. Each queue is a transaction of its own.
     *
     * @param queue only on the queue of that name; null: on all it reads
     * @return how many partitions it had read or could have; nothing when there was no such group
     * @throws QueueException if PostgreSQL failed; to be repeated
     */
    public OptionalInt delete(String group, @Nullable String queue) {
        boolean any = false;
        int partitions = 0;
        byIndex.run("could not delete consumer group " + group, connection -> {
            try (var statement = ofGroup(connection, "delete-pending", group, queue)) {
                return statement.update();
            }
        });
        for (Registered registered : registered(group, queue)) {
            int deleted = byIndex.run(
                    "could not delete consumer group " + group,
                    connection -> delete(connection, group, registered.queue()));
            any |= deleted >= 0;
            partitions += Math.max(0, deleted);
        }
        return any ? OptionalInt.of(partitions) : OptionalInt.empty();
    }

    /**
     * Changes where a group starts, on all queues it reads. Its positions stay where they are: {@link #restart} moves
     * them.
     *
     * @return how many queues it reads
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless it failed while committing
     */
    public int changeSubscription(String group, Instant from) {
        requireNonNull(from, "from");
        return byIndex.run("could not change the subscription of consumer group " + group, connection -> {
            try (var statement = new BoundStatement(connection, statements.get("change-subscription"))
                    .set("group", requireNonNull(group, "group"))
                    .set("from", from)) {
                return statement.update();
            }
        });
    }

    private int seek(Registered group, @Nullable String partition, SeekTarget target) {
        String what = "could not move a consumer group on queue " + group.queue();
        int moved = 0;
        PartitionPages.Walk walk = partitions.walk(what, group.queue(), partition);
        for (List<Long> page = walk.next(); !page.isEmpty(); page = walk.next()) {
            List<Long> ids = page;
            moved += byIndex.run(what, connection -> seek(connection, group.id(), ids, target));
        }
        return moved;
    }

    private int seek(Connection connection, long group, List<Long> page, SeekTarget target) throws SQLException {
        long[] partitions = TailAdvance.longs(page);
        try (var tails = new BoundStatement(connection, statements.get("hold-tails")).set("partitions", partitions);
                var cursors = new BoundStatement(connection, statements.get("hold-cursors"))
                        .set("group", group)
                        .set("partitions", partitions);
                var seek = new BoundStatement(connection, statements.get("seek"))
                        .set("group", group)
                        .set("partitions", partitions)
                        .set("target", name(target))
                        .set("time", target instanceof SeekTarget.After after ? after.time() : null)) {
            tails.query().close();
            cursors.query().close();
            return seek.update();
        }
    }

    private static String name(SeekTarget target) {
        if (target instanceof SeekTarget.Beginning) {
            return "beginning";
        }
        return target instanceof SeekTarget.End ? "end" : "time";
    }

    /** Returns how many cursors were deleted, or -1 if the group is gone already. */
    private int delete(Connection connection, String group, String queue) throws SQLException {
        long queueId;
        try (var statement = new BoundStatement(connection, statements.get("lock-queue")).set("queue", queue);
                ResultSet row = statement.query()) {
            if (!row.next()) {
                return -1;
            }
            queueId = row.getLong("id");
        }
        long groupId;
        try (var statement = new BoundStatement(connection, statements.get("lock-group"))
                        .set("queue_id", queueId)
                        .set("group", group);
                ResultSet row = statement.query()) {
            if (!row.next()) {
                return -1;
            }
            groupId = row.getLong("id");
        }
        try (var cursors =
                        new BoundStatement(connection, statements.get("delete-group-cursors")).set("group", groupId);
                var delete = new BoundStatement(connection, statements.get("delete-group")).set("group", groupId)) {
            int deleted = cursors.update();
            delete.update();
            return deleted;
        }
    }

    private List<Registered> registered(String group, @Nullable String queue) {
        requireNonNull(group, "group");
        return byIndex.run("could not read consumer group " + group, connection -> {
            var registered = new ArrayList<Registered>();
            try (var statement = ofGroup(connection, "group-ids", group, queue);
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    registered.add(new Registered(
                            row.getLong("group_id"),
                            row.getString("queue"),
                            subscription(row),
                            row.getTimestamp("created_at").toInstant()));
                }
            }
            return registered;
        });
    }

    private static Subscription subscription(ResultSet row) throws SQLException {
        Timestamp from = row.getTimestamp("subscription_from");
        if (from != null) {
            return new Subscription(Subscription.Mode.ALL, from.toInstant());
        }
        return row.getString("subscription_mode").equals("new") ? Subscription.NEW : Subscription.ALL;
    }

    private BoundStatement ofGroup(Connection connection, String name, @Nullable String group, @Nullable String queue)
            throws SQLException {
        return new BoundStatement(connection, statements.get(name))
                .set("group", group)
                .set("queue", queue);
    }

    private static List<GroupPartition> groupPartitions(BoundStatement statement) throws SQLException {
        try (statement;
                ResultSet row = statement.query()) {
            var partitions = new ArrayList<GroupPartition>();
            while (row.next()) {
                partitions.add(GroupPartition.of(row));
            }
            return partitions;
        }
    }
}
