package dev.sluice.queue;

import java.time.Instant;
import java.util.UUID;

/** What became of one {@link NewMessage}. Final: the transaction that decided it has committed. */
public sealed interface PushOutcome {

    /**
     * The message is in the queue.
     *
     * @param id the message's own id
     * @param partitionId its partition, see {@link PartitionIds}
     * @param seq its position in the partition, from 1, without gaps
     */
    record Queued(UUID id, long partitionId, long seq) implements PushOutcome {}

    /**
     * A message with the same transaction id is in the partition already; nothing was stored.
     *
     * @param id the id of that first message
     * @param partitionId the partition both belong to
     */
    record Duplicate(UUID id, long partitionId) implements PushOutcome {}

    /**
     * The message waits for its time, and gets its position then.
     *
     * @param id the message's own id
     * @param partitionId its partition
     * @param dueAt when it will be in the queue, by the database's clock
     */
    record Scheduled(UUID id, long partitionId, Instant dueAt) implements PushOutcome {}

    /**
     * The message is stored, and waits until its queue can be written to. It gets its position then, or turns out to be
     * a duplicate.
     *
     * @param id the message's own id
     */
    record Parked(UUID id) implements PushOutcome {}
}
