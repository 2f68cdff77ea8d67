package dev.sluice.work.run;

import dev.sluice.work.Context;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Hooks;
import dev.sluice.work.Work;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** A run of a work, as the decision about it needs it. */
public interface Run extends Context {
    /** Returns the work as its handler gets it. */
    Work work();

    Hooks handler();

    HandlerSettings settings();

    /** Returns whether the partition of the work is closed while the work runs, because it has a key. */
    boolean closes();

    /** Returns when the work was enqueued. */
    Instant createdAt();

    /** Returns when it is too late to run the work; null: never. */
    @Nullable
    Instant deadline();

    /** Returns why the handler was asked to end. */
    Stop stopReason();

    /** Returns how long the handler has run. */
    long elapsedNanos();
}
