package dev.sluice.bridge.jobs;

import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.index.IdIndexWriter;
import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Adds the messages of large partitions to the index of transaction ids, at its start and every ten seconds. While it
 * has to catch up, it rests after each few blocks for nine times as long as they took, so that it takes at most a tenth
 * of a connection's time. One thread of its own. Of several bridges on one database, one writes at a time.
 */
public final class IdIndexing implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(IdIndexing.class);

    /** Time from the end of one run to the next when nothing is left to do. */
    public static final Duration INTERVAL = Duration.ofSeconds(10);

    /** Blocks written between two rests. */
    static final int BLOCKS = 16;

    /** Length of a rest while blocks are left, as a multiple of the time before it. */
    private static final int REST_FACTOR = 9;

    private static final long STOP_SECONDS = 5;

    private final IdIndexWriter writer;
    private final long intervalMillis;
    private final ScheduledExecutorService thread = Threads.clock("sluice-id-indexing");
    /** Whether the last run failed. Only the thread uses it. */
    private boolean failing;

    /**
     * Makes it; {@link #start} begins.
     *
     * @param writer nobody else uses it
     * @param interval time from the end of one run to the next when nothing is left to do
     */
    public IdIndexing(IdIndexWriter writer, Duration interval) {
        this.writer = writer;
        this.intervalMillis = interval.toMillis();
    }

    /** Begins to write blocks. */
    public void start() {
        runIn(0);
    }

    @SuppressWarnings("FutureReturnValueIgnored") // run() throws nothing.
    private void runIn(long millis) {
        thread.schedule(this::run, millis, TimeUnit.MILLISECONDS);
    }

    private void run() {
        long begin = System.nanoTime();
        long rest = intervalMillis;
        try {
            rest = restMillis(writer.run(BLOCKS), System.nanoTime() - begin, intervalMillis);
            report(null);
        } catch (QueueException e) {
            report(e);
        } catch (RuntimeException | Error e) { // An exception would end the repetition.
            log.error("Transaction ids could not be indexed, the next run tries again", e);
        }
        try {
            runIn(rest);
        } catch (RejectedExecutionException e) {
            log.debug("The service stops, transaction ids are not indexed any more");
        }
    }

    /**
     * The time from the end of a run to the next.
     *
     * @param blocks blocks that the run has written; {@link #BLOCKS} if more may be left
     */
    static long restMillis(int blocks, long tookNanos, long intervalMillis) {
        long catchingUp = REST_FACTOR * TimeUnit.NANOSECONDS.toMillis(tookNanos);
        return blocks == BLOCKS ? catchingUp : intervalMillis;
    }

    private void report(@Nullable QueueException failure) {
        if (failure != null && !failing) {
            log.warn(
                    "Transaction ids are not indexed until the database takes them, looking messages up may be slow"
                            + " reason={}",
                    failure.getMessage());
        } else if (failure == null && failing) {
            log.info("Transaction ids are indexed again");
        }
        failing = failure != null;
    }

    /** Interrupts a run, and waits some seconds for its end. */
    @Override
    public void close() {
        thread.shutdownNow();
        try {
            if (!thread.awaitTermination(STOP_SECONDS, TimeUnit.SECONDS)) {
                log.warn("Transaction ids are still being indexed, the stop abandons the run and its transaction");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
