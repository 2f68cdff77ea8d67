package dev.sluice.work.rules;

import java.time.Duration;
import java.util.Map;

/**
 * Classes of durations: sixteen for each power of two of nanoseconds, so a duration is at most 6.25 % shorter than the
 * longest one of its class.
 */
public final class DurationClasses {
    private static final int BITS = 4;
    private static final int CLASSES = 1 << BITS;

    /** The number of classes. */
    public static final int COUNT = (Long.SIZE - BITS) * CLASSES;

    private DurationClasses() {}

    /** Returns the class of a duration. */
    public static int of(long nanos) {
        int shift = Math.max(0, Long.SIZE - Long.numberOfLeadingZeros(nanos) - BITS - 1);
        return (shift << BITS) + (int) (nanos >>> shift);
    }

    /** Returns the longest duration of a class. */
    public static Duration longest(int number) {
        int shift = Math.max(0, (number >> BITS) - 1);
        long first = (long) (number - (shift << BITS)) << shift;
        return Duration.ofNanos(first + (1L << shift) - 1);
    }

    /**
     * Returns the duration that this part of all durations does not exceed; zero if there is none.
     *
     * @param counts how many durations each class has, in the order of classes
     */
    public static Duration quantile(Map<Integer, Long> counts, double part) {
        long all = counts.values().stream().mapToLong(Long::longValue).sum();
        long left = (long) Math.ceil(all * part);
        for (Map.Entry<Integer, Long> each : counts.entrySet()) {
            left -= each.getValue();
            if (left <= 0) {
                return longest(each.getKey());
            }
        }
        return Duration.ZERO;
    }
}
