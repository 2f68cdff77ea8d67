package dev.sluice.queue;

import static java.util.Objects.requireNonNull;

/**
 * The position of the last row of a page of partitions, in the order of queue and partition. The next page begins after
 * it.
 *
 * @param queue name of the queue of the last row
 * @param partition name of its partition
 */
public record PartitionKey(String queue, String partition) {
    public PartitionKey {
        requireNonNull(queue, "queue");
        requireNonNull(partition, "partition");
    }
}
