package dev.sluice.bridge.pop;

import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.pop.WaitingList.Run;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.QueueNamespace;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Holds the pops that have no answer yet. It decides when a {@link WaitingList} needs a run against the database, and
 * answers waiters when a run ends, when their deadline passes, and when their client is gone.
 *
 * <p>One lock guards everything in here. The room never blocks and never calls the database while it holds the lock,
 * and completes futures after it has released it.
 */
final class WaitingRoom {
    private static final Logger log = LoggerFactory.getLogger(WaitingRoom.class);

    /** Most waiters that one run serves. */
    static final int MAX_MERGED = 64;

    private static final Duration CHECK_CLIENTS_INTERVAL = Duration.ofSeconds(1);
    private static final PopResult NOTHING = new PopResult(PopResult.Status.EMPTY, null, List.of(), 0, null);

    private final PopDispatcherConfig config;
    private final Timers timers;
    private final Consumer<WaitingList> starter;

    private final Object lock = new Object();
    private final WaitingLists lists = new WaitingLists();
    private final DatabasePause pause = new DatabasePause();
    private final HeldFailures failures;
    private int waiting;
    private boolean closed;

    /**
     * Makes an empty room.
     *
     * @param starter starts a run of a list on another thread; called under the lock
     */
    WaitingRoom(PopDispatcherConfig config, Timers timers, Consumer<WaitingList> starter) {
        this.config = config;
        this.timers = timers;
        this.starter = starter;
        this.failures = new HeldFailures(timers);
        timers.every(config.pollInterval(), this::poll);
        timers.every(WaitingList.PATIENCE, this::startDue);
        timers.every(CHECK_CLIENTS_INTERVAL, this::answerGoneClients);
    }

    /** Lets a request in, or refuses it; see {@link PopDispatcher#pop}. */
    CompletableFuture<PopResult> enter(
            PopTarget target, PopRequest request, Duration wait, PopDispatcher.Client client) {
        long now = timers.nanoTime();
        var waiter = new Waiter(request, client, now, wait);
        synchronized (lock) {
            if (closed) {
                return CompletableFuture.completedFuture(NOTHING);
            }
            if (waiting >= config.maxParked()) {
                return CompletableFuture.failedFuture(
                        new OverloadedException("Too many pops are waiting, pop.max.parked is " + config.maxParked()));
            }
            if (!waiter.waits && pause.isOn(now)) {
                failures.fail(waiter, pause.lastFailure());
                return waiter.answer;
            }
            waiting++;
            WaitingList list = lists.open(target);
            list.add(waiter);
            waiter.deadlineTimer = timers.after(waiter.deadlineNanos - now, () -> deadline(list, waiter));
            startIfDue(list);
        }
        return waiter.answer;
    }

    /**
     * Wakes the waiters whose target names a queue.
     *
     * @param partition wakes only those that this partition can serve; null: all
     * @return whether any waiter reads across queues
     */
    boolean wake(String queue, @Nullable String partition) {
        synchronized (lock) {
            lists.of(queue, partition).forEach(this::makeDue);
            return !closed && lists.anyAcross();
        }
    }

    /**
     * Wakes waiters that read across queues.
     *
     * @param namespace wakes only those that read queues of this namespace and task; null: all
     */
    void wakeAcross(@Nullable QueueNamespace namespace) {
        synchronized (lock) {
            lists.across(namespace).forEach(this::makeDue);
        }
    }

    /** Wakes all waiters. */
    void wakeAll() {
        synchronized (lock) {
            List.copyOf(lists.all()).forEach(this::makeDue);
        }
    }

    /** Ends the pause after a failure of the database, and wakes all waiters if there was one. */
    void databaseAnswers() {
        synchronized (lock) {
            if (pause.isFailing()) {
                pause.retryNow(timers.nanoTime());
                wakeAll();
            }
        }
    }

    /** Returns the number of requests that have no answer yet. */
    int waiting() {
        synchronized (lock) {
            return waiting;
        }
    }

