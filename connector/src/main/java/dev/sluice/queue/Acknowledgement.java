package dev.sluice.queue;

import static java.util.Objects.requireNonNull;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A consumer's acknowledgement of one message.
 *
 * @param group the consumer group
 * @param partitionId id of the partition of the message
 * @param transactionId transaction id of the message
 * @param leaseId the lease under which the message was popped; null: the lease is not checked
 * @param verdict how the consumer finished with the message
 * @param error why the consumer failed; stored with a dead letter; may be null
 */
public record Acknowledgement(
        String group,
        long partitionId,
        String transactionId,
        @Nullable UUID leaseId,
        Verdict verdict,
        @Nullable String error) {

    /** How a consumer finished with a message. */
    public enum Verdict {
        /** Done. The message is never delivered to this group again. */
        COMPLETED,
        /**
         * Failed. The message is delivered again after the retry delay; beyond the retry limit of the queue it becomes
         * a dead letter.
         */
        FAILED,
        /** Not done. The message is delivered again at once; the retry limit does not count it. */
        RETRY,
        /** Rejected. The message becomes a dead letter at once. */
        DLQ
    }

    public Acknowledgement {
        requireNonNull(group, "group");
        requireNonNull(transactionId, "transactionId");
        requireNonNull(verdict, "verdict");
    }
}
