package dev.sluice.bridge.pop;

import dev.sluice.bridge.system.Threads;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The clock and the timers of the dispatcher. Tests replace them to control time. */
interface Timers {
    /** A task that has not run yet. */
    interface Timer {
        void cancel();
    }

    /** Returns the time, as {@link System#nanoTime} does. */
    long nanoTime();

    /** Runs a task once, {@code nanos} from now. Returns null, and does nothing, if the timers are closed. */
    @Nullable
    Timer after(long nanos, Runnable task);

    /** Runs a task again and again until the timers are closed, even if it throws. */
    void every(Duration interval, Runnable task);

    /** Drops all timers. */
    void close();

    /** Timers on one daemon thread. */
    final class OnThread implements Timers {
        private static final Logger log = LoggerFactory.getLogger(Timers.class);

        private final ScheduledExecutorService executor;

        OnThread(String threadName) {
            executor = Threads.clock(threadName);
        }

        @Override
        public long nanoTime() {
            return System.nanoTime();
        }

        @Override
        public @Nullable Timer after(long nanos, Runnable task) {
            try {
                Future<?> future = executor.schedule(task, nanos, TimeUnit.NANOSECONDS);
                return () -> future.cancel(false);
            } catch (RejectedExecutionException e) {
                return null;
            }
        }

        @Override
        public void every(Duration interval, Runnable task) {
            var unused = executor.scheduleWithFixedDelay(
                    () -> {
                        try {
                            task.run();
                        } catch (RuntimeException | Error e) { // Would end the repetition.
                            log.error("A repeated task of the pop dispatcher failed; it runs again", e);
                        }
                    },
                    interval.toNanos(),
                    interval.toNanos(),
                    TimeUnit.NANOSECONDS);
        }

        @Override
        public void close() {
            executor.shutdownNow();
        }
    }
}
