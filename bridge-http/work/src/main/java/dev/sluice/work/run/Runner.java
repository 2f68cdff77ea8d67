package dev.sluice.work.run;

import dev.sluice.work.AsyncHandler;
import dev.sluice.work.BatchHandler;
import dev.sluice.work.Handler;
import dev.sluice.work.Hooks;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkId;
import dev.sluice.work.WorkTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.DoubleSupplier;
import java.util.function.LongConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs a handler on the calling thread, and decides what is stored of the run. Catches everything that a handler
 * throws.
 */
public final class Runner {
    private static final Logger log = LoggerFactory.getLogger(Runner.class);

    private final String engine;
    private final DoubleSupplier random;

    /**
     * Makes a runner.
     *
     * @param engine names this engine in the history of a work
     */
    public Runner(String engine) {
        this(engine, () -> ThreadLocalRandom.current().nextDouble());
    }

    /**
     * Makes a runner.
     *
     * @param random gives the jitter of retries, from 0 to less than 1
     */
    public Runner(String engine, DoubleSupplier random) {
        this.engine = engine;
        this.random = random;
    }

    /**
     * Runs a work that has begun.
     *
     * @param ran gets how long the handler ran
     */
    @SuppressWarnings("CatchingUnchecked")
    public Verdict run(Handler handler, Run run, LongConsumer ran) {
        try {
            if (isStopped(run)) { // Before it could start.
                return stopped(run);
            }
            return inItsClassLoader(handler, () -> handle(handler, run, ran));
        } catch (Throwable e) { // The worker must go on.
            return unexpected(run, e);
        }
    }

    /**
     * How the run of an asynchronous handler has begun.
     *
     * @param stage completes with the outcome; null: the run has ended
     * @param verdict what is stored; null: the run goes on
     */
    public record Beginning(
            @Nullable CompletionStage<Outcome> stage,
            @Nullable Verdict verdict) {
        private static Beginning ended(Verdict verdict) {
            return new Beginning(null, verdict);
        }
    }

    /** Begins to run a work that has begun. {@link #decide(AsyncHandler, Run, Outcome, Throwable)} ends it. */
    @SuppressWarnings("CatchingUnchecked")
    public Beginning begin(AsyncHandler handler, Run run) {
        try {
            if (isStopped(run)) { // Before it could start.
                return Beginning.ended(stopped(run));
            }
            return inItsClassLoader(handler, () -> call(handler, run));
        } catch (Throwable e) { // The thread must go on.
            return Beginning.ended(unexpected(run, e));
        }
    }

    @SuppressWarnings("CatchingUnchecked")
    private Beginning call(AsyncHandler handler, Run run) {
        Work work = run.work();
        Verdict early = beforeTheCall(handler, run, work);
        if (early != null) {
            return Beginning.ended(early);
        }
        try {
            handler.before(work, run);
            CompletionStage<Outcome> stage = handler.handle(work, run);
            if (stage == null) {
                throw new NullPointerException("the handler returned null instead of a stage");
            }
            return new Beginning(stage, null);
        } catch (Throwable e) {
            return Beginning.ended(decide(run, work, null, e));
        }
    }

    /**
     * Decides about a work whose stage has completed.
     *
     * @param error what the stage completed with; null: with the outcome
     */
    @SuppressWarnings("CatchingUnchecked")
    public Verdict decide(AsyncHandler handler, Run run, @Nullable Outcome outcome, @Nullable Throwable error) {
        Throwable cause = error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
        Throwable failure = outcome == null && cause == null
                ? new NullPointerException("the stage of the handler completed with null instead of an outcome")
                : cause;
        try {
            return inItsClassLoader(handler, () -> decide(run, run.work(), outcome, failure));
        } catch (Throwable e) { // The thread must go on.
            return unexpected(run, e);
        }
    }

    /** Returns the verdict on a run whose outcome cannot be stored: a failed attempt, without any hook. */
    public Verdict unstorable(Run run, Throwable error) {
        return again(run, failure(run, error), run.settings().retry(), null);
    }

    /** Returns the verdict on a run that failed outside of its handler: a failed attempt, without any hook. */
    public Verdict unexpected(Run run, Throwable error) {
        log.error("A run failed outside of its handler id={}", run.id(), error);
        return again(run, failure(run, error), run.settings().retry(), null);
    }

    @SuppressWarnings("CatchingUnchecked")
    private Verdict handle(Handler handler, Run run, LongConsumer ran) {
        Work work = run.work();
        Verdict early = beforeTheCall(handler, run, work);
        if (early != null) {
            return early;
        }
        Outcome outcome = null;
        Throwable error = null;
        try {
            handler.before(work, run);
            outcome = handler.handle(work, run);
            if (outcome == null) {
                throw new NullPointerException("the handler returned null instead of an outcome");
            }
        } catch (Throwable e) {
            error = e;
        }
        ran.accept(run.elapsedNanos());
        return decide(run, work, outcome, error);
    }

