package dev.sluice.bridge.api.messages;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.core.JsonToken;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.ingest.Linger;
import dev.sluice.bridge.json.JsonBody;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.TimeText;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The body of a push.
 *
 * <pre>{@code
 * {"items": [{"queue": "orders",            required
 *             "partition": "customer-7",    default "Default"
 *             "payload": {"total": 12.50},  any JSON, default null
 *             "transactionId": "o-1",       default, and instead of "": from the Idempotency-Key, or a new UUID
 *             "traceId": "…",               a UUID; default, and instead of "": from traceparent
 *             "headers": {"a": "b"},        strings by name; traceparent and tracestate come from the request
 *             "priority": "high"}, …],      critical, high, normal or low; counts in queues with priorities of items
 *  "bufferMs": 100, "bufferMax": 500}       either one: answer when the messages are durable on the local disk, and
 *                                           let them linger there for that time or up to that number
 * }</pre>
 *
 * @param messages the items in their order, with new ids; payloads are bytes of the body
 * @param linger how long the messages may stay in the local log; null unless the producer wants its answer as soon as
 *     they are durable there
 */
public record PushBody(List<NewMessage> messages, @Nullable Linger linger) {
    /** The linger of a body that has {@code bufferMax} only. */
    private static final Duration USUAL_BUFFER_TIME = Duration.ofSeconds(1);

    /** The longest number of milliseconds, in characters. */
    private static final int MAX_DELAY_DIGITS = 12;
    /** The longest number in {@code bufferMs} and {@code bufferMax}, in characters. */
    private static final int MAX_LIMIT_DIGITS = 20;

    /** Has the length of a generated transaction id. */
    private static final String GENERATED = "-".repeat(36);

    static final String PRIORITY = "priority";

    /** The members of an item. {@code producerSub} is ignored, because the token identifies the producer. */
    static final List<String> MEMBERS = List.of(
            "queue",
            "partition",
            "transactionId",
            "traceId",
            "producerSub",
            "payload",
            "headers",
            "deliverAt",
            "delayMs",
            PushBody.PRIORITY);

    static final byte[] NULL_PAYLOAD = "null".getBytes(StandardCharsets.US_ASCII);

    /** Bytes of a message besides its texts and its payload, including its outcome and its part of the answer. */
    private static final int MESSAGE_BYTES = 400;

    /**
     * Additional bytes of a message that the request itself writes to the database: its part of a stored segment and of
     * the statements.
     */
    private static final int WRITER_BYTES = 200;

    /**
     * Reads a body in time proportional to its size.
     *
     * @param defaults values of items that do not have their own
     * @throws InvalidRequestException (400) if it is not JSON or breaks a rule; nothing of it is used then. (413) if it
     *     needs more memory than there is
     */
    public static PushBody parse(
            byte[] bytes, RequestLimits limits, MessageIds ids, PushDefaults defaults, RequestMemory.Claim memory) {
        try (var json = JsonBody.open(bytes, limits.depth(), memory)) {
            return new Reader(json, limits, ids, defaults, NULL_PAYLOAD, new TraceRoom(limits, bytes.length, memory))
                    .read();
        }
    }

    /**
     * Returns the memory of a message. The payload counts twice, because it is also in an entry of the local log or in
     * a stored segment.
     */
    static long bytesOf(String queue, String partition, String transactionId, byte[] payload) {
        return MESSAGE_BYTES
                + 2L * (queue.length() + partition.length() + transactionId.length())
                + (payload == NULL_PAYLOAD ? 0 : payload.length);
    }

    /** Takes the memory that a writer of the database needs for this number of messages. */
    public static void takeForWriter(int messages, RequestMemory.Claim memory) {
        memory.take((long) WRITER_BYTES * messages);
    }

    /** Reads one body. Keeps the names of the previous item, because most requests repeat them. */
    static final class Reader {
        private final JsonBody json;
        private final RequestLimits limits;
        private final MessageIds ids;
        private final PushDefaults defaults;
        private final byte[] payloadByDefault;
        private final TraceRoom traceRoom;

        private @Nullable List<NewMessage> messages;
        private @Nullable Duration bufferTime;
        private @Nullable Integer bufferMax;
        private int itemsRead;
        private @Nullable String lastQueue;
        private @Nullable String lastPartition;

