package dev.sluice.bridge.webhook;

import dev.sluice.bridge.system.Threads;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** The clock of the system. */
public final class SystemTimers implements Timers, AutoCloseable {
    private final ScheduledExecutorService clock = Threads.clock("sluice-webhook-timer");

    @Override
    public Instant now() {
        return Instant.now();
    }

    @Override
    public long nanos() {
        return System.nanoTime();
    }

    @Override
    public void after(Duration wait, Runnable task) {
        var ignored = clock.schedule(task, wait.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public void close() {
        clock.shutdownNow();
    }
}
