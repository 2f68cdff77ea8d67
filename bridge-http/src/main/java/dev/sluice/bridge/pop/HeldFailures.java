package dev.sluice.bridge.pop;

import dev.sluice.queue.QueueException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * Fails pops, each not sooner than {@value #LEAST_MILLIS} ms after it came: some clients poll in a loop and ignore
 * {@code Retry-After}. Any thread may call.
 */
final class HeldFailures {
    private static final long LEAST_MILLIS = 100;

    private final Timers timers;
    private final Map<Waiter, QueueException> held = new ConcurrentHashMap<>();

    HeldFailures(Timers timers) {
        this.timers = timers;
    }

    /** Fails a pop, later if it came just now. */
    void fail(Waiter waiter, QueueException cause) {
        long left = waiter.arrivedNanos + TimeUnit.MILLISECONDS.toNanos(LEAST_MILLIS) - timers.nanoTime();
        held.put(waiter, cause);
        if (left <= 0 || timers.after(left, () -> failNow(waiter, cause)) == null) {
            failNow(waiter, cause);
        }
    }

    /** Fails all pops that are held now. */
    void failAll() {
        Map.copyOf(held).forEach(this::failNow);
    }

    private void failNow(Waiter waiter, QueueException cause) {
        held.remove(waiter);
        waiter.answer.completeExceptionally(cause);
    }
}
