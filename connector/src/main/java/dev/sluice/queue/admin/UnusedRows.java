package dev.sluice.queue.admin;

import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.write.SourcePartition;
import dev.sluice.queue.write.TailAdvance;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What nobody will ask for again, deleted a bounded number of rows at a time:
 *
 * <ul>
 *   <li>partitions with nothing in them for long: no message kept or scheduled, no dead letter, no lease, no state of a
 *       stream, no push. A push to the name makes a new one, whose seqs start at 1; every group has read all that was
 *       in the old one, or it was deleted.
 *   <li>groups that wait for a queue that does not exist, and have not asked for long. A pop that waits asks again and
 *       again.
 *   <li>offsets of epochs that are over: of the same log and lane a newer epoch has been moved for {@link #SETTLED}. An
 *       epoch begins to be moved when all of those before it have been, and then the log deletes what it has of them;
 *       until it has, a drain that starts compares it with the offset. Kept for {@link #EPOCHS} nevertheless, for a
 *       copy of the log's directory may come back from a backup, and only the offset keeps what it has from being
 *       stored twice.
 * </ul>
 *
 * <p>Each method is one short transaction's work; the caller commits, and holds the lock of the sweep.
 */
final class UnusedRows {
    /** After how long without a pop a group no longer waits for a queue that does not exist. */
    static final Duration SUBSCRIPTIONS = Duration.ofDays(7);
    /** How long the offset of an epoch stays that is over. */
    static final Duration EPOCHS = Duration.ofDays(30);
    /** For how long a newer epoch must have been moved. */
    static final Duration SETTLED = Duration.ofHours(1);
    /** Rows deleted in one transaction. */
    static final int ROWS = 1000;
    /** Partitions looked at in one transaction. */
    static final int PARTITIONS = 50;

    private final Statements statements;
    private final Duration idle;

    /**
     * Makes it.
     *
     * @param idle how long nothing may have come into a partition before it is deleted; zero: partitions stay
     */
    UnusedRows(String schema, Duration idle) {
        this.statements = Statements.read("unused_rows.sql", schema);
        this.idle = idle;
    }

    /** Returns the next partitions that may be deleted, by id, without locking them. */
    List<Long> idlePartitions(Connection connection, long after) throws SQLException {
        if (idle.isZero()) {
            return List.of();
        }
        return ids(new BoundStatement(connection, statements.get("idle-partitions"))
                .set("after", after)
                .set("idle_ms", idle.toMillis())
                .set("limit", PARTITIONS));
    }

    /** Deletes those of the partitions that nobody holds and that are still idle; returns how many, by queue. */
    Map<String, Long> deletePartitions(Connection connection, List<Long> candidates) throws SQLException {
        List<Long> locked = ids(new BoundStatement(connection, statements.get("lock-idle-partitions"))
                .set("partitions", TailAdvance.longs(candidates))
                .set("idle_ms", idle.toMillis()));
        long[] partitions = TailAdvance.longs(locked);
        // Statements of their own: they see what was committed until the partitions were locked.
        List<Long> unused =
                ids(new BoundStatement(connection, statements.get("unused-partitions")).set("partitions", partitions));
        try (var cursors = new BoundStatement(connection, statements.get("delete-cursors-of-partitions"))
                        .set("partitions", TailAdvance.longs(unused));
                var delete = new BoundStatement(connection, statements.get("delete-partitions-by-id"))
                        .set("partitions", TailAdvance.longs(unused))) {
            cursors.update();
            var deleted = new HashMap<String, Long>();
            try (ResultSet row = delete.query()) {
                while (row.next()) {
                    deleted.put(row.getString("queue"), row.getLong("partitions"));
                }
            }
            return deleted;
        }
    }

    /** Deletes groups that have stopped to wait; returns how many. */
    int deleteSubscriptions(Connection connection) throws SQLException {
        try (var statement = new BoundStatement(connection, statements.get("delete-pending-subscriptions"))
                .set("age_ms", SUBSCRIPTIONS.toMillis())
                .set("limit", ROWS)) {
            return statement.update();
        }
    }

    /** Deletes offsets of epochs that are over; returns how many. */
    int deleteOffsets(Connection connection) throws SQLException {
        try (var statement = new BoundStatement(connection, statements.get("delete-offsets-of-old-epochs"))
                .set("prefix", SourcePartition.LOG_TOPIC)
                .set("age_ms", EPOCHS.toMillis())
                .set("settled_ms", SETTLED.toMillis())
                .set("limit", ROWS)) {
            return statement.update();
        }
    }

    private static List<Long> ids(BoundStatement statement) throws SQLException {
        try (statement;
                ResultSet row = statement.query()) {
            var ids = new ArrayList<Long>();
            while (row.next()) {
                ids.add(row.getLong("id"));
            }
            return ids;
        }
    }
}
