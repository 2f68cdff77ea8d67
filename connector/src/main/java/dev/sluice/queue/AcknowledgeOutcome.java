package dev.sluice.queue;

/** The outcome of an {@link Acknowledgement}. Its change, if any, is committed when the caller sees the outcome. */
public sealed interface AcknowledgeOutcome {
    /** Returns whether the acknowledgement was accepted; false for a lease or a message that is not there. */
    default boolean isAccepted() {
        return this instanceof Acknowledged || this instanceof Unread;
    }

    /**
     * The acknowledgement is applied.
     *
     * @param queue name of the queue
     * @param partition name of the partition
     * @param leaseReleased whether this call ended the lease on the partition
     * @param deadLettered whether the message became a dead letter
     */
    record Acknowledged(String queue, String partition, boolean leaseReleased, boolean deadLettered)
            implements AcknowledgeOutcome {}

    /**
     * The group has never read the partition, and the acknowledgement names no lease. Nothing is changed; the client
     * made no mistake.
     *
     * @param queue name of the queue
     * @param partition name of the partition
     */
    record Unread(String queue, String partition) implements AcknowledgeOutcome {}

    /**
     * The named lease does not hold the message, or has ended. Nothing is changed.
     *
     * @param queue name of the queue
     * @param partition name of the partition
     */
    record LeaseInvalid(String queue, String partition) implements AcknowledgeOutcome {}

    /**
     * The partition does not exist, or has no such message within reach of the group's cursor. If the group has no
     * cursor, only the newest messages are within reach. Nothing is changed.
     */
    record NotFound() implements AcknowledgeOutcome {}
}
