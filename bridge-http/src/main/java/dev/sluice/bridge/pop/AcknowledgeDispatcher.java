package dev.sluice.bridge.pop;

import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes acknowledgements: merges those that arrive while a transaction is under way into the next transaction.
 *
 * <p>A second transaction begins beside the first only if {@value #MERGED_FIRST} acknowledgements wait, or if a request
 * has waited for {@value #PATIENCE_MILLIS} ms, because the first transaction hangs. Two transactions of half the size
 * would cost two commits.
 *
 * <p>The acknowledgements of a request stay together and in order, in one transaction. If PostgreSQL refuses a merged
 * transaction for its content, the dispatcher tries its requests one by one, so that one request cannot spoil another.
 *
 * <p>A request is answered within {@value #LONGEST_MILLIS} ms. If its transaction has not begun by then, it has no
 * effect; if its transaction is still under way, its outcome is unknown.
 *
 * <p>Any thread may call; {@link #acknowledge} does not block. Futures are completed on the dispatcher's threads: a
 * callback that could block must move to another thread.
 */
public final class AcknowledgeDispatcher implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(AcknowledgeDispatcher.class);

    /** Most acknowledgements merged into one transaction; a single request may have more. */
    static final int MAX_MERGED = 5_000;

    /** How many acknowledgements wait before a transaction begins beside another one. */
    static final int MERGED_FIRST = 1_000;
    /** How long a request waits for the transaction before it; checked every {@value #CHECK_MILLIS} ms. */
    static final long PATIENCE_MILLIS = 100;

    private static final long STOP_MILLIS = 5_000;
    /** Longest time from a request to its answer. */
    static final long LONGEST_MILLIS = 9_000;

    private static final long CHECK_MILLIS = 250;

    /** Writes acknowledgements in one database transaction. Blocks. See {@code Queue#acknowledge}. */
    public interface BatchAcknowledge {
        /** Returns one outcome per acknowledgement, in order. */
        List<AcknowledgeOutcome> acknowledge(List<Acknowledgement> acknowledgements);
    }

    /** Told after the commit that a group may pop from a partition again. Must not block. */
    public interface ReleaseListener {
        /** An acknowledgement released the lease on {@code partition} of {@code queue}. */
        void released(String queue, String partition);
    }

    private record Request(
            List<Acknowledgement> acknowledgements,
            CompletableFuture<List<AcknowledgeOutcome>> answer,
            long arrivedNanos) {
        boolean isLate(long now) {
            return hasWaited(LONGEST_MILLIS - CHECK_MILLIS, now);
        }

        boolean hasWaited(long millis, long now) {
            return now - arrivedNanos > TimeUnit.MILLISECONDS.toNanos(millis);
        }
    }

    private final BatchAcknowledge batchAcknowledge;
    private final ReleaseListener listener;
    private final int maxPending;
    private final List<Thread> workers = new ArrayList<>();

    private final Object lock = new Object();
    private final ArrayDeque<Request> requests = new ArrayDeque<>();
    /** Requests whose transaction is under way, by identity: equal requests are different requests. */
    private final Set<Request> underWay = Collections.newSetFromMap(new IdentityHashMap<>());

    private final ScheduledExecutorService clock = Threads.clock("sluice-ack-clock");
    private int pending;
    private int transactions;
    private boolean closed;

    /**
     * Starts the threads.
     *
     * @param threads transactions at a time ({@code ack.threads})
     * @param maxPending acknowledgements that may wait ({@code ack.max.pending}); the dispatcher always takes one
     *     request
     */
    public AcknowledgeDispatcher(
            BatchAcknowledge batchAcknowledge, ReleaseListener listener, int threads, int maxPending) {
        this.batchAcknowledge = batchAcknowledge;
        this.listener = listener;
        this.maxPending = maxPending;
        for (int i = 1; i <= threads; i++) {
            Thread worker = Threads.daemon("sluice-ack-" + i, this::work);
            workers.add(worker);
            worker.start();
        }
        var unused = clock.scheduleWithFixedDelay(this::answerLate, CHECK_MILLIS, CHECK_MILLIS, TimeUnit.MILLISECONDS);
    }

    /** Fails the requests whose {@value #LONGEST_MILLIS} ms are nearly over. */
    private void answerLate() {
        var waiting = new ArrayList<Request>();
        var unknown = new ArrayList<Request>();
        long now = System.nanoTime();
        synchronized (lock) {
            while (!requests.isEmpty() && requests.peekFirst().isLate(now)) {
                Request late = requests.removeFirst();
                pending -= late.acknowledgements.size();
                waiting.add(late);
            }
            for (Request each : underWay) {
                if (each.isLate(now)) {
                    unknown.add(each);
                }
            }
            if (mayBegin(now)) {
                lock.notifyAll();
            }
        }
        for (Request each : waiting) {
            each.answer.completeExceptionally(new OverloadedException(
                    "Too many acknowledgements are waiting: the turn of this one did not come in"
                            + " time, nothing was done"));
        }
        for (Request each : unknown) {
            each.answer.completeExceptionally(
                    OutcomeUnknownException.because("the database has not answered an acknowledgement in time"));
        }
    }

    /**
     * Acknowledges.
     *
     * @return completes after the commit with one outcome per acknowledgement, in order; exceptionally with
     *     {@link OutcomeUnknownException} if the outcome is unknown; without effect with {@link OverloadedException} if
     *     too many wait or the dispatcher is closed, or with {@link QueueException} if the database failed
     */
    public CompletableFuture<List<AcknowledgeOutcome>> acknowledge(List<Acknowledgement> acknowledgements) {
        if (acknowledgements.isEmpty()) {
            return CompletableFuture.completedFuture(List.of());
        }
        var request = new Request(acknowledgements, new CompletableFuture<>(), System.nanoTime());
        synchronized (lock) {
            if (closed) {
                return CompletableFuture.failedFuture(new OverloadedException("The service is stopping"));
            }
            if (pending > 0 && pending + acknowledgements.size() > maxPending) {
                return CompletableFuture.failedFuture(new OverloadedException(
                        "Too many acknowledgements are waiting, ack.max.pending is " + maxPending));
            }
            pending += acknowledgements.size();
            requests.add(request);
            if (mayBegin(request.arrivedNanos)) {
                lock.notify();
            }
        }
        return request.answer;
    }

    private void work() {
        try {
            for (List<Request> merged = take(); !merged.isEmpty(); merged = take()) {
                try {
                    write(merged);
                } finally {
                    synchronized (lock) {
                        merged.forEach(underWay::remove);
                        transactions--;
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Returns whether a transaction may begin. Holds the lock. */
    private boolean mayBegin(long now) {
        Request oldest = requests.peekFirst();
        return oldest != null
                && (closed || transactions == 0 || pending >= MERGED_FIRST || oldest.hasWaited(PATIENCE_MILLIS, now));
    }

    /** Waits for requests. Returns none if the dispatcher is closed and no request is left. */
    private List<Request> take() throws InterruptedException {
        synchronized (lock) {
            while (!mayBegin(System.nanoTime())) {
                if (closed) {
                    return List.of();
                }
                lock.wait();
            }
            transactions++;
            var merged = new ArrayList<Request>();
            int count = 0;
            while (!requests.isEmpty()) {
                int next = requests.peekFirst().acknowledgements.size();
                if (!merged.isEmpty() && count + next > MAX_MERGED) {
                    break;
                }
                count += next;
                merged.add(requests.removeFirst());
            }
            pending -= count;
            underWay.addAll(merged);
            if (mayBegin(System.nanoTime())) {
                lock.notify();
            }
            return merged;
        }
    }

    private void write(List<Request> merged) {
        var all = new ArrayList<Acknowledgement>();
        for (Request request : merged) {
            all.addAll(request.acknowledgements);
        }
        List<AcknowledgeOutcome> outcomes;
        try {
            outcomes = batchAcknowledge.acknowledge(all);
            if (outcomes.size() != all.size()) {
                throw new IllegalStateException(all.size() + " acknowledgements gave " + outcomes.size()
                        + " outcomes, any other number is a bug");
            }
        } catch (RuntimeException | Error e) {
            boolean databaseFailed = e instanceof QueueException failure && failure.isTransient();
            if (merged.size() == 1 || databaseFailed) {
                for (Request request : merged) {
                    request.answer.completeExceptionally(e);
                }
            } else {
                log.debug(
                        "Merged acknowledgements were refused, trying the requests one by one requests={}",
                        merged.size(),
                        e);
                for (Request request : merged) {
                    write(List.of(request));
                }
            }
            return;
        }
        int from = 0;
        for (Request request : merged) {
            int to = from + request.acknowledgements.size();
            request.answer.complete(List.copyOf(outcomes.subList(from, to)));
            from = to;
        }
        reportReleases(outcomes);
    }

    private void reportReleases(List<AcknowledgeOutcome> outcomes) {
        AcknowledgeOutcome.Acknowledged last = null;
        for (AcknowledgeOutcome outcome : outcomes) {
            if (outcome instanceof AcknowledgeOutcome.Acknowledged acknowledged && acknowledged.leaseReleased()) {
                boolean again = last != null
                        && last.queue().equals(acknowledged.queue())
                        && last.partition().equals(acknowledged.partition());
                if (!again) {
                    listener.released(acknowledged.queue(), acknowledged.partition());
                    last = acknowledged;
                }
            }
        }
    }

    /** Writes pending acknowledgements for up to {@value #STOP_MILLIS} ms, and stops. */
    @Override
    public void close() {
        synchronized (lock) {
            closed = true;
            lock.notifyAll();
        }
        long deadlineNanos = System.nanoTime() + STOP_MILLIS * 1_000_000;
        try {
            for (Thread worker : workers) {
                worker.join(Math.max(1, (deadlineNanos - System.nanoTime()) / 1_000_000));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        var unserved = new ArrayList<Request>();
        synchronized (lock) {
            unserved.addAll(requests);
            requests.clear();
        }
        for (Request request : unserved) {
            request.answer.completeExceptionally(new OverloadedException("The service is stopping"));
        }
        workers.forEach(Thread::interrupt);
        clock.shutdownNow();
    }
}
