package dev.sluice.queue.admin;

/** Hears what {@link Retention} deletes. */
public interface RetentionListener {
    /**
     * Messages of a queue had their time. Called after they have become invisible, on the thread of the sweep.
     *
     * @param queue name of the queue
     * @param aged for their age alone: {@code ttl} or {@code retentionSeconds}
     * @param completed older than {@code completedRetentionSeconds}, and done with
     * @param waitedTooLong older than {@code maxWaitTimeSeconds}, and not done with
     */
    void retired(String queue, long aged, long completed, long waitedTooLong);

    /**
     * Partitions were deleted because they were idle. Called after the commit.
     *
     * @param queue name of their queue
     * @param partitions how many
     */
    default void partitionsDeleted(String queue, long partitions) {}
}
