package dev.sluice.bridge.jobs;

import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.write.QueueWriter;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts scheduled messages into their queues when they are due: looks twice a second, by the database's clock. Any
 * number of bridges may do it on one database. A thread of its own, which owns the writer.
 */
public final class ScheduledRelease implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ScheduledRelease.class);

    private static final Duration INTERVAL = Duration.ofMillis(500);
    private static final int MAX_MESSAGES = 2_000;
    private static final long STOP_SECONDS = 5;

    /** Puts messages into their queues, and says how many. */
    private interface Release {
        QueueWriter.Released run(int limit);
    }

    private final QueueWriter writer;
    private final List<Release> releases;
    private final Consumer<Set<String>> released;
    private final ScheduledExecutorService thread = Threads.clock("sluice-scheduled-release");
    /** Of the thread. */
    private boolean failing;

    private volatile boolean renewing;

    /**
     * Makes it; {@link #start} begins.
     *
     * @param writer used by nobody else
     * @param released told the queues that have got messages
     */
    public ScheduledRelease(QueueWriter writer, Consumer<Set<String>> released) {
        this.writer = writer;
        this.releases = List.of(writer::releaseDue, writer::releaseParked);
        this.released = released;
    }

    @SuppressWarnings("FutureReturnValueIgnored") // look() keeps its failures to itself.
    public void start() {
        thread.scheduleWithFixedDelay(this::look, INTERVAL.toMillis(), INTERVAL.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Makes the writer give its connection back before it looks again. Any thread may call. */
    public void renew() {
        renewing = true;
    }

    private void look() {
        try {
            if (renewing) {
                renewing = false;
                writer.close();
            }
            int moved;
            QueueException failure;
            do { // In turn, and each for itself: neither keeps the other waiting.
                moved = 0;
                failure = null;
                for (Release release : releases) {
                    try {
                        moved += told(release.run(MAX_MESSAGES));
                    } catch (QueueException e) {
                        failure = e;
                    }
                }
            } while (moved > 0 && !thread.isShutdown());
            note(failure);
        } catch (RuntimeException | Error e) { // Whatever it throws would end the repetition.
            log.error("Scheduled messages could not be released", e);
        }
    }

    private int told(QueueWriter.Released moved) {
        if (!moved.queues().isEmpty()) {
            released.accept(moved.queues());
        }
        return moved.messages();
    }

    private void note(@Nullable QueueException failure) {
        if (failure != null && !failing) {
            log.warn("Scheduled messages wait until the database takes them: {}", failure.getMessage());
        } else if (failure == null && failing) {
            log.info("Scheduled messages are released again");
        }
        failing = failure != null;
    }

    @Override
    public void close() {
        thread.shutdown();
        try {
            if (!thread.awaitTermination(STOP_SECONDS, TimeUnit.SECONDS)) {
                thread.shutdownNow();
            }
        } catch (InterruptedException e) {
            thread.shutdownNow();
            Thread.currentThread().interrupt();
        }
        writer.close();
    }
}
