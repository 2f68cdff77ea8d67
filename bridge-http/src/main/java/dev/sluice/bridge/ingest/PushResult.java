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
     * Not stored, because its partition already has a message with the same transaction id.
     *
     * @param messageId id of the first message
     * @param partitionId the partition of both
     */
    record Duplicate(UUID messageId, long partitionId) implements PushResult {}

    /** Durable in the local log and not yet in PostgreSQL, or in PostgreSQL with an unknown outcome. */
    record Buffered() implements PushResult {
        /** The only instance needed. */
        public static final Buffered BUFFERED = new Buffered();
    }

    /**
     * Not accepted, or refused by PostgreSQL for its content.
     *
     * @param error what is wrong, for people
     */
    record Failed(String error) implements PushResult {}

    /** Returns the result that an outcome of the queue means to the producer. */
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
            return Buffered.BUFFERED; // Durable, but not in its queue yet.
        }
        throw new AssertionError(outcome);
    }
}
