package dev.sluice.connect.sink;

import dev.sluice.queue.QueueException;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkTaskContext;

/**
 * Decides what a sink task tells Connect about a failure of PostgreSQL: retry with backoff, or give up.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class Retries {
    private static final int MAX_DOUBLINGS = 20;

    /** Failures in a row. */
    private int failures;

    void succeeded() {
        failures = 0;
    }

    /**
     * Returns the exception to throw for a failure of PostgreSQL. If the failure is transient, it is a
     * {@link RetriableException}, and Connect gets the backoff.
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

    /**
     * Returns the backoff. It doubles with each failure, less up to a quarter at random, so that tasks do not retry at
     * once.
     */
    private long backoffMs(QueueSinkConfig config) {
        int doublings = Math.min(failures - 1, MAX_DOUBLINGS);
        long backoff = Math.min(config.retryBackoffMaxMs(), config.retryBackoffMs() << doublings);
        return backoff - ThreadLocalRandom.current().nextLong(backoff / 4 + 1);
    }
}
