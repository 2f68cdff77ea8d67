package dev.sluice.queue.view;

import dev.sluice.queue.PartitionIds;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A partition and what is in it.
 *
 * @param id its id, see {@link PartitionIds}
 * @param name its name
 * @param counts its messages
 * @param consumed messages groups have passed, summed over the groups
 * @param createdAt when it was made
 * @param lastPushAt when its newest message was written; null before the first
 * @param oldestAt when the oldest message it keeps was written; null when it keeps none
 * @param newestAt when the newest message it keeps was written; null when it keeps none
 */
public record PartitionStatus(
        long id,
        String name,
        MessageCounts counts,
        long consumed,
        Instant createdAt,
        @Nullable Instant lastPushAt,
        @Nullable Instant oldestAt,
        @Nullable Instant newestAt) {

    static PartitionStatus of(ResultSet row) throws SQLException {
        return new PartitionStatus(
                row.getLong("partition_id"),
                row.getString("partition"),
                MessageCounts.of(row),
                row.getLong("consumed"),
                row.getTimestamp("created_at").toInstant(),
                instant(row, "last_push_at"),
                instant(row, "oldest_at"),
                instant(row, "newest_at"));
    }

    static @Nullable Instant instant(ResultSet row, String column) throws SQLException {
        Timestamp time = row.getTimestamp(column);
        return time == null ? null : time.toInstant();
    }
}
