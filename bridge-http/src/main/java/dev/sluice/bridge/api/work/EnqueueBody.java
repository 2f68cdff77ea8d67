package dev.sluice.bridge.api.work;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.core.JsonToken;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.json.JsonBody;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.queue.HeaderLimits;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.TimeText;
import dev.sluice.work.Callbacks;
import dev.sluice.work.Coalescing;
import dev.sluice.work.Work;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The body of an enqueue: one work, or {@code {"works": […]}}.
 *
 * <pre>{@code
 * {"type": "welcome-mail",                required
 *  "payload": {"user": 17},               any JSON, default null
 *  "priority": "high",                    critical, high, normal (default) or low
 *  "key": "customer-7",                   works of a key run one after the other
 *  "limitKey": "acme",                    whose limits and share count
 *  "idempotencyKey": "user-17",           one work of the type has it
 *  "runAt": "2026-05-16T10:00:00Z",       or a delay: "PT5M"
 *  "deadline": "2026-05-16T11:00:00Z",    too late to begin
 *  "debounce": {"key": "user-17", "quiet": "PT5S", "longest": "PT1M"},
 *  "conflate": "user-17",                 the latest value only; excludes debounce and runAt
 *  "metadata": {"a": "b"},                strings by name
 *  "replyTo": "answers",                  a queue or URL that is told the result
 *  "failTo": "https://example.org/failed"} a queue or URL that is told of the final failure
 * }</pre>
 *
 * @param works in their order; payloads are bytes of the body
 * @param isOne whether the body was one work
 */
record EnqueueBody(List<Work> works, boolean isOne) {
    private static final byte[] NULL_PAYLOAD = "null".getBytes(StandardCharsets.US_ASCII);

    /** The fields of a work. */
    static final List<String> MEMBERS = List.of(
            "type",
            "payload",
            "priority",
            "key",
            "limitKey",
            "idempotencyKey",
            "runAt",
            "deadline",
            "debounce",
            "conflate",
            "metadata",
            "replyTo",
            "failTo");

    private static final List<String> DEBOUNCE = List.of("key", "quiet", "longest");

    /** Bytes of a work besides its texts and its payload, including its message and its part of the answer. */
    private static final int WORK_BYTES = 1_200;

    /** Bytes of a text of the metadata besides its characters. */
    private static final int TEXT_BYTES = 120;

    /** A payload is part of the work and of the statement that stores it. */
    private static final int COPIES = 3;

    /**
     * Reads a body in time proportional to its size.
     *
     * @throws InvalidRequestException (400) if it is not JSON or breaks a rule; nothing of it is used then. (413) if it
     *     needs more memory than there is
     */
    static EnqueueBody parse(byte[] bytes, RequestLimits limits, RequestMemory.Claim memory) {
        try (var json = JsonBody.open(bytes, limits.depth(), memory)) {
            return new Reader(json, limits).read();
        }
    }

    private static final class Reader {
        private final JsonBody json;
        private final RequestLimits limits;

        Reader(JsonBody json, RequestLimits limits) {
            this.json = json;
            this.limits = limits;
        }

        EnqueueBody read() {
            if (json.first() != JsonToken.START_OBJECT) {
                json.skip();
                throw badRequest("the body must be a work or an object with a works array");
            }
            var fields = new Fields();
            List<Work> works = null;
            for (String field = json.nextField(); field != null; field = json.nextField()) {
                JsonToken value = json.value();
                if (field.equals("works")) {
                    json.refuseSecond(field, works != null);
                    works = works(value);
                } else {
                    fields.read(field, value);
                }
            }
            json.end();
            if (works == null) {
                return new EnqueueBody(List.of(fields.work()), true);
            }
            if (fields.isGiven) {
                throw badRequest("works excludes the fields of one work beside it");
            }
            return new EnqueueBody(works, false);
        }

        private List<Work> works(JsonToken value) {
            if (value != JsonToken.START_ARRAY) {
                json.skip();
                throw badRequest("works must be an array");
            }
            var works = new ArrayList<Work>();
            for (JsonToken token = json.value(); token != JsonToken.END_ARRAY; token = json.value()) {
                if (token != JsonToken.START_OBJECT) {
                    json.skip();
                    throw badRequest("works must be objects, item " + works.size() + " is not");
                }
                if (works.size() == limits.items()) {
                    throw badRequest("works must be at most " + limits.items() + " (http.max.items)");
                }
                try {
                    var fields = new Fields();
                    for (String field = json.nextField(); field != null; field = json.nextField()) {
                        fields.read(field, json.value());
                    }
                    works.add(fields.work());
                } catch (InvalidRequestException e) {
                    throw e.inItem(works.size());
                }
            }
            if (works.isEmpty()) {
                throw badRequest("works must not be empty");
            }
            return works;
        }

        /** The fields of a work. */
        private final class Fields {
            private final JsonBody.Members members = json.members(MEMBERS);
            private boolean isGiven;
            private @Nullable String type;
            private byte[] payload = NULL_PAYLOAD;
            private PriorityLane priority = PriorityLane.NORMAL;
            private @Nullable String key;
            private @Nullable String limitKey;
            private @Nullable String idempotencyKey;
            private @Nullable Instant runAt;
            private @Nullable Duration delay;
            private @Nullable Instant deadline;
            private @Nullable Coalescing debounce;
            private @Nullable Coalescing conflate;
            private Map<String, String> metadata = Map.of();
            private @Nullable String replyTo;
            private @Nullable String failTo;

