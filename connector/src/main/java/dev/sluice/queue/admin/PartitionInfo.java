package dev.sluice.queue.admin;

import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.sql.Rows;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A partition as it is stored.
 *
 * @param id its id, see {@link PartitionIds}
 * @param queue name of its queue
 * @param name its name
 * @param createdAt when it was created, by the database's clock
 * @param lastPushAt when its newest message was written; null before the first message
 * @param messages how many messages it holds, read or unread, including scheduled messages and messages that were
 *     deleted alone
 * @param scheduled how many of these messages are scheduled
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
        return new PartitionInfo(
                row.getLong("id"),
                row.getString("queue"),
                row.getString("name"),
                row.getTimestamp("created_at").toInstant(),
                Rows.instant(row, "last_push_at"),
                row.getLong("head") - row.getLong("tail") + 1 + row.getLong("scheduled"),
                row.getLong("scheduled"));
    }
}
