package dev.sluice.work.run;

import dev.sluice.work.Outcome;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What is stored of a run. */
public sealed interface Verdict {
    /**
     * The work is done or cancelled.
     *
     * @param result what the handler returned; null: nothing
     * @param forwards messages that are written with the verdict
     */
    record Finish(@Nullable String result, boolean isCancelled, List<Outcome.Forward> forwards) implements Verdict {
        /** Makes the verdict on a work that was done before. */
        public static Finish done(String result) {
            return new Finish(result, false, List.of());
        }

        /** Returns that the work is cancelled. */
        public static Finish cancelled() {
            return new Finish(null, true, List.of());
        }
    }

    /**
     * The work runs again.
     *
     * @param delay how long it waits, if {@code until} is null
     * @param failure the failed attempt; null: it counts none
     * @param snoozed whether it counts a snooze
     * @param closes whether its partition stays closed
     */
    record Again(
            Duration delay,
            @Nullable Instant until,
            @Nullable Failure failure,
            boolean snoozed,
            boolean closes) implements Verdict {
        /** Returns how many attempts the work has had, if it had {@code before} before this run. */
        public int attempts(int before) {
            return before + (failure == null ? 0 : 1);
        }

        /** Returns how often the work was snoozed, if it was {@code before} before this run. */
        public long snoozes(long before) {
            return before + (snoozed ? 1 : 0);
        }
    }

    /**
     * The work becomes a dead letter.
     *
     * @param failure the failed attempt; null: it counts none
     * @param isOfHandler whether the reason has a text of the handler, which may tell something of the payload
     */
    record Bury(String reason, @Nullable Failure failure, boolean isOfHandler) implements Verdict {
        /** Makes the verdict with a reason that is the failure, or one of the engine. */
        public Bury(String reason, @Nullable Failure failure) {
            this(reason, failure, failure != null);
        }

        /** Returns how often the work ran after the first time, if it had these attempts and crashes before. */
        public int retries(int attempts, int crashes) {
            return Math.max(0, attempts + crashes + (failure == null ? 0 : 1) - 1);
        }
    }

    /** Returns the attempt that failed; null: none has. */
    static @Nullable Failure failureOf(Verdict verdict) {
        if (verdict instanceof Again again) {
            return again.failure();
        }
        return verdict instanceof Bury bury ? bury.failure() : null;
    }
}
