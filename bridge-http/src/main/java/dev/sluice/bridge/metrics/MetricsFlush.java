package dev.sluice.bridge.metrics;

import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.view.MinuteCounters;
import dev.sluice.queue.view.QueueOverview;
import dev.sluice.queue.view.ResourceFilter;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Samples the process every second, writes counters and samples every {@value #FLUSH_SECONDS} seconds, and reads the
 * state of the queues every {@value #READ_QUEUES_SECONDS} seconds, on one thread. While the database is unreachable it
 * only takes samples.
 */
public final class MetricsFlush implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(MetricsFlush.class);

    private static final long FLUSH_SECONDS = 5;
    private static final long READ_QUEUES_SECONDS = 30;
    private static final long STOP_SECONDS = 5;

    private final Metrics metrics;
    private final MinuteCounters table;
    private final QueueOverview overview;
    private final int maxQueues;
    private final Runnable requireDatabase;
    private final ProcessSamples samples = new ProcessSamples();
    private final ScheduledExecutorService thread = Threads.clock("sluice-metrics");
    private volatile @Nullable String bridge;
    private long seconds;

    /**
     * Makes the flush; {@link #start} begins.
     *
     * @param maxQueues how many queues to read, the newest first
     * @param requireDatabase throws {@link QueueException} while the database is known to be unreachable
     */
    public MetricsFlush(
            Metrics metrics, MinuteCounters table, QueueOverview overview, int maxQueues, Runnable requireDatabase) {
        this.metrics = metrics;
        this.table = table;
        this.overview = overview;
        this.maxQueues = maxQueues;
        this.requireDatabase = requireDatabase;
    }

    /**
     * Begins to sample and write.
     *
     * @param name host and port of this bridge
     */
    @SuppressWarnings("FutureReturnValueIgnored") // tick() handles its failures.
    public void start(String name) {
        bridge = name;
        thread.scheduleWithFixedDelay(this::tick, 0, 1, TimeUnit.SECONDS);
    }

    private void tick() {
        try {
            samples.add(metrics.process().now());
            if (seconds % FLUSH_SECONDS == 0) {
                metrics.lastMinute().read(metrics.counters(), System.nanoTime());
                flush();
            }
            if (seconds % READ_QUEUES_SECONDS == 0) {
                metrics.queues(overview.queues(ResourceFilter.ALL, null, maxQueues, 0));
            }
        } catch (QueueException e) {
            log.debug("Could not write counters, writing them later", e);
        } catch (RuntimeException | Error e) { // An exception would end the repetition.
            log.error("Could not write counters because of a defect, writing them later", e);
        }
        seconds++;
    }

    private void flush() {
        String name = bridge;
        if (name == null) {
            return;
        }
        requireDatabase.run();
        metrics.counters().flush(increments -> table.add(name, increments));
        samples.flush(table, name);
    }

    /** Writes the last counts if the database answers, and ends. */
    @Override
    public void close() {
        thread.shutdown();
        try {
            if (thread.awaitTermination(STOP_SECONDS, TimeUnit.SECONDS)) {
                flush();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (QueueException e) {
            log.info("Lost the counts of the last seconds, the database does not answer reason={}", e.getMessage());
        }
    }
}
