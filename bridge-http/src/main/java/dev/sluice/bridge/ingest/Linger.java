package dev.sluice.bridge.ingest;

import java.time.Duration;

/**
 * How long messages may stay in the local log, so that the drain moves larger batches: until {@code time} is over,
 * until {@code messages} lingering messages are there, or until a message arrives that does not linger.
 *
 * @param time 0 to {@link #LONGEST}; zero does not linger
 * @param messages 1 or more
 */
public record Linger(Duration time, int messages) {
    /** The longest time that a producer may ask for. */
    public static final Duration LONGEST = Duration.ofSeconds(10);

    /** Does not linger. */
    public static final Linger NONE = new Linger(Duration.ZERO, Integer.MAX_VALUE);

    /** Checks the ranges. */
    public Linger {
        if (time.isNegative() || time.compareTo(LONGEST) > 0) {
            throw new IllegalArgumentException("time must be 0 to " + LONGEST + ", was " + time);
        }
        if (messages < 1) {
            throw new IllegalArgumentException("messages must be 1 or more, was " + messages);
        }
    }

    /** Returns whether the messages do not linger. */
    boolean isNone() {
        return time.isZero() || messages == 1;
    }
}
