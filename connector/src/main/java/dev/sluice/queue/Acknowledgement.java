package dev.sluice.queue;

import static java.util.Objects.requireNonNull;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A consumer's word on one message.
 *
 * @param group the consumer group that speaks
 * @param partitionId partition of the message
 * @param transactionId transaction id of the message
 * @param leaseId the lease under which it was popped; null for no check
 * @param verdict what became of it
 * @param error why it failed, kept with a dead letter; may be null
 */
public record Acknowledgement(
        String group,
        long partitionId,
        String transactionId,
        @Nullable UUID leaseId,
        Verdict verdict,
        @Nullable String error) {

    /** What a consumer can say of a message. */
    public enum Verdict {
        /** Done; never delivered to this group again. */
        COMPLETED,
        /** Not done; delivered again until the retry limit of the queue is spent, then a dead letter. */
        FAILED,
        /** Not done; delivered again, without counting. */
        RETRY,
        /** Never to be done; a dead letter at once. */
        DLQ
    }

    public Acknowledgement {
        requireNonNull(group, "group");
        requireNonNull(transactionId, "transactionId");
        requireNonNull(verdict, "verdict");
    }
}
