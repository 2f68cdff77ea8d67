package dev.sluice.connect.sink;

import dev.sluice.queue.QueueException;

/**
 * The most records of one batch. A batch that times out halves the limit, down to one record. Each batch that succeeds
 * doubles it, up to the configured limit.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class BatchLimit {
    private int limit = Integer.MAX_VALUE;

    /** Returns the most records of the next batch. */
    int records(int configured) {
        return Math.min(limit, configured);
    }

    /** Notes that a batch of {@code records} has failed. */
    void failed(QueueException failure, int records) {
        if (failure.isByTime()) {
            limit = Math.max(1, records / 2);
        }
    }

    /** Notes that a batch was written. */
    void succeeded() {
        limit = limit > Integer.MAX_VALUE / 2 ? Integer.MAX_VALUE : limit * 2;
    }
}
