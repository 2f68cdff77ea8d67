package dev.sluice.work.engine;

import dev.sluice.work.Handler;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkTimeoutException;
import dev.sluice.work.engine.Begun.Stop;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.DoubleSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs a handler on the calling thread, and decides what is stored of the run. Catches everything that a handler
 * throws.
 */
final class Runner {
    private static final Logger log = LoggerFactory.getLogger(Runner.class);

    private final String engine;
    private final DoubleSupplier random;

    /**
     * Makes a runner.
     *
     * @param engine names this engine in the history of a work
     */
    Runner(String engine) {
        this(engine, () -> ThreadLocalRandom.current().nextDouble());
    }

    Runner(String engine, DoubleSupplier random) {
        this.engine = engine;
        this.random = random;
    }

    /** Runs a work that has begun. */
    @SuppressWarnings("CatchingUnchecked")
    Verdict run(Begun begun) {
        if (stopped(begun)) { // Before it could start.
            return afterStop(begun, null, null);
        }
        Handler handler = begun.type().handler();
        Work work = begun.work();
        ClassLoader usual = Thread.currentThread().getContextClassLoader();
        Thread.currentThread().setContextClassLoader(handler.getClass().getClassLoader());
        try {
            try {
                handler.validate(work);
            } catch (Throwable e) {
                return stopped(begun) ? afterStop(begun, null, e) : invalid(begun, e);
            }
            Outcome outcome = null;
            Throwable error = null;
            try {
                handler.before(work, begun);
                outcome = handler.handle(work, begun);
                if (outcome == null) {
                    throw new NullPointerException("the handler returned null instead of an outcome");
                }
            } catch (Throwable e) {
                error = e;
            }
            begun.type().ran(begun.elapsedNanos());
            if (stopped(begun)) {
                return afterStop(begun, outcome, error);
            }
            if (error != null) {
                return failed(begun, work, error);
            }
            try {
                handler.after(work, begun, outcome);
            } catch (Throwable e) {
                log.warn("A handler failed after a work had ended; the outcome stays id={}", begun.id(), e);
            }
            return of(begun, outcome);
        } finally {
            Thread.currentThread().setContextClassLoader(usual);
        }
    }

    private static boolean stopped(Begun begun) {
        return begun.stopReason() != Stop.NONE;
    }

    /** Decides about a run that was asked to end. */
    private Verdict afterStop(Begun begun, @Nullable Outcome outcome, @Nullable Throwable error) {
        return switch (begun.stopReason()) {
            case CANCEL -> Verdict.Finish.cancelled();
            case LOST -> new Verdict.Drop();
            case TIMEOUT -> timedOut(begun);
            case CLOSE, NONE -> outcome == null || error != null ? givenBack(begun) : of(begun, outcome);
        };
    }

    /** Returns the verdict on a work that was given back: it costs nothing. */
    static Verdict givenBack(Begun begun) {
        return new Verdict.Again(
                Duration.ZERO, null, null, false, begun.history().closes());
    }

    /** Returns the verdict on a run that exceeded its timeout. */
    Verdict timedOut(Begun begun) {
        return failed(
                begun,
                begun.work(),
                new WorkTimeoutException(
                        "the handler ran longer than " + begun.type().settings().timeout()));
    }

    private Verdict invalid(Begun begun, Throwable error) {
        Failure failure = failure(begun, error);
        return new Verdict.Bury("invalid: " + failure.reason(), failure);
    }

    private Verdict failed(Begun begun, Work work, Throwable error) {
        Outcome decided = null;
        try {
            decided = begun.type().handler().onError(work, begun, error);
        } catch (Throwable e) {
            log.warn("A handler could not decide about an error; its retry policy decides id={}", begun.id(), e);
        }
        Failure failure = failure(begun, error);
        if (decided instanceof Outcome.Retry retry) {
            return again(begun, failure, begun.type().settings().retry(), retry.after());
        }
        if (decided instanceof Outcome.DeadLetter dead) {
            return new Verdict.Bury(Failure.cut(dead.reason(), Failure.MAX_MESSAGE), failure);
        }
        if (decided != null) {
            return of(begun, decided);
        }
        return again(begun, failure, begun.type().settings().retry().after(error), null);
    }

    /** Returns the verdict on a failed attempt. */
    private Verdict again(Begun begun, Failure failure, RetryPolicy policy, @Nullable Duration after) {
        if (begun.attempt() >= policy.maxAttempts()) {
            String reason = "failed " + begun.attempt() + (begun.attempt() == 1 ? " time: " : " times: ");
            return new Verdict.Bury(reason + failure.reason(), failure);
        }
        Duration delay = after == null ? policy.waitAfter(begun.attempt(), random) : after;
        return new Verdict.Again(delay, null, failure, false, staysClosed(begun));
    }

    private static boolean staysClosed(Begun begun) {
        return begun.history().closes() && !begun.type().settings().defersRetries();
    }

    private Verdict of(Begun begun, Outcome outcome) {
        if (outcome instanceof Outcome.Done done) {
            return new Verdict.Finish(begun.type().settings().keepsResults() ? done.result() : null, false);
        }
        if (outcome instanceof Outcome.Retry retry) {
            var failure = new Failure(
                    begun.attempt(),
                    Outcome.Retry.class.getSimpleName(),
                    Failure.cut(retry.reason(), Failure.MAX_MESSAGE),
                    "",
                    TimeUnit.NANOSECONDS.toMillis(begun.elapsedNanos()),
                    worker());
            return again(begun, failure, begun.type().settings().retry(), retry.after());
        }
        if (outcome instanceof Outcome.Snooze snooze) {
            Duration delay = snooze.delay() == null ? Duration.ZERO : snooze.delay();
            return new Verdict.Again(delay, snooze.until(), null, true, staysClosed(begun));
        }
        if (outcome instanceof Outcome.DeadLetter dead) {
            return new Verdict.Bury(Failure.cut(dead.reason(), Failure.MAX_MESSAGE), null);
        }
        return Verdict.Finish.cancelled();
    }

    private Failure failure(Begun begun, Throwable error) {
        return Failure.of(begun.attempt(), error, TimeUnit.NANOSECONDS.toMillis(begun.elapsedNanos()), worker());
    }

    private String worker() {
        return engine + "/" + Thread.currentThread().getName();
    }
}
