package dev.sluice.work;

import java.time.Duration;

/**
 * How many works may run and begin, on all engines together. Immutable: each method that sets a value returns another
 * limit.
 *
 * @param concurrency most works that run at a time; 0: any number
 * @param rate how many works may begin in a period on average; 0: any number
 * @param period the period of the rate
 * @param burst how many works may begin at once after a time without works; at least 1 if there is a rate
 * @param weight the share of a limit key where several wait: a key of weight 2 gets twice as many works as one of 1
 */
public record Limit(int concurrency, int rate, Duration period, int burst, int weight) {
    /** Longest period. */
    public static final Duration MAX_PERIOD = Duration.ofDays(366);

    /** Highest weight. */
    public static final int MAX_WEIGHT = 1000;

    /** No limit, and weight 1. */
    public static final Limit NONE = new Limit(0, 0, Duration.ofSeconds(1), 0, 1);

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if one is out of its range; the message names it
     */
    public Limit {
        requireNotNegative("concurrency", concurrency);
        requireNotNegative("rate", rate);
        requireNotNegative("burst", burst);
        if (period.compareTo(Duration.ofMillis(1)) < 0 || period.compareTo(MAX_PERIOD) > 0) {
            throw new IllegalArgumentException("period must be 1 ms to " + MAX_PERIOD + ", was " + period);
        }
        if ((rate == 0) != (burst == 0)) {
            throw new IllegalArgumentException(
                    "rate and burst must both be 0, or both at least 1, were " + rate + " and " + burst);
        }
        if (weight < 1 || weight > MAX_WEIGHT) {
            throw new IllegalArgumentException("weight must be 1 to " + MAX_WEIGHT + ", was " + weight);
        }
    }

    private static void requireNotNegative(String what, int value) {
        if (value < 0) {
            throw new IllegalArgumentException(what + " must be 0 or more, was " + value);
        }
    }

    /** Returns a limit of the works that run at a time. */
    public static Limit ofConcurrency(int most) {
        return NONE.concurrency(most);
    }

    /** Returns a limit of the works that begin: {@code count} in a period, and as many at once. */
    public static Limit ofRate(int count, Duration period) {
        return NONE.rate(count, period);
    }

    /** Sets how many works run at a time; 0: any number. */
    public Limit concurrency(int most) {
        return new Limit(most, rate, period, burst, weight);
    }

    /** Sets how many works begin in a period, and as many at once. */
    public Limit rate(int count, Duration ofPeriod) {
        return new Limit(concurrency, count, ofPeriod, count, weight);
    }

    /** Sets how many works begin at once after a time without works. */
    public Limit burst(int count) {
        return new Limit(concurrency, rate, period, count, weight);
    }

    /** Sets the share of a limit key. */
    public Limit weight(int value) {
        return new Limit(concurrency, rate, period, burst, value);
    }
}
