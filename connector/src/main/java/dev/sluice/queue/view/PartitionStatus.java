package dev.sluice.queue.view;

import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.sql.Rows;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A partition with its counts.
 *
 * @param id its id, see {@link PartitionIds}
 * @param name its name
 * @param counts its messages by state
 * @param consumed messages that groups have passed, summed over the groups
 * @param createdAt when it was created
 * @param lastPushAt when its newest message was written; null before the first message
 * @param oldestAt when its oldest stored message was written; null if it is empty
 * @param newestAt when its newest stored message was written; null if it is empty
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
                Rows.instant(row, "last_push_at"),
                Rows.instant(row, "oldest_at"),
                Rows.instant(row, "newest_at"));
    }
}
