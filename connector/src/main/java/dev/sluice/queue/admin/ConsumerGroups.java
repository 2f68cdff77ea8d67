package dev.sluice.queue.admin;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.PartitionKey;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Rows;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Lists the consumer groups of a schema with their lag, moves their positions, and deletes them. The first pop of a
 * group on a queue registers the group there ({@link dev.sluice.queue.read.Queue#pop}).
 *
 * <p>The lag is computed from heads and positions; messages are never counted. {@link #seek} and {@link #restart} are
 * the only operations that move a position back.
 *
 * <p>Every method blocks until it has committed. Safe for use by many threads and by many processes on one database.
 */
public final class ConsumerGroups {
    /** Partitions moved in one transaction. */
    private static final int PAGE = 500;

    private final Transactions transactions;
    private final Transactions byIndex;
    private final Statements statements;
    private final PartitionPages pages;

    /** Makes the administration of a schema that {@link QueueSchema} has brought up to date. */
    public ConsumerGroups(DataSource dataSource, String schema) {
        this.transactions = new Transactions(dataSource);
        this.byIndex = Transactions.byIndex(dataSource);
        this.statements = Statements.read("consumer_groups.sql", schema);
        this.pages = new PartitionPages(byIndex, schema, PAGE);
    }

    /** A group on one queue. */
    private record Registered(long id, String queue, Subscription subscription, Instant createdAt) {}

    /**
     * The last row of a page of groups, in the order of group and queue.
     *
     * @param group name of the group
     * @param queue name of its queue
     */
    public record Key(String group, String queue) {}

    /**
     * The last row of a page of lagging groups, in the order of the fields.
     *
     * @param oldestUnreadAt when the oldest message that the group has not read was written
     * @param group name of the group
     * @param partition its partition
     */
    public record LagKey(Instant oldestUnreadAt, String group, PartitionKey partition) {}

    /** Returns all groups that match, as {@link #list(String, String, Key, int)}. */
    public List<GroupInfo> list(@Nullable String group, @Nullable String queue) {
        return list(group, queue, null, Integer.MAX_VALUE);
    }

    /**
     * Returns groups with their lag, one entry for each group and queue, by group and queue.
     *
     * @param group only the group of that name; null: all
     * @param queue only on the queue of that name; null: all
     * @param after where the page before ended; null: start at the first
     * @param limit most entries returned, 0 or more
     * @throws QueueException if PostgreSQL failed
     */
    public List<GroupInfo> list(@Nullable String group, @Nullable String queue, @Nullable Key after, int limit) {
        return transactions.run(
                "could not read the consumer groups",
                connection -> ofGroup(connection, "groups", group, queue)
                        .set("after_group", after == null ? null : after.group())
                        .set("after_queue", after == null ? null : after.queue())
                        .set("limit", limit)
                        .list(row -> GroupInfo.of(row, subscription(row))));
    }

    /**
     * Returns the position of a group in each partition, by queue and partition.
     *
     * @param after where the page before ended; null: start at the first
     * @param limit most entries returned, 0 or more
     * @throws QueueException if PostgreSQL failed
     */
    public List<GroupPartition> partitions(String group, @Nullable PartitionKey after, int limit) {
        requireNonNull(group, "group");
        return transactions.run(
                "could not read consumer group " + group,
                connection ->
                        groupPartitions(connection, group, null, after, limit).list(GroupPartition::of));
    }

    /**
     * Returns the position of a group in one partition; empty if the group has never read the queue.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Optional<GroupPartition> partition(String group, PartitionKey partition) {
        requireNonNull(group, "group");
        return transactions.run(
                "could not read consumer group " + group,
                connection ->
                        groupPartitions(connection, group, partition, null, 1).first(GroupPartition::of));
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
     * Returns the partitions in which the oldest unread message of a group has at least a given age, oldest first, over
     * all groups.
     *
     * @param minLag least age
     * @param limit most entries returned
     * @param after where the page before ended; null: start at the first
     * @throws QueueException if PostgreSQL failed
     */
    public List<GroupPartition> lagging(Duration minLag, int limit, @Nullable LagKey after) {
        PartitionKey partition = after == null ? null : after.partition();
        return transactions.run(
                "could not read the lag of the consumer groups",
                connection -> statements
                        .on(connection, "lagging")
                        .set("min_lag_ms", minLag.toMillis())
                        .set("after_at", after == null ? null : after.oldestUnreadAt())
                        .set("after_group", after == null ? null : after.group())
                        .set("after_queue", partition == null ? null : partition.queue())
                        .set("after_partition", partition == null ? null : partition.partition())
                        .set("limit", limit)
                        .list(GroupPartition::of));
    }

    /**
     * Moves the position of a group in a queue. The leases of the group end: acknowledgements under them are stale. The
     * group loses what it has acknowledged beyond its position, and its counts of failures. Moves some hundred
     * partitions in one transaction: after a failure some may have moved and others not.
     *
     * @param partition only in the partition of that name; null: in all partitions
     * @return how many partitions the position moved in: 0 if the group has never read the queue or the partition does
     *     not exist
     * @throws QueueException if PostgreSQL failed; the caller should repeat the call
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
     * Moves a group to the start of its subscription: to the oldest message, to the time of its registration, or to the
     * time that it asked for. The rest is as in {@link #seek}.
     *
     * @param queue only on the queue of that name; null: on all queues that the group reads
     * @return how many partitions the position moved in
     * @throws QueueException if PostgreSQL failed; the caller should repeat the call
     */
    public int restart(String group, @Nullable String queue) {
        int moved = 0;
        for (Registered registered : registered(group, queue)) {
            moved += seek(registered, null, start(registered));
        }
        return moved;
    }

    private static SeekTarget start(Registered group) {
        Instant from = group.subscription().from();
        if (from != null) {
            return new SeekTarget.After(from.minusNanos(1000)); // PostgreSQL keeps microseconds.
        }
        return group.subscription().mode() == Subscription.Mode.NEW
                ? new SeekTarget.After(group.createdAt())
                : new SeekTarget.Beginning();
    }

    /**
     * Deletes a group: its subscription, positions and leases, and its wish to read queues that do not exist yet. Its
     * dead letters stay. Its next pop registers it again. Each queue is a transaction of its own.
     *
     * @param queue only on the queue of that name; null: on all queues that the group reads
     * @return how many positions were deleted, one for each partition; empty if there was no such group
     * @throws QueueException if PostgreSQL failed; the caller should repeat the call
     */
    public OptionalInt delete(String group, @Nullable String queue) {
        String what = "could not delete consumer group " + group;
        byIndex.run(
                what,
                connection ->
                        ofGroup(connection, "delete-pending", group, queue).execute());
        boolean any = false;
        int positions = 0;
        for (Registered registered : registered(group, queue)) {
            OptionalInt deleted = byIndex.run(what, connection -> delete(connection, group, registered.queue()));
            any |= deleted.isPresent();
            positions += deleted.orElse(0);
        }
        return any ? OptionalInt.of(positions) : OptionalInt.empty();
    }

    /** Returns how many positions were deleted; empty if another process has deleted the group or the queue. */
    private OptionalInt delete(Connection connection, String group, String queue) throws SQLException {
        Optional<Long> queueId =
                statements.on(connection, "lock-queue").set("queue", queue).first(row -> row.getLong("id"));
        if (queueId.isEmpty()) {
            return OptionalInt.empty();
        }
        Optional<Long> groupId = statements
                .on(connection, "lock-group")
                .set("queue_id", queueId.get())
                .set("group", group)
                .first(row -> row.getLong("id"));
        if (groupId.isEmpty()) {
            return OptionalInt.empty();
        }
        int positions = statements
                .on(connection, "delete-group-cursors")
                .set("group", groupId.get())
                .execute();
        statements.on(connection, "delete-group").set("group", groupId.get()).execute();
        return OptionalInt.of(positions);
    }

    /**
     * Changes where the subscription of a group starts, on all queues that it reads. The positions stay:
     * {@link #restart} moves them.
     *
     * @return how many queues the group reads
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless the commit failed
     */
    public int changeSubscription(String group, Instant from) {
        requireNonNull(group, "group");
        requireNonNull(from, "from");
        return byIndex.run(
                "could not change the subscription of consumer group " + group,
                connection -> statements
                        .on(connection, "change-subscription")
                        .set("group", group)
                        .set("from", from)
                        .execute());
    }

    private int seek(Registered group, @Nullable String partition, SeekTarget target) {
        String what = "could not move a consumer group on queue " + group.queue();
        int moved = 0;
        PartitionPages.Walk walk = pages.walk(what, group.queue(), partition);
        for (List<Long> page = walk.next(); !page.isEmpty(); page = walk.next()) {
            List<Long> partitions = page;
            moved += byIndex.run(what, connection -> seek(connection, group.id(), partitions, target));
        }
        return moved;
    }

    private int seek(Connection connection, long group, List<Long> partitions, SeekTarget target) throws SQLException {
        statements
                .on(connection, "hold-tails")
                .set("partitions", partitions, Long::longValue)
                .run();
        statements
                .on(connection, "hold-cursors")
                .set("group", group)
                .set("partitions", partitions, Long::longValue)
                .run();
        return statements
                .on(connection, "seek")
                .set("group", group)
                .set("partitions", partitions, Long::longValue)
                .set("target", name(target))
                .set("time", target instanceof SeekTarget.After after ? after.time() : null)
                .execute();
    }

    private static String name(SeekTarget target) {
        if (target instanceof SeekTarget.Beginning) {
            return "beginning";
        }
        return target instanceof SeekTarget.End ? "end" : "time";
    }

    private List<Registered> registered(String group, @Nullable String queue) {
        requireNonNull(group, "group");
        return byIndex.run(
                "could not read consumer group " + group,
                connection -> ofGroup(connection, "group-ids", group, queue)
                        .list(row -> new Registered(
                                row.getLong("group_id"),
                                row.getString("queue"),
                                subscription(row),
                                row.getTimestamp("created_at").toInstant())));
    }

    private static Subscription subscription(ResultSet row) throws SQLException {
        Instant from = Rows.instant(row, "subscription_from");
        if (from != null) {
            return new Subscription(Subscription.Mode.ALL, from);
        }
        return row.getString("subscription_mode").equals("new") ? Subscription.NEW : Subscription.ALL;
    }

    private BoundStatement ofGroup(Connection connection, String name, @Nullable String group, @Nullable String queue)
            throws SQLException {
        return statements.on(connection, name).set("group", group).set("queue", queue);
    }
}
