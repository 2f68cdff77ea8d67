package dev.sluice.bridge.ingest;

import dev.sluice.queue.PushOutcome;
import java.util.UUID;

/** The answer for one message of a push. */
public sealed interface PushResult {

    /**
     * Committed in PostgreSQL.
     *
     * @param messageId its id
     * @param partitionId its partition, see {@link dev.sluice.queue.PartitionIds}
     */
    record Queued(UUID messageId, long partitionId) implements PushResult {}

    /**
     * Not stored, because its partition has a message with the same transaction id already.
     *
     * @param messageId id of that first message
     * @param partitionId their partition
     */
    record Duplicate(UUID messageId, long partitionId) implements PushResult {}

    /** Durable in the local log, on its way to PostgreSQL; or in PostgreSQL already, with its outcome unknown. */
    record Buffered() implements PushResult {
        /** They are all the same. */
        public static final Buffered BUFFERED = new Buffered();
    }

    /**
     * Not accepted, or refused by PostgreSQL for what it is.
     *
     * @param error what is wrong, for people
     */
    record Failed(String error) implements PushResult {}

    /** Returns what an outcome of the queue means to the producer. */
    static PushResult of(PushOutcome outcome) {
        if (outcome instanceof PushOutcome.Queued queued) {
            return new Queued(queued.id(), queued.partitionId());
        }
        if (outcome instanceof PushOutcome.Duplicate duplicate) {
            return new Duplicate(duplicate.id(), duplicate.partitionId());
        }
        if (outcome instanceof PushOutcome.Scheduled scheduled) {
            return new Queued(scheduled.id(), scheduled.partitionId());
        }
        if (outcome instanceof PushOutcome.Parked) {
            return Buffered.BUFFERED; // Durable, and not in its queue yet.
        }
        throw new AssertionError(outcome);
    }
}
