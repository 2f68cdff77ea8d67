package dev.sluice.work;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PriorityLane;
import dev.sluice.work.rules.Types;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A work: a payload for the handler of a type, and how it is to be handled. A program makes one to enqueue it; a
 * handler gets one. Immutable: each method that sets a value returns another work.
 *
 * @param type chooses the handler: 1 to {@value #MAX_TYPE_LENGTH} letters, digits, {@code .}, {@code _} and {@code -}
 * @param payload JSON text in UTF-8; an enqueue checks it. Not copied: do not change it
 * @param priority the lane of the work. A key keeps its order: its works are served in the most urgent lane that waits
 *     among them
 * @param key works with the same key run one after the other, in the order in which they were enqueued; null: none
 * @param limitKey whose limits and share count for the work, such as a tenant; null: what the limit key of the type
 *     says
 * @param idempotencyKey a further work of the type with this key is not enqueued, until some time after this one
 *     finished; null: none
 * @param runAt when the work is due; null: at once, or after the delay
 * @param delay how long the work waits before it is due, by the database's clock; null: not at all
 * @param deadline when it is too late to run the work: then it becomes a dead letter; null: never
 * @param coalescing whether the work replaces one that waits; null: it does not
 * @param metadata texts that travel with the work, as headers of its message
 * @param callbacks who is told how it has ended
 */
@SuppressWarnings("ArrayRecordComponent") // Nothing compares works, and copies of payloads would be expensive.
public record Work(
        String type,
        byte[] payload,
        PriorityLane priority,
        @Nullable String key,
        @Nullable String limitKey,
        @Nullable String idempotencyKey,
        @Nullable Instant runAt,
        @Nullable Duration delay,
        @Nullable Instant deadline,
        @Nullable Coalescing coalescing,
        Map<String, String> metadata,
        Callbacks callbacks) {

    /** Longest name of a type. */
    public static final int MAX_TYPE_LENGTH = Types.MAX_LENGTH;

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if a name or a header breaks the rules of the queue; the message names it
     */
    public Work {
        Types.check(type);
        requireNonNull(priority, "priority");
        requireNonNull(payload, "payload");
        requireNonNull(callbacks, "callbacks");
        if (coalescing != null) {
            if (runAt != null || delay != null) {
                throw new IllegalArgumentException(
                        "a work with a debounce key or a conflation key must have no runAt and no delay");
            }
            key = key == null && coalescing.conflates() ? coalescing.key() : key;
        }
        if (key != null) {
            Types.checkKey("key", key);
        }
        if (limitKey != null && limitKey.isEmpty()) {
            throw new IllegalArgumentException("limitKey must not be empty");
        }
        if (idempotencyKey != null) {
            NewMessage.checkName("idempotencyKey", idempotencyKey);
        }
        metadata = MessageHeaders.of(metadata).asMap();
    }

    /** Returns a work with normal priority and nothing else set. */
    public static Work of(String type, String json) {
        return of(type, json.getBytes(UTF_8));
    }

    /** Returns a work with normal priority and nothing else set. */
    public static Work of(String type, byte[] json) {
        return new Work(
                type, json, PriorityLane.NORMAL, null, null, null, null, null, null, null, Map.of(), Callbacks.NONE);
    }

    /** Returns the payload as a text. */
    public String payloadText() {
        return new String(payload, UTF_8);
    }

    /** Sets the priority. With a key, it raises the works of the key that wait before this one too. */
    public Work priority(PriorityLane value) {
        return new Work(
                type,
                payload,
                value,
                key,
                limitKey,
                idempotencyKey,
                runAt,
                delay,
                deadline,
                coalescing,
                metadata,
                callbacks);
    }

    /** Sets the key. */
    public Work key(@Nullable String value) {
        return new Work(
                type,
                payload,
                priority,
                value,
                limitKey,
                idempotencyKey,
                runAt,
                delay,
                deadline,
                coalescing,
                metadata,
                callbacks);
    }

    /**
     * Sets the limit key. What the limit key of the type says does not count then.
     *
     * @throws IllegalArgumentException if it is empty
     */
    public Work limitKey(@Nullable String value) {
        return new Work(
                type,
                payload,
                priority,
                key,
                value,
                idempotencyKey,
                runAt,
                delay,
                deadline,
                coalescing,
                metadata,
                callbacks);
    }

    /** Sets the idempotency key. */
    public Work idempotencyKey(@Nullable String value) {
        return new Work(
                type, payload, priority, key, limitKey, value, runAt, delay, deadline, coalescing, metadata, callbacks);
    }

    /** Sets when the work is due. */
    public Work runAt(@Nullable Instant value) {
        return new Work(
                type,
                payload,
                priority,
                key,
                limitKey,
                idempotencyKey,
                value,
                delay,
                deadline,
                coalescing,
                metadata,
                callbacks);
    }

    /** Sets how long the work waits before it is due. */
    public Work delay(@Nullable Duration value) {
        return new Work(
                type,
                payload,
                priority,
                key,
                limitKey,
                idempotencyKey,
                runAt,
                value,
                deadline,
                coalescing,
                metadata,
                callbacks);
    }

    /**
     * Debounces the work: it waits until no further work of the type with this debounce key has come for {@code quiet},
     * but at most {@code longest} from the first one on. Each further work replaces the one that waits: only the last
     * one runs. Without effect on a work whose wait is over.
     *
     * @throws IllegalArgumentException if {@code longest} is shorter than {@code quiet}, or the work has a time or
     *     delay
     */
    public Work debounce(String debounceKey, Duration quiet, Duration longest) {
        return coalesce(
                new Coalescing(debounceKey, requireNonNull(quiet, "quiet"), requireNonNull(longest, "longest")));
    }

    /**
     * Conflates the work: only the latest value counts. While a work of the type with this conflation key is in its
     * queue or runs, one more waits, and each further work replaces the one that waits. The work that is in its queue
     * or runs is not touched, also if it waits for a retry. If the work has no key, the conflation key is its key.
     *
     * @throws IllegalArgumentException if the work has a time or delay
     */
    public Work conflate(String conflationKey) {
        return coalesce(new Coalescing(conflationKey, null, null));
    }

    private Work coalesce(Coalescing value) {
        return new Work(
                type,
                payload,
                priority,
                key,
                limitKey,
                idempotencyKey,
                runAt,
                delay,
                deadline,
                value,
                metadata,
                callbacks);
    }

    /** Sets when it is too late to run the work. */
    public Work deadline(@Nullable Instant value) {
        return new Work(
                type,
                payload,
                priority,
                key,
                limitKey,
                idempotencyKey,
                runAt,
                delay,
                value,
                coalescing,
                metadata,
                callbacks);
    }

    /** Adds a text that travels with the work. */
    public Work metadata(String name, String value) {
        var all = new LinkedHashMap<>(metadata);
        all.put(name, value);
        return new Work(
                type,
                payload,
                priority,
                key,
                limitKey,
                idempotencyKey,
                runAt,
                delay,
                deadline,
                coalescing,
                all,
                callbacks);
    }

    /**
     * Sets who is told that the work is done, with its result.
     *
     * @param target the name of a queue, or an http or https URL; null: nobody
     * @throws IllegalArgumentException if it is neither
     */
    public Work replyTo(@Nullable String target) {
        return callbacks(new Callbacks(target, callbacks.failTo()));
    }

    /**
     * Sets who is told that the work has failed for good: it became a dead letter, was cancelled, or its deadline has
     * passed.
     *
     * @param target the name of a queue, or an http or https URL; null: nobody
     * @throws IllegalArgumentException if it is neither
     */
    public Work failTo(@Nullable String target) {
        return callbacks(new Callbacks(callbacks.replyTo(), target));
    }

    /** Sets who is told how the work has ended. */
    public Work callbacks(Callbacks value) {
        return new Work(
                type,
                payload,
                priority,
                key,
                limitKey,
                idempotencyKey,
                runAt,
                delay,
                deadline,
                coalescing,
                metadata,
                value);
    }
}
