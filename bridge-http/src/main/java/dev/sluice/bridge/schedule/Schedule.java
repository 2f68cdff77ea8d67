package dev.sluice.bridge.schedule;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A schedule with what has become of it. Immutable.
 *
 * @param isFromFile whether the configuration of a bridge declares it
 */
public record Schedule(ScheduleSpec spec, boolean isFromFile, Times times, Counts counts) {
    /**
     * Times of a schedule.
     *
     * @param pausedAt null: it is not paused
     * @param nextAt the next tick; null: there is none any more
     * @param lastTick the newest tick that was fired or skipped; null: none was
     * @param lastFiredAt when a message was written last; null: none was
     */
    public record Times(
            @Nullable Instant pausedAt,
            @Nullable Instant nextAt,
            @Nullable Instant lastTick,
            @Nullable Instant lastFiredAt,
            Instant createdAt,
            Instant updatedAt) {}

    /**
     * What has happened.
     *
     * @param fired messages that were written
     * @param skipped ticks that were missed and not fired
     * @param failure why the last attempt to fire failed; null: it did not
     */
    public record Counts(
            long fired,
            long skipped,
            @Nullable String failure,
            @Nullable Instant failedAt) {}
}
