package dev.sluice.queue.admin;

import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.write.SourcePartition;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Deletes rows that no process needs any more:
 *
 * <ul>
 *   <li>Idle partitions. Such a partition has had no push for a long time, and holds no message, scheduled message,
 *       dead letter, lease or stream state. A push to its name creates a new partition, whose seqs start at 1.
 *   <li>Subscriptions of groups that wait for a queue that does not exist and have stopped to pop. A group that still
 *       waits pops again and again.
 *   <li>Offsets of old epochs of a local log. A log starts to drain an epoch after it has drained all earlier epochs.
 *       It then deletes its records of the earlier ones; until then, a drain that starts compares them with the offset.
 *       So the offset of an epoch is due once a newer epoch of the same log and lane has been draining for
 *       {@link #SETTLED}. It stays for {@link #EPOCHS} nevertheless: an operator may restore the log's directory from a
 *       backup, and then only the offset keeps its records from being stored twice.
 * </ul>
 *
 * <p>Each method does the work of one short transaction. The caller holds the lock of the sweep and commits.
 */
final class UnusedRows {
    /** How long a group must have been without a pop before its wait for a missing queue ends. */
    static final Duration SUBSCRIPTIONS = Duration.ofDays(7);
    /** How long the offset of an old epoch stays. */
    static final Duration EPOCHS = Duration.ofDays(30);
    /** How long a newer epoch must have been draining. */
    static final Duration SETTLED = Duration.ofHours(1);
    /** Rows deleted in one transaction. */
    static final int ROWS = 1000;
    /** Partitions examined in one transaction. */
    static final int PARTITIONS = 50;

    private final Statements statements;
    private final Duration idle;

    /**
     * Makes the access to a schema.
     *
     * @param idle how long a partition must be empty and without pushes before it is deleted; zero: empty partitions
     *     stay
     */
    UnusedRows(String schema, Duration idle) {
        this.statements = Statements.read("unused_rows.sql", schema);
        this.idle = idle;
    }

    /** Returns the ids of the next partitions that seem idle, by id. Locks nothing. */
    List<Long> idlePartitions(Connection connection, long after) throws SQLException {
        if (idle.isZero()) {
            return List.of();
        }
        return statements
                .on(connection, "idle-partitions")
                .set("after", after)
                .set("idle_ms", idle.toMillis())
                .set("limit", PARTITIONS)
                .list(row -> row.getLong("id"));
    }

    /** Deletes the partitions that are still idle and not locked; returns how many, by queue. */
    Map<String, Long> deletePartitions(Connection connection, List<Long> candidates) throws SQLException {
        List<Long> locked = statements
                .on(connection, "lock-idle-partitions")
                .set("partitions", candidates, Long::longValue)
                .set("idle_ms", idle.toMillis())
                .list(row -> row.getLong("id"));
        // A second statement, because it must see everything that was committed before the lock.
        List<Long> unused = statements
                .on(connection, "unused-partitions")
                .set("partitions", locked, Long::longValue)
                .list(row -> row.getLong("id"));
        statements
                .on(connection, "delete-cursors-of-partitions")
                .set("partitions", unused, Long::longValue)
                .execute();
        var deleted = new HashMap<String, Long>();
        statements
                .on(connection, "delete-partitions-by-id")
                .set("partitions", unused, Long::longValue)
                .forEach(row -> deleted.put(row.getString("queue"), row.getLong("partitions")));
        return deleted;
    }

    /** Deletes the subscriptions of groups that have stopped waiting; returns how many. */
    int deleteSubscriptions(Connection connection) throws SQLException {
        return statements
                .on(connection, "delete-pending-subscriptions")
                .set("age_ms", SUBSCRIPTIONS.toMillis())
                .set("limit", ROWS)
                .execute();
    }

    /** Deletes the offsets of old epochs; returns how many. */
    int deleteOffsets(Connection connection) throws SQLException {
        return statements
                .on(connection, "delete-offsets-of-old-epochs")
                .set("prefix", SourcePartition.LOG_TOPIC)
                .set("age_ms", EPOCHS.toMillis())
                .set("settled_ms", SETTLED.toMillis())
                .set("limit", ROWS)
                .execute();
    }
}
