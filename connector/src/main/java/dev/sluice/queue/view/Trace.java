package dev.sluice.queue.view;

import dev.sluice.queue.PartitionIds;
import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a consumer noted about a message.
 *
 * @param id its id; later ones have greater ids
 * @param partitionId partition of the message, see {@link PartitionIds}
 * @param transactionId key of the message
 * @param group the consumer's group
 * @param eventType what kind of note, the consumer's own word
 * @param data JSON text, as it was sent
 * @param createdAt when it was noted
 * @param names the names it can be found under
 */
public record Trace(
        long id,
        long partitionId,
        String transactionId,
        String group,
        String eventType,
        String data,
        Instant createdAt,
        List<String> names) {
    public Trace {
        names = List.copyOf(names);
    }

    /**
     * A trace, and where its message is.
     *
     * @param trace the trace
     * @param queue name of the queue; null when it is gone
     * @param partition name of the partition; null when it is gone
     * @param payload payload of the message, if it is among the newest of its partition; else null
     */
    public record Found(
            Trace trace,
            @Nullable String queue,
            @Nullable String partition,
            @Nullable String payload) {}

    static Trace of(ResultSet row) throws SQLException {
        Array names = row.getArray("names");
        return new Trace(
                row.getLong("id"),
                row.getLong("partition_id"),
                row.getString("transaction_id"),
                row.getString("group_name"),
                row.getString("event_type"),
                row.getString("data"),
                row.getTimestamp("created_at").toInstant(),
                names == null ? List.of() : List.of((String[]) names.getArray()));
    }
}
