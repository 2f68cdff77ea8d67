package dev.sluice.work;

import java.time.Duration;

/**
 * When the works that wait for a {@link BatchHandler} are handed to it: as soon as there are {@code size}, or when the
 * first of them has waited for {@code linger}. Immutable.
 *
 * @param size most works of a call
 * @param linger how long an engine waits for further works after it has claimed the first one of a call; zero: not at
 *     all
 */
public record Batching(int size, Duration linger) {
    /** Most works of a call: an engine holds them all in memory. */
    public static final int MAX_SIZE = 10_000;

    /** Longest linger: works that linger can run on no other engine. */
    public static final Duration MAX_LINGER = Duration.ofMinutes(1);

    public Batching {
        if (size < 1 || size > MAX_SIZE) {
            throw new IllegalArgumentException("size must be 1 to " + MAX_SIZE + ", was " + size);
        }
        if (linger.isNegative() || linger.compareTo(MAX_LINGER) > 0) {
            throw new IllegalArgumentException("linger must be 0 to " + MAX_LINGER + ", was " + linger);
        }
    }

    /** Returns that a call gets at most so many works, and that none waits for others. */
    public static Batching ofSize(int size) {
        return new Batching(size, Duration.ZERO);
    }

    /** Sets how long an engine waits for further works. */
    public Batching linger(Duration value) {
        return new Batching(size, value);
    }
}
