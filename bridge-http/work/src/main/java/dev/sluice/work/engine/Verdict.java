package dev.sluice.work.engine;

import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** What the engine stores of a run. */
sealed interface Verdict {
    /**
     * The work is done or cancelled.
     *
     * @param result what is kept with the idempotency key; null: nothing
     */
    record Finish(@Nullable String result, boolean isCancelled) implements Verdict {
        static Finish cancelled() {
            return new Finish(null, true);
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
            boolean closes) implements Verdict {}

    /**
     * The work becomes a dead letter.
     *
     * @param failure the failed attempt; null: it counts none
     */
    record Bury(String reason, @Nullable Failure failure) implements Verdict {}

    /** Another engine has the work. */
    record Drop() implements Verdict {}
}
