package dev.sluice.work.bench;

import dev.sluice.work.bench.Figures.Figure;
import dev.sluice.work.bench.Figures.Goal;
import java.util.Arrays;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Times from when a work was due to be enqueued until its handler started. Safe for use by many threads. */
final class StartTimes {
    private final Queue<Long> nanos = new ConcurrentLinkedQueue<>();
    private final AtomicInteger size = new AtomicInteger();

    void add(long dueNanos) {
        nanos.add(System.nanoTime() - dueNanos);
        size.incrementAndGet();
    }

    int size() {
        return size.get();
    }

    /** Adds the median and the 99th percentile to the figures. */
    void describe(Figures figures, String part, String what, Goal goal) {
        long[] sorted = nanos.stream().mapToLong(Long::longValue).sorted().toArray();
        if (sorted.length == 0) {
            throw new IllegalStateException("no work was started: " + what);
        }
        figures.add(new Figure(part, what + ", p50", "ms", Goal.NONE), millis(sorted, 50));
        figures.add(new Figure(part, what + ", p99", "ms", goal), millis(sorted, 99));
        figures.add(
                new Figure(part, what + ", longest", "ms", Goal.NONE),
                (double) Arrays.stream(sorted).max().orElseThrow() / TimeUnit.MILLISECONDS.toNanos(1));
    }

    private static double millis(long[] sorted, int percent) {
        int index = Math.min(sorted.length - 1, sorted.length * percent / 100);
        return (double) sorted[index] / TimeUnit.MILLISECONDS.toNanos(1);
    }
}
