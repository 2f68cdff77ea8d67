package dev.sluice.queue.admin;

import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.sql.Rows;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The position and the lag of a consumer group in a partition.
 *
 * @param group name of the group
 * @param queue name of the queue
 * @param partition name of the partition
 * @param partitionId id of the partition, see {@link PartitionIds}
 * @param position the group has completed every message up to this seq
 * @param head seq of the newest message
 * @param lag messages that the group has not completed, leased ones included
 * @param oldestUnreadAt when the oldest message of the lag was written; null if there is no lag
 * @param timeLag age of that message by the database's clock; zero if there is no lag
 * @param consumedAt when the group last completed a message; null: never
 * @param leaseId the lease on the next messages; null if there is no live lease
 * @param leasedUntil when that lease ends; null exactly if {@code leaseId} is
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
        boolean leased = row.getBoolean("leased");
        return new GroupPartition(
                row.getString("group_name"),
                row.getString("queue"),
                row.getString("partition"),
                row.getLong("partition_id"),
                row.getLong("position"),
                row.getLong("head"),
                row.getLong("lag"),
                Rows.instant(row, "oldest_unread_at"),
                Duration.ofMillis(Math.max(0, row.getLong("time_lag_ms"))),
                Rows.instant(row, "consumed_at"),
                leased ? row.getObject("lease_id", UUID.class) : null,
                leased ? Rows.instant(row, "available_at") : null);
    }
}
