package dev.sluice.bridge.metrics;

import dev.sluice.queue.admin.RetentionListener;
import dev.sluice.queue.view.Counter;

/** Counts the messages and partitions that retention deletes. */
public final class RetentionCounts implements RetentionListener {
    private final Counters counters;

    /** Adds to {@code counters}. */
    public RetentionCounts(Counters counters) {
        this.counters = counters;
    }

    @Override
    public void messagesDeleted(String queue, long aged, long completed, long waitedTooLong) {
        QueueCounters counts = counters.queue(queue);
        counts.add(Counter.RETENTION_MESSAGES, aged);
        counts.add(Counter.COMPLETED_RETENTION_MESSAGES, completed);
        counts.add(Counter.EVICTION_MESSAGES, waitedTooLong);
        counts.add(Counter.RETENTION_EVENTS, 1);
    }

    @Override
    public void partitionsDeleted(String queue, long partitions) {
        counters.queue(queue).add(Counter.PARTITIONS_DELETED, partitions);
    }
}
