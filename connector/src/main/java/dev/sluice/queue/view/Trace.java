package dev.sluice.queue.view;

import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.PayloadCipher;
import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A note that a consumer made about a message.
 *
 * @param id its id; later traces have greater ids
 * @param partitionId partition of the message, see {@link PartitionIds}
 * @param transactionId key of the message
 * @param group the consumer's group
 * @param eventType kind of the note, chosen by the consumer
 * @param data JSON text, as the consumer sent it
 * @param createdAt when the trace was stored
 * @param names the names of the trace
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
     * A trace with the place and the payload of its message.
     *
     * @param trace the trace
     * @param queue name of the queue; null if it was deleted
     * @param partition name of the partition; null if it was deleted
     * @param payload JSON text in UTF-8 of the message, or null if the message is not among the newest of its partition
     */
    @SuppressWarnings("ArrayRecordComponent") // Copies of payloads would be expensive.
    public record Found(
            Trace trace, @Nullable String queue, @Nullable String partition, byte @Nullable [] payload) {

        static Found of(ResultSet row, PayloadCipher cipher) throws SQLException {
            String queue = row.getString("queue");
            byte[] stored = row.getBytes("payload");
            return new Found(
                    Trace.of(row),
                    queue,
                    row.getString("partition"),
                    queue == null || stored == null ? null : cipher.open(queue, stored));
        }
    }

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
