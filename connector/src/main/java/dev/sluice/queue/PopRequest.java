package dev.sluice.queue;

import static java.util.Objects.requireNonNull;

/**
 * One consumer's wish for messages.
 *
 * @param batch most messages in the answer, over all partitions; 1 or more
 * @param maxPartitions most partitions to lease; 1 or more, ignored when the target names a partition
 * @param autoAck true to acknowledge with the pop itself: no lease, and no second delivery
 * @param subscription where the group starts, should this be its first pop
 */
public record PopRequest(int batch, int maxPartitions, boolean autoAck, Subscription subscription) {
    public PopRequest {
        if (batch < 1) {
            throw new IllegalArgumentException("batch must be at least 1, was " + batch);
        }
        if (maxPartitions < 1) {
            throw new IllegalArgumentException("partitions must be at least 1, was " + maxPartitions);
        }
        requireNonNull(subscription, "subscription");
    }
}
