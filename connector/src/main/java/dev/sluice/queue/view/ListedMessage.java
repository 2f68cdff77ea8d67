package dev.sluice.queue.view;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.sql.Rows;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A message in a list, without its payload.
 *
 * @param queue name of its queue
 * @param namespace namespace of its queue
 * @param task task of its queue
 * @param priority priority of its queue
 * @param partition name of its partition
 * @param partitionId id of its partition, see {@link PartitionIds}
 * @param seq its position in the partition
 * @param id the id that it got when it was accepted
 * @param transactionId its key in the partition
 * @param headers headers of the producer; the stored text's if they cannot be decrypted
 * @param state its state
 * @param traceId the producer's trace id, or null
 * @param producerSub subject of the producer's token, or null
 * @param createdAt when it was written, or the time that it brought along ({@link Origin})
 * @param writtenAt when it was written; lists are in this order
 * @param leasedUntil when the lease on its partition ends; null unless its state is processing
 * @param groups how many named groups read the partition
 * @param consumedBy how many of these groups have passed it
 */
public record ListedMessage(
        String queue,
        String namespace,
        String task,
        int priority,
        String partition,
        long partitionId,
        long seq,
        UUID id,
        String transactionId,
        MessageHeaders headers,
        MessageState state,
        @Nullable UUID traceId,
        @Nullable String producerSub,
        Instant createdAt,
        Instant writtenAt,
        @Nullable Instant leasedUntil,
        int groups,
        int consumedBy) {

    static ListedMessage of(ResultSet row, PayloadCipher cipher) throws SQLException {
        MessageState state = MessageState.of(row.getString("state"));
        return new ListedMessage(
                row.getString("queue"),
                row.getString("namespace"),
                row.getString("task"),
                row.getInt("priority"),
                row.getString("partition"),
                row.getLong("partition_id"),
                row.getLong("seq"),
                row.getObject("id", UUID.class),
                row.getString("transaction_id"),
                cipher.open(row.getString("queue"), MessageHeaders.ofStored(row.getString("headers"))),
                state,
                row.getObject("trace_id", UUID.class),
                row.getString("producer_sub"),
                row.getTimestamp("created_at").toInstant(),
                row.getTimestamp("written_at").toInstant(),
                state == MessageState.PROCESSING ? Rows.instant(row, "leased_until") : null,
                row.getInt("groups"),
                row.getInt("past"));
    }
}
