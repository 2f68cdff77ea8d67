package dev.sluice.connect.sink;

import dev.sluice.queue.QueueException;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkTaskContext;

/**
 * Counts the failures in a row of a sink task, and says what to tell Connect about each.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class Retries {
    private static final int MAX_DOUBLINGS = 20;

    private int failures;

    void succeeded() {
        failures = 0;
    }

    /**
     * Returns what to throw for a failure of PostgreSQL; one that may pass is tried again after the time given to
     * Connect.
     */
    ConnectException failed(QueueException e, QueueSinkConfig config, SinkTaskContext context) {
        if (!e.isTransient()) {
            return new ConnectException(e.getMessage(), e);
        }
        failures++;
        if (config.maxRetries() >= 0 && failures > config.maxRetries()) {
            return new ConnectException(
                    "gave up after " + QueueSinkConfig.MAX_RETRIES + "=" + config.maxRetries() + " retries: "
                            + e.getMessage(),
                    e);
        }
        context.timeout(backoffMs(config));
        return new RetriableException(e.getMessage(), e);
    }

    /** Doubles with every failure; a random part of a quarter keeps many tasks from coming back together. */
    private long backoffMs(QueueSinkConfig config) {
        int doublings = Math.min(failures - 1, MAX_DOUBLINGS);
        long backoff = Math.min(config.retryBackoffMaxMs(), config.retryBackoffMs() << doublings);
        return backoff - ThreadLocalRandom.current().nextLong(backoff / 4 + 1);
    }
}
