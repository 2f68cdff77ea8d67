package dev.sluice.queue;

/** What an {@link Acknowledgement} changed. Committed when the caller sees it. */
public sealed interface AcknowledgeOutcome {
    /** Returns whether there was nothing wrong with the verdict. */
    default boolean isTaken() {
        return this instanceof Acknowledged || this instanceof Unread;
    }

    /**
     * The verdict was taken.
     *
     * @param queue name of the queue
     * @param partition name of the partition
     * @param leaseReleased true when the lease on the partition ended with this call
     * @param deadLettered true when the message became a dead letter
     */
    record Acknowledged(String queue, String partition, boolean leaseReleased, boolean deadLettered)
            implements AcknowledgeOutcome {}

    /**
     * The group has never read the partition, and no lease was named. Nothing changed, and nothing is wrong.
     *
     * @param queue name of the queue
     * @param partition name of the partition
     */
    record Unread(String queue, String partition) implements AcknowledgeOutcome {}

    /**
     * The lease named does not hold the message, or not any more. Nothing changed.
     *
     * @param queue name of the queue
     * @param partition name of the partition
     */
    record LeaseInvalid(String queue, String partition) implements AcknowledgeOutcome {}

    /**
     * There is no such message in the partition, or none within reach of the cursor (for a group without one: among the
     * newest); or no such partition. Nothing changed.
     */
    record NotFound() implements AcknowledgeOutcome {}
}
