package dev.sluice.queue;

import static java.util.Objects.requireNonNull;

/**
 * Where a page of partitions ended, in the order of queue and partition.
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
