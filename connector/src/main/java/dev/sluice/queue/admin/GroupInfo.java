package dev.sluice.queue.admin;

import dev.sluice.queue.Subscription;
import dev.sluice.queue.sql.Rows;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A consumer group on one queue, with its lag there.
 *
 * @param name name of the group
 * @param queue name of the queue
 * @param subscription where the group started, or starts again after a restart
 * @param createdAt when the first pop of the group registered it
 * @param partitions how many partitions the queue has
 * @param partitionsWithLag in how many of these partitions the group has a lag
 * @param lag messages that the group has not completed, leased ones included
 * @param hasRead whether the group is beyond the first message of any partition; a group that started at the newest
 *     message is
 * @param oldestUnreadAt when the oldest message of the lag was written; null if there is no lag
 * @param timeLag age of that message by the database's clock; zero if there is no lag
 */
public record GroupInfo(
        String name,
        String queue,
        Subscription subscription,
        Instant createdAt,
        long partitions,
        long partitionsWithLag,
        long lag,
        boolean hasRead,
        @Nullable Instant oldestUnreadAt,
        Duration timeLag) {

    static GroupInfo of(ResultSet row, Subscription subscription) throws SQLException {
        return new GroupInfo(
                row.getString("group_name"),
                row.getString("queue"),
                subscription,
                row.getTimestamp("created_at").toInstant(),
                row.getLong("partitions"),
                row.getLong("partitions_with_lag"),
                row.getLong("lag"),
                row.getBoolean("has_read"),
                Rows.instant(row, "oldest_unread_at"),
                Duration.ofMillis(Math.max(0, row.getLong("time_lag_ms"))));
    }
}
