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
 * Has what has had its time deleted, every {@code retention.interval.ms}. One thread; of several bridges one sweeps at
 * a time.
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
     * @param interval from the end of one sweep to the next; the first comes after as long
     */
    public Housekeeping(Retention retention, MinuteCounters counters, Traces traces, int keptDays, Duration interval) {
        this.retention = retention;
        this.counters = counters;
        this.traces = traces;
        this.keptDays = keptDays;
        this.interval = interval;
    }

    @SuppressWarnings("FutureReturnValueIgnored") // sweep() keeps its failures to itself.
    public void start() {
        thread.scheduleWithFixedDelay(this::sweep, interval.toMillis(), interval.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void sweep() {
        try {
            RetentionResult sweep = retention.sweep();
            if (sweep.messages() > 0) {
                log.info("Deleted what has had its time. {}", sweep);
            }
            if (sweep.complete()) {
                counters.prune(keptDays);
                traces.prune(keptDays);
            }
        } catch (QueueException e) {
            log.warn("Nothing was deleted, the next sweep tries again: {}", e.getMessage());
        } catch (RuntimeException | Error e) { // Whatever it throws would end the repetition.
            log.error("The sweep failed", e);
        }
    }

    @Override
    public void close() {
        thread.shutdownNow();
        try {
            if (!thread.awaitTermination(STOP_SECONDS, TimeUnit.SECONDS)) {
                log.warn("A sweep is still running; it is abandoned with its transaction");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
