package dev.sluice.queue.admin;

/**
 * What a sweep of {@link Retention} has deleted. A message counts for the first reason that applies. It also counts if
 * it was deleted alone before.
 *
 * @param complete false if the sweep ended early: another process runs a sweep, or the thread was interrupted
 * @param ttl messages older than the {@code ttl} of their queue
 * @param retention messages older than {@code retentionSeconds}
 * @param completed messages older than {@code completedRetentionSeconds} that every group has completed
 * @param waitedTooLong messages older than {@code maxWaitTimeSeconds} that some group has not completed, and the
 *     messages before them
 * @param segments rows of {@code segments}, including those of queues, partitions and messages deleted by hand
 * @param deadLetters dead letters of deleted partitions, and old ones
 * @param scheduled scheduled messages of deleted partitions
 */
public record RetentionResult(
        boolean complete,
        long ttl,
        long retention,
        long completed,
        long waitedTooLong,
        long segments,
        long deadLetters,
        long scheduled) {

    /** Returns how many messages were deleted, for any reason. */
    public long messages() {
        return ttl + retention + completed + waitedTooLong;
    }
}
