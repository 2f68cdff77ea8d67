package dev.sluice.queue.admin;

import dev.sluice.queue.Origin;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.PayloadCipher;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A message a consumer group gave up on, with a copy of all it held.
 *
 * @param id id of the dead letter; later ones have greater ids
 * @param messageId id of the message
 * @param transactionId its key in the partition
 * @param queue name of its queue
 * @param partition name of its partition
 * @param partitionId id of its partition, see {@link PartitionIds}
 * @param seq its position in the partition
 * @param group the group that gave up on it; others may have read it
 * @param payload JSON text, as it was pushed; as it is stored if it is encrypted with a key that is not here
 * @param error what the consumer said, or why the queue gave up; may be empty
 * @param retries how often it was delivered again before this
 * @param traceId the producer's trace id, or null
 * @param producerSub subject of the producer's token, or null
 * @param createdAt when the message was written to the queue, or the time it brought along ({@link Origin})
 * @param failedAt when it became a dead letter
 */
public record DeadLetter(
        long id,
        UUID messageId,
        String transactionId,
        String queue,
        String partition,
        long partitionId,
        long seq,
        String group,
        String payload,
        String error,
        int retries,
        @Nullable UUID traceId,
        @Nullable String producerSub,
        Instant createdAt,
        Instant failedAt) {

    static DeadLetter of(ResultSet row, PayloadCipher cipher) throws SQLException {
        return new DeadLetter(
                row.getLong("id"),
                row.getObject("message_id", UUID.class),
                row.getString("transaction_id"),
                row.getString("queue"),
                row.getString("partition"),
                row.getLong("partition_id"),
                row.getLong("seq"),
                row.getString("group_name"),
                cipher.open(row.getString("queue"), row.getString("payload")),
                row.getString("error"),
                row.getInt("retries"),
                row.getObject("trace_id", UUID.class),
                row.getString("producer_sub"),
                row.getTimestamp("created_at").toInstant(),
                row.getTimestamp("failed_at").toInstant());
    }
}
