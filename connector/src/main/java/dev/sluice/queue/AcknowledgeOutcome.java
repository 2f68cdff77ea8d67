package dev.sluice.queue;

/** What an {@link Acknowledgement} changed. Committed when the caller sees it. */
public sealed interface AcknowledgeOutcome {

    /**
     * The verdict was taken. Of a group that has never read the partition, without a lease: nothing changed.
     *
     * @param queue name of the queue
     * @param partition name of the partition
     * @param leaseReleased true when the lease on the partition ended with this call
     * @param deadLettered true when the message became a dead letter
     */
    record Acknowledged(String queue, String partition, boolean leaseReleased, boolean deadLettered)
            implements AcknowledgeOutcome {}

    /**
     * The lease named does not hold the message, or not any more. Nothing changed.
     *
     * @param queue name of the queue
     * @param partition name of the partition
     */
    record LeaseInvalid(String queue, String partition) implements AcknowledgeOutcome {}

    /** There is no such message in the partition, or none within reach of the cursor; or no such partition. Nothing changed. */
    record NotFound() implements AcknowledgeOutcome {}
}
