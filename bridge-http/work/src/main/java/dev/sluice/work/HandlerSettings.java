package dev.sluice.work;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Settings of a handler. Immutable.
 *
 * @param concurrency most works of the type that the engine runs at a time, or most calls of a batch handler; 0: as
 *     many as in total
 * @param timeout how long a run may take; then its thread is interrupted
 * @param retry how often and when a work that failed runs again
 * @param maxCrashes how many engines may die while a work is begun; then it becomes a dead letter
 * @param defersRetries whether other works of a key pass while a work of the key waits for its retry
 * @param maxAge how long after its enqueue a work may begin for the first time; later it becomes a dead letter. A work
 *     that an engine gave back counts as not begun. Null: without a limit
 * @param keepsResults whether results are kept with idempotency keys
 * @param idempotencyWindow how long an idempotency key stays taken after its work finished
 * @param limits limits on all engines, and where the limit keys of works are
 * @param breaker the circuit breaker; null: none
 */
public record HandlerSettings(
        int concurrency,
        Duration timeout,
        RetryPolicy retry,
        int maxCrashes,
        boolean defersRetries,
        @Nullable Duration maxAge,
        boolean keepsResults,
        Duration idempotencyWindow,
        WorkLimits limits,
        @Nullable BreakerSettings breaker) {
    /** Longest timeout: 31 years. */
    public static final Duration MAX_TIMEOUT = Duration.ofDays(11_574);

    /** Five minutes, the default policy, three crashes, a window of a day. */
    public static final HandlerSettings DEFAULT = new HandlerSettings(
            0,
            Duration.ofMinutes(5),
            RetryPolicy.DEFAULT,
            3,
            false,
            null,
            false,
            Duration.ofHours(24),
            WorkLimits.NONE,
            null);

    public HandlerSettings {
        requireNonNull(retry, "retry");
        if (concurrency < 0) {
            throw new IllegalArgumentException("concurrency must be 0 or more, was " + concurrency);
        }
        if (timeout.isNegative() || timeout.isZero() || timeout.compareTo(MAX_TIMEOUT) > 0) {
            throw new IllegalArgumentException(
                    "timeout must be more than 0 and at most " + MAX_TIMEOUT + ", was " + timeout);
        }
        if (maxCrashes < 1) {
            throw new IllegalArgumentException("maxCrashes must be at least 1, was " + maxCrashes);
        }
        checkTime("maxAge", maxAge);
        checkTime("idempotencyWindow", requireNonNull(idempotencyWindow, "idempotencyWindow"));
    }

    private static void checkTime(String name, @Nullable Duration time) {
        if (time != null && (time.isNegative() || time.compareTo(Outcome.MAX_WAIT) > 0)) {
            throw new IllegalArgumentException(name + " must be 0 to " + Outcome.MAX_WAIT + ", was " + time);
        }
    }

    /** Sets how many works of the type run at a time. */
    public HandlerSettings concurrency(int value) {
        return new HandlerSettings(
                value,
                timeout,
                retry,
                maxCrashes,
                defersRetries,
                maxAge,
                keepsResults,
                idempotencyWindow,
                limits,
                breaker);
    }

    /** Sets how long a run may take. */
    public HandlerSettings timeout(Duration value) {
        return new HandlerSettings(
                concurrency,
                value,
                retry,
                maxCrashes,
                defersRetries,
                maxAge,
                keepsResults,
                idempotencyWindow,
                limits,
                breaker);
    }

    /** Sets how often and when a work that failed runs again. */
    public HandlerSettings retry(RetryPolicy value) {
        return new HandlerSettings(
                concurrency,
                timeout,
                value,
                maxCrashes,
                defersRetries,
                maxAge,
                keepsResults,
                idempotencyWindow,
                limits,
                breaker);
    }

    /** Sets how many engines may die while a work is begun. */
    public HandlerSettings maxCrashes(int value) {
        return new HandlerSettings(
                concurrency,
                timeout,
                retry,
                value,
                defersRetries,
                maxAge,
                keepsResults,
                idempotencyWindow,
                limits,
                breaker);
    }

    /** Lets other works of a key pass while a work of the key waits for its retry. */
    public HandlerSettings deferRetries() {
        return new HandlerSettings(
                concurrency,
                timeout,
                retry,
                maxCrashes,
                true,
                maxAge,
                keepsResults,
                idempotencyWindow,
                limits,
                breaker);
    }

    /** Sets how long after its enqueue a work may begin. */
    public HandlerSettings maxAge(@Nullable Duration value) {
        return new HandlerSettings(
                concurrency,
                timeout,
                retry,
                maxCrashes,
                defersRetries,
                value,
                keepsResults,
                idempotencyWindow,
                limits,
                breaker);
    }

    /** Keeps results with idempotency keys. */
    public HandlerSettings keepResults() {
        return new HandlerSettings(
                concurrency,
                timeout,
                retry,
                maxCrashes,
                defersRetries,
                maxAge,
                true,
                idempotencyWindow,
                limits,
                breaker);
    }

    /** Sets how long an idempotency key stays taken after its work finished. */
    public HandlerSettings idempotencyWindow(Duration value) {
        return new HandlerSettings(
                concurrency, timeout, retry, maxCrashes, defersRetries, maxAge, keepsResults, value, limits, breaker);
    }

    /**
     * Sets where the limit keys of works are, such as a tenant: a JSON pointer to a text, number or boolean of the
     * payload ({@code /tenant}), or {@code header:NAME}. Null: works have none.
     *
     * @throws IllegalArgumentException if it is neither
     */
    public HandlerSettings limitKey(@Nullable String place) {
        return limits(new WorkLimits(place, limits.ofType(), limits.ofEachKey()));
    }

    /** Limits the works of the type on all engines together. */
    public HandlerSettings limit(Limit limit) {
        return limits(new WorkLimits(limits.key(), limit, limits.ofEachKey()));
    }

    /** Limits the works of each limit key on all engines together. */
    public HandlerSettings limitOfEachKey(Limit limit) {
        return limits(new WorkLimits(limits.key(), limits.ofType(), limit));
    }

    /** Sets all limits. */
    public HandlerSettings limits(WorkLimits value) {
        return new HandlerSettings(
                concurrency,
                timeout,
                retry,
                maxCrashes,
                defersRetries,
                maxAge,
                keepsResults,
                idempotencyWindow,
                value,
                breaker);
    }

    /** Sets the circuit breaker; null: none. */
    public HandlerSettings breaker(@Nullable BreakerSettings value) {
        return new HandlerSettings(
                concurrency,
                timeout,
                retry,
                maxCrashes,
                defersRetries,
                maxAge,
                keepsResults,
                idempotencyWindow,
                limits,
                value);
    }
}