    /**
     * Runs works that have begun in one call.
     *
     * @param ran gets how long the call took
     * @return a verdict for each, in the same order
     */
    @SuppressWarnings("CatchingUnchecked")
    public List<Verdict> run(BatchHandler handler, List<? extends Run> runs, LongConsumer ran) {
        try {
            return inItsClassLoader(handler, () -> handle(handler, runs, ran));
        } catch (Throwable e) { // The worker must go on.
            return runs.stream().map(run -> unexpected(run, e)).toList();
        }
    }

    @SuppressWarnings("CatchingUnchecked")
    private List<Verdict> handle(BatchHandler handler, List<? extends Run> runs, LongConsumer ran) {
        var verdicts = new ArrayList<@Nullable Verdict>(runs.size());
        var items = new ArrayList<BatchHandler.Item>(runs.size());
        for (Run run : runs) {
            try {
                BatchHandler.Item item = new BatchHandler.Item(run.work(), run);
                Verdict early = isStopped(run) ? stopped(run) : beforeTheCall(handler, run, item.work());
                verdicts.add(early);
                if (early == null) {
                    items.add(item);
                }
            } catch (Throwable e) { // The others of the call go on.
                verdicts.add(unexpected(run, e));
            }
        }
        Map<WorkId, Outcome> outcomes = Map.of();
        Throwable error = null;
        if (!items.isEmpty()) {
            try {
                Map<WorkId, Outcome> returned = handler.handle(Collections.unmodifiableList(items));
                if (returned == null) {
                    throw new NullPointerException("the batch handler returned null instead of outcomes");
                }
                outcomes = new HashMap<>(returned);
            } catch (Throwable e) {
                outcomes = Map.of();
                error = e;
            }
            ran.accept(runs.get(0).elapsedNanos());
            warnOfStrangers(outcomes, items);
        }
        var decided = new ArrayList<Verdict>(runs.size());
        int next = 0;
        for (int i = 0; i < runs.size(); i++) {
            Verdict early = verdicts.get(i);
            decided.add(early == null ? decide(items.get(next++), runs.get(i), outcomes, error) : early);
        }
        return decided;
    }

    private Verdict decide(BatchHandler.Item item, Run run, Map<WorkId, Outcome> outcomes, @Nullable Throwable thrown) {
        Outcome outcome = outcomes.get(item.id());
        Throwable error = thrown != null || outcome != null
                ? thrown
                : new IllegalStateException("the batch handler returned no outcome for this work, and outcomes for "
                        + outcomes.size() + " others");
        return decide(run, item.work(), outcome, error);
    }

    private static void warnOfStrangers(Map<WorkId, Outcome> outcomes, List<BatchHandler.Item> items) {
        if (outcomes.size() > items.size() || !items.stream().allMatch(item -> outcomes.containsKey(item.id()))) {
            Set<WorkId> strangers = new HashSet<>(outcomes.keySet());
            items.forEach(item -> strangers.remove(item.id()));
            if (!strangers.isEmpty()) {
                log.warn(
                        "A batch handler returned outcomes for works that were not in its call; they have no effect"
                                + " type={} works={} first={}",
                        items.get(0).work().type(),
                        strangers.size(),
                        strangers.iterator().next());
            }
        }
    }

    private static <T> T inItsClassLoader(Hooks handler, Supplier<T> task) {
        Thread thread = Thread.currentThread();
        ClassLoader usual = thread.getContextClassLoader();
        thread.setContextClassLoader(handler.getClass().getClassLoader());
        try {
            return task.get();
        } finally {
            thread.setContextClassLoader(usual);
        }
    }

    /**
     * Returns the verdict on a work that does not run now: it is not valid, or its target is broken, or the handler
     * cannot name its target. Null: it runs.
     */
    @SuppressWarnings("CatchingUnchecked")
    private @Nullable Verdict beforeTheCall(Hooks handler, Run run, Work work) {
        Verdict invalid = validate(handler, run, work);
        if (invalid != null) {
            return invalid;
        }
        try {
            Duration wait = run.putOff(run.hasBreaker() ? handler.target(work) : null);
            return wait == null ? null : new Verdict.Again(wait, null, null, false, run.closes());
        } catch (Throwable e) {
            return isStopped(run) ? afterStop(run, null, e) : failed(run, work, e);
        }
    }

    /** Returns the verdict on a work that is not valid; null: it is. */
    @SuppressWarnings("CatchingUnchecked")
    private @Nullable Verdict validate(Hooks handler, Run run, Work work) {
        try {
            handler.validate(work);
            return null;
        } catch (Throwable e) {
            return isStopped(run) ? afterStop(run, null, e) : invalid(run, e);
        }
    }

    /** Decides about a work whose handler has returned or thrown. */
    @SuppressWarnings("CatchingUnchecked")
    private Verdict decide(Run run, Work work, @Nullable Outcome outcome, @Nullable Throwable error) {
        if (isStopped(run)) {
            return afterStop(run, outcome, error);
        }
        if (error != null || outcome == null) {
            Throwable failure = error == null ? new NullPointerException("no outcome") : error;
            run.tellBreaker(failure);
            return failed(run, work, failure);
        }
        if (outcome instanceof Outcome.Retry retry) {
            run.tellBreaker(new IllegalStateException(retry.reason()));
        } else if (outcome instanceof Outcome.Done) {
            run.tellBreaker(null);
        }
        try {
            run.handler().after(work, run, outcome);
        } catch (Throwable e) {
            log.warn("A handler failed after a work had ended; the outcome stays id={}", run.id(), e);
        }
        return of(run, outcome);
    }

