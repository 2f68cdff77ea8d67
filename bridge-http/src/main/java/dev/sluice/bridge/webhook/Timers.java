package dev.sluice.bridge.webhook;

import java.time.Duration;
import java.time.Instant;

/** The clock of deliveries. A test moves one of its own. */
interface Timers {
    /** Returns the time. */
    Instant now();

    /** Returns a number that grows with time, in nanoseconds. */
    long nanos();

    /** Runs a task after some time, on a thread that the task must not block. */
    void after(Duration wait, Runnable task);
}
