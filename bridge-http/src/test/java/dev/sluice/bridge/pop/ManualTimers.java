package dev.sluice.bridge.pop;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Timers whose time passes only when the test says so. */
final class ManualTimers implements Timers {
    private final List<Task> tasks = new ArrayList<>();
    private long now;
    private boolean closed;

    private static final class Task {
        final long atNanos;
        final Runnable run;

        Task(long atNanos, Runnable run) {
            this.atNanos = atNanos;
            this.run = run;
        }
    }

    @Override
    public long nanoTime() {
        return now;
    }

    @Override
    public @Nullable Timer after(long nanos, Runnable run) {
        if (closed) {
            return null;
        }
        var task = new Task(now + Math.max(0, nanos), run);
        tasks.add(task);
        return () -> tasks.remove(task);
    }

    @Override
    public void every(Duration interval, Runnable run) {
        Timer unused = after(interval.toNanos(), () -> {
            try {
                run.run();
            } catch (IllegalStateException e) {
                assertExpected(e);
            }
            every(interval, run);
        });
    }

    private static void assertExpected(IllegalStateException e) {
        if (!"expected".equals(e.getMessage())) {
            throw e;
        }
    }

    @Override
    public void close() {
        closed = true;
        tasks.clear();
    }

    /** Returns how long it is to the next task; {@code most} if that is shorter. */
    Duration untilNext(Duration most) {
        Task next = next(now + most.toNanos());
        return next == null ? most : Duration.ofNanos(Math.max(0, next.atNanos - now));
    }

    /** Lets time pass, and runs each task at its time. */
    void advance(Duration duration) {
        long end = now + duration.toNanos();
        Task next = next(end);
        while (next != null) {
            tasks.remove(next);
            now = Math.max(now, next.atNanos);
            next.run.run();
            next = next(end);
        }
        now = end;
    }

    private @Nullable Task next(long end) {
        return tasks.stream()
                .filter(task -> task.atNanos <= end)
                .min(Comparator.comparingLong(task -> task.atNanos))
                .orElse(null);
    }
}
