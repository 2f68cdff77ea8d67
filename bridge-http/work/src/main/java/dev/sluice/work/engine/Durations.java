package dev.sluice.work.engine;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAdder;

/**
 * Counts durations in buckets of constant memory: sixteen for each power of two of nanoseconds, so a quantile is at
 * most 6.25 % too long. It needs forty lines, so the engine brings no library for it into the class path of a program.
 */
final class Durations {
    private static final int BITS = 4;
    private static final int BUCKETS = 1 << BITS;

    private final AtomicLongArray counts = new AtomicLongArray((Long.SIZE - BITS) * BUCKETS);
    private final LongAdder nanos = new LongAdder();

    void add(long duration) {
        long value = Math.max(0, duration);
        counts.incrementAndGet(bucket(value));
        nanos.add(value);
    }

    /** Adds what another object has counted. */
    void addAll(Durations other) {
        for (int i = 0; i < counts.length(); i++) {
            counts.addAndGet(i, other.counts.get(i));
        }
        nanos.add(other.nanos.sum());
    }

    private static int bucket(long value) {
        int shift = Math.max(0, Long.SIZE - Long.numberOfLeadingZeros(value) - BITS - 1);
        return (shift << BITS) + (int) (value >>> shift);
    }

    /** Returns the longest duration of a bucket. */
    private static long end(int bucket) {
        int shift = Math.max(0, (bucket >> BITS) - 1);
        long first = (long) (bucket - (shift << BITS)) << shift;
        return first + (1L << shift) - 1;
    }

    private long count() {
        long count = 0;
        for (int i = 0; i < counts.length(); i++) {
            count += counts.get(i);
        }
        return count;
    }

    Duration average() {
        long count = count();
        return count == 0 ? Duration.ZERO : Duration.ofNanos(nanos.sum() / count);
    }

    /** Returns the duration that this part of all durations does not exceed; zero if there is none. */
    Duration quantile(double part) {
        long left = (long) Math.ceil(count() * part);
        for (int i = 0; left > 0 && i < counts.length(); i++) {
            left -= counts.get(i);
            if (left <= 0) {
                return Duration.ofNanos(end(i));
            }
        }
        return Duration.ZERO;
    }
}
