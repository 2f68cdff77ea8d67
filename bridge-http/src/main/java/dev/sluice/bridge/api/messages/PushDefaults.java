package dev.sluice.bridge.api.messages;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import dev.sluice.bridge.http.Guard;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.NewMessage;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Values from the headers and the address of a push, for items that do not have their own.
 *
 * @param queue name of the queue; null if every item must name one
 * @param partition name of the partition
 * @param idempotencyKey makes a repeated request idempotent: the transaction id of an item is the key, a colon, and the
 *     index of the item from 0. If null, each item gets a new UUID
 * @param trace the trace that the request belongs to, or null
 * @param producerSub subject of the producer's token, or null
 * @param hasLanes tells of a queue whether the priorities of items count there
 */
public record PushDefaults(
        @Nullable String queue,
        String partition,
        @Nullable String idempotencyKey,
        @Nullable TraceContext trace,
        @Nullable String producerSub,
        Predicate<String> hasLanes) {
    /** Longest {@code Idempotency-Key}: with an index it must fit into a transaction id. */
    static final int MAX_KEY_LENGTH = 200;

    /** The values of a request without such headers. */
    static final PushDefaults NONE =
            new PushDefaults(null, NewMessage.DEFAULT_PARTITION, null, null, null, queue -> false);

    private static final Pattern KEY = Pattern.compile("[!-~]{1," + MAX_KEY_LENGTH + "}");
    /** W3C Trace Context, §3.2: version, trace, parent, flags; later versions may append more. */
    private static final Pattern TRACEPARENT =
            Pattern.compile("([0-9a-f]{2})-([0-9a-f]{16})([0-9a-f]{16})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?");

    private static final String NO_PARENT = "0".repeat(16);

    /**
     * Reads the headers {@code Idempotency-Key}, {@code traceparent} and {@code tracestate}, and the subject of the
     * token.
     *
     * @param room knows in which queues the priorities of items count
     * @throws InvalidRequestException (400) if the key is too long or has other characters than visible ASCII
     */
    public static PushDefaults of(Request request, RoomCheck room) {
        return new PushDefaults(
                null,
                NewMessage.DEFAULT_PARTITION,
                idempotencyKey(request.header("Idempotency-Key")),
                TraceContext.of(request),
                Guard.subjectOf(request),
                room::hasLanes);
    }

    /** Returns the same values with a queue and a partition. */
    PushDefaults to(@Nullable String newQueue, @Nullable String newPartition) {
        return new PushDefaults(
                newQueue,
                newPartition == null ? NewMessage.DEFAULT_PARTITION : newPartition,
                idempotencyKey,
                trace,
                producerSub,
                hasLanes);
    }

    /**
     * Returns the trace id of a message.
     *
     * @param given the trace id that the message names, or null
     * @param own the headers that the message brings
     */
    @Nullable
    UUID traceId(@Nullable UUID given, MessageHeaders own) {
        if (given != null) {
            return given;
        }
        UUID traceId = TraceContext.traceIdOf(own);
        return traceId != null || trace == null ? traceId : trace.traceId();
    }

    /** Returns the transaction id of the item at {@code index}, or null if there is no key. */
    @Nullable
    String transactionId(int index) {
        return idempotencyKey == null ? null : idempotencyKey + ":" + index;
    }

    /** The draft of the header puts the key in quotes. Many clients omit them. */
    private static @Nullable String idempotencyKey(@Nullable String header) {
        if (header == null) {
            return null;
        }
        boolean quoted = header.length() >= 2 && header.startsWith("\"") && header.endsWith("\"");
        String key = quoted ? header.substring(1, header.length() - 1) : header;
        if (!KEY.matcher(key).matches()) {
            throw badRequest("Idempotency-Key must be 1 to " + MAX_KEY_LENGTH + " visible ASCII characters");
        }
        return key;
    }

    /** Returns the trace id of a {@code traceparent} as a UUID; null if it is not one, as the specification asks. */
    static @Nullable UUID traceId(String traceparent) {
        Matcher parts = TRACEPARENT.matcher(traceparent);
        if (!parts.matches() || parts.group(1).equals("ff")) {
            return null;
        }
        if (parts.group(1).equals("00") && parts.group(5) != null) {
            return null;
        }
        var trace = new UUID(Long.parseUnsignedLong(parts.group(2), 16), Long.parseUnsignedLong(parts.group(3), 16));
        boolean nil = trace.getMostSignificantBits() == 0 && trace.getLeastSignificantBits() == 0;
        return nil || parts.group(4).equals(NO_PARENT) ? null : trace;
    }
}
