package dev.sluice.work.watch;

import dev.sluice.work.BreakerState;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkListener;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Counts what happens to works in a buffer. Unlike a {@link WorkListener}, it misses nothing: the threads of the engine
 * call it themselves. So it must be quick, must not throw, and must be safe for use by many threads.
 */
public interface WorkMeter {
    /** Counts nothing. */
    WorkMeter NONE = new WorkMeter() {
        @Override
        public void happened(WorkEvent.Kind kind, String type) {}

        @Override
        public void began(String type, @Nullable Instant createdAt) {}

        @Override
        public void ran(String type, Duration took) {}

        @Override
        public void crashed(String type, int works) {}

        @Override
        public void breaker(String type, BreakerState state) {}
    };

    /** Something has happened to a work of a type, or to the type. */
    void happened(WorkEvent.Kind kind, String type);

    /**
     * A handler begins.
     *
     * @param createdAt when the work was enqueued, by the clock of the database; null: it has run before or was snoozed
     */
    void began(String type, @Nullable Instant createdAt);

    /** A handler has ended, in whatever way. */
    void ran(String type, Duration took);

    /** This buffer has taken works over that were begun in an engine that died. */
    void crashed(String type, int works);

    /** The circuit breaker of a type, of works without a target, has another state. */
    void breaker(String type, BreakerState state);
}