    /** Begins the run that was started for a list. The run may have no waiter. */
    Run begin(WaitingList list) {
        var answers = new ArrayList<Runnable>();
        Run run;
        synchronized (lock) {
            list.lastRunNanos = timers.nanoTime();
            list.due = false; // The transaction has not begun, so it sees all messages that made the list due.
            var gone = new ArrayList<Waiter>();
            List<Waiter> served = list.take(MAX_MERGED, gone);
            gone.forEach(waiter -> answers.add(answer(list, waiter, NOTHING)));
            run = new Run(list, served, list.bystanders());
        }
        answers.forEach(Runnable::run);
        return run;
    }

    /** Makes a run of one waiter of a refused run, whose own transaction has ended. Before, it takes no room. */
    Run splitOff(Run refused, Waiter waiter) {
        synchronized (lock) {
            refused.list().runs++;
            return new Run(refused.list(), List.of(waiter), List.of());
        }
    }

    /**
     * Ends a run with results: answers the waiters that got messages or do not wait. The others stay.
     *
     * @param results one per served waiter, in order
     * @return results with messages whose waiter was answered meanwhile: they must be given back
     */
    List<PopResult> finish(Run run, List<PopResult> results) {
        WaitingList list = run.list();
        var answers = new ArrayList<Runnable>();
        var unclaimed = new ArrayList<PopResult>();
        boolean recovered;
        synchronized (lock) {
            recovered = !run.served().isEmpty() && pause.succeeded();
            Duration nextReadyIn = null;
            PopResult nothing = null;
            long now = timers.nanoTime();
            for (int i = 0; i < run.served().size(); i++) {
                Waiter waiter = run.served().get(i);
                PopResult result = results.get(i);
                boolean found = result.status() == PopResult.Status.MESSAGES;
                boolean lacksMemory = result.status() == PopResult.Status.NO_MEMORY;
                list.land(waiter);
                waiter.hasLooked = true;
                if (!found && !lacksMemory) {
                    nothing = result;
                    Duration readyIn = result.nextReadyIn();
                    boolean earlier = nextReadyIn == null || (readyIn != null && readyIn.compareTo(nextReadyIn) < 0);
                    nextReadyIn = earlier ? readyIn : nextReadyIn;
                }
                if (waiter.isAnswered) {
                    if (found) {
                        unclaimed.add(result);
                    }
                } else if (found || lacksMemory || closed || waiter.isOver(now)) {
                    answers.add(answer(list, waiter, result));
                }
            }
            if (nothing != null) {
                for (Waiter waiter : run.bystanders()) {
                    waiter.hasLooked = true; // A run of its own would have found nothing either.
                    if (!waiter.inFlight && !waiter.isAnswered && waiter.isOver(now)) {
                        answers.add(answer(list, waiter, nothing));
                    }
                }
            } else if (!run.served().isEmpty()) {
                list.due = true; // Every waiter got messages, so there may be more.
            }
            list.ran(nothing != null, now);
            if (nextReadyIn != null) {
                wakeAt(list, now + Math.max(nextReadyIn.toNanos(), TimeUnit.MILLISECONDS.toNanos(1)));
            }
            endRun(list);
        }
        answers.forEach(Runnable::run);
        if (recovered) {
            log.info("Pops reach the database again");
        }
        return unclaimed;
    }

    /** Ends a run because the database failed: fails the waiters whose deadline has passed, and pauses. */
    void databaseFailed(Run run, QueueException cause) {
        var answers = new ArrayList<Runnable>();
        boolean first;
        synchronized (lock) {
            run.served().forEach(run.list()::land);
            first = failed(cause, answers);
            endRun(run.list());
        }
        answers.forEach(Runnable::run);
        if (first) {
            log.warn(
                    "Pops cannot use the database and are answered database_unavailable reason={}", cause.getMessage());
        }
    }

