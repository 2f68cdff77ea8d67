package dev.sluice.bridge.pop;

import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A pop request that has no answer yet. Guarded by the waiting room's lock. */
final class Waiter {
    /** Extra time if a run serves the waiter at its deadline, or must still look for it. */
    private static final Duration GRACE = Duration.ofSeconds(2);
    /** The same with auto-ack. Shorter than the 5 s after which clients give up a pop. */
    private static final Duration AUTO_ACK_GRACE = Duration.ofSeconds(4);
    /** Longest time of a request that does not wait, without the grace: with it, the answer comes within 10 s. */
    private static final Duration NO_WAIT = Duration.ofSeconds(5);

    final PopRequest request;
    final PopDispatcher.Client client;
    final long arrivedNanos;
    final long deadlineNanos;
    /** Whether the request waits for messages; otherwise it is answered after one look. */
    final boolean waits;

    final CompletableFuture<PopResult> answer = new CompletableFuture<>();
    /** A run serves it. */
    boolean inFlight;
    /** A run has looked for messages since it came: for it, or for others on its target, which did not get enough. */
    boolean hasLooked;
    /** Its answer is decided, whether or not the future is completed yet. */
    boolean isAnswered;

    Timers.@Nullable Timer deadlineTimer;

    /** Makes a waiter. If {@code wait} is zero or less, it does not wait. */
    Waiter(PopRequest request, PopDispatcher.Client client, long arrivedNanos, Duration wait) {
        this.request = request;
        this.client = client;
        this.arrivedNanos = arrivedNanos;
        this.waits = !wait.isZero() && !wait.isNegative();
        this.deadlineNanos = arrivedNanos + (waits ? wait : NO_WAIT).toNanos();
    }

    /** Returns whether it does not wait any longer. */
    boolean isOver(long now) {
        return !waits || deadlineNanos - now <= 0;
    }

    long graceNanos() {
        return (request.autoAck() ? AUTO_ACK_GRACE : GRACE).toNanos();
    }
}
