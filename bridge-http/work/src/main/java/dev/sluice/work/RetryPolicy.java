package dev.sluice.work;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleSupplier;

/**
 * How often and when a work that failed runs again. Immutable.
 *
 * <p>The wait after attempt <i>n</i> is {@code first × 2ⁿ⁻¹}, at most {@code longest}, and then up to {@code jitter}
 * longer. With a list of waits, it is the wait number <i>n</i>, or else the last one.
 *
 * @param maxAttempts how often the handler may fail; then the work becomes a dead letter
 * @param first wait after the first failure
 * @param longest longest wait, without jitter
 * @param jitter part of the wait that is added at random, 0 to 1
 * @param waits explicit waits; empty: exponential
 * @param rules by type of error; the first one that fits counts
 */
public record RetryPolicy(
        int maxAttempts, Duration first, Duration longest, double jitter, List<Duration> waits, List<Rule> rules) {
    /** Five attempts; waits of 1 s, 2 s, 4 s and 8 s, and up to a fifth more. */
    public static final RetryPolicy DEFAULT =
            new RetryPolicy(5, Duration.ofSeconds(1), Duration.ofHours(1), 0.2, List.of(), List.of());

    /** Beyond this exponent every wait is the longest one. */
    private static final int MAX_EXPONENT = 62;

    /**
     * What happens after an error of a type.
     *
     * @param error the type; subtypes and causes count too
     * @param policy how the work runs again
     */
    public record Rule(Class<? extends Throwable> error, RetryPolicy policy) {}

    public RetryPolicy {
        if (maxAttempts < 1) {
            throw new IllegalArgumentException("maxAttempts must be at least 1, was " + maxAttempts);
        }
        if (first.isNegative() || longest.compareTo(first) < 0) {
            throw new IllegalArgumentException(
                    "first must be 0 or more and at most longest, was " + first + " with longest " + longest);
        }
        if (longest.compareTo(Outcome.MAX_WAIT) > 0) {
            throw new IllegalArgumentException("longest must be at most " + Outcome.MAX_WAIT + ", was " + longest);
        }
        if (!(jitter >= 0 && jitter <= 1)) {
            throw new IllegalArgumentException("jitter must be 0 to 1, was " + jitter);
        }
        for (Duration wait : waits) {
            if (wait.isNegative() || wait.compareTo(Outcome.MAX_WAIT) > 0) {
                throw new IllegalArgumentException("waits must be 0 to " + Outcome.MAX_WAIT + ", one was " + wait);
            }
        }
        waits = List.copyOf(waits);
        rules = List.copyOf(rules);
    }

    /** Returns a policy with these waits: one attempt more than there are waits. Jitter stays. */
    public static RetryPolicy ofWaits(Duration... waits) {
        return new RetryPolicy(
                waits.length + 1, Duration.ZERO, DEFAULT.longest, DEFAULT.jitter, List.of(waits), List.of());
    }

    /** Returns a policy without retries. */
    public static RetryPolicy never() {
        return DEFAULT.maxAttempts(1);
    }

    /** Sets how often the handler may fail. */
    public RetryPolicy maxAttempts(int value) {
        return new RetryPolicy(value, first, longest, jitter, waits, rules);
    }

    /** Sets exponential waits. */
    public RetryPolicy exponential(Duration firstWait, Duration longestWait) {
        return new RetryPolicy(maxAttempts, firstWait, longestWait, jitter, List.of(), rules);
    }

    /** Sets the part of the wait that is added at random. */
    public RetryPolicy jitter(double value) {
        return new RetryPolicy(maxAttempts, first, longest, value, waits, rules);
    }

    /** Makes works dead letters at once that fail with an error of this type. */
    public RetryPolicy neverOn(Class<? extends Throwable> error) {
        return on(error, never());
    }

    /** Sets another policy for errors of a type. Its own rules have no effect. */
    public RetryPolicy on(Class<? extends Throwable> error, RetryPolicy policy) {
        var all = new ArrayList<>(rules);
        all.add(new Rule(error, policy));
        return new RetryPolicy(maxAttempts, first, longest, jitter, waits, all);
    }

    /** Returns the policy after an error: that of the first rule that fits the error or one of its causes. */
    public RetryPolicy after(Throwable error) {
        for (Rule rule : rules) {
            int depth = 0;
            for (Throwable cause = error; cause != null && depth < 100; cause = cause.getCause(), depth++) {
                if (rule.error().isInstance(cause)) {
                    return rule.policy();
                }
            }
        }
        return this;
    }

    /**
     * Returns the wait after an attempt.
     *
     * @param attempt its number, from 1
     * @param random gives numbers from 0 to less than 1
     */
    public Duration waitAfter(int attempt, DoubleSupplier random) {
        long millis;
        if (!waits.isEmpty()) {
            millis = waits.get(Math.min(attempt, waits.size()) - 1).toMillis();
        } else {
            double exponential = first.toMillis() * Math.pow(2, Math.min(attempt - 1, MAX_EXPONENT));
            millis = (long) Math.min(exponential, (double) longest.toMillis());
        }
        // The cast of a double stops at the largest long, so no sum turns negative.
        double jittered = millis * (1 + jitter * random.getAsDouble());
        return Duration.ofMillis((long) Math.min(jittered, (double) Outcome.MAX_WAIT.toMillis()));
    }
}
