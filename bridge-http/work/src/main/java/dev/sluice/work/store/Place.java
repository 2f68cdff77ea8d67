package dev.sluice.work.store;

/**
 * Where a work was in its queue: what identifies its row in {@code work_items}.
 *
 * @param partitionId id of the partition
 * @param seq its number in the partition
 */
public record Place(long partitionId, long seq) {}
