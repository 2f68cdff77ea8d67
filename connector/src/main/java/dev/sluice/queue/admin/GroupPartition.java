package dev.sluice.queue.admin;

import dev.sluice.queue.PartitionIds;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * How far a consumer group has read a partition.
 *
 * @param group name of the group
 * @param queue name of the queue
 * @param partition name of the partition
 * @param partitionId id of the partition, see {@link PartitionIds}
 * @param position every message up to this seq is done
 * @param head seq of the newest message
 * @param lag messages not done, leased ones included
 * @param oldestUnreadAt when the oldest of them was written; null when there is none
 * @param timeLag how long ago that was, by the database's clock; zero when there is none
 * @param consumedAt when the group was done with a message of it last; null: never
 * @param leaseId who holds the next messages now; null: nobody
 * @param leasedUntil when that lease ends; null exactly when {@code leaseId} is
 */
public record GroupPartition(
        String group,
        String queue,
        String partition,
        long partitionId,
        long position,
        long head,
        long lag,
        @Nullable Instant oldestUnreadAt,
        Duration timeLag,
        @Nullable Instant consumedAt,
        @Nullable UUID leaseId,
        @Nullable Instant leasedUntil) {

    static GroupPartition of(ResultSet row) throws SQLException {
        Timestamp oldest = row.getTimestamp("oldest_unread_at");
        Timestamp consumed = row.getTimestamp("consumed_at");
        boolean leased = row.getBoolean("leased");
        return new GroupPartition(
                row.getString("group_name"),
                row.getString("queue"),
                row.getString("partition"),
                row.getLong("partition_id"),
                row.getLong("position"),
                row.getLong("head"),
                row.getLong("lag"),
                oldest == null ? null : oldest.toInstant(),
                Duration.ofMillis(Math.max(0, row.getLong("time_lag_ms"))),
                consumed == null ? null : consumed.toInstant(),
                leased ? row.getObject("lease_id", UUID.class) : null,
                leased ? row.getTimestamp("available_at").toInstant() : null);
    }
}
