package dev.sluice.work.engine;

import dev.sluice.work.base.WorkThreads;
import dev.sluice.work.run.Runner;
import dev.sluice.work.run.Verdict;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * Decides about works whose handlers ignore the interrupt. The decision asks the handler ({@code onError}), which may
 * hang too. So it runs on a thread of its own, or on one of a few for works that have no thread, and if it takes too
 * long, or no thread is free for so long, the retry policy decides.
 */
final class GivenUp {
    private final Runner runner;
    private final Duration grace;
    private final Consumer<Ended> ended;
    private final LongSupplier nanos;
    private final List<Decision> open = new ArrayList<>();

    /** When a decision began last. While decisions begin, those that wait for a thread go on waiting. */
    private volatile long lastBegunNanos;

    /**
     * Makes the decider.
     *
     * @param grace how long a decision may take
     * @param ended gets each work with what is decided
     */
    GivenUp(Runner runner, Duration grace, Consumer<Ended> ended, LongSupplier nanos) {
        this.runner = runner;
        this.grace = grace;
        this.ended = ended;
        this.nanos = nanos;
        this.lastBegunNanos = nanos.getAsLong();
    }

    private final class Decision implements Runnable {
        private final Begun begun;
        private volatile long sinceNanos = nanos.getAsLong();
        private volatile boolean isBegun;
        private final AtomicBoolean isOver = new AtomicBoolean();

        Decision(Begun begun) {
            this.begun = begun;
        }

        @Override
        public void run() {
            sinceNanos = nanos.getAsLong();
            lastBegunNanos = sinceNanos;
            isBegun = true;
            if (isOver.get()) {
                return;
            }
            Thread thread = Thread.currentThread();
            ClassLoader usual = thread.getContextClassLoader();
            thread.setContextClassLoader(begun.handler().getClass().getClassLoader());
            try {
                end(runner.stopped(begun));
            } finally {
                thread.setContextClassLoader(usual);
            }
        }

        private void end(Verdict verdict) {
            if (!isOver.getAndSet(true)) {
                ended.accept(new Ended(begun, verdict));
            }
        }

        /** Ends the decision if it has taken too long, or {@code now}. Returns whether it is over. */
        boolean endsBy(boolean now) {
            long since = isBegun || sinceNanos - lastBegunNanos > 0 ? sinceNanos : lastBegunNanos;
            if (!isOver.get() && (now || nanos.getAsLong() - since >= grace.toNanos())) {
                end(runner.stoppedByPolicy(begun));
            }
            return isOver.get();
        }
    }

    /** Begins to decide about works, each on a thread of its own. */
    void add(List<Begun> works) {
        works.forEach(each -> add(
                each,
                decision -> WorkThreads.daemon("sluice-work-decision", decision).start()));
    }

    /** Begins to decide about a work as soon as one of some threads is free. */
    void add(Begun begun, Executor threads) {
        var decision = new Decision(begun);
        synchronized (this) {
            open.add(decision);
        }
        threads.execute(decision);
    }

    /** Ends decisions that take too long. */
    synchronized void watch() {
        open.removeIf(each -> each.endsBy(false));
    }

    /** Ends all decisions. */
    synchronized void close() {
        open.removeIf(each -> each.endsBy(true));
    }
}
