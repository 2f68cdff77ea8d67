package dev.sluice.queue.admin;

/** Is told what {@link Retention} deletes. */
public interface RetentionListener {
    /**
     * Retention has deleted messages of a queue. Called after the commit that made them invisible, on the thread of the
     * sweep.
     *
     * @param queue name of the queue
     * @param aged messages older than {@code ttl} or {@code retentionSeconds}
     * @param completed completed messages older than {@code completedRetentionSeconds}
     * @param waitedTooLong open messages older than {@code maxWaitTimeSeconds}
     */
    void messagesDeleted(String queue, long aged, long completed, long waitedTooLong);

    /**
     * Retention has deleted idle partitions. Called after the commit.
     *
     * @param queue name of their queue
     * @param partitions how many
     */
    default void partitionsDeleted(String queue, long partitions) {}
}
