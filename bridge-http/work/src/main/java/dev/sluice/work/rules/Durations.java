package dev.sluice.work.rules;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAdder;

/**
 * Counts durations by their {@link DurationClasses}, in constant memory, so a quantile is at most 6.25 % too long. That
 * needs few lines, so the engine brings no library for it into the class path of a program.
 */
public final class Durations {
    private final AtomicLongArray counts = new AtomicLongArray(DurationClasses.COUNT);
    private final LongAdder nanos = new LongAdder();

    public void add(long duration) {
        long value = Math.max(0, duration);
        counts.incrementAndGet(DurationClasses.of(value));
        nanos.add(value);
    }

    /** Adds what another object has counted. */
    public void addAll(Durations other) {
        for (int i = 0; i < counts.length(); i++) {
            counts.addAndGet(i, other.counts.get(i));
        }
        nanos.add(other.nanos.sum());
    }

    private long count() {
        long count = 0;
        for (int i = 0; i < counts.length(); i++) {
            count += counts.get(i);
        }
        return count;
    }

    /** Returns how many durations each class has. */
    public long[] snapshot() {
        var copy = new long[counts.length()];
        for (int i = 0; i < copy.length; i++) {
            copy[i] = counts.get(i);
        }
        return copy;
    }

    /** Returns the sum of the durations. */
    public long nanos() {
        return nanos.sum();
    }

    public Duration average() {
        long count = count();
        return count == 0 ? Duration.ZERO : Duration.ofNanos(nanos.sum() / count);
    }

    /** Returns the duration that this part of all durations does not exceed; zero if there is none. */
    public Duration quantile(double part) {
        long left = (long) Math.ceil(count() * part);
        for (int i = 0; left > 0 && i < counts.length(); i++) {
            left -= counts.get(i);
            if (left <= 0) {
                return DurationClasses.longest(i);
            }
        }
        return Duration.ZERO;
    }
}
