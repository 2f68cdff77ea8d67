package dev.sluice.bridge.api.messages;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.core.JsonToken;
import dev.sluice.bridge.http.NdjsonLines;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.json.JsonBody;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import java.util.ArrayList;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Reads a push that is a sequence of values: the lines of NDJSON, or the elements of a bare array. A value is an
 * envelope, which is an object as in {@code items}, or an event, which is the payload itself.
 *
 * <p>Log shippers send events without envelopes. So if the address names the queue, a value is an envelope only if it
 * has a {@code payload} and all its members are members of an envelope; every other value is an event. If the address
 * names no queue, every value must be an envelope with a {@code queue} and a {@code payload}. {@code ?as=event} or
 * {@code ?as=envelope} decides for all values.
 */
final class PushLines {
    /** The form of the values. */
    enum Form {
        /** Each value is the payload. */
        EVENT,
        /** Each value is an object as in {@code items}. */
        ENVELOPE,
        /** The members of each value decide. */
        EITHER
    }

    private static final String PAYLOAD = "payload";

    private final RequestLimits limits;
    private final MessageIds ids;
    private final PushDefaults defaults;
    private final Form form;
    private final RequestMemory.Claim memory;
    private final @Nullable String[] lastNames = new @Nullable String[2];
    private final TraceRoom traceRoom;

    PushLines(RequestLimits limits, MessageIds ids, PushDefaults defaults, Form form, TraceRoom traceRoom) {
        this.limits = limits;
        this.ids = ids;
        this.defaults = defaults;
        this.form = form;
        this.memory = traceRoom.memory();
        this.traceRoom = traceRoom;
    }

    /**
     * Reads the form of the values from the address.
     *
     * @throws InvalidRequestException (400) if {@code as} is unknown, or if it asks for events without a queue
     */
    static Form form(Request request) {
        String as = request.query().text("as");
        boolean named = request.query().text("queue") != null;
        if (as == null) {
            return named ? Form.EITHER : Form.ENVELOPE;
        }
        return switch (as) {
            case "event" -> {
                if (!named) {
                    throw badRequest("as=event needs ?queue= in the address: an event names no queue");
                }
                yield Form.EVENT;
            }
            case "envelope" -> Form.ENVELOPE;
            default -> throw badRequest("as must be event or envelope");
        };
    }

    /**
     * Reads a body of lines. Ignores blank lines.
     *
     * @throws InvalidRequestException (400) if a line is not what it must be; names the line. Nothing of the body is
     *     used then
     */
    PushBody lines(byte[] body) {
        return new PushBody(NdjsonLines.parse(body, limits.items(), "items", memory, this::message), null);
    }

    /**
     * Reads a body that is an array.
     *
     * @throws InvalidRequestException (400) if an element is not what it must be; names its index. Nothing of the body
     *     is used then
     */
    PushBody array(byte[] body) {
        var messages = new ArrayList<NewMessage>();
        try (var json = JsonBody.open(body, limits.depth(), memory)) {
            json.first();
            for (JsonToken token = json.value(); token != JsonToken.END_ARRAY; token = json.value()) {
                if (messages.size() == limits.items()) {
                    throw badRequest("items must be at most " + limits.items() + " (http.max.items)");
                }
                try {
                    byte[] element = json.slice();
                    messages.add(message(element, messages.size()));
                    memory.giveBack(element.length);
                } catch (InvalidRequestException e) {
                    throw e.inItem(messages.size());
                }
            }
            json.end();
        }
        return new PushBody(messages, null);
    }

    /** Returns whether a body begins as an array does. */
    static boolean isArray(byte[] body) {
        for (byte each : body) {
            if (each != ' ' && each != '\t' && each != '\r' && each != '\n') {
                return each == '[';
            }
        }
        return false;
    }

    private NewMessage message(byte[] value, int index) {
        boolean isEnvelope = form == Form.ENVELOPE || (form == Form.EITHER && isEnvelope(value));
        if (!isEnvelope) {
            return event(value, index);
        }
        try (var json = JsonBody.open(value, limits.depth(), memory)) {
            return new PushBody.Reader(json, limits, ids, defaults, PushBody.NULL_PAYLOAD, traceRoom)
                    .readOne(index, lastNames);
        }
    }

    /** Checks the members only. Their values are checked when the envelope is read. */
    private boolean isEnvelope(byte[] value) {
        boolean hasPayload = false;
        try (var json = JsonBody.open(value, limits.depth(), memory)) {
            if (json.first() != JsonToken.START_OBJECT) {
                return false;
            }
            for (String field = json.nextField(); field != null; field = json.nextField()) {
                if (field.equals(PushBody.PRIORITY) || !PushBody.MEMBERS.contains(field)) { // Events have priorities.
                    return false;
                }
                hasPayload |= field.equals(PAYLOAD);
                json.value();
                json.skip();
            }
        }
        return hasPayload;
    }

    private NewMessage event(byte[] value, int index) {
        byte[] payload = payload(value);
        UUID id = ids.next();
        boolean generated = defaults.idempotencyKey() == null;
        String transactionId = generated ? id.toString() : defaults.transactionId(index);
        String queue = String.valueOf(defaults.queue());
        memory.take(PushBody.bytesOf(queue, defaults.partition(), String.valueOf(transactionId), payload));
        try {
            return NewMessage.builder(id, queue, defaults.partition(), String.valueOf(transactionId), payload)
                    .generatedTransactionId(generated)
                    .headers(traceRoom.add(defaults.trace(), MessageHeaders.NONE))
                    .traceId(defaults.traceId(null, MessageHeaders.NONE))
                    .producerSub(defaults.producerSub())
                    .build();
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
    }

    /** Returns the only JSON value of the text, without the white space around it. */
    private byte[] payload(byte[] value) {
        try (var json = JsonBody.open(value, limits.depth(), memory)) {
            json.first();
            byte[] payload = json.slice();
            json.end();
            return payload;
        }
    }
}
