package dev.sluice.work.run;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.PriorityLane;
import dev.sluice.work.Callbacks;
import dev.sluice.work.Context;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Hooks;
import dev.sluice.work.Work;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A run of a work, as the decision about it needs it. */
public interface Run extends Context {
    /** Returns the work as its handler gets it. */
    Work work();

    Hooks handler();

    HandlerSettings settings();

    /** Returns whether the partition of the work is closed while the work runs, because it has a key. */
    boolean closes();

    /** Returns when the work was enqueued, or put back from the dead letters. */
    Instant createdAt();

    /** Returns when it is too late to run the work; null: never. */
    @Nullable
    Instant deadline();

    /** Returns why the handler was asked to end. */
    Stop stopReason();

    /** Returns how long the handler has run. */
    long elapsedNanos();

    /**
     * Checks by how much a handler extends its timeout.
     *
     * @throws IllegalArgumentException if that is out of the range
     */
    static void checkExtension(Duration fromNow) {
        if (fromNow.isNegative() || fromNow.compareTo(HandlerSettings.MAX_TIMEOUT) > 0) {
            throw new IllegalArgumentException(
                    "fromNow must be 0 to " + HandlerSettings.MAX_TIMEOUT + ", was " + fromNow);
        }
    }

    /** The keys of a work, and who is told how it has ended. */
    record Keys(
            @Nullable String key,
            @Nullable String limitKey,
            @Nullable String idempotencyKey,
            Callbacks callbacks) {}

    /** Returns the headers of a message that are metadata of its work. */
    static Map<String, String> metadata(MessageHeaders headers) {
        var metadata = new LinkedHashMap<>(headers.asMap());
        metadata.keySet().removeIf(name -> name.startsWith(MessageHeaders.RESERVED));
        return metadata;
    }

    /** Returns a work as its handler gets it: without what mattered only until it began. */
    static Work handled(
            String type, byte[] payload, Keys keys, @Nullable Instant deadline, Map<String, String> metadata) {
        return new Work(
                type,
                payload,
                PriorityLane.NORMAL,
                keys.key(),
                keys.limitKey(),
                keys.idempotencyKey(),
                null,
                null,
                deadline,
                null,
                metadata,
                keys.callbacks());
    }

    /** Returns whether a circuit breaker asks the handler for the target of the work. */
    default boolean hasBreaker() {
        return false;
    }

    /**
     * Asks the circuit breaker whether the handler may be called.
     *
     * @param target what the handler needs; null: nothing that it has named
     * @return how long the work is put off; null: not at all
     */
    default @Nullable Duration putOff(@Nullable String target) {
        return null;
    }

    /**
     * Tells the circuit breaker how the run has ended, if that says something about its target.
     *
     * @param error what failed; null: the run has succeeded
     */
    default void tellBreaker(@Nullable Throwable error) {}
}
