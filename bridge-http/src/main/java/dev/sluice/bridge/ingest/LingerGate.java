package dev.sluice.bridge.ingest;

import java.time.Duration;

/**
 * Keeps the drain of a lane from messages that are {@linkplain Linger patient}. It is shut from the first of them on,
 * until the shortest linger of those behind it is over in time or in number, or until something comes that is not
 * patient, or that there is no room for. A gate that opens does so for all that is in the log by then.
 *
 * <p>Any thread appends, one drains. Times are those of {@link System#nanoTime}.
 */
public final class LingerGate {
    /** Messages kept back at a time: with more, no transaction of the drain gets larger. */
    static final int MOST_MESSAGES = 20_000;
    /** Bytes kept back at a time. */
    static final long MOST_BYTES = 16 << 20;

    private static final long OPEN = Long.MAX_VALUE;

    private long shutFrom = OPEN;
    private long openAtNanos;
    private long openAtOffset;
    private long heldBytes;
    private long openedNanos = System.nanoTime() - Duration.ofDays(365).toNanos();

    /** Entries come from {@code first} up to {@code end}, {@code bytes} in all. Returns when they are due. */
    synchronized long append(long first, long end, long bytes, Linger linger, long nowNanos) {
        if (linger.isNone()) {
            open(nowNanos);
            return nowNanos;
        }
        long untilNanos = nowNanos + linger.time().toNanos();
        if (shutFrom == OPEN) {
            shutFrom = first;
            openAtNanos = untilNanos;
            openAtOffset = Math.min(first + linger.messages(), first + MOST_MESSAGES);
            heldBytes = 0;
        } else {
            openAtNanos = openAtNanos - untilNanos <= 0 ? openAtNanos : untilNanos;
            openAtOffset = Math.min(openAtOffset, shutFrom + linger.messages());
        }
        heldBytes += bytes;
        if (end >= openAtOffset || heldBytes >= MOST_BYTES) {
            open(nowNanos);
            return nowNanos;
        }
        return untilNanos;
    }

    /** There is no room for more. */
    synchronized void full(long nowNanos) {
        open(nowNanos);
    }

    private void open(long nowNanos) {
        if (shutFrom != OPEN) {
            shutFrom = OPEN;
            openedNanos = nowNanos;
            notifyAll();
        }
    }

    /**
     * Waits while it is shut for what stands at {@code position}, and not longer than {@code most}.
     *
     * @return whether it is open there
     */
    public synchronized boolean await(long position, Duration most) throws InterruptedException {
        long endNanos = System.nanoTime() + most.toNanos();
        while (true) {
            long now = System.nanoTime();
            if (shutFrom != OPEN && openAtNanos - now <= 0) {
                open(now);
            }
            if (position < shutFrom) {
                return true;
            }
            long left = Math.min(openAtNanos - now, endNanos - now);
            if (left <= 0) {
                return false;
            }
            wait(left / 1_000_000, (int) (left % 1_000_000));
        }
    }

    /** Whether it is shut for what stands at {@code position}. */
    synchronized boolean isShutFor(long position) {
        return position >= shutFrom;
    }

    /** Returns when it opens at the latest; of meaning while it is shut. */
    synchronized long opensNanos() {
        return openAtNanos;
    }

    /** Returns when it opened last: what was behind it then has been due since. */
    synchronized long openedNanos() {
        return openedNanos;
    }
}
