package dev.sluice.queue;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A queue as it is stored.
 *
 * @param id its id; never used again after the queue is deleted
 * @param name its name
 * @param namespace its configured namespace; by default the text before the first dot of the name, or the whole name
 * @param task its configured task; by default the second dot-separated part of the name, or empty
 * @param options its options
 * @param createdAt when it was created, by the database's clock
 * @param partitions how many partitions it has
 * @param messages how many messages it holds, read or not, with scheduled messages and messages that were deleted one
 *     by one
 */
public record QueueInfo(
        long id,
        String name,
        String namespace,
        String task,
        QueueOptions options,
        Instant createdAt,
        long partitions,
        long messages) {

    /** Reads a row of the columns of {@code queues} and of the two counts. */
    public static QueueInfo of(ResultSet row) throws SQLException {
        return new QueueInfo(
                row.getLong("id"),
                row.getString("name"),
                row.getString("namespace"),
                row.getString("task"),
                options(row),
                row.getTimestamp("created_at").toInstant(),
                row.getLong("partitions"),
                row.getLong("messages"));
    }

    private static QueueOptions options(ResultSet row) throws SQLException {
        Long ttl = nullable(row, "ttl_s");
        Long retryDelay = nullable(row, "retry_delay_ms");
        Long dedupWindow = nullable(row, "dedup_window_ms");
        return new QueueOptions(
                seconds(row, "lease_time_s"),
                row.getInt("retry_limit"),
                retryDelay == null ? null : Duration.ofMillis(retryDelay),
                row.getInt("redelivery_limit"),
                row.getInt("priority"),
                row.getLong("max_size"),
                ttl == null ? null : Duration.ofSeconds(ttl),
                row.getBoolean("dead_letter_queue"),
                row.getBoolean("dlq_after_max_retries"),
                seconds(row, "delayed_processing_s"),
                seconds(row, "window_buffer_s"),
                row.getBoolean("retention_enabled"),
                seconds(row, "retention_s"),
                seconds(row, "completed_retention_s"),
                seconds(row, "max_wait_time_s"),
                row.getBoolean("encryption_enabled"),
                dedupWindow == null ? null : Duration.ofMillis(dedupWindow),
                row.getBoolean("item_priority"));
    }

    private static Duration seconds(ResultSet row, String column) throws SQLException {
        return Duration.ofSeconds(row.getLong(column));
    }

    private static @Nullable Long nullable(ResultSet row, String column) throws SQLException {
        long value = row.getLong(column);
        return row.wasNull() ? null : value;
    }
}
