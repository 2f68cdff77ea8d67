package dev.sluice.bridge.api.messages;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonToken;
import dev.sluice.bridge.ingest.MessageCodec;
import dev.sluice.bridge.ingest.MessageFormatException;
import dev.sluice.bridge.json.JsonBody;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.buffer.FailedRecord;
import dev.sluice.queue.HeaderLimits;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PriorityLane;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A message of the local log as a JSON object on one line. {@code sluice buffer export} writes it, and {@code requeue}
 * reads it.
 *
 * <pre>{@code
 * {"queue": "orders", "partition": "customer-7", "transactionId": "o-1", "id": "0190…", "traceId": null,
 *  "producerSub": null, "deliverAt": null, "delayMs": null, "acceptedAt": "2026-05-16T10:00:00.123Z",
 *    "headers": {"a": "b"}, "payload": {"total": 12.50}}
 * }</pre>
 *
 * <p>{@code headers} is there only if the message has headers, and {@code priority} only if it has a lane. The payload
 * is written byte for byte. If it has line breaks between its tokens, or is not JSON, the field {@code "payloadText"}
 * replaces it and holds its text as a string. A failed record begins with {@code "failedId"}, {@code "failedAt"},
 * {@code "reason"} and {@code "origin"}. An entry that is not a message is {@code {"unreadable": "why", …, "entry":
 * "base64"}}.
 *
 * <p>A line that is read must have {@code queue}, {@code transactionId} and the payload. All other fields are optional;
 * {@code acceptedAt} and the fields of a failure are skipped.
 */
public final class MessageLine {
    /** The fields that are read. The payload is in one of the last two. */
    private static final List<String> MEMBERS = List.of(
            "queue",
            "partition",
            "transactionId",
            "id",
            "traceId",
            "producerSub",
            "deliverAt",
            "delayMs",
            "headers",
            PushBody.PRIORITY,
            "payload",
            "payloadText");

    private static final int MAX_DEPTH = Integer.MAX_VALUE;

    private MessageLine() {}

    /**
     * Writes a log entry.
     *
     * @param out receives one object without a line break
     * @param entry the bytes in the log
     * @param acceptedAt the time of its append
     * @param origin its place in the log, for an entry that is not a message
     * @return false if the entry is not a message
     */
    public static boolean write(JsonOutput out, byte[] entry, Instant acceptedAt, String origin) {
        out.object();
        boolean readable = writeEntry(out, entry, acceptedAt, origin);
        out.endObject();
        return readable;
    }

    /**
     * Writes a failed record.
     *
     * @param out receives one object without a line break
     * @return false if the record is not a message
     */
    public static boolean write(JsonOutput out, FailedRecord record) {
        out.object().field("failedId", record.id());
        out.field("failedAt", record.failedAt().toString());
        out.field("reason", record.reason());
        out.field("origin", record.origin());
        boolean readable = writeEntry(out, record.payload(), null, null);
        out.endObject();
        return readable;
    }

    /** Writes the message of an entry as an object. Writes null and returns false if the entry is not a message. */
    public static boolean writeMessage(JsonOutput out, byte[] entry) {
        NewMessage message;
        try {
            message = MessageCodec.decode(entry);
        } catch (MessageFormatException e) {
            out.raw("null");
            return false;
        }
        out.object();
        writeFields(out, message, MessageIds.timeOf(message.id()));
        out.endObject();
        return true;
    }

    private static boolean writeEntry(
            JsonOutput out, byte[] entry, @Nullable Instant acceptedAt, @Nullable String origin) {
        NewMessage message;
        try {
            message = MessageCodec.decode(entry);
        } catch (MessageFormatException e) {
            out.field("unreadable", e.getMessage());
            if (origin != null) {
                out.field("origin", origin);
            }
            out.field("entry", Base64.getEncoder().encodeToString(entry));
            return false;
        }
        writeFields(out, message, acceptedAt == null ? MessageIds.timeOf(message.id()) : acceptedAt);
        return true;
    }

    private static void writeFields(JsonOutput out, NewMessage message, @Nullable Instant acceptedAt) {
        Instant deliverAt = message.deliverAt();
        Duration delay = message.delay();
        out.field("queue", message.queue());
        out.field("partition", message.partition());
        out.field("transactionId", message.transactionId());
        out.field("id", message.id());
        out.field("traceId", message.traceId());
        out.field("producerSub", message.producerSub());
        out.field("deliverAt", deliverAt == null ? null : deliverAt.toString());
        out.name("delayMs").raw(delay == null ? "null" : Long.toString(delay.toMillis()));
        out.field("acceptedAt", acceptedAt == null ? null : acceptedAt.toString());
        if (!message.headers().isEmpty()) {
            out.name("headers").json(message.headers().json());
        }
        PriorityLane lane = message.origin().lane();
        if (lane != null) {
            out.field(PushBody.PRIORITY, lane.text());
        }
        if (isOneLineOfJson(message.payload())) {
            out.name("payload").json(message.payload());
        } else {
            out.field("payloadText", new String(message.payload(), UTF_8));
        }
    }

