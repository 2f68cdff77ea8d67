package dev.sluice.queue.admin;

/**
 * What a sweep of {@link Retention} has done. A message counts once, for the first reason that applies; those deleted
 * one by one before count too.
 *
 * @param complete false when it ended early: another process is sweeping, or the thread was interrupted
 * @param ttl messages older than their queue's {@code ttl}
 * @param retention messages older than {@code retentionSeconds}
 * @param completed messages every group has done with, older than {@code completedRetentionSeconds}
 * @param waitedTooLong messages somebody has not done with, older than {@code maxWaitTimeSeconds}, and what was before
 *     them
 * @param segments rows of {@code segments} deleted, also for queues, partitions and messages deleted by hand
 * @param deadLetters dead letters deleted that belonged to deleted partitions
 * @param scheduled messages deleted that waited for their time in deleted partitions
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

    /** Returns how many messages were retired, for any reason. */
    public long messages() {
        return ttl + retention + completed + waitedTooLong;
    }
}
