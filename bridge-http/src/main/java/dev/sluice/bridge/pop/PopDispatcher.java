package dev.sluice.bridge.pop;

import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.pop.PopLane.Waiter;
import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.QueueNamespace;
import dev.sluice.queue.read.PopOutcomeUnknownException;
import dev.sluice.queue.sql.CommitOutcome;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves pops: merges the requests on a target into few transactions and keeps the waiting ones until there is
 * something for them.
 *
 * <p>An answer comes with messages as soon as there are any; otherwise empty, at once for a request that does not wait
 * and at its deadline for one that does. A request whose transaction is under way at its deadline gets
 * {@value #GRACE_MILLIS} ms more, and {@value #AUTO_ACK_GRACE_MILLIS} ms with auto-ack.
 *
 * <p>While the database cannot be asked, a request fails with the {@link QueueException} of the last try: one that
 * waits at its deadline, one that does not wait after {@value #LEAST_FAILURE_MILLIS} ms. If the outcome of a
 * transaction is unknown, requests that may have got messages with auto-ack wait for the outcome, and fail with
 * {@link OutcomeUnknownException} when their time is over. Messages that turn out to be popped for a request which was
 * answered are given back.
 *
 * <p>A client that goes away gets nothing: whether it is still there is asked before its request is served, and of all
 * who wait every {@value #ASK_CLIENTS_MILLIS} ms.
 *
 * <p>Any thread may call; no method waits. Futures are completed on the dispatcher's threads: go elsewhere for anything
 * that could block.
 */
public final class PopDispatcher implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(PopDispatcher.class);

    /** Requests of a lane served in one transaction. */
    static final int MAX_MERGED = 64;

    private static final long GRACE_MILLIS = 2000;
    /** Shorter than the 5 s after which clients give up a pop. */
    private static final long AUTO_ACK_GRACE_MILLIS = 4000;
    /** Longest time of a request that does not wait, without the grace: with it, its answer comes within 10 s. */
    private static final long NO_WAIT_MILLIS = 5000;
    /** For clients that poll in a loop and ignore {@code Retry-After}. */
    private static final long LEAST_FAILURE_MILLIS = 100;
    /** Pause before PostgreSQL is asked again about a transaction. */
    private static final long ASK_OUTCOME_MILLIS = 250;

    private static final long ASK_CLIENTS_MILLIS = 1000;
    /**
     * Longer than {@code pop.statement.timeout.ms} usually is: what a transaction takes should still reach its client.
     */
    private static final long STOP_MILLIS = 5000;

    private static final long SHORTEST_DATABASE_PAUSE_MILLIS = 100;
    private static final long LONGEST_DATABASE_PAUSE_MILLIS = 1000;
    private static final PopResult NOTHING = new PopResult(PopResult.Status.EMPTY, null, List.of(), 0, null);

    /** The transaction. Blocking; result i belongs to request i. See {@code Queue#pop}. */
    public interface PopTransaction {
        /** Pops for all of {@code requests}. */
        List<PopResult> pop(PopTarget target, List<PopRequest> requests);
    }

    /** Looks queues up by name. Blocking. See {@code Queue#places}. */
    public interface Directory {
        /** Returns where the queues are that exist. */
        Map<String, QueueNamespace> places(Set<String> queues);
    }

    /** Finds out what became of a transaction. Blocking. See {@code Queue#outcomeOf}. */
    public interface Outcomes {
        /** Asks once. */
        CommitOutcome outcomeOf(OutcomeUnknownException unknown);
    }

    /** Takes back messages that were popped for a request which had been answered already. May block. */
    public interface Return {
        /** Gives up the leases in {@code result}, or puts the position back before messages popped with auto-ack. */
        void giveBack(PopTarget target, PopResult result);
    }

    /** Who asked. */
    public interface Client {
        /** Returns whether nobody is there any more to take an answer. Called often, by any thread; must not block. */
        boolean isGone();
    }

    private final PopTransaction transaction;
    private final Directory directory;
    private final Outcomes outcomes;
    private final GiveBacks giveBacks;
    private final PopDispatcherConfig config;
    private final ExecutorService workers;
    private final ScheduledThreadPoolExecutor clock;

    private final Object lock = new Object();
    private final PopLanes lanes = new PopLanes();
    private final QueueNamespaces places = new QueueNamespaces();
    /** Pops whose outcome is not known yet. */
    private final Set<PopOutcomeUnknownException> unsettled = new HashSet<>();

    /** Requests that fail in a moment; see {@link #failLater}. */
    private final Map<Waiter, QueueException> failing = new ConcurrentHashMap<>();

    private int waiting;
    private boolean closed;

    /** Failures in a row; above 0, nothing is tried before {@link #databaseRetryNanos}. */
    private int databaseFailures;

    private long databaseRetryNanos;
    private QueueException lastFailure = new QueueException("could not pop", new SQLException("not tried", "08001"));

    /** Starts the threads. */
    public PopDispatcher(
            PopTransaction transaction,
            Outcomes outcomes,
            Directory directory,
            Return giveBack,
            PopDispatcherConfig config) {
        this.transaction = transaction;
        this.outcomes = outcomes;
        this.directory = directory;
        this.config = config;
        workers = Executors.newFixedThreadPool(config.threads(), Threads.numbered("sluice-pop"));
        clock = Threads.clock("sluice-pop-clock");
        giveBacks = new GiveBacks(giveBack, outcomes, workers, clock, this::wake);
        long interval = config.pollInterval().toMillis();
        var unusedPoll =
                clock.scheduleWithFixedDelay(() -> repeated(this::poll), interval, interval, TimeUnit.MILLISECONDS);
        var unusedAsk = clock.scheduleWithFixedDelay(
                () -> repeated(this::forgetGone), ASK_CLIENTS_MILLIS, ASK_CLIENTS_MILLIS, TimeUnit.MILLISECONDS);
    }

    /** Whatever the task throws would end its repetition. */
    private static void repeated(Runnable task) {
        try {
            task.run();
        } catch (RuntimeException | Error e) {
            log.error("Those who wait could not be looked after, they are looked after again", e);
        }
    }

    /**
     * Pops from {@code target}.
     *
     * @param wait how long to wait for messages; zero asks once
     * @param client who gets the answer; an empty one if it has gone
     * @return completes with the answer; exceptionally with {@link OverloadedException} when too many requests wait,
     *     with {@link OutcomeUnknownException} when nobody can tell yet whether messages were consumed for it, or with
     *     {@link QueueException} when the database could not be asked or refused the request for what it is; nothing
     *     was popped then
     */
    public CompletableFuture<PopResult> pop(PopTarget target, PopRequest request, Duration wait, Client client) {
        boolean parks = !wait.isZero() && !wait.isNegative();
        Duration patience = parks ? wait : Duration.ofMillis(NO_WAIT_MILLIS);
        var waiter = new Waiter(request, client, System.nanoTime(), patience, parks);
        synchronized (lock) {
            if (closed) {
                return CompletableFuture.completedFuture(NOTHING);
            }
            if (waiting >= config.maxParked()) {
                return CompletableFuture.failedFuture(
                        new OverloadedException("Too many pops are waiting, pop.max.parked is " + config.maxParked()));
            }
            if (!parks && databaseIsPaused()) {
                failLater(waiter, lastFailure);
                return waiter.answer;
            }
            waiting++;
            PopLane lane = lanes.open(target);
            lane.waiters.add(waiter);
            waiter.alarm = clock.schedule(() -> deadline(lane, waiter), patience.toNanos(), TimeUnit.NANOSECONDS);
            lane.due = true;
            startIfDue(lane);
        }
        return waiter.answer;
    }

    /** Says that there may be messages for whoever waits on {@code queue}, on any partition of it or a named one. */
    public void wake(String queue) {
        wake(queue, null);
    }

    /** The same when the messages are all in {@code partition}, if it is not null. */
    public void wake(String queue, @Nullable String partition) {
        synchronized (lock) {
            wake(lanes.of(queue, partition));
            if (closed || !lanes.anyAcross()) {
                return;
            }
            QueueNamespace place = places.of(queue);
            if (place != null) {
                wake(lanes.across(place));
            } else if (places.ask(queue)) {
                workers.execute(this::lookUpPlaces);
            }
        }
    }

    /** Says that there may be messages for everybody who waits. */
    public void wakeAll() {
        synchronized (lock) {
            wake(List.copyOf(lanes.all()));
        }
    }

    /** Says that the database can be reached again. Who waits is served now, and not when the next try was due. */
    public void databaseAnswers() {
        synchronized (lock) {
            if (databaseFailures > 0) {
                databaseRetryNanos = System.nanoTime();
                wake(List.copyOf(lanes.all()));
            }
        }
    }

    /**
     * Finds out who waits for queues of which only the names are known, and wakes them. On a worker, not under the
     * lock.
     */
    private void lookUpPlaces() {
        Set<String> asked;
        synchronized (lock) {
            asked = places.takeAsked();
        }
        try {
            Map<String, QueueNamespace> found = directory.places(asked);
            synchronized (lock) {
                places.found(found);
                found.values().stream().distinct().forEach(place -> wake(lanes.across(place)));
            }
        } catch (RuntimeException e) {
            log.debug("It is unknown who waits for {}, so all are woken", asked, e);
            synchronized (lock) {
                wake(lanes.across(null));
            }
        }
    }

    /**
     * Takes back messages that did not reach the client they were popped for, so that others get them. With auto-ack,
     * only call it if the client cannot have got any of them.
     */
    public void takeBack(PopTarget target, PopResult result) {
        giveBacks.later(target, result);
    }

    /** Returns the number of requests that have no answer yet. */
    public int waiting() {
        synchronized (lock) {
            return waiting;
        }
    }

    // The rest runs under the lock, except where it says otherwise.

    private void wake(List<PopLane> woken) {
        for (PopLane lane : woken) {
            lane.due = true;
            startIfDue(lane);
        }
    }

    private void startIfDue(PopLane lane) {
        if (closed || !lane.due || !lane.hasIdleWaiters() || lane.runs >= lane.maxRuns) {
            return;
        }
        if (databaseIsPaused()) {
            wakeAt(lane, databaseRetryNanos);
            return;
        }
        lane.due = false;
        lane.runs++;
        workers.execute(() -> run(lane));
    }

    private boolean databaseIsPaused() {
        return databaseFailures > 0 && System.nanoTime() - databaseRetryNanos < 0;
    }

    /** One transaction for a lane. On a worker, not under the lock. */
    private void run(PopLane lane) {
        List<Waiter> served;
        List<Waiter> present;
        var gone = new ArrayList<Runnable>();
        synchronized (lock) {
            lane.lastRunNanos = System.nanoTime();
            lane.due = false; // The transaction has not begun, so it sees whatever made it due.
            var left = new ArrayList<Waiter>();
            served = lane.take(MAX_MERGED, left);
            left.forEach(waiter -> gone.add(answer(lane, waiter, NOTHING)));
            present = lane.bystanders();
        }
        gone.forEach(Runnable::run);
        if (served.isEmpty()) {
            finish(lane, served, present, List.of());
            return;
        }
        try {
            finish(lane, served, present, call(lane.target, served));
        } catch (PopOutcomeUnknownException e) {
            unsettled(lane, served, e);
        } catch (QueueException e) {
            if (e.isTransient() || e.isAboutSchema()) {
                databaseFailed(lane, served, e);
            } else {
                refused(lane, served, e);
            }
        } catch (RuntimeException | Error e) {
            refused(lane, served, e);
        }
    }

    /** Not under the lock. */
    private List<PopResult> call(PopTarget target, List<Waiter> served) {
        var requests = new ArrayList<PopRequest>(served.size());
        for (Waiter waiter : served) {
            requests.add(waiter.request);
        }
        List<PopResult> results = transaction.pop(target, requests);
        if (results.size() != served.size()) {
            throw new IllegalStateException("pop of " + served.size() + " requests gave " + results.size()
                    + " results, any other number is a bug");
        }
        return results;
    }

    /** Answers those who got something and those who do not wait; the others stay. Not under the lock. */
    private void finish(PopLane lane, List<Waiter> served, List<Waiter> present, List<PopResult> results) {
        var answered = new ArrayList<Runnable>();
        var returned = new ArrayList<PopResult>();
        boolean recovered;
        synchronized (lock) {
            recovered = databaseFailures > 0 && !served.isEmpty();
            if (recovered) {
                databaseFailures = 0;
            }
            Duration nextReadyIn = null;
            PopResult nothing = null;
            long now = System.nanoTime();
            for (int i = 0; i < served.size(); i++) {
                Waiter waiter = served.get(i);
                PopResult result = results.get(i);
                boolean found = result.status() == PopResult.Status.MESSAGES;
                landed(lane, waiter);
                if (!found) {
                    nothing = result;
                    nextReadyIn = earliest(nextReadyIn, result.nextReadyIn());
                }
                if (waiter.isAnswered) {
                    if (found) {
                        returned.add(result);
                    }
                } else if (found || !waiter.parks || closed || waiter.deadlineNanos - now <= 0) {
                    answered.add(answer(lane, waiter, result));
                }
            }
            if (nothing != null) {
                for (Waiter waiter : present) {
                    if (!waiter.inFlight && !waiter.isAnswered) {
                        answered.add(answer(lane, waiter, nothing));
                    }
                }
            } else if (!served.isEmpty()) {
                lane.due = true; // Everyone got something, there may be more.
            }
            if (nextReadyIn != null) {
                wakeAt(lane, now + Math.max(nextReadyIn.toNanos(), TimeUnit.MILLISECONDS.toNanos(1)));
            }
            endRun(lane);
        }
        answered.forEach(Runnable::run);
        for (PopResult result : returned) {
            giveBacks.now(lane.target, result);
        }
        if (recovered) {
            log.info("Pops reach the database again");
        }
    }

    private static @Nullable Duration earliest(@Nullable Duration a, @Nullable Duration b) {
        if (a == null || b == null) {
            return a == null ? b : a;
        }
        return a.compareTo(b) <= 0 ? a : b;
    }

    /** Takes a waiter out of its lane. The returned step completes its future; run it without the lock. */
    private Runnable answer(PopLane lane, Waiter waiter, PopResult result) {
        leave(lane, waiter);
        return () -> waiter.answer.complete(result);
    }

    /** Takes a waiter out of its lane. The returned step fails its future; run it without the lock. */
    private Runnable failure(PopLane lane, Waiter waiter, QueueException cause) {
        leave(lane, waiter);
        return () -> failLater(waiter, cause);
    }

    /** Fails a request, but not sooner than {@link #LEAST_FAILURE_MILLIS} after it came. */
    private void failLater(Waiter waiter, QueueException cause) {
        long left = waiter.arrivedNanos + TimeUnit.MILLISECONDS.toNanos(LEAST_FAILURE_MILLIS) - System.nanoTime();
        try {
            if (left > 0) {
                failing.put(waiter, cause);
                var unused = clock.schedule(() -> failing(waiter, cause), left, TimeUnit.NANOSECONDS);
                return;
            }
        } catch (RejectedExecutionException e) {
            log.trace("The service stops", e);
        }
        failing(waiter, cause);
    }

    /** The transaction of a waiter is over. */
    private static void landed(PopLane lane, Waiter waiter) {
        if (waiter.inFlight && lane.waiters.contains(waiter)) {
            lane.inFlight--;
        }
        waiter.inFlight = false;
    }

    private void leave(PopLane lane, Waiter waiter) {
        waiter.isAnswered = true;
        if (lane.waiters.remove(waiter)) {
            waiting--;
            lane.inFlight -= waiter.inFlight ? 1 : 0;
        }
        if (waiter.alarm != null) {
            waiter.alarm.cancel(false);
        }
    }

    private void endRun(PopLane lane) {
        lane.runs--;
        startIfDue(lane);
        closeIfUnused(lane);
    }

    private void closeIfUnused(PopLane lane) {
        if (!lane.waiters.isEmpty() || lane.runs > 0) {
            return;
        }
        if (lane.timer != null) {
            lane.timer.cancel(false);
        }
        lanes.close(lane);
    }

    private void wakeAt(PopLane lane, long nanos) {
        if (closed) {
            return;
        }
        if (lane.timer != null && lane.timerNanos - nanos <= 0) {
            return;
        }
        if (lane.timer != null) {
            lane.timer.cancel(false);
        }
        lane.timerNanos = nanos;
        lane.timer = clock.schedule(() -> ready(lane), nanos - System.nanoTime(), TimeUnit.NANOSECONDS);
    }

    /** On the clock's thread, not under the lock. */
    private void ready(PopLane lane) {
        synchronized (lock) {
            lane.timer =
                    null; // It is not done before this method is, and must not be taken for one that will still fire.
            lane.due = true;
            startIfDue(lane);
        }
    }

    /** A request's time is over. On the clock's thread, not under the lock. */
    private void deadline(PopLane lane, Waiter waiter) {
        Runnable answer = null;
        synchronized (lock) {
            if (closed || waiter.isAnswered) {
                return;
            }
            long grace = waiter.request.autoAck() ? AUTO_ACK_GRACE_MILLIS : GRACE_MILLIS;
            long left = waiter.deadlineNanos + TimeUnit.MILLISECONDS.toNanos(grace) - System.nanoTime();
            if (waiter.inFlight && left > 0) {
                waiter.alarm = clock.schedule(() -> deadline(lane, waiter), left, TimeUnit.NANOSECONDS);
            } else {
                answer = late(lane, waiter);
                closeIfUnused(lane);
            }
        }
        if (answer != null) {
            answer.run();
        }
    }

    /** Answers a request whose time is over. The returned step completes its future; run it without the lock. */
    private Runnable late(PopLane lane, Waiter waiter) {
        if (waiter.inFlight && waiter.request.autoAck()) {
            return failure(
                    lane, waiter, OutcomeUnknownException.because("the database has not answered a pop in time"));
        }
        if (waiter.inFlight) { // Should it get messages, they are given back.
            return failure(lane, waiter, unavailable("the database has not answered a pop in time"));
        }
        if (databaseFailures > 0) {
            return failure(lane, waiter, lastFailure);
        }
        return waiter.parks
                ? answer(lane, waiter, NOTHING)
                : failure(lane, waiter, unavailable("a pop has waited too long for its turn"));
    }

    private static QueueException unavailable(String reason) {
        return new QueueException("could not pop", new SQLException(reason, "57014"));
    }

    /** Forgets those whose client has gone. On the clock's thread, not under the lock. */
    private void forgetGone() {
        var parked = new HashMap<Waiter, PopLane>();
        synchronized (lock) {
            for (PopLane lane : lanes.all()) {
                lane.waiters.forEach(waiter -> parked.put(waiter, lane));
            }
        }
        parked.keySet().removeIf(waiter -> !waiter.client.isGone());
        var answered = new ArrayList<Runnable>();
        synchronized (lock) {
            parked.forEach((waiter, lane) -> {
                if (!waiter.inFlight && lane.waiters.contains(waiter)) {
                    answered.add(answer(lane, waiter, NOTHING));
                    closeIfUnused(lane);
                }
            });
        }
        answered.forEach(Runnable::run);
    }

    /** Another bridge, or a connector, may have pushed. On the clock's thread, not under the lock. */
    private void poll() {
        synchronized (lock) {
            long before = System.nanoTime() - config.pollInterval().toNanos();
            for (PopLane lane : lanes.all()) {
                if (lane.lastRunNanos - before < 0) {
                    lane.due = true;
                    startIfDue(lane);
                }
            }
        }
    }

    /** Fails the requests whose time is over, and pauses before the next transaction. Not under the lock. */
    private void databaseFailed(PopLane lane, List<Waiter> served, QueueException e) {
        var answered = new ArrayList<Runnable>();
        boolean first;
        synchronized (lock) {
            served.forEach(waiter -> landed(lane, waiter));
            first = noteFailure(e, answered);
            lane.due = true;
            endRun(lane);
        }
        answered.forEach(Runnable::run);
        if (first) {
            log.warn("Pops cannot use the database and are answered database_unavailable reason={}", e.getMessage());
        }
    }

    /** Fails the requests whose time is over. Returns true if the database had not failed before. */
    private boolean noteFailure(QueueException e, List<Runnable> answered) {
        boolean first = databaseFailures == 0;
        long pause = Math.min(
                LONGEST_DATABASE_PAUSE_MILLIS, SHORTEST_DATABASE_PAUSE_MILLIS << Math.min(databaseFailures, 10));
        databaseFailures++;
        lastFailure = e;
        long now = System.nanoTime();
        databaseRetryNanos = now + TimeUnit.MILLISECONDS.toNanos(pause);
        for (PopLane each : List.copyOf(lanes.all())) {
            for (Waiter waiter : List.copyOf(each.waiters)) {
                boolean over = !waiter.parks || waiter.deadlineNanos - now <= 0;
                if (over && !waiter.inFlight) {
                    answered.add(failure(each, waiter, e));
                }
            }
            closeIfUnused(each);
        }
        return first;
    }

    /** Handles an unknown outcome. Requests for which there were no messages are served again. Not under the lock. */
    private void unsettled(PopLane lane, List<Waiter> served, PopOutcomeUnknownException e) {
        var unknown = new ArrayList<Waiter>();
        var results = new ArrayList<PopResult>();
        var answered = new ArrayList<Runnable>();
        QueueException away = unavailable("the outcome of the last transaction is unknown");
        synchronized (lock) {
            unsettled.add(e);
            for (int i = 0; i < served.size(); i++) {
                if (e.results().get(i).status() == PopResult.Status.MESSAGES) {
                    unknown.add(served.get(i));
                    results.add(e.results().get(i));
                } else {
                    landed(lane, served.get(i));
                }
            }
            noteFailure(away, answered);
        }
        answered.forEach(Runnable::run);
        log.warn(
                "The outcome of a pop is unknown, so its requests wait target={} requests={} reason={}",
                lane.target,
                unknown.size(),
                e.getMessage());
        askLater(lane, unknown, results, e);
    }

    private void askLater(PopLane lane, List<Waiter> waiters, List<PopResult> results, PopOutcomeUnknownException e) {
        Runnable ask = () -> workers.execute(() -> settle(lane, waiters, results, e));
        try {
            var unused = clock.schedule(ask, ASK_OUTCOME_MILLIS, TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException stopping) {
            log.debug("The service stops, the outcome of a pop stays unknown", stopping);
        }
    }

    /**
     * Asks about a transaction, and answers its requests once the outcome is known. On a worker, not under the lock.
     */
    private void settle(PopLane lane, List<Waiter> waiters, List<PopResult> results, PopOutcomeUnknownException e) {
        CommitOutcome outcome;
        try {
            outcome = outcomes.outcomeOf(e);
        } catch (RuntimeException failure) {
            log.debug("The outcome of a pop cannot be asked for now", failure);
            outcome = CommitOutcome.PENDING;
        }
        if (outcome != CommitOutcome.PENDING) {
            synchronized (lock) {
                unsettled.remove(e);
            }
        }
        switch (outcome) {
            case PENDING -> askLater(lane, waiters, results, e);
            case COMMITTED -> {
                log.info("The outcome of a pop is known: it was committed target={}", lane.target);
                finish(lane, waiters, List.of(), results);
            }
            case ROLLED_BACK -> {
                log.info("The outcome of a pop is known: it was rolled back target={}", lane.target);
                synchronized (lock) {
                    waiters.forEach(waiter -> landed(lane, waiter));
                    lane.due = true;
                    endRun(lane);
                }
            }
            case LOST -> {
                loseAutoAcked(results, "the server does not know the outcome of the pop any more");
                var answered = new ArrayList<Runnable>();
                synchronized (lock) {
                    for (Waiter waiter : waiters) {
                        if (!waiter.isAnswered) {
                            answered.add(failure(lane, waiter, e));
                        }
                        landed(lane, waiter);
                    }
                    endRun(lane);
                }
                answered.forEach(Runnable::run);
            }
        }
    }

    private static void loseAutoAcked(List<PopResult> results, String reason) {
        for (PopResult result : results) {
            if (result.leaseId() == null && !result.messages().isEmpty()) {
                GiveBacks.lost(result, reason);
            }
        }
    }

    /**
     * The database does not take the requests for what they are, or our code is wrong. Each is tried alone, so that
     * only the ones at fault get the error. Not under the lock.
     */
    private void refused(PopLane lane, List<Waiter> served, Throwable cause) {
        if (served.size() > 1) {
            for (Waiter waiter : served) {
                alone(lane, waiter);
            }
        } else {
            fail(lane, served.get(0), cause);
        }
        synchronized (lock) {
            endRun(lane);
        }
    }

    private void alone(PopLane lane, Waiter waiter) {
        try {
            List<PopResult> results = call(lane.target, List.of(waiter));
            synchronized (lock) {
                lane.runs++; // It is one of its own.
            }
            finish(lane, List.of(waiter), List.of(), results);
        } catch (PopOutcomeUnknownException e) {
            synchronized (lock) {
                lane.runs++;
            }
            unsettled(lane, List.of(waiter), e);
        } catch (RuntimeException | Error e) {
            fail(lane, waiter, e);
        }
    }

    private void fail(PopLane lane, Waiter waiter, Throwable cause) {
        synchronized (lock) {
            landed(lane, waiter);
            leave(lane, waiter);
        }
        waiter.answer.completeExceptionally(cause);
    }

    /** Answers every waiting request with nothing, and stops. Transactions under way are waited for, a short time. */
    @Override
    public void close() {
        var answered = new ArrayList<Runnable>();
        synchronized (lock) {
            if (closed) {
                return;
            }
            closed = true;
            for (PopLane lane : lanes.all()) {
                for (Waiter waiter : List.copyOf(lane.waiters)) {
                    if (!waiter.inFlight) {
                        answered.add(answer(lane, waiter, NOTHING));
                    }
                }
            }
        }
        answered.forEach(Runnable::run);
        failNow();
        clock.shutdownNow();
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
        answerTheRest();
        synchronized (lock) {
            unsettled.forEach(
                    each -> loseAutoAcked(each.results(), "the service stops before the outcome of the pop is known"));
        }
    }

    /** Answers those whose transaction has not ended: nobody will be there to do so. */
    private void answerTheRest() {
        var answered = new ArrayList<Runnable>();
        synchronized (lock) {
            for (PopLane lane : lanes.all()) {
                for (Waiter waiter : List.copyOf(lane.waiters)) {
                    leave(lane, waiter);
                    answered.add(() -> waiter.answer.completeExceptionally(
                            OutcomeUnknownException.because("the service stops before the outcome of a pop is known")));
                }
            }
        }
        answered.forEach(Runnable::run);
    }

    /** Fails those at once that would be failed in a moment. */
    private void failNow() {
        List.copyOf(failing.entrySet()).forEach(each -> failing(each.getKey(), each.getValue()));
    }

    private void failing(Waiter waiter, QueueException cause) {
        failing.remove(waiter);
        waiter.answer.completeExceptionally(cause);
    }
}
