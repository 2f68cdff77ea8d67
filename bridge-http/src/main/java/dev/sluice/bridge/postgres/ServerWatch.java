package dev.sluice.bridge.postgres;

import dev.sluice.bridge.system.Threads;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks every second whether the embedded server answers, and restarts it after two checks without an answer. One
 * thread of its own.
 */
final class ServerWatch implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ServerWatch.class);

    private static final long INTERVAL_MILLIS = 1000;
    private static final int MISSES_BEFORE_RESTART = 2;
    private static final int FAILED_STARTS_TO_REPORT = 3;

    private final BooleanSupplier isAnswering;
    private final BooleanSupplier restart;
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread thread = Threads.daemon("sluice-postgres", this::watch);

    /**
     * Makes it; {@link #start} begins.
     *
     * @param restart starts the server; returns whether that succeeded
     */
    ServerWatch(BooleanSupplier isAnswering, BooleanSupplier restart) {
        this.isAnswering = isAnswering;
        this.restart = restart;
    }

    void start() {
        thread.start();
    }

    private void watch() {
        int misses = 0;
        int failedStarts = 0;
        try {
            while (!closed.await(INTERVAL_MILLIS, TimeUnit.MILLISECONDS)) {
                if (isAnswering.getAsBoolean()) {
                    misses = 0;
                    failedStarts = 0;
                    continue;
                }
                misses++;
                if (misses >= MISSES_BEFORE_RESTART) {
                    misses = 0;
                    failedStarts = restart.getAsBoolean() ? 0 : failedStarts + 1;
                    if (failedStarts == FAILED_STARTS_TO_REPORT) {
                        log.error("The embedded PostgreSQL does not start, see postgres.log beside its data");
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Stops the watch, and interrupts a restart. */
    @Override
    public void close() {
        closed.countDown();
        thread.interrupt();
    }
}
