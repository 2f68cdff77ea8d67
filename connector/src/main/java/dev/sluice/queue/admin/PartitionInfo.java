package dev.sluice.queue.admin;

import dev.sluice.queue.PartitionIds;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A partition as it is stored.
 *
 * @param id its id, see {@link PartitionIds}
 * @param queue name of its queue
 * @param name its name
 * @param createdAt when it was made, by the database's clock
 * @param lastPushAt when it got its newest message; null before the first
 * @param messages how many messages it holds, read or not, scheduled ones included; those deleted one by one still
 *     count
 * @param scheduled how many of them wait for their time
 */
public record PartitionInfo(
        long id,
        String queue,
        String name,
        Instant createdAt,
        @Nullable Instant lastPushAt,
        long messages,
        long scheduled) {

    static PartitionInfo of(ResultSet row) throws SQLException {
        Timestamp lastPush = row.getTimestamp("last_push_at");
        return new PartitionInfo(
                row.getLong("id"),
                row.getString("queue"),
                row.getString("name"),
                row.getTimestamp("created_at").toInstant(),
                lastPush == null ? null : lastPush.toInstant(),
                row.getLong("head") - row.getLong("tail") + 1 + row.getLong("scheduled"),
                row.getLong("scheduled"));
    }
}
