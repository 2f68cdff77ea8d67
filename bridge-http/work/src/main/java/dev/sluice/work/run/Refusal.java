package dev.sluice.work.run;

import dev.sluice.work.HandlerSettings;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Decides which works are not to run. */
public final class Refusal {
    private Refusal() {}

    /** Returns whether {@link #of} needs the time. */
    public static boolean needsTime(Run run) {
        return run.deadline() != null || run.settings().maxAge() != null;
    }

    /**
     * Returns what is stored of a work that is not to run: too many engines died while it was begun, its deadline has
     * passed, or it is too old to begin. Null: it is to run.
     */
    public static @Nullable Verdict of(Run run, Instant now) {
        HandlerSettings settings = run.settings();
        if (run.crashes() >= settings.maxCrashes()) {
            return new Verdict.Bury("crash_loop: " + run.crashes() + " engines died while the work was begun", null);
        }
        Instant deadline = run.deadline();
        if (deadline != null && !now.isBefore(deadline)) {
            return new Verdict.Bury("deadline: it was " + deadline, null);
        }
        boolean isFirst = run.attempt() == 1 && run.snoozes() == 0 && run.crashes() == 0;
        if (isFirst && settings.maxAge() != null && now.isAfter(run.createdAt().plus(settings.maxAge()))) {
            return new Verdict.Bury(
                    "too old: created at " + run.createdAt() + ", may begin within " + settings.maxAge(), null);
        }
        return null;
    }
}
