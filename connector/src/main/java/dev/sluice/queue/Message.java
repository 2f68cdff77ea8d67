package dev.sluice.queue;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A message as a consumer gets it.
 *
 * @param partitionId id of its partition, see {@link PartitionIds}
 * @param partition name of its partition
 * @param queue name of its queue
 * @param seq position in the partition, from 1
 * @param id the id it got when it was accepted
 * @param transactionId its key in the partition
 * @param payload JSON text, exactly as it was pushed; as it is stored if it is encrypted with a key that is not here
 * @param traceId the producer's trace id, or null
 * @param producerSub subject of the producer's token, or null
 * @param createdAt when it was written here, by the database's clock, or what it brought along ({@link Origin});
 *     microseconds
 */
public record Message(
        long partitionId,
        String partition,
        String queue,
        long seq,
        UUID id,
        String transactionId,
        String payload,
        @Nullable UUID traceId,
        @Nullable String producerSub,
        Instant createdAt) {

    /** Returns the same message with another payload. */
    Message withPayload(String other) {
        return new Message(
                partitionId, partition, queue, seq, id, transactionId, other, traceId, producerSub, createdAt);
    }
}
