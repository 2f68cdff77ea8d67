package dev.sluice.work;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Settings of the circuit breaker of a handler. Each engine has breakers of its own. Immutable.
 *
 * <p>A breaker is closed at first. It looks at the last {@code window} runs of the handler. If too many of them have
 * failed or were slow, it opens, and the engine claims no works of the type. After {@code openFor} it is half open: the
 * engine runs {@code halfOpenCalls} works. If they succeed, the breaker closes, and else it opens again.
 *
 * <p>A run fails if the handler throws, returns a retry or runs into its timeout. What is not counted at all: works
 * that are not valid, that the handler snoozes, cancels or makes dead letters, and runs that end because of a close or
 * a cancel.
 *
 * @param failureRate the breaker opens if so many percent of the window have failed; 1 to 100
 * @param window how many runs it looks at
 * @param minimumCalls how many runs there must be before it opens; at most {@code window}
 * @param slowRate the breaker opens if so many percent of the window were slow; 1 to 100
 * @param slowerThan how long a run takes that is slow; null: no run is
 * @param openFor how long the breaker stays open; whole milliseconds
 * @param halfOpenCalls how many runs decide whether it closes again
 * @param ignored errors of these classes and of subclasses are not counted
 */
public record BreakerSettings(
        int failureRate,
        int window,
        int minimumCalls,
        int slowRate,
        @Nullable Duration slowerThan,
        Duration openFor,
        int halfOpenCalls,
        Set<Class<? extends Throwable>> ignored) {
    /** Largest number of runs in the window, and of runs that decide. */
    public static final int MAX_CALLS = 100_000;

    /** Longest time for which a breaker stays open. */
    public static final Duration MAX_OPEN = Duration.ofDays(365);

    /** Opens if half of 100 runs have failed, and at least 20 of them are there. Open for 30 s; 5 runs decide. */
    public static final BreakerSettings DEFAULT =
            new BreakerSettings(50, 100, 20, 100, null, Duration.ofSeconds(30), 5, Set.of());

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if one is out of its range; the message names it
     */
    public BreakerSettings {
        requireNonNull(openFor, "openFor");
        ignored = Set.copyOf(ignored);
        require(failureRate >= 1 && failureRate <= 100, "failureRate", "1 to 100", failureRate);
        require(window >= 1 && window <= MAX_CALLS, "window", "1 to " + MAX_CALLS, window);
        require(minimumCalls >= 1 && minimumCalls <= window, "minimumCalls", "1 to the window " + window, minimumCalls);
        require(slowRate >= 1 && slowRate <= 100, "slowRate", "1 to 100", slowRate);
        require(slowerThan == null || slowerThan.toMillis() >= 1, "slowerThan", "at least 1 ms", slowerThan);
        require(openFor.toMillis() >= 1 && openFor.compareTo(MAX_OPEN) <= 0, "openFor", "1 ms to " + MAX_OPEN, openFor);
        require(halfOpenCalls >= 1 && halfOpenCalls <= MAX_CALLS, "halfOpenCalls", "1 to " + MAX_CALLS, halfOpenCalls);
    }

    private static void require(boolean holds, String name, String range, @Nullable Object value) {
        if (!holds) {
            throw new IllegalArgumentException(name + " must be " + range + ", was " + value);
        }
    }

    /** Returns settings with which a breaker opens after so many failures without a success between them. */
    public static BreakerSettings consecutive(int failures) {
        return DEFAULT.failures(100, failures, failures);
    }

    /** Sets how many percent of the window may fail, the window, and how many runs there must be. */
    public BreakerSettings failures(int rate, int ofWindow, int minimum) {
        return new BreakerSettings(rate, ofWindow, minimum, slowRate, slowerThan, openFor, halfOpenCalls, ignored);
    }

    /** Sets how many percent of the window may take longer than a time. */
    public BreakerSettings slow(int rate, Duration longerThan) {
        return new BreakerSettings(
                failureRate, window, minimumCalls, rate, longerThan, openFor, halfOpenCalls, ignored);
    }

    /** Sets how long the breaker stays open. */
    public BreakerSettings openFor(Duration value) {
        return new BreakerSettings(
                failureRate, window, minimumCalls, slowRate, slowerThan, value, halfOpenCalls, ignored);
    }

    /** Sets how many runs decide whether the breaker closes again. */
    public BreakerSettings halfOpenCalls(int value) {
        return new BreakerSettings(failureRate, window, minimumCalls, slowRate, slowerThan, openFor, value, ignored);
    }

    /** Sets which errors are not counted. */
    @SafeVarargs
    public final BreakerSettings ignoring(Class<? extends Throwable>... errors) {
        var all = new LinkedHashSet<Class<? extends Throwable>>();
        for (Class<? extends Throwable> each : errors) {
            all.add(each);
        }
        return ignoring(all);
    }

    /** Sets which errors are not counted. */
    public BreakerSettings ignoring(Set<Class<? extends Throwable>> errors) {
        return new BreakerSettings(
                failureRate, window, minimumCalls, slowRate, slowerThan, openFor, halfOpenCalls, errors);
    }

    /** Returns whether an error is not counted. */
    public boolean ignores(Throwable error) {
        return ignored.stream().anyMatch(type -> type.isInstance(error));
    }
}
