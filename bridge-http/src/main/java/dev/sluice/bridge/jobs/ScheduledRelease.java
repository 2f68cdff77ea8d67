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
 * Moves scheduled messages into their queues when they are due by the clock of the database, and parked messages when
 * their queue is free. Looks twice a second. Any number of bridges may do so on one database. One thread of its own,
 * which owns the writer.
 */
public final class ScheduledRelease implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ScheduledRelease.class);

    private static final Duration INTERVAL = Duration.ofMillis(500);
    private static final int MAX_MESSAGES = 2_000;
    private static final long STOP_SECONDS = 5;

    /** Moves messages of one kind into their queues. */
    private interface Release {
        /** Moves at most {@code limit} messages. */
        QueueWriter.Released run(int limit);
    }

    private final QueueWriter writer;
    private final List<Release> releases;
    private final Consumer<Set<String>> wake;
    private final ScheduledExecutorService thread = Threads.clock("sluice-scheduled-release");
    /** Whether the last run failed. Only the thread uses it. */
    private boolean failing;

    private volatile boolean renewing;

    /**
     * Makes it; {@link #start} begins.
     *
     * @param writer nobody else uses it
     * @param wake gets the queues that have new messages
     */
    public ScheduledRelease(QueueWriter writer, Consumer<Set<String>> wake) {
        this.writer = writer;
        this.releases = List.of(writer::releaseDue, writer::releaseParked);
        this.wake = wake;
    }

    /** Begins to look. */
    @SuppressWarnings("FutureReturnValueIgnored") // look() throws nothing.
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
            do { // One after the other, so that neither kind waits for all messages of the other.
                moved = 0;
                failure = null;
                for (Release release : releases) {
                    try {
                        moved += wake(release.run(MAX_MESSAGES));
                    } catch (QueueException e) {
                        failure = e;
                    }
                }
            } while (moved > 0 && !thread.isShutdown());
            report(failure);
        } catch (RuntimeException | Error e) { // An exception would end the repetition.
            log.error("Scheduled messages could not be released, the next run tries again", e);
        }
    }

    private int wake(QueueWriter.Released moved) {
        if (!moved.queues().isEmpty()) {
            wake.accept(moved.queues());
        }
        return moved.messages();
    }

    private void report(@Nullable QueueException failure) {
        if (failure != null && !failing) {
            log.warn("Scheduled messages wait until the database takes them reason={}", failure.getMessage());
        } else if (failure == null && failing) {
            log.info("Scheduled messages are released again");
        }
        failing = failure != null;
    }

    /** Waits some seconds for a run in progress, then interrupts it. */
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
