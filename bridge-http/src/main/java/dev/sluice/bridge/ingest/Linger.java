package dev.sluice.bridge.ingest;

import java.time.Duration;

/**
 * How long messages may stay in the local log so that the drain moves more of them at a time: until {@code time} has
 * passed, or so many patient messages are there, or something comes behind them that is not patient, whatever is first.
 *
 * @param time 0 to {@link #LONGEST}; zero: not at all
 * @param messages 1 or more
 */
public record Linger(Duration time, int messages) {
    /** More is not waited for, whatever a producer says. */
    public static final Duration LONGEST = Duration.ofSeconds(10);

    /** Of who does not want to be waited for. */
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

    /** Returns whether it is none. */
    boolean isNone() {
        return time.isZero() || messages == 1;
    }
}
