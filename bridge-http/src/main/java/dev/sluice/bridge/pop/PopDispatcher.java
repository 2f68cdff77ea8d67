package dev.sluice.bridge.pop;

import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.pop.WaitingList.Run;
import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.QueueNamespace;
import dev.sluice.queue.read.PopOutcomeUnknownException;
import dev.sluice.queue.sql.CommitOutcome;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves pops: merges the requests on a target into few transactions, and keeps requests waiting until there are
 * messages for them. {@link WaitingRoom} holds the requests; this class runs the transactions.
 *
 * <p>A request is answered as soon as there are messages. If there are none, a request that does not wait is answered
 * empty at once, and one that waits is answered empty at its deadline. A request whose transaction is under way at its
 * deadline gets 2 s more, and 4 s with auto-ack. So does a request for which no transaction has looked yet, because it
 * joined others that wait.
 *
 * <p>While the database fails, a request fails with the {@link QueueException} of the last try: one that waits at its
 * deadline, one that does not wait after 100 ms. If the outcome of a transaction is unknown, the requests that may have
 * got messages wait until it is known, and fail with {@link OutcomeUnknownException} if they reach their deadline
 * before. Messages that were popped for a request which is answered already are given back.
 *
 * <p>A client that is gone gets no messages: the dispatcher checks each client before it serves its request, and the
 * clients of all waiting requests once a second.
 *
 * <p>Any thread may call; no method but {@link #close} blocks. Futures are completed on the dispatcher's threads: a
 * callback that could block must move to another thread.
 */
public final class PopDispatcher implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(PopDispatcher.class);

    /** Pause before PostgreSQL is asked again about the outcome of a transaction. */
    static final long ASK_OUTCOME_MILLIS = 250;
    /**
     * Longer than {@code pop.statement.timeout.ms} usually is, so that the messages of a transaction under way still
     * reach their clients.
     */
    private static final long STOP_MILLIS = 5000;

    /** Pops for several requests in one database transaction. Blocks. See {@code Queue#pop}. */
    public interface BatchPop {
        /** Returns one result per request, in order. */
        List<PopResult> pop(PopTarget target, List<PopRequest> requests);
    }

    /** Looks up the namespaces of queues. Blocks. See {@code Queue#places}. */
    public interface NamespaceLookup {
        /** Returns the namespaces of the queues that exist, by queue. */
        Map<String, QueueNamespace> namespaces(Set<String> queues);
    }

    /** Finds out whether a transaction was committed. Blocks. See {@code Queue#outcomeOf}. */
    public interface Outcomes {
        /** Asks once. */
        CommitOutcome outcomeOf(OutcomeUnknownException unknown);
    }

    /** Gives back messages that were popped for a request which is answered already. May block. */
    public interface Return {
        /** Releases the leases in {@code result}, or moves the cursor back before messages popped with auto-ack. */
        void giveBack(PopTarget target, PopResult result);
    }

    /** The client that sent a request. */
    public interface Client {
        /** Returns whether the client has disconnected. Called often, by any thread; must not block. */
        boolean isGone();
    }

    private final BatchPop batchPop;
    private final NamespaceLookup lookup;
    private final Outcomes outcomes;
    private final GiveBacks giveBacks;
    private final ExecutorService workers;
    private final Timers timers;
    private final WaitingRoom room;
    private final QueueNamespaces namespaces;
    /** Pops whose outcome is not known yet. */
    private final Set<PopOutcomeUnknownException> undecided = ConcurrentHashMap.newKeySet();

    /** Starts the threads. */
    public PopDispatcher(
            BatchPop batchPop, Outcomes outcomes, NamespaceLookup lookup, Return giveBack, PopDispatcherConfig config) {
        this(
                batchPop,
                outcomes,
                lookup,
                giveBack,
                config,
                new Timers.OnThread("sluice-pop-clock"),
                Executors.newFixedThreadPool(config.threads(), Threads.numbered("sluice-pop")));
    }

    /** Takes the timers and the threads that run transactions. */
    PopDispatcher(
            BatchPop batchPop,
            Outcomes outcomes,
            NamespaceLookup lookup,
            Return giveBack,
            PopDispatcherConfig config,
            Timers timers,
            ExecutorService workers) {
        this.batchPop = batchPop;
        this.outcomes = outcomes;
        this.lookup = lookup;
        this.timers = timers;
        this.workers = workers;
        namespaces = new QueueNamespaces(timers.nanoTime());
        giveBacks = new GiveBacks(giveBack, outcomes, workers, timers, this::wake);
        room = new WaitingRoom(config, timers, list -> workers.execute(() -> run(list)));
    }

    /**
     * Pops from {@code target}.
     *
     * @param wait how long to wait for messages; zero does not wait
     * @param client who gets the answer; it is empty if the client is gone
     * @return completes with the answer; exceptionally with {@link OverloadedException} if too many requests wait, with
     *     {@link OutcomeUnknownException} if it is unknown whether messages were popped for it, or with
     *     {@link QueueException} if the database failed or refused the request; then nothing was popped
     */
    public CompletableFuture<PopResult> pop(PopTarget target, PopRequest request, Duration wait, Client client) {
        return room.enter(target, request, wait, client);
    }

    /** Wakes the requests that may find messages in a queue. */
    public void wake(String queue) {
        wake(queue, null);
    }

    /** Wakes the requests that may find messages in a partition; in any partition of the queue if it is null. */
    public void wake(String queue, @Nullable String partition) {
        if (!room.wake(queue, partition)) {
            return;
        }
        QueueNamespace namespace = namespaces.of(queue, timers.nanoTime());
        if (namespace != null) {
            room.wakeAcross(namespace);
        } else if (namespaces.addUnknown(queue)) {
            try {
                workers.execute(this::lookUpNamespaces);
            } catch (RejectedExecutionException e) {
                log.trace("The service stops", e);
            }
        }
    }

    /** Wakes all requests. */
    public void wakeAll() {
        room.wakeAll();
    }

    /** Serves waiting requests at once after a failure of the database, instead of after the backoff. */
    public void databaseAnswers() {
        room.databaseAnswers();
    }

    /**
     * Gives back messages that did not reach the client they were popped for, so that other clients get them. With
     * auto-ack, only call it if the client cannot have got any of them.
     */
    public void takeBack(PopTarget target, PopResult result) {
        giveBacks.later(target, result);
    }

    /** Returns the number of requests that have no answer yet. */
    public int waiting() {
        return room.waiting();
    }

    // Everything below runs on a worker.

    /** Looks up queues that got messages, and wakes the requests that read across queues there. */
    private void lookUpNamespaces() {
        Set<String> queues = namespaces.takeUnknown();
        try {
            Map<String, QueueNamespace> found = lookup.namespaces(queues);
            namespaces.found(found);
            found.values().stream().distinct().forEach(room::wakeAcross);
        } catch (RuntimeException e) {
            log.debug("Could not look up namespaces, waking all pops across queues queues={}", queues, e);
            room.wakeAcross(null);
        }
    }

    /** Runs one transaction for a waiting list. */
    private void run(WaitingList list) {
        Run run = room.begin(list);
        if (run.served().isEmpty()) {
            room.end(run);
            return;
        }
        try {
            finish(run, call(run.list(), run.served()));
        } catch (PopOutcomeUnknownException e) {
            awaitOutcome(run, e);
        } catch (QueueException e) {
            if (e.isTransient() || e.isAboutSchema()) {
                room.databaseFailed(run, e);
            } else {
                refused(run, e);
            }
        } catch (RuntimeException | Error e) {
            refused(run, e);
        }
    }

    private List<PopResult> call(WaitingList list, List<Waiter> served) {
        List<PopResult> results = batchPop.pop(
                list.target, served.stream().map(waiter -> waiter.request).toList());
        if (results.size() != served.size()) {
            throw new IllegalStateException("pop of " + served.size() + " requests gave " + results.size()
                    + " results, any other number is a bug");
        }
        return results;
    }

    private void finish(Run run, List<PopResult> results) {
        for (PopResult unclaimed : room.finish(run, results)) {
            giveBacks.now(run.list().target, unclaimed);
        }
    }

    /**
     * Tries each request alone, so that only those at fault fail: the database refused one of them, or the program is
     * wrong.
     */
    private void refused(Run run, Throwable cause) {
        if (run.served().size() > 1) {
            run.served().forEach(waiter -> alone(run, waiter));
        } else {
            room.fail(run, run.served().get(0), cause);
        }
        room.end(run);
    }

    private void alone(Run refused, Waiter waiter) {
        try {
            List<PopResult> results = call(refused.list(), List.of(waiter));
            finish(room.splitOff(refused, waiter), results);
        } catch (PopOutcomeUnknownException e) {
            awaitOutcome(room.splitOff(refused, waiter), e);
        } catch (RuntimeException | Error e) {
            room.fail(refused, waiter, e);
        }
    }

    private void awaitOutcome(Run run, PopOutcomeUnknownException e) {
        undecided.add(e);
        var waiters = new ArrayList<Waiter>();
        var results = new ArrayList<PopResult>();
        for (int i = 0; i < run.served().size(); i++) {
            PopResult result = e.results().get(i);
            if (result.status() == PopResult.Status.MESSAGES) {
                waiters.add(run.served().get(i));
                results.add(result);
            }
        }
        Run rest = room.awaitOutcome(run, waiters);
        log.warn(
                "The outcome of a pop is unknown, so its requests wait target={} requests={} reason={}",
                run.list().target,
                waiters.size(),
                e.getMessage());
        askLater(rest, results, e);
    }

    private void askLater(Run run, List<PopResult> results, PopOutcomeUnknownException e) {
        Timers.Timer timer = timers.after(
                TimeUnit.MILLISECONDS.toNanos(ASK_OUTCOME_MILLIS),
                () -> workers.execute(() -> askOutcome(run, results, e)));
        if (timer == null) {
            log.debug("The service stops, the outcome of a pop stays unknown", e);
        }
    }

    /** Asks about a transaction, and ends its run once the outcome is known. */
    private void askOutcome(Run run, List<PopResult> results, PopOutcomeUnknownException e) {
        CommitOutcome outcome;
        try {
            outcome = outcomes.outcomeOf(e);
        } catch (RuntimeException failure) {
            log.debug("Could not ask for the outcome of a pop, asking again", failure);
            outcome = CommitOutcome.PENDING;
        }
        if (outcome != CommitOutcome.PENDING) {
            undecided.remove(e);
        }
        switch (outcome) {
            case PENDING -> askLater(run, results, e);
            case COMMITTED -> {
                log.info("The outcome of a pop is known: it was committed target={}", run.list().target);
                finish(run, results);
            }
            case ROLLED_BACK -> {
                log.info("The outcome of a pop is known: it was rolled back target={}", run.list().target);
                room.rolledBack(run);
            }
            case LOST -> {
                logLost(results, "the server does not know the outcome of the pop any more");
                room.outcomeLost(run, e);
            }
        }
    }

    private static void logLost(List<PopResult> results, String reason) {
        for (PopResult result : results) {
            if (result.leaseId() == null && !result.messages().isEmpty()) {
                GiveBacks.lost(result, reason);
            }
        }
    }

    /** Answers every waiting request empty, and stops. Waits a short time for transactions under way. */
    @Override
    public void close() {
        if (!room.close()) {
            return;
        }
        timers.close();
        workers.shutdown();
        try {
            if (!workers.awaitTermination(STOP_MILLIS, TimeUnit.MILLISECONDS)) {
                workers.shutdownNow();
            }
        } catch (InterruptedException e) {
            workers.shutdownNow();
            Thread.currentThread().interrupt();
        }
        giveBacks.close();
        room.abandon();
        undecided.forEach(each -> logLost(each.results(), "the service stops before the outcome of the pop is known"));
    }
}
