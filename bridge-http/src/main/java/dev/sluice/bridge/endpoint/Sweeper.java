package dev.sluice.bridge.endpoint;

import dev.sluice.bridge.endpoint.Endpoint.State;
import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.sql.Transactions;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Completes the deletion of endpoints, and deletes old attempts. Both may take minutes, so a thread of their own does
 * them: the fan-out does not wait.
 */
final class Sweeper implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Sweeper.class);

    private static final long TIDY_NANOS = TimeUnit.MINUTES.toNanos(10);
    private static final int TIDIED_AT_ONCE = 5_000;
    private static final Duration CLOSE = Duration.ofSeconds(5);

    private final EndpointConfig config;
    private final Transactions transactions;
    private final EndpointRows rows;
    private final AttemptRows attempts;
    private final Directory directory;
    private final Groups groups;
    private final Thread thread = Threads.daemon("sluice-endpoint-sweeper", this::run);
    private final Semaphore signal = new Semaphore(0);
    private volatile boolean closed;
    private long nextTidy = System.nanoTime() + TIDY_NANOS;
    private boolean failing;

    Sweeper(
            EndpointConfig config,
            Transactions transactions,
            EndpointRows rows,
            AttemptRows attempts,
            Directory directory,
            Groups groups) {
        this.config = config;
        this.transactions = transactions;
        this.rows = rows;
        this.attempts = attempts;
        this.directory = directory;
        this.groups = groups;
    }

    void start() {
        thread.start();
    }

    /** Says that the endpoints have changed. Any thread; never blocks. */
    void wake() {
        signal.release();
    }

    private void run() {
        while (!closed) {
            try {
                sweep();
                failing = false;
            } catch (RuntimeException | Error e) { // The thread must not die: no deletion would be completed any more.
                if (!failing && !closed) {
                    log.warn("Could not clear away what endpoints have left, trying again", e);
                }
                failing = true;
            }
            try {
                boolean unused = signal.tryAcquire(config.pollInterval().toNanos(), TimeUnit.NANOSECONDS);
                signal.drainPermits();
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private void sweep() {
        var each = new OneByOne();
        for (String id : directory.deleting()) {
            each.run(() -> complete(id));
        }
        if (System.nanoTime() - nextTidy >= 0) {
            tidy();
            nextTidy = System.nanoTime() + TIDY_NANOS;
        }
        each.throwFirst();
    }

    /** Completes a deletion, unless another process has done so: the id may be that of a new endpoint now. */
    private void complete(String id) {
        boolean isLeft = transactions.run(
                "could not read the endpoints",
                connection -> rows.all(connection).stream()
                        .anyMatch(row -> row.id().equals(id) && row.condition().state() == State.DELETING));
        if (isLeft) {
            groups.delete(id);
        }
    }

    /** Deletes attempts that are old, or beyond the number of an endpoint. */
    void tidy() {
        transactions.repeat(
                "could not delete old attempts",
                connection -> attempts.deleteOld(connection, config.attempts().days(), TIDIED_AT_ONCE));
        var each = new OneByOne();
        for (Endpoint endpoint : directory.all()) {
            each.run(() -> transactions.repeat(
                    "could not delete attempts of an endpoint",
                    connection -> attempts.deleteBeyond(
                            connection, endpoint.id(), config.attempts().most(), TIDIED_AT_ONCE)));
        }
        each.throwFirst();
    }

    @Override
    public void close() {
        closed = true;
        signal.release();
        try {
            thread.join(CLOSE.toMillis());
            thread.interrupt();
            thread.join(CLOSE.toMillis());
        } catch (InterruptedException e) {
            thread.interrupt();
            Thread.currentThread().interrupt();
        }
    }
}
