package dev.sluice.queue;

import java.time.Instant;
import java.util.UUID;

/** The outcome of the push of one {@link NewMessage}. The transaction that decided it has committed. */
public sealed interface PushOutcome {

    /**
     * The message is in the queue.
     *
     * @param id the message's own id
     * @param partitionId its partition, see {@link PartitionIds}
     * @param seq its number in the partition, from 1, without gaps
     */
    record Queued(UUID id, long partitionId, long seq) implements PushOutcome {}

    /**
     * The partition already has a message with the same transaction id. Nothing was stored.
     *
     * @param id the id of the message that is stored
     * @param partitionId the partition of both messages
     */
    record Duplicate(UUID id, long partitionId) implements PushOutcome {}

    /**
     * The message waits for its delivery time, and gets its seq then.
     *
     * @param id the message's own id
     * @param partitionId its partition
     * @param dueAt its delivery time, by the database's clock
     */
    record Scheduled(UUID id, long partitionId, Instant dueAt) implements PushOutcome {}

    /**
     * The message is stored outside its queue until the queue can be written to. Then it gets its seq, or is dropped as
     * a duplicate.
     *
     * @param id the message's own id
     */
    record Parked(UUID id) implements PushOutcome {}
}
