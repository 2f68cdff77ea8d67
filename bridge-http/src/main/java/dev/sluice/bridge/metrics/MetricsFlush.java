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
 * Takes a sample of the process every second, writes counters and samples every {@value #FLUSH_SECONDS} seconds, and
 * looks at the queues every {@value #LOOK_SECONDS}. One thread. While the database is away it only takes samples.
 */
public final class MetricsFlush implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(MetricsFlush.class);

    private static final long FLUSH_SECONDS = 5;
    private static final long LOOK_SECONDS = 30;
    private static final long STOP_SECONDS = 5;

    private final Metrics metrics;
    private final MinuteCounters table;
    private final QueueOverview resources;
    private final int maxQueues;
    private final Runnable requireDatabase;
    private final ProcessSamples samples = new ProcessSamples();
    private final ScheduledExecutorService thread = Threads.clock("sluice-metrics");
    private volatile @Nullable String worker;
    private long seconds;

    /**
     * Makes it; {@link #start} begins.
     *
     * @param maxQueues queues looked at, the newest
     * @param requireDatabase throws {@link QueueException} while the database is known to be away
     */
    public MetricsFlush(
            Metrics metrics, MinuteCounters table, QueueOverview resources, int maxQueues, Runnable requireDatabase) {
        this.metrics = metrics;
        this.table = table;
        this.resources = resources;
        this.maxQueues = maxQueues;
        this.requireDatabase = requireDatabase;
    }

    /**
     * Begins.
     *
     * @param name host and port of this bridge
     */
    @SuppressWarnings("FutureReturnValueIgnored") // tick() keeps its failures to itself.
    public void start(String name) {
        worker = name;
        thread.scheduleWithFixedDelay(this::tick, 0, 1, TimeUnit.SECONDS);
    }

    private void tick() {
        try {
            samples.add(metrics.process().now());
            if (seconds % FLUSH_SECONDS == 0) {
                metrics.lastMinute().read(metrics.counters(), System.nanoTime());
                flush();
            }
            if (seconds % LOOK_SECONDS == 0) {
                metrics.queues(resources.queues(ResourceFilter.ALL, null, maxQueues, 0));
            }
        } catch (QueueException e) {
            log.debug("Counters are written later", e);
        } catch (RuntimeException | Error e) { // Whatever it throws would end the repetition.
            log.error("Counters could not be written", e);
        }
        seconds++;
    }

    private void flush() {
        String name = worker;
        if (name == null) {
            return;
        }
        requireDatabase.run();
        metrics.counters().flush(increments -> table.add(name, increments));
        samples.flush(table, name);
    }

    /** Writes what there is, if the database answers, and ends. */
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
            log.info("The counts of the last seconds are lost, the database does not answer: {}", e.getMessage());
        }
    }
}
