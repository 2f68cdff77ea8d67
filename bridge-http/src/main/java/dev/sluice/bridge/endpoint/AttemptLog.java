package dev.sluice.bridge.endpoint;

import dev.sluice.bridge.endpoint.AttemptRows.NewAttempt;
import dev.sluice.bridge.endpoint.EndpointConfig.Which;
import dev.sluice.bridge.endpoint.EndpointRows.Noted;
import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.Transactions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps attempts, and notes at each endpoint whether it fails. One thread stores what has come, in one transaction. A
 * delivery never waits for it: attempts that find no room are dropped and counted. While PostgreSQL does not answer,
 * the attempts of the last transaction are kept and tried again. Those of a process that dies are lost.
 */
final class AttemptLog implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(AttemptLog.class);

    /** Most attempts that wait. */
    static final int ROOM = 20_000;

    /** Wakes the thread when the log is closed. */
    private static final NewAttempt END = new NewAttempt(
            "",
            new Delivery.Ended(
                    new UUID(0, 0), 0, Instant.EPOCH, Duration.ZERO, "", 0, Delivery.Outcome.STOPPED, null, ""));

    private static final int BATCH = 1_000;
    private static final long LINGER_MS = 100;
    private static final long IDLE_MS = 500;
    private static final long PAUSE_MS = 200;
    private static final Duration CLOSE = Duration.ofSeconds(5);

    private final Transactions transactions;
    private final EndpointRows endpoints;
    private final AttemptRows attempts;
    private final Which which;
    private final ArrayBlockingQueue<NewAttempt> waiting = new ArrayBlockingQueue<>(ROOM);
    private final AtomicLong dropped = new AtomicLong();
    private final Thread thread = Threads.daemon("sluice-endpoint-attempts", this::run);
    private final CountDownLatch closing = new CountDownLatch(1);
    private volatile boolean closed;
    private boolean failing;

    AttemptLog(Transactions transactions, EndpointRows endpoints, AttemptRows attempts, Which which) {
        this.transactions = transactions;
        this.endpoints = endpoints;
        this.attempts = attempts;
        this.which = which;
    }

    void start() {
        thread.start();
    }

    /** Takes an attempt. Any thread; never waits. */
    void ended(String endpoint, Delivery.Ended ended) {
        if (ended.outcome() != Delivery.Outcome.STOPPED && !waiting.offer(new NewAttempt(endpoint, ended))) {
            dropped.incrementAndGet();
        }
    }

    /** Returns how many attempts were dropped. */
    long dropped() {
        return dropped.get();
    }

    private void run() {
        var taken = new ArrayList<NewAttempt>();
        while (!closed || !waiting.isEmpty() || !taken.isEmpty()) {
            try {
                if (taken.isEmpty()) {
                    take(taken);
                }
                if (!taken.isEmpty()) {
                    store(taken);
                    taken.clear();
                    failing = false;
                }
            } catch (InterruptedException e) {
                break;
            } catch (RuntimeException | Error e) { // The thread must not die: no attempt would be kept any more.
                boolean mayHelp = e instanceof QueueException failure && failure.isTransient();
                if (!mayHelp) {
                    dropped.addAndGet(taken.size());
                    taken.clear();
                }
                failed(e);
                if (pauseInterrupted()) {
                    break;
                }
            }
        }
        waiting.remove(END);
        dropped.addAndGet(taken.size() + (long) waiting.size());
    }

    private void take(List<NewAttempt> taken) throws InterruptedException {
        NewAttempt first = waiting.poll(closed ? 0 : IDLE_MS, TimeUnit.MILLISECONDS);
        if (first == null) {
            return;
        }
        taken.add(first);
        boolean unused = closing.await(LINGER_MS, TimeUnit.MILLISECONDS); // One transaction for many attempts.
        waiting.drainTo(taken, BATCH - 1);
        taken.removeIf(each -> each.equals(END));
    }

    private void store(List<NewAttempt> taken) {
        List<NewAttempt> kept = taken.stream().filter(this::isKept).toList();
        List<Noted> noted = noted(taken);
        boolean unused = transactions.run("could not keep attempts of deliveries", connection -> {
            if (!kept.isEmpty()) {
                attempts.add(connection, kept);
            }
            endpoints.note(connection, noted);
            return true;
        });
    }

    private boolean isKept(NewAttempt attempt) {
        return which == Which.ALL || (which == Which.FAILED && attempt.ended().outcome() != Delivery.Outcome.DELIVERED);
    }

    private static List<Noted> noted(List<NewAttempt> taken) {
        Map<String, Noted> noted = new LinkedHashMap<>();
        for (NewAttempt each : taken) {
            boolean hasSucceeded = each.ended().outcome() == Delivery.Outcome.DELIVERED;
            Noted before = noted.get(each.endpoint());
            noted.put(
                    each.endpoint(),
                    new Noted(each.endpoint(), hasSucceeded || (before != null && before.succeeded()), !hasSucceeded));
        }
        // In the order of their ids, so that two bridges do not wait for each other in a ring.
        return noted.values().stream()
                .sorted(Comparator.comparing(Noted::endpoint))
                .toList();
    }

    private void failed(Throwable e) {
        if (!failing) {
            failing = true;
            log.warn("Could not keep attempts of deliveries; trying again", e);
        }
    }

    private static boolean pauseInterrupted() {
        try {
            Thread.sleep(PAUSE_MS);
            return false;
        } catch (InterruptedException e) {
            return true;
        }
    }

    /** Stores what waits, within a time. */
    @Override
    public void close() {
        closed = true;
        closing.countDown();
        waiting.offer(END); // Wakes the thread; if there is no room, it does not sleep.
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
