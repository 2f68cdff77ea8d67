package dev.sluice.work.engine;

import dev.sluice.work.run.Runner;
import dev.sluice.work.run.Verdict;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * Decides about works whose handlers ignore the interrupt. The decision asks the handler ({@code onError}), which may
 * hang too. So it runs on a thread of its own, and if it takes too long, the retry policy decides.
 */
final class GivenUp {
    private final Runner runner;
    private final Duration grace;
    private final Consumer<Ended> ended;
    private final LongSupplier nanos;
    private final List<Decision> open = new ArrayList<>();

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
    }

    private final class Decision implements Runnable {
        private final Begun begun;
        private final long sinceNanos = nanos.getAsLong();
        private final AtomicBoolean isOver = new AtomicBoolean();

        Decision(Begun begun) {
            this.begun = begun;
        }

        @Override
        public void run() {
            Thread.currentThread()
                    .setContextClassLoader(begun.handler().getClass().getClassLoader());
            end(runner.stopped(begun));
        }

        private void end(Verdict verdict) {
            if (!isOver.getAndSet(true)) {
                ended.accept(new Ended(begun, verdict));
            }
        }

        /** Ends the decision if it has taken too long, or {@code now}. Returns whether it is over. */
        boolean endsBy(boolean now) {
            if (!isOver.get() && (now || nanos.getAsLong() - sinceNanos >= grace.toNanos())) {
                end(runner.stoppedByPolicy(begun));
            }
            return isOver.get();
        }
    }

    /** Begins to decide about works. */
    synchronized void add(List<Begun> works) {
        for (Begun each : works) {
            var decision = new Decision(each);
            open.add(decision);
            WorkThreads.daemon("sluice-work-decision", decision).start();
        }
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