        Reader(
                JsonBody json,
                RequestLimits limits,
                MessageIds ids,
                PushDefaults defaults,
                byte[] payloadByDefault,
                TraceRoom traceRoom) {
            this.json = json;
            this.limits = limits;
            this.ids = ids;
            this.defaults = defaults;
            this.payloadByDefault = payloadByDefault;
            this.traceRoom = traceRoom;
        }

        PushBody read() {
            if (json.first() == JsonToken.START_OBJECT) {
                for (String field = json.nextField(); field != null; field = json.nextField()) {
                    readTopLevel(field, json.value());
                }
            } else {
                json.skip();
            }
            json.end();
            if (messages == null) {
                throw badRequest("items array is required");
            }
            return new PushBody(messages, linger());
        }

        private @Nullable Linger linger() {
            if (bufferTime == null && bufferMax == null) {
                return null;
            }
            return new Linger(
                    bufferTime == null ? USUAL_BUFFER_TIME : bufferTime,
                    bufferMax == null ? Integer.MAX_VALUE : bufferMax);
        }

        /**
         * Reads a body that is one item, which must have a payload.
         *
         * @param lastNames queue and partition of the previous item; receives those of this item
         */
        NewMessage readOne(int index, @Nullable String[] lastNames) {
            lastQueue = lastNames[0];
            lastPartition = lastNames[1];
            if (json.first() != JsonToken.START_OBJECT) {
                throw badRequest("an item must be an object");
            }
            NewMessage item = readItem(index, true);
            json.end();
            lastNames[0] = lastQueue;
            lastNames[1] = lastPartition;
            return item;
        }

        private void readTopLevel(String field, JsonToken value) {
            switch (field) {
                case "items" -> {
                    json.refuseSecond(field, messages != null);
                    messages = readItems(value, field);
                }
                case "bufferMs" -> {
                    Double millis = readBufferLimit(field, value);
                    bufferTime = millis == null
                            ? null
                            : Duration.ofMillis(
                                    (long) Math.min((double) Linger.LONGEST.toMillis(), Math.max(0, millis)));
                }
                case "bufferMax" -> {
                    Double most = readBufferLimit(field, value);
                    bufferMax = most == null ? null : (Integer) (int) Math.min(Integer.MAX_VALUE, Math.max(1, most));
                }
                default -> json.skip();
            }
        }

        /** Returns the number, clamped to the limits, or null. */
        private @Nullable Double readBufferLimit(String field, JsonToken value) {
            if (value == JsonToken.VALUE_NULL) {
                json.skip();
                return null;
            }
            if (!value.isNumeric()) {
                json.skip();
                throw badRequest(field + " must be a number");
            }
            byte[] digits = json.slice();
            if (digits.length > MAX_LIMIT_DIGITS) {
                throw badRequest(field + " must have at most " + MAX_LIMIT_DIGITS + " digits");
            }
            return Double.valueOf(new String(digits, StandardCharsets.US_ASCII));
        }

        /**
         * Reads the current array of items.
         *
         * @param field name of the array, for messages
         */
        List<NewMessage> readItems(JsonToken value, String field) {
            if (value != JsonToken.START_ARRAY) {
                json.skip(); // An error in the value itself comes first.
                throw badRequest(field + " array is required");
            }
            var items = new ArrayList<NewMessage>();
            for (JsonToken token = json.value(); token != JsonToken.END_ARRAY; token = json.value()) {
                if (token != JsonToken.START_OBJECT) {
                    throw badRequest(field + " must be objects, item " + items.size() + " is not");
                }
                if (items.size() == limits.items()) {
                    throw badRequest(field + " must be at most " + limits.items() + " (http.max.items)");
                }
                try {
                    items.add(readItem(itemsRead++, false));
                } catch (InvalidRequestException e) {
                    throw e.inItem(items.size());
                }
            }
            return items;
        }

