package dev.sluice.queue;

import static java.util.Objects.requireNonNull;

/**
 * A pop of one consumer.
 *
 * @param batch most messages in the result, over all partitions; 1 or more
 * @param maxPartitions most partitions to lease; 1 or more, ignored if the target names a partition
 * @param autoAck whether the pop itself acknowledges the messages: there is no lease and no redelivery
 * @param subscription where the group starts, if this is its first pop
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