    /** Notes a failure of the database, makes all lists due, and fails the waiters whose deadline has passed. */
    private boolean failed(QueueException cause, List<Runnable> answers) {
        long now = timers.nanoTime();
        boolean first = pause.failed(cause, now);
        for (WaitingList list : List.copyOf(lists.all())) {
            list.due = true;
            for (Waiter waiter : List.copyOf(list.waiters)) {
                if (!waiter.inFlight && waiter.isOver(now)) {
                    answers.add(failure(list, waiter, cause));
                }
            }
            removeIfUnused(list);
        }
        return first;
    }

    /**
     * Continues a run whose outcome is unknown with the waiters that may have got messages, and pauses. The others are
     * served again by another run.
     */
    Run awaitOutcome(Run run, List<Waiter> undecided) {
        var answers = new ArrayList<Runnable>();
        synchronized (lock) {
            run.served().stream()
                    .filter(waiter -> !undecided.contains(waiter))
                    .forEach(waiter -> run.list().land(waiter));
            failed(pause.unavailable("the outcome of the last transaction is unknown"), answers);
        }
        answers.forEach(Runnable::run);
        return new Run(run.list(), undecided, List.of());
    }

    /** Ends a run that was rolled back: its waiters are served again. */
    void rolledBack(Run run) {
        synchronized (lock) {
            run.served().forEach(run.list()::land);
            run.list().due = true;
            endRun(run.list());
        }
    }

    /** Ends a run whose outcome is lost: fails its waiters. */
    void outcomeLost(Run run, QueueException cause) {
        var answers = new ArrayList<Runnable>();
        synchronized (lock) {
            run.served().stream()
                    .filter(waiter -> !waiter.isAnswered)
                    .forEach(waiter -> answers.add(failure(run.list(), waiter, cause)));
            run.served().forEach(run.list()::land);
            run.list().due = true;
            endRun(run.list());
        }
        answers.forEach(Runnable::run);
    }

    /** Fails one waiter of a run at once. Does not end the run. */
    void fail(Run run, Waiter waiter, Throwable cause) {
        synchronized (lock) {
            run.list().land(waiter);
            leave(run.list(), waiter);
        }
        waiter.answer.completeExceptionally(cause);
    }

    /** Ends a run all of whose waiters are taken care of. */
    void end(Run run) {
        synchronized (lock) {
            run.list().due = true; // The run has not looked for those that came meanwhile.
            endRun(run.list());
        }
    }

    /**
     * Answers all waiters that no run serves with nothing. New requests get nothing.
     *
     * @return whether it was open
     */
    boolean close() {
        var answers = new ArrayList<Runnable>();
        synchronized (lock) {
            if (closed) {
                return false;
            }
            closed = true;
            for (WaitingList list : lists.all()) {
                for (Waiter waiter : List.copyOf(list.waiters)) {
                    if (!waiter.inFlight) {
                        answers.add(answer(list, waiter, NOTHING));
                    }
                }
            }
        }
        answers.forEach(Runnable::run);
        failures.failAll();
        return true;
    }

    /** Fails the waiters whose run has not ended, because no thread is left to end it. */
    void abandon() {
        var answers = new ArrayList<Runnable>();
        synchronized (lock) {
            for (WaitingList list : lists.all()) {
                for (Waiter waiter : List.copyOf(list.waiters)) {
                    leave(list, waiter);
                    answers.add(() -> waiter.answer.completeExceptionally(
                            OutcomeUnknownException.because("the service stops before the outcome of a pop is known")));
                }
            }
        }
        answers.forEach(Runnable::run);
        failures.failAll();
    }

    // Timers. They run without the lock.

    /** Makes lists due that have not run for a poll interval: another bridge, or a connector, may have pushed. */
    private void poll() {
        synchronized (lock) {
            long before = timers.nanoTime() - config.pollInterval().toNanos();
            for (WaitingList list : lists.all()) {
                list.due |= list.lastRunNanos - before < 0;
                startIfDue(list);
            }
        }
    }

    /** Starts runs that waited for one that hangs. */
    private void startDue() {
        synchronized (lock) {
            lists.all().forEach(this::startIfDue);
        }
    }

