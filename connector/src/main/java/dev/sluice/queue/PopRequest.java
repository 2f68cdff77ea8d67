package dev.sluice.queue;

import static java.util.Objects.requireNonNull;

/**
 * A pop of one consumer.
 *
 * @param batch most messages in the result, over all partitions; 1 or more
 * @param maxPartitions most partitions to lease; 1 or more, ignored if the target names a partition
 * @param autoAck whether the pop itself acknowledges the messages: there is no lease and no redelivery
 * @param subscription where the group starts, if this is its first pop
 * @param memory gives room for large messages before they are read
 */
public record PopRequest(int batch, int maxPartitions, boolean autoAck, Subscription subscription, Memory memory) {

    /** The memory for the messages of a pop. */
    public interface Memory {
        /**
         * Takes memory for a large message. The pop then reads it; without memory, it leaves the message in the queue.
         *
         * @param bytes of the payload as it is stored
         * @return whether there was room
         */
        boolean take(long bytes);
    }

    public PopRequest {
        if (batch < 1) {
            throw new IllegalArgumentException("batch must be at least 1, was " + batch);
        }
        if (maxPartitions < 1) {
            throw new IllegalArgumentException("partitions must be at least 1, was " + maxPartitions);
        }
        requireNonNull(subscription, "subscription");
        requireNonNull(memory, "memory");
    }

    /** A pop with room for every message. */
    public PopRequest(int batch, int maxPartitions, boolean autoAck, Subscription subscription) {
        this(batch, maxPartitions, autoAck, subscription, bytes -> true);
    }
}
