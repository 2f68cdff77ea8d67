package dev.sluice.queue.write;

/** Names a partition, as users do. */
record PartitionName(String queue, String partition) {}
