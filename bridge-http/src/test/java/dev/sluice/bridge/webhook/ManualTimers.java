package dev.sluice.bridge.webhook;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** A clock that stands until the test moves it. */
final class ManualTimers implements Timers {
    private record Task(Instant at, Runnable task) {}

    private final List<Task> tasks = new ArrayList<>();
    private Instant now;

    ManualTimers(Instant start) {
        now = start;
    }

    @Override
    public synchronized Instant now() {
        return now;
    }

    @Override
    public synchronized long nanos() {
        return now.toEpochMilli() * 1_000_000;
    }

    @Override
    public synchronized void after(Duration wait, Runnable task) {
        tasks.add(new Task(now.plus(wait), task));
    }

    synchronized void set(Instant value) {
        now = value;
    }

    /** Moves the clock, and runs each task at its time. */
    void advance(Duration duration) {
        Instant end = now().plus(duration);
        for (Task next = due(end); next != null; next = due(end)) {
            next.task().run();
        }
        set(end);
    }

    private synchronized Task due(Instant end) {
        Task next = tasks.stream()
                .filter(task -> !task.at().isAfter(end))
                .min(Comparator.comparing(Task::at))
                .orElse(null);
        if (next != null) {
            tasks.remove(next);
            now = next.at().isAfter(now) ? next.at() : now;
        }
        return next;
    }

    synchronized int waiting() {
        return tasks.size();
    }
}
