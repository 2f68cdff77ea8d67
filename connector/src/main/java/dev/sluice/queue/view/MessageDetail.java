package dev.sluice.queue.view;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.sql.Rows;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A message with its payload, the options of its queue and the groups that read it.
 *
 * @param queue name of its queue
 * @param namespace namespace of its queue
 * @param task task of its queue
 * @param leaseTime option of its queue, see {@link QueueOptions}; so are the next four
 * @param retryLimit see {@link QueueOptions}
 * @param retryDelay see {@link QueueOptions}; zero if it is not set
 * @param ttl see {@link QueueOptions}; zero if it is not set
 * @param priority see {@link QueueOptions}
 * @param partition name of its partition
 * @param partitionId id of its partition, see {@link PartitionIds}
 * @param id the id that it got when it was accepted
 * @param transactionId its key in the partition
 * @param payload JSON text as the producer pushed it; the stored text if it cannot be decrypted
 * @param headers headers of the producer; the stored text's if they cannot be decrypted
 * @param encrypted whether the payload was decrypted
 * @param state its state
 * @param traceId the producer's trace id, or null
 * @param producerSub subject of the producer's token, or null
 * @param createdAt when it was written, or the time that it brought along ({@link Origin})
 * @param error why the last group that gave up on it did so; null if no group gave up
 * @param retries how often it was redelivered before that; null if no group gave up
 * @param leasedUntil when the lease on its partition ends; null unless its state is processing
 * @param groups the groups that read the partition
 */
@SuppressWarnings("ArrayRecordComponent") // Copies of payloads would be expensive.
public record MessageDetail(
        String queue,
        String namespace,
        String task,
        Duration leaseTime,
        int retryLimit,
        Duration retryDelay,
        Duration ttl,
        int priority,
        String partition,
        long partitionId,
        UUID id,
        String transactionId,
        byte[] payload,
        MessageHeaders headers,
        boolean encrypted,
        MessageState state,
        @Nullable UUID traceId,
        @Nullable String producerSub,
        Instant createdAt,
        @Nullable String error,
        @Nullable Integer retries,
        @Nullable Instant leasedUntil,
        List<Reader> groups) {

    public MessageDetail {
        groups = List.copyOf(groups);
    }

    /**
     * A group that reads the partition.
     *
     * @param name its name; {@link PopTarget#DEFAULT_GROUP} for consumers without a group
     * @param consumed whether it has completed the message
     * @param leasedUntil when its lease on the message ends; null if it has none
     */
    public record Reader(
            String name, boolean consumed, @Nullable Instant leasedUntil) {

        /** Returns the group in a row; no group has completed a message that has no seq yet. */
        static Reader of(ResultSet row, boolean hasSeq) throws SQLException {
            return new Reader(
                    row.getString("name"), hasSeq && row.getBoolean("consumed"), Rows.instant(row, "leased_until"));
        }
    }

    static MessageDetail of(ResultSet row, PayloadCipher cipher, List<Reader> groups) throws SQLException {
        byte[] stored = row.getBytes("payload");
        byte[] payload = cipher.open(row.getString("queue"), stored);
        String error = row.getString("error");
        Instant leasedUntil = Rows.instant(row, "leased_until");
        MessageState state = MessageState.PENDING;
        if (error != null) {
            state = MessageState.DEAD_LETTER;
        } else if (row.getBoolean("read")) {
            state = MessageState.COMPLETED;
        } else if (leasedUntil != null && row.getObject("seq") != null) {
            state = MessageState.PROCESSING;
        }
        return new MessageDetail(
                row.getString("queue"),
                row.getString("namespace"),
                row.getString("task"),
                Duration.ofSeconds(row.getLong("lease_time_s")),
                row.getInt("retry_limit"),
                Duration.ofMillis(row.getLong("retry_delay_ms")),
                Duration.ofSeconds(row.getLong("ttl_s")),
                row.getInt("priority"),
                row.getString("partition"),
                row.getLong("partition_id"),
                row.getObject("id", UUID.class),
                row.getString("transaction_id"),
                payload,
                cipher.open(row.getString("queue"), MessageHeaders.ofStored(row.getString("headers"))),
                payload != stored,
                state,
                row.getObject("trace_id", UUID.class),
                row.getString("producer_sub"),
                row.getTimestamp("written_at").toInstant(),
                error,
                error == null ? null : row.getInt("retries"),
                state == MessageState.PROCESSING ? leasedUntil : null,
                groups);
    }
}
