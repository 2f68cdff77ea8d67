package dev.sluice.connect.sink;

import dev.sluice.queue.QueueException;

/**
 * How many records a transaction takes. A batch that takes too long halves the limit, down to one record. Each batch
 * that succeeds doubles it again, up to the configured limit.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class BatchLimit {
    private int limit = Integer.MAX_VALUE;

    /** Returns how many records the next batch may have. */
    int records(int configured) {
        return Math.min(limit, configured);
    }

    /** A batch failed. */
    void failed(QueueException failure, int records) {
        if (failure.isByTime()) {
            limit = Math.max(1, records / 2);
        }
    }

    /** A batch was written. */
    void succeeded() {
        limit = limit > Integer.MAX_VALUE / 2 ? Integer.MAX_VALUE : limit * 2;
    }
}
