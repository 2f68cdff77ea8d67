package dev.sluice.bridge.drain;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Tells how long a batch waits for the pushes that the last commit has answered: their clients are likely to push again
 * at once. Without that wait, a batch takes the few messages that are there first. All others wait for its commit, and
 * there are twice as many commits.
 *
 * <p>It expects as many messages as were under way at the commit: those that the commit stored, and those that were in
 * the log behind them. It waits until {@link #MOST} after the commit at most, so a push that comes later waits for
 * nobody. If one client pushes one message after the other, its next message is all that is expected, and nothing
 * waits. Nothing waits after a large batch either: more messages would make each of them little cheaper.
 *
 * <p>Owned by the thread of the lane.
 */
final class AnsweredPushes {
    /** The usual bound: about as long as a small transaction takes. */
    static final Duration MOST = Duration.ofMillis(1);

    /** Most messages under way for which a batch waits. */
    static final int MOST_MESSAGES = 500;

    private final LongSupplier nanoClock;
    private final Duration most;
    private int expected;
    private long untilNanos;

    /**
     * Makes one that waits for nothing before the first commit.
     *
     * @param nanoClock as {@link System#nanoTime}
     * @param most how long after a commit a batch waits at most
     */
    AnsweredPushes(LongSupplier nanoClock, Duration most) {
        this.nanoClock = nanoClock;
        this.most = most;
    }

    /**
     * Notes a commit, before its pushes are answered.
     *
     * @param messages how many it has stored
     * @param behind how many messages the log has behind them
     */
    void committed(int messages, long behind) {
        long underWay = messages + behind;
        expected = underWay <= MOST_MESSAGES ? (int) underWay : 0;
        untilNanos = nanoClock.getAsLong() + most.toNanos();
    }

    /** Returns how many messages the next batch waits for. */
    int expected() {
        return expected;
    }

    /** Returns how long a batch waits that could take {@code available} messages now. An empty one does not wait. */
    Duration waitFor(long available) {
        if (available == 0 || available >= expected) {
            return Duration.ZERO;
        }
        return Duration.ofNanos(Math.max(0, untilNanos - nanoClock.getAsLong()));
    }
}
