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
import java.util.UUID;

/** The table {@code work_outbox}: works that programs enqueued in transactions of their own. */
public final class OutboxRows {
    private final Statements statements;
    private final String lockKey;

    public OutboxRows(String schema) {
        this.statements = Statements.read(OutboxRows.class, "outbox.sql", schema);
        this.lockKey = "sluice work outbox " + schema;
    }

    /** Adds a work to the transaction of the program. */
    public void add(Connection connection, NewMessage message, PriorityLane lane) throws SQLException {
        Duration delay = message.delay();
        statements
                .on(connection, "add")
                .set("queue", message.queue())
                .set("partition", message.partition())
                .set("id", message.id())
                .set("payload", new String(message.payload(), StandardCharsets.UTF_8))
                .set("headers", message.headers().stored())
                .set("lane", lane.number())
                .set("deliver_at", message.deliverAt())
                .set("delay_ms", delay == null ? null : delay.toMillis())
                .execute();
    }

    /** Removes the first works of the table and returns them; none if another engine moves works now. */
    public List<NewMessage> take(Connection connection, int limit) throws SQLException {
        boolean isLocked = statements
                .on(connection, "lock")
                .set("key", lockKey)
                .first(row -> row.getBoolean("locked"))
                .orElse(false);
        return isLocked ? statements.on(connection, "take").set("limit", limit).list(OutboxRows::message) : List.of();
    }

    /** Returns the first works of the table. */
    public List<NewMessage> peek(Connection connection, int limit) throws SQLException {
        return statements.on(connection, "peek").set("limit", limit).list(OutboxRows::message);
    }

    private static NewMessage message(ResultSet row) throws SQLException {
        UUID id = row.getObject("message_id", UUID.class);
        long delayMs = row.getLong("delay_ms");
        Duration delay = row.wasNull() ? null : Duration.ofMillis(delayMs);
        return NewMessage.builder(
                        id, row.getString("queue"), row.getString("partition"), id.toString(), row.getBytes("payload"))
                .generatedTransactionId(true)
                .headers(MessageHeaders.ofStored(row.getString("headers")))
                .deliverAt(Rows.instant(row, "deliver_at"))
                .delay(delay)
                .origin(new Origin(null, PriorityLane.ofNumber(row.getInt("lane"))))
                .build();
    }
}
