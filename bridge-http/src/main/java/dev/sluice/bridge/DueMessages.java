package dev.sluice.bridge;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.QueueWriter;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts scheduled messages into their queues when they are due: looks twice a second, by the database's clock. Any number of
 * bridges may do it on one database. A thread of its own, which owns the writer.
 */
final class DueMessages implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(DueMessages.class);

    private static final Duration INTERVAL = Duration.ofMillis(500);
    private static final int MAX_MESSAGES = 2_000;
    private static final long STOP_SECONDS = 5;

    private final QueueWriter writer;
    private final Consumer<Set<String>> released;
    private final ScheduledExecutorService thread =
            Executors.newSingleThreadScheduledExecutor(run -> new Thread(run, "due-messages"));
    /** Of the thread. */
    private boolean failing;

    private volatile boolean renewing;

    /**
     * Makes it; {@link #start} begins.
     *
     * @param writer used by nobody else
     * @param released told the queues that have got messages
     */
    DueMessages(QueueWriter writer, Consumer<Set<String>> released) {
        this.writer = writer;
        this.released = released;
    }

    @SuppressWarnings("FutureReturnValueIgnored") // look() keeps its failures to itself.
    void start() {
        thread.scheduleWithFixedDelay(this::look, INTERVAL.toMillis(), INTERVAL.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Has the writer give its connection back before it looks again. Any thread may call. */
    void renew() {
        renewing = true;
    }

    private void look() {
        try {
            if (renewing) {
                renewing = false;
                writer.close();
            }
            QueueWriter.Released moved;
            do {
                moved = writer.releaseDue(MAX_MESSAGES);
                if (!moved.queues().isEmpty()) {
                    released.accept(moved.queues());
                }
            } while (moved.messages() > 0 && !thread.isShutdown());
            do {
                moved = writer.releaseParked(MAX_MESSAGES);
                if (!moved.queues().isEmpty()) {
                    released.accept(moved.queues());
                }
            } while (moved.messages() > 0 && !thread.isShutdown());
            if (failing) {
                failing = false;
                log.info("Scheduled messages are released again");
            }
        } catch (QueueException e) {
            if (!failing) {
                failing = true;
                log.warn("Scheduled messages wait until the database takes them: {}", e.getMessage());
            }
        } catch (RuntimeException | Error e) { // Whatever it throws would end the repetition.
            log.error("Scheduled messages could not be released", e);
        }
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