            void read(String field, JsonToken value) {
                members.refuseSecond(field);
                isGiven |= MEMBERS.contains(field);
                if (field.equals("payload")) {
                    payload = json.slice();
                } else if (value == JsonToken.VALUE_NULL || !MEMBERS.contains(field)) {
                    json.skip();
                } else if (field.equals("metadata")) {
                    metadata = metadata(value);
                } else if (field.equals("debounce")) {
                    debounce = debounce(value);
                } else if (field.equals("runAt") || field.equals("deadline")) {
                    time(field, value);
                } else {
                    text(field, value);
                }
            }

            private void text(String field, JsonToken value) {
                if (value != JsonToken.VALUE_STRING) {
                    json.skip();
                    throw badRequest(field + " must be a string");
                }
                String text = json.text(null);
                switch (field) {
                    case "type" -> type = text;
                    case "key" -> key = text;
                    case "limitKey" -> limitKey = text;
                    case "idempotencyKey" -> idempotencyKey = text;
                    case "replyTo" -> replyTo = text;
                    case "failTo" -> failTo = text;
                    case "conflate" -> conflate = checked(() -> new Coalescing(text, null, null));
                    default -> priority = checked(() -> PriorityLane.of(field, text));
                }
            }

            private static <T> T checked(Supplier<T> value) {
                try {
                    return value.get();
                } catch (IllegalArgumentException e) {
                    throw badRequest(String.valueOf(e.getMessage()));
                }
            }

            private Coalescing debounce(JsonToken value) {
                if (value != JsonToken.START_OBJECT) {
                    json.skip();
                    throw badRequest("debounce must be an object with key, quiet and longest");
                }
                JsonBody.Members parts = json.members(DEBOUNCE);
                var texts = new HashMap<String, String>();
                for (String name = json.nextField(); name != null; name = json.nextField()) {
                    JsonToken token = json.value();
                    parts.refuseSecond(name);
                    if (!DEBOUNCE.contains(name)) {
                        json.skip();
                    } else if (token == JsonToken.VALUE_STRING) {
                        texts.put(name, json.text(null));
                    } else {
                        json.skip();
                        throw badRequest("debounce." + name + " must be a string");
                    }
                }
                String ofKey = required(texts, "key");
                Duration quiet = delay("debounce.quiet", required(texts, "quiet"), "");
                Duration longest = delay("debounce.longest", required(texts, "longest"), "");
                return checked(() -> new Coalescing(ofKey, quiet, longest));
            }

            private static String required(Map<String, String> texts, String name) {
                String text = texts.get(name);
                if (text == null) {
                    throw badRequest("debounce." + name + " is required");
                }
                return text;
            }

            private void time(String field, JsonToken value) {
                if (value != JsonToken.VALUE_STRING && !value.isNumeric()) {
                    json.skip();
                    throw badRequest(field + " must be " + TimeText.FORMS);
                }
                String text = value == JsonToken.VALUE_STRING
                        ? json.text(null)
                        : new String(json.slice(), StandardCharsets.US_ASCII);
                if (field.equals("deadline")) {
                    deadline = Parameters.time(field, text);
                } else if (text.startsWith("P") || text.startsWith("p")) {
                    delay = delay(field, text, TimeText.FORMS + "; or a delay: ");
                } else {
                    runAt = Parameters.time(field, text);
                }
            }

            private static Duration delay(String field, String text, String otherForms) {
                try {
                    Duration delay = Duration.parse(text);
                    if (!delay.isNegative() && delay.compareTo(NewMessage.MAX_DELAY) <= 0) {
                        return delay;
                    }
                } catch (DateTimeParseException e) {
                    // The message below says so.
                }
                throw badRequest(field + " must be " + otherForms + "an ISO 8601 duration like PT5M, from PT0S to "
                        + NewMessage.MAX_DELAY);
            }

            private Map<String, String> metadata(JsonToken value) {
                if (value != JsonToken.START_OBJECT) {
                    json.skip();
                    throw badRequest("metadata must be an object of strings");
                }
                var texts = new LinkedHashMap<String, String>();
                for (String name = json.nextField(); name != null; name = json.nextField()) {
                    JsonToken token = json.value();
                    if (token != JsonToken.VALUE_STRING) {
                        json.skip();
                        throw badRequest("metadata must be an object of strings, a value is none");
                    }
                    json.take(TEXT_BYTES + 2L * COPIES * name.length());
                    json.refuseSecond("each name of metadata", texts.put(name, json.text(null)) != null);
                }
                HeaderLimits most = limits.headers();
                if (texts.size() > most.count()) {
                    throw badRequest("metadata must have at most " + most.count()
                            + " texts (message.headers.max.count), has " + texts.size());
                }
                MessageHeaders headers = headers(texts);
                if (headers.bytes() > most.bytes()) {
                    throw badRequest("metadata must have at most " + most.bytes()
                            + " bytes of names and values (message.headers.max.bytes), has " + headers.bytes());
                }
                return headers.asMap();
            }

            private static MessageHeaders headers(Map<String, String> texts) {
                try {
                    return MessageHeaders.of(texts);
                } catch (IllegalArgumentException e) {
                    throw badRequest("metadata: " + e.getMessage());
                }
            }

            Work work() {
                if (type == null) {
                    throw badRequest("type is required");
                }
                if (debounce != null && conflate != null) {
                    throw badRequest("debounce and conflate exclude each other");
                }
                json.take(WORK_BYTES + (long) COPIES * payload.length);
                String ofType = type;
                return checked(() -> new Work(
                        ofType,
                        payload,
                        priority,
                        key,
                        limitKey,
                        idempotencyKey,
                        runAt,
                        delay,
                        deadline,
                        debounce == null ? conflate : debounce,
                        metadata,
                        new Callbacks(replyTo, failTo)));
            }
        }
    }
}
