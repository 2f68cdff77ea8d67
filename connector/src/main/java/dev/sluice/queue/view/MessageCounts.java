package dev.sluice.queue.view;

import java.sql.ResultSet;
import java.sql.SQLException;

/**
 * Messages by state, as {@code partition_counts} counts them: {@code total} is the sum of the next three.
 *
 * @param total what is kept, scheduled ones included; those deleted one by one still count
 * @param pending waits to be read
 * @param processing leased
 * @param completed done with
 * @param deadLetters given up on by some group; may be of messages that are not kept any more
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

    /** Returns the sum of both. */
    public MessageCounts plus(MessageCounts other) {
        return new MessageCounts(
                total + other.total,
                pending + other.pending,
                processing + other.processing,
                completed + other.completed,
                deadLetters + other.deadLetters);
    }
}
