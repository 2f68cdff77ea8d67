package dev.sluice.buffer;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The callers that wait until an offset is durable. Not thread-safe: {@link AppendQueue} guards it with its lock, takes
 * callers out under the lock, and completes their futures after it has released the lock.
 */
final class SyncWaiters {

    /** A caller that waits. */
    record Waiter(long offset, CompletableFuture<Void> durable) {}

    private List<Waiter> waiters = new ArrayList<>();

    CompletableFuture<Void> add(long offset) {
        var waiter = new Waiter(offset, new CompletableFuture<>());
        waiters.add(waiter);
        return waiter.durable();
    }

    boolean isEmpty() {
        return waiters.isEmpty();
    }

    boolean hasBelow(long offset) {
        for (var waiter : waiters) {
            if (waiter.offset() < offset) {
                return true;
            }
        }
        return false;
    }

    List<Waiter> takeBelow(long offset) {
        var taken = new ArrayList<Waiter>();
        var remaining = new ArrayList<Waiter>();
        for (var waiter : waiters) {
            (waiter.offset() < offset ? taken : remaining).add(waiter);
        }
        waiters = remaining;
        return taken;
    }

    List<Waiter> takeFrom(long offset) {
        var below = takeBelow(offset);
        var taken = waiters;
        waiters = below;
        return taken;
    }

    static void complete(List<Waiter> taken) {
        for (var waiter : taken) {
            waiter.durable().complete(null);
        }
    }

    static void fail(List<Waiter> taken, Throwable problem) {
        for (var waiter : taken) {
            waiter.durable().completeExceptionally(notDurable(waiter.offset(), problem));
        }
    }

    static IOException notDurable(long offset, @Nullable Throwable cause) {
        return new IOException("the append at offset " + offset + " did not become durable", cause);
    }
}