    private static boolean isStopped(Run run) {
        return run.stopReason() != Stop.NONE;
    }

    /** Returns the verdict on a run that was asked to end and gave no outcome. */
    public Verdict stopped(Run run) {
        return afterStop(run, null, null);
    }

    /** Returns the verdict as {@link #stopped} does, without asking the handler. */
    public Verdict stoppedByPolicy(Run run) {
        if (run.stopReason() != Stop.TIMEOUT) {
            return stopped(run);
        }
        Throwable error = timeout(run);
        return again(run, failure(run, error), policyAfter(run, error), null);
    }

    private Verdict afterStop(Run run, @Nullable Outcome outcome, @Nullable Throwable error) {
        return switch (run.stopReason()) {
            case CANCEL -> Verdict.Finish.cancelled();
            case TIMEOUT -> timedOut(run);
            case LOST, CLOSE, NONE -> outcome == null || error != null ? givenBack(run) : of(run, outcome);
        };
    }

    /** Returns the verdict on a work that was given back: it costs nothing. */
    public static Verdict givenBack(Run run) {
        return new Verdict.Again(Duration.ZERO, null, null, false, run.closes());
    }

    private Verdict timedOut(Run run) {
        WorkTimeoutException error = timeout(run);
        run.tellBreaker(error);
        return failed(run, run.work(), error);
    }

    private static WorkTimeoutException timeout(Run run) {
        return new WorkTimeoutException(
                "the handler ran longer than " + run.settings().timeout());
    }

    private Verdict invalid(Run run, Throwable error) {
        Failure failure = failure(run, error);
        return new Verdict.Bury("invalid: " + failure.reason(), failure);
    }

    @SuppressWarnings("CatchingUnchecked")
    private Verdict failed(Run run, Work work, Throwable error) {
        Outcome decided = null;
        try {
            decided = run.handler().onError(work, run, error);
        } catch (Throwable e) {
            log.warn("A handler could not decide about an error; its retry policy decides id={}", run.id(), e);
        }
        Failure failure = failure(run, error);
        if (decided instanceof Outcome.Retry retry) {
            return again(run, failure, run.settings().retry(), retry.after());
        }
        if (decided instanceof Outcome.DeadLetter dead) {
            return new Verdict.Bury(Failure.cut(dead.reason(), Failure.MAX_MESSAGE), failure);
        }
        if (decided != null) {
            return of(run, decided);
        }
        return again(run, failure, policyAfter(run, error), null);
    }

    @SuppressWarnings("CatchingUnchecked")
    private static RetryPolicy policyAfter(Run run, Throwable error) {
        try {
            return run.settings().retry().after(error);
        } catch (Throwable e) { // The error's own method failed.
            return run.settings().retry();
        }
    }

    /** Returns the verdict on a failed attempt. */
    private Verdict again(Run run, Failure failure, RetryPolicy policy, @Nullable Duration after) {
        if (run.attempt() >= policy.maxAttempts()) {
            String reason = "failed " + run.attempt() + (run.attempt() == 1 ? " time: " : " times: ");
            return new Verdict.Bury(reason + failure.reason(), failure);
        }
        Duration delay = after == null ? policy.waitAfter(run.attempt(), random) : after;
        return new Verdict.Again(delay, null, failure, false, staysClosed(run));
    }

    private static boolean staysClosed(Run run) {
        return run.closes() && !run.settings().defersRetries();
    }

    private Verdict of(Run run, Outcome outcome) {
        if (outcome instanceof Outcome.Done done) {
            return new Verdict.Finish(done.result(), false, done.forwards());
        }
        if (outcome instanceof Outcome.Retry retry) {
            var failure = new Failure(
                    run.attempt(),
                    Outcome.Retry.class.getSimpleName(),
                    Failure.cut(retry.reason(), Failure.MAX_MESSAGE),
                    "",
                    TimeUnit.NANOSECONDS.toMillis(run.elapsedNanos()),
                    worker());
            return again(run, failure, run.settings().retry(), retry.after());
        }
        if (outcome instanceof Outcome.Snooze snooze) {
            Duration delay = snooze.delay() == null ? Duration.ZERO : snooze.delay();
            return new Verdict.Again(delay, snooze.until(), null, true, staysClosed(run));
        }
        if (outcome instanceof Outcome.DeadLetter dead) {
            return new Verdict.Bury(Failure.cut(dead.reason(), Failure.MAX_MESSAGE), null, true);
        }
        return Verdict.Finish.cancelled();
    }

    private Failure failure(Run run, Throwable error) {
        return Failure.of(run.attempt(), error, TimeUnit.NANOSECONDS.toMillis(run.elapsedNanos()), worker());
    }

    private String worker() {
        return engine + "/" + Thread.currentThread().getName();
    }
}