        private NewMessage readItem(int index, boolean needsPayload) {
            String queue = defaults.queue();
            String partition = defaults.partition();
            String transactionId = "";
            UUID traceId = null;
            byte[] payload = null;
            MessageHeaders headers = MessageHeaders.NONE;
            Instant deliverAt = null;
            Duration delay = null;
            PriorityLane priority = null;
            var members = json.members(MEMBERS);
            for (String field = json.nextField(); field != null; field = json.nextField()) {
                JsonToken value = json.value();
                members.refuseSecond(field);
                switch (field) {
                    case "queue" -> queue = value == JsonToken.VALUE_NULL ? queue : queue(value);
                    case "partition" -> partition = partition(value);
                    case "transactionId" -> transactionId = string(value, "TransactionId", null);
                    case "traceId" -> traceId = traceId(value);
                    case "payload" -> payload = json.slice();
                    case "headers" -> headers = ItemHeaders.read(json, value, limits.headers());
                    case "deliverAt" -> deliverAt = time(json, field, value);
                    case "delayMs" -> delay = delay(json, field, value);
                    case PRIORITY -> priority = priority(json, value);
                    default -> json.skip();
                }
            }
            if (payload == null && needsPayload) {
                throw badRequest(queue == null ? "queue and payload are missing" : "payload is missing");
            }
            if (queue == null) {
                throw badRequest(needsPayload ? "queue is missing" : "Queue must be a string");
            }
            byte[] content = payload == null ? payloadByDefault : payload;
            PriorityLane lane = priority != null && defaults.hasLanes().test(queue) ? priority : null;
            if (lane != null && partition.equals(NewMessage.DEFAULT_PARTITION)) {
                partition = lane.partition(0); // The same one everywhere, so that a repetition is a duplicate.
            }
            UUID id = ids.next();
            if (transactionId.isEmpty() && defaults.idempotencyKey() != null) {
                transactionId = defaults.transactionId(index);
            }
            boolean generated = transactionId.isEmpty();
            json.take(bytesOf(queue, partition, generated ? GENERATED : transactionId, content));
            try {
                return NewMessage.builder(id, queue, partition, generated ? id.toString() : transactionId, content)
                        .generatedTransactionId(generated)
                        .headers(traceRoom.add(defaults.trace(), headers))
                        .traceId(defaults.traceId(traceId, headers))
                        .producerSub(defaults.producerSub())
                        .deliverAt(deliverAt)
                        .delay(delay)
                        .origin(lane == null ? Origin.NONE : new Origin(null, lane))
                        .build();
            } catch (IllegalArgumentException e) {
                throw badRequest(String.valueOf(e.getMessage()));
            }
        }

        private String queue(JsonToken value) {
            String queue = string(value, "Queue", lastQueue);
            lastQueue = queue;
            return queue;
        }

        private String partition(JsonToken value) {
            String partition = string(value, "Partition", lastPartition);
            lastPartition = partition;
            return partition;
        }

        private String string(JsonToken value, String name, @Nullable String previous) {
            if (value != JsonToken.VALUE_STRING) {
                throw badRequest(name + " must be a string");
            }
            return json.text(previous);
        }

        private @Nullable UUID traceId(JsonToken value) {
            if (value == JsonToken.VALUE_NULL) {
                return null;
            }
            String text = string(value, "TraceId", null);
            if (text.isEmpty()) {
                return null;
            }
            UUID traceId = JsonBody.uuid(text);
            if (traceId == null) {
                throw badRequest("TraceId must be a UUID");
            }
            return traceId;
        }
    }

    /** Reads a number of milliseconds up to {@link NewMessage#MAX_DELAY}; null if it is null. */
    static @Nullable Duration delay(JsonBody json, String field, JsonToken value) {
        String text = new String(json.slice(), StandardCharsets.US_ASCII);
        if (value == JsonToken.VALUE_NULL) {
            return null;
        }
        if (value == JsonToken.VALUE_NUMBER_INT && text.length() <= MAX_DELAY_DIGITS && !text.startsWith("-")) {
            return Duration.ofMillis(Long.parseLong(text));
        }
        throw badRequest(field + NewMessage.DELAYS);
    }

    /** Reads the name of a lane; null if it is null. */
    static @Nullable PriorityLane priority(JsonBody json, JsonToken value) {
        if (value == JsonToken.VALUE_STRING) {
            try {
                return PriorityLane.of(PRIORITY, json.text(null));
            } catch (IllegalArgumentException e) {
                throw badRequest(String.valueOf(e.getMessage()));
            }
        }
        json.skip();
        if (value == JsonToken.VALUE_NULL) {
            return null;
        }
        throw badRequest(PRIORITY + " must be critical, high, normal or low");
    }

    /** Reads a {@linkplain TimeText time}, a string or a number; null if it is null. */
    static @Nullable Instant time(JsonBody json, String field, JsonToken value) {
        return switch (value) {
            case VALUE_NULL -> {
                json.skip();
                yield null;
            }
            case VALUE_STRING -> Parameters.time(field, json.text(null));
            case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT ->
                Parameters.time(field, new String(json.slice(), StandardCharsets.US_ASCII));
            default -> throw badRequest(field + " must be " + TimeText.FORMS);
        };
    }
}
