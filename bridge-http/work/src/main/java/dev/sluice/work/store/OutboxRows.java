package dev.sluice.work.store;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.sql.Rows;
import dev.sluice.queue.sql.Statements;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The table {@code work_outbox}: works that programs enqueued in transactions of their own, and messages that works
 * forward when they are done.
 */
public final class OutboxRows {
    private final Statements statements;
    private final String lockKey;

    public OutboxRows(String schema) {
        this.statements = Statements.read(OutboxRows.class, "outbox.sql", schema);
        this.lockKey = "sluice work outbox " + schema;
    }

    /**
     * How a work replaces the one with the same key.
     *
     * @param quiet null: the key is a conflation key
     * @param longest null: the key is a conflation key
     */
    public record Replaces(
            String key, @Nullable Duration quiet, @Nullable Duration longest) {}

    /** A work of the table, and how it replaces another one; null: not at all. */
    public record OutboxWork(NewMessage message, @Nullable Replaces replaces) {}

    /**
     * Adds a work or another message to a transaction.
     *
     * @param lane the lane of its partition; null: that of the priority of its queue
     */
    public void add(Connection connection, NewMessage message, @Nullable PriorityLane lane, @Nullable Replaces replaces)
            throws SQLException {
        Duration delay = message.delay();
        statements
                .on(connection, "add")
                .set("queue", message.queue())
                .set("partition", message.partition())
                .set("id", message.id())
                .set("payload", new String(message.payload(), StandardCharsets.UTF_8))
                .set("headers", message.headers().stored())
                .set("transaction_id", message.generatedTransactionId() ? null : message.transactionId())
                .set("lane", lane == null ? null : (long) lane.number())
                .set("deliver_at", message.deliverAt())
                .set("delay_ms", millis(delay))
                .set("latest_key", replaces == null ? null : replaces.key())
                .set("quiet_ms", replaces == null ? null : millis(replaces.quiet()))
                .set("longest_ms", replaces == null ? null : millis(replaces.longest()))
                .execute();
    }

    private static @Nullable Long millis(@Nullable Duration duration) {
        return duration == null ? null : duration.toMillis();
    }

    /** Removes the first works of the table and returns them; none if another engine moves works now. */
    public List<OutboxWork> take(Connection connection, int limit) throws SQLException {
        boolean isLocked = statements
                .on(connection, "lock")
                .set("key", lockKey)
                .first(row -> row.getBoolean("locked"))
                .orElse(false);
        return isLocked ? statements.on(connection, "take").set("limit", limit).list(OutboxRows::work) : List.of();
    }

    /** Lets the first work rest, which cannot be moved. Returns what it is, for a log line; empty: there is none. */
    public Optional<String> letRest(Connection connection, Duration rest) throws SQLException {
        return statements
                .on(connection, "let-rest")
                .set("rest_ms", rest.toMillis())
                .first(row -> "id=" + row.getString("message_id") + " queue=" + row.getString("queue"));
    }

    /** Returns whether there are works to move. */
    public boolean waits(Connection connection) throws SQLException {
        return statements
                .on(connection, "waits")
                .first(row -> row.getBoolean("waits"))
                .orElse(false);
    }

    /** Returns the first works of the table. */
    public List<OutboxWork> peek(Connection connection, int limit) throws SQLException {
        return statements.on(connection, "peek").set("limit", limit).list(OutboxRows::work);
    }

    private static OutboxWork work(ResultSet row) throws SQLException {
        String key = row.getString("latest_key");
        Replaces replaces =
                key == null ? null : new Replaces(key, duration(row, "quiet_ms"), duration(row, "longest_ms"));
        return new OutboxWork(message(row), replaces);
    }

    private static @Nullable Duration duration(ResultSet row, String column) throws SQLException {
        long millis = row.getLong(column);
        return row.wasNull() ? null : Duration.ofMillis(millis);
    }

    private static NewMessage message(ResultSet row) throws SQLException {
        UUID id = row.getObject("message_id", UUID.class);
        Duration delay = duration(row, "delay_ms");
        String given = row.getString("transaction_id");
        int lane = row.getInt("lane");
        PriorityLane ofMessage = row.wasNull() ? null : PriorityLane.ofNumber(lane);
        return NewMessage.builder(
                        id,
                        row.getString("queue"),
                        row.getString("partition"),
                        given == null ? id.toString() : given,
                        row.getBytes("payload"))
                .generatedTransactionId(given == null)
                .headers(MessageHeaders.ofStored(row.getString("headers")))
                .deliverAt(Rows.instant(row, "deliver_at"))
                .delay(delay)
                .origin(new Origin(null, ofMessage))
                .build();
    }
}
