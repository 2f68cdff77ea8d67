package dev.sluice.bridge.jobs;

import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.admin.Retention;
import dev.sluice.queue.admin.RetentionResult;
import dev.sluice.queue.view.MinuteCounters;
import dev.sluice.queue.view.Traces;
import java.time.Duration;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Deletes expired messages, counts and traces, every {@code retention.interval.ms}. One thread of its own. Of several
 * bridges on one database, one sweeps at a time.
 */
public final class Housekeeping implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Housekeeping.class);

    private static final long STOP_SECONDS = 5;

    private final Retention retention;
    private final MinuteCounters counters;
    private final Traces traces;
    private final int keptDays;
    private final Duration interval;
    private final ScheduledExecutorService thread = Threads.clock("sluice-housekeeping");

    /**
     * Makes it; {@link #start} begins.
     *
     * @param keptDays days for which counts and traces are kept
     * @param interval time from the end of one sweep to the next, and from the start to the first sweep
     */
    public Housekeeping(Retention retention, MinuteCounters counters, Traces traces, int keptDays, Duration interval) {
        this.retention = retention;
        this.counters = counters;
        this.traces = traces;
        this.keptDays = keptDays;
        this.interval = interval;
    }

    /** Begins to sweep. */
    @SuppressWarnings("FutureReturnValueIgnored") // sweep() throws nothing.
    public void start() {
        thread.scheduleWithFixedDelay(this::sweep, interval.toMillis(), interval.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void sweep() {
        try {
            RetentionResult sweep = retention.sweep();
            if (sweep.messages() > 0) {
                log.info(
                        "Retention deleted expired messages messages={} ttl={} retention={} completed={}"
                                + " waited_too_long={} segments={}",
                        sweep.messages(),
                        sweep.ttl(),
                        sweep.retention(),
                        sweep.completed(),
                        sweep.waitedTooLong(),
                        sweep.segments());
            }
            if (sweep.complete()) {
                counters.prune(keptDays);
                traces.prune(keptDays);
            }
        } catch (QueueException e) {
            log.warn("Retention deleted nothing, the next sweep tries again reason={}", e.getMessage());
        } catch (RuntimeException | Error e) { // An exception would end the repetition.
            log.error("A sweep of retention failed, the next one tries again", e);
        }
    }

    /** Interrupts a sweep, and waits some seconds for its end. */
    @Override
    public void close() {
        thread.shutdownNow();
        try {
            if (!thread.awaitTermination(STOP_SECONDS, TimeUnit.SECONDS)) {
                log.warn("A sweep of retention still runs, the stop abandons it and its transaction");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
