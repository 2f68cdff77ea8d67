package dev.sluice.bridge.ingest;

import java.time.Duration;

/**
 * Keeps the drain of a lane from messages that {@linkplain Linger linger}. The gate closes at the first lingering
 * message. It opens when the shortest linger behind it expires, in time or in number, when a message without linger
 * arrives, or when the gate or the log is full. An opening gate lets everything through that is in the log by then.
 *
 * <p>Any thread appends, one thread drains. Times are those of {@link System#nanoTime}.
 */
final class LingerGate {
    /** Most messages behind a closed gate: more would not make a transaction of the drain larger. */
    static final int MOST_MESSAGES = 20_000;
    /** Most bytes behind a closed gate. */
    static final long MOST_BYTES = 16 << 20;

    private static final long OPEN = Long.MAX_VALUE;

    private long closedFrom = OPEN;
    private long openAtNanos;
    private long openAtOffset;
    private long heldBytes;
    private long openedNanos = System.nanoTime() - Duration.ofDays(365).toNanos();

    /** Notes that entries {@code first} to {@code end} with {@code bytes} arrive. Returns when they are due. */
    synchronized long append(long first, long end, long bytes, Linger linger, long nowNanos) {
        if (linger.isNone()) {
            open(nowNanos);
            return nowNanos;
        }
        long untilNanos = nowNanos + linger.time().toNanos();
        if (closedFrom == OPEN) {
            closedFrom = first;
            openAtNanos = untilNanos;
            openAtOffset = Math.min(first + linger.messages(), first + MOST_MESSAGES);
            heldBytes = 0;
        } else {
            openAtNanos = openAtNanos - untilNanos <= 0 ? openAtNanos : untilNanos;
            openAtOffset = Math.min(openAtOffset, closedFrom + linger.messages());
        }
        heldBytes += bytes;
        if (end >= openAtOffset || heldBytes >= MOST_BYTES) {
            open(nowNanos);
            return nowNanos;
        }
        return untilNanos;
    }

    /** Opens the gate because the log is full. */
    synchronized void full(long nowNanos) {
        open(nowNanos);
    }

    private void open(long nowNanos) {
        if (closedFrom != OPEN) {
            closedFrom = OPEN;
            openedNanos = nowNanos;
            notifyAll();
        }
    }

    /**
     * Waits until the gate is open for the entry at {@code position}, but no longer than {@code most}.
     *
     * @return whether it is open for that entry
     */
    synchronized boolean await(long position, Duration most) throws InterruptedException {
        long endNanos = System.nanoTime() + most.toNanos();
        while (true) {
            long now = System.nanoTime();
            if (closedFrom != OPEN && openAtNanos - now <= 0) {
                open(now);
            }
            if (position < closedFrom) {
                return true;
            }
            long left = Math.min(openAtNanos - now, endNanos - now);
            if (left <= 0) {
                return false;
            }
            wait(left / 1_000_000, (int) (left % 1_000_000));
        }
    }

    /** Returns whether the gate is closed for the entry at {@code position}. */
    synchronized boolean isClosedFor(long position) {
        return position >= closedFrom;
    }

    /** Returns when a closed gate opens at the latest. */
    synchronized long opensNanos() {
        return openAtNanos;
    }

    /** Returns when the gate last opened: the entries behind it have been due since. */
    synchronized long openedNanos() {
        return openedNanos;
    }
}