    private static boolean isOneLineOfJson(byte[] payload) {
        for (byte each : payload) {
            if (each == '\n' || each == '\r') {
                return false;
            }
        }
        return isJson(payload);
    }

    private static boolean isJson(byte[] payload) {
        try (var json = JsonBody.open(payload, MAX_DEPTH)) {
            json.first();
            json.skip();
            json.end();
            return true;
        } catch (InvalidRequestException e) {
            return false;
        }
    }

    /**
     * Reads a line.
     *
     * @param ids makes an id if the line has none
     * @return the message; its transaction id counts as one of the producer
     * @throws InvalidRequestException if the line is not such an object
     */
    public static NewMessage parse(byte[] line, MessageIds ids) {
        return parse(line, ids, RequestMemory.unlimited());
    }

    /** Reads a line of a request, and takes memory for the message. */
    public static NewMessage parse(byte[] line, MessageIds ids, RequestMemory.Claim memory) {
        try (var json = JsonBody.open(line, MAX_DEPTH, memory)) {
            if (json.first() != JsonToken.START_OBJECT) {
                throw badRequest("a line must be an object");
            }
            var fields = new Fields(json);
            for (String field = json.nextField(); field != null; field = json.nextField()) {
                fields.read(field, json.value());
            }
            json.end();
            return fields.toMessage(ids);
        }
    }

    /** The fields of a line. */
    private static final class Fields {
        private final JsonBody json;
        private final JsonBody.Members members;
        private @Nullable String queue;
        private @Nullable String partition;
        private @Nullable String transactionId;
        private @Nullable UUID id;
        private @Nullable UUID traceId;
        private @Nullable String producerSub;
        private @Nullable Instant deliverAt;
        private @Nullable Duration delay;
        private MessageHeaders headers = MessageHeaders.NONE;
        private @Nullable PriorityLane lane;
        private byte @Nullable [] payload;
        private byte @Nullable [] payloadText;

        Fields(JsonBody json) {
            this.json = json;
            this.members = json.members(MEMBERS);
        }

        void read(String field, JsonToken value) {
            members.refuseSecond(field);
            switch (field) {
                case "queue" -> queue = string(field, value);
                case "partition" -> partition = string(field, value);
                case "transactionId" -> transactionId = string(field, value);
                case "id" -> id = uuid(field, value);
                case "traceId" -> traceId = uuid(field, value);
                case "producerSub" -> producerSub = string(field, value);
                case "deliverAt" -> deliverAt = PushBody.time(json, field, value);
                case "delayMs" -> delay = PushBody.delay(json, field, value);
                // The service that accepted the message may have had other limits.
                case "headers" -> headers = ItemHeaders.read(json, value, HeaderLimits.ABSOLUTE);
                case PushBody.PRIORITY -> lane = PushBody.priority(json, value);
                case "payload" -> payload = json.slice();
                case "payloadText" -> payloadText = text(field, value);
                case "unreadable" -> throw badRequest("it holds an entry that is not a message");
                default -> json.skip();
            }
        }

        private @Nullable String string(String field, JsonToken value) {
            if (value == JsonToken.VALUE_NULL) {
                return null;
            }
            if (value != JsonToken.VALUE_STRING) {
                throw badRequest(field + " must be a string");
            }
            return json.text(null);
        }

        private @Nullable UUID uuid(String field, JsonToken value) {
            String text = string(field, value);
            UUID uuid = text == null ? null : JsonBody.uuid(text);
            if (text != null && uuid == null) {
                throw badRequest(field + " must be a UUID");
            }
            return uuid;
        }

        private byte @Nullable [] text(String field, JsonToken value) {
            String text = string(field, value);
            json.take(text == null ? 0 : 3L * text.length());
            byte[] bytes = text == null ? null : text.getBytes(UTF_8);
            if (bytes != null && !isJson(bytes)) {
                throw badRequest(field + " must hold JSON");
            }
            return bytes;
        }

        NewMessage toMessage(MessageIds ids) {
            if (queue == null) {
                throw badRequest("queue is required");
            }
            if (transactionId == null) {
                throw badRequest("transactionId is required: it is what makes repeating safe");
            }
            byte[] content = payloadText == null ? payload : payloadText;
            if (content == null) {
                throw badRequest("payload is required");
            }
            String inPartition = partition == null ? NewMessage.DEFAULT_PARTITION : partition;
            json.take(PushBody.bytesOf(queue, inPartition, transactionId, content));
            try {
                return NewMessage.builder(id == null ? ids.next() : id, queue, inPartition, transactionId, content)
                        .headers(headers)
                        .traceId(traceId)
                        .producerSub(producerSub)
                        .deliverAt(deliverAt)
                        .delay(delay)
                        .origin(lane == null ? Origin.NONE : new Origin(null, lane))
                        .build();
            } catch (IllegalArgumentException e) {
                throw badRequest(String.valueOf(e.getMessage()));
            }
        }
    }
}
