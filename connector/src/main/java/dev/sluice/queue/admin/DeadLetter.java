package dev.sluice.queue.admin;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.PayloadCipher;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A message that a consumer group gave up on, with a copy of its content.
 *
 * @param id id of the dead letter; later dead letters have greater ids
 * @param messageId id of the message
 * @param transactionId key of the message in its partition
 * @param queue name of its queue
 * @param partition name of its partition
 * @param partitionId id of its partition, see {@link PartitionIds}
 * @param seq its position in the partition
 * @param group the group that gave up on the message; other groups may have read it
 * @param payload JSON text in UTF-8 as the producer pushed it; the stored text if it is encrypted with a key that is
 *     missing
 * @param headers headers of the producer; the stored text's if they are encrypted with a key that is missing
 * @param error what the consumer reported, or why the queue gave up; may be empty
 * @param retries how often the message was redelivered before
 * @param traceId trace id of the producer, or null
 * @param producerSub subject of the producer's token, or null
 * @param createdAt when the message was written to the queue, or the time that it brought along ({@link Origin})
 * @param failedAt when the message became a dead letter
 * @param history failures of a work, as JSON text; null: the letter is not of a work, or the work has none
 * @param progress what the handler of a work has reported last, as JSON text; null: nothing
 */
@SuppressWarnings("ArrayRecordComponent") // Copies of payloads would be expensive.
public record DeadLetter(
        long id,
        UUID messageId,
        String transactionId,
        String queue,
        String partition,
        long partitionId,
        long seq,
        String group,
        byte[] payload,
        MessageHeaders headers,
        String error,
        int retries,
        @Nullable UUID traceId,
        @Nullable String producerSub,
        Instant createdAt,
        Instant failedAt,
        @Nullable String history,
        @Nullable String progress) {

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
                cipher.open(row.getString("queue"), row.getBytes("payload")),
                cipher.open(row.getString("queue"), MessageHeaders.ofStored(row.getString("headers"))),
                row.getString("error"),
                row.getInt("retries"),
                row.getObject("trace_id", UUID.class),
                row.getString("producer_sub"),
                row.getTimestamp("created_at").toInstant(),
                row.getTimestamp("failed_at").toInstant(),
                opened(row, "history", cipher),
                opened(row, "progress", cipher));
    }

    private static @Nullable String opened(ResultSet row, String column, PayloadCipher cipher) throws SQLException {
        String stored = row.getString(column);
        return stored == null ? null : cipher.open(row.getString("queue"), stored);
    }
}
