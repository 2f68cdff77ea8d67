package dev.sluice.queue.view;

import java.sql.ResultSet;
import java.sql.SQLException;

/**
 * Messages by state, as the database view {@code partition_counts} counts them. {@code total} is the sum of the next
 * three fields.
 *
 * @param total stored messages, including scheduled messages and messages that were deleted alone
 * @param pending messages that wait for a pop
 * @param processing leased messages
 * @param completed completed messages
 * @param deadLetters dead letters; their messages may be deleted already
 */
public record MessageCounts(long total, long pending, long processing, long completed, long deadLetters) {
    /** No messages. */
    public static final MessageCounts NONE = new MessageCounts(0, 0, 0, 0, 0);

    static MessageCounts of(ResultSet row) throws SQLException {
        return new MessageCounts(
                row.getLong("total"),
                row.getLong("pending"),
                row.getLong("processing"),
                row.getLong("completed"),
                row.getLong("dead_letters"));
    }

    /** Returns the sum of two counts. */
    public MessageCounts plus(MessageCounts other) {
        return new MessageCounts(
                total + other.total,
                pending + other.pending,
                processing + other.processing,
                completed + other.completed,
                deadLetters + other.deadLetters);
    }
}
