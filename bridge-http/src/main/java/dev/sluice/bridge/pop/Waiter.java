package dev.sluice.bridge.pop;

import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A pop request that has no answer yet. Guarded by the waiting room's lock. */
final class Waiter {
    final PopRequest request;
    final PopDispatcher.Client client;
    final long arrivedNanos;
    final long deadlineNanos;
    /** Whether the request waits for messages; otherwise it is answered after one look. */
    final boolean waits;

    final CompletableFuture<PopResult> answer = new CompletableFuture<>();
    /** A run serves it. */
    boolean inFlight;
    /** Its answer is decided, whether or not the future is completed yet. */
    boolean isAnswered;

    Timers.@Nullable Timer deadlineTimer;

    Waiter(PopRequest request, PopDispatcher.Client client, long arrivedNanos, Duration limit, boolean waits) {
        this.request = request;
        this.client = client;
        this.arrivedNanos = arrivedNanos;
        this.deadlineNanos = arrivedNanos + limit.toNanos();
        this.waits = waits;
    }
}