    private void answerGoneClients() {
        var present = new HashMap<Waiter, WaitingList>();
        synchronized (lock) {
            lists.all().forEach(list -> list.waiters.forEach(waiter -> present.put(waiter, list)));
        }
        present.keySet().removeIf(waiter -> !waiter.client.isGone());
        var answers = new ArrayList<Runnable>();
        synchronized (lock) {
            present.forEach((waiter, list) -> {
                if (!waiter.inFlight && list.waiters.contains(waiter)) {
                    answers.add(answer(list, waiter, NOTHING));
                    removeIfUnused(list);
                }
            });
        }
        answers.forEach(Runnable::run);
    }

    private void deadline(WaitingList list, Waiter waiter) {
        Runnable answer;
        synchronized (lock) {
            if (closed || waiter.isAnswered) {
                return;
            }
            long left = waiter.deadlineNanos + waiter.graceNanos() - timers.nanoTime();
            boolean mustLook = waiter.waits && (!waiter.hasLooked || list.due) && !pause.isFailing();
            if ((waiter.inFlight || mustLook) && left > 0) {
                waiter.deadlineTimer = timers.after(left, () -> deadline(list, waiter));
                if (mustLook) {
                    list.lookNow();
                    startIfDue(list);
                }
                return;
            }
            answer = lateAnswer(list, waiter);
            removeIfUnused(list);
        }
        answer.run();
    }

    private Runnable lateAnswer(WaitingList list, Waiter waiter) {
        if (waiter.inFlight) { // If it gets messages, they are given back.
            String reason = "the database has not answered a pop in time";
            boolean consumes = waiter.request.autoAck();
            return failure(
                    list, waiter, consumes ? OutcomeUnknownException.because(reason) : pause.unavailable(reason));
        }
        if (pause.isFailing()) {
            return failure(list, waiter, pause.lastFailure());
        }
        return waiter.hasLooked
                ? answer(list, waiter, NOTHING)
                : failure(list, waiter, pause.unavailable("a pop has waited too long for its turn"));
    }

    // Everything below runs under the lock.

    private void makeDue(WaitingList list) {
        list.due = true;
        startIfDue(list);
    }

    private void startIfDue(WaitingList list) {
        long now = timers.nanoTime();
        if (closed || !list.due || !list.hasIdleWaiters() || list.runs >= list.maxRuns(now)) {
            return;
        }
        if (pause.isOn(now) || list.rests(now)) {
            wakeAt(list, pause.isOn(now) ? pause.retryNanos() : list.restNanos);
            return;
        }
        list.due = false;
        list.runs++;
        starter.accept(list);
    }

    private void wakeAt(WaitingList list, long nanos) {
        if (closed || (list.timer != null && list.timerNanos - nanos <= 0)) {
            return;
        }
        if (list.timer != null) {
            list.timer.cancel();
        }
        list.timerNanos = nanos;
        list.timer = timers.after(nanos - timers.nanoTime(), () -> {
            synchronized (lock) {
                list.timer = null;
                makeDue(list);
            }
        });
    }

    private void endRun(WaitingList list) {
        list.runs--;
        startIfDue(list);
        removeIfUnused(list);
    }

    private void removeIfUnused(WaitingList list) {
        if (!list.waiters.isEmpty() || list.runs > 0) {
            return;
        }
        if (list.timer != null) {
            list.timer.cancel();
        }
        lists.remove(list);
    }

    /** Takes a waiter out of its list. Run the returned step without the lock: it completes the future. */
    private Runnable answer(WaitingList list, Waiter waiter, PopResult result) {
        leave(list, waiter);
        return () -> waiter.answer.complete(result);
    }

    /** Takes a waiter out of its list. Run the returned step without the lock: it fails the future. */
    private Runnable failure(WaitingList list, Waiter waiter, QueueException cause) {
        leave(list, waiter);
        return () -> failures.fail(waiter, cause);
    }

    private void leave(WaitingList list, Waiter waiter) {
        waiter.isAnswered = true;
        if (list.remove(waiter)) {
            waiting--;
        }
        if (waiter.deadlineTimer != null) {
            waiter.deadlineTimer.cancel();
        }
    }
}
