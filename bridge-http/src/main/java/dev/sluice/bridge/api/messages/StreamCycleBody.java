package dev.sluice.bridge.api.messages;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.core.JsonToken;
import dev.sluice.bridge.json.JsonBody;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.transact.StreamCycle.Change;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The body of a cycle of a stream query.
 *
 * <pre>{@code
 * {"query_id": "…", "partition_id": "…",                              required
 *  "consumer_group": "streams.…",                                     default "__QUEUE_MODE__"
 *  "state_ops": [{"type": "upsert", "key": "k", "value": {"n": 1}},   the value is any JSON, default null
 *                {"type": "delete", "key": "k"}],
 *  "push_items": [{as in a push}],
 *  "ack": {"transactionId": "o-1", "leaseId": "…", "status": "completed", "count": 1, "error": null},
 *  "release_lease": true}
 * }</pre>
 *
 * @param queryId as the client sent it
 * @param partitionId as the client sent it
 * @param changes changes of the state
 * @param messages the messages to push
 * @param upTo acknowledges up to this message; null for none
 * @param count the number of acknowledged messages, as the client counts
 * @param releases whether the cycle ends the lease
 * @param refusal why the cycle is refused without asking the database; null if it is not
 */
record StreamCycleBody(
        UUID queryId,
        UUID partitionId,
        List<Change> changes,
        List<NewMessage> messages,
        @Nullable Acknowledgement upTo,
        long count,
        boolean releases,
        @Nullable String refusal) {
    private static final int MAX_COUNT_DIGITS = 9;
    /** Bytes of a change of the state besides its key and its value, here and on the way to the database. */
    private static final int CHANGE_BYTES = 200;

    /**
     * Reads a body.
     *
     * @param defaults values of messages that do not have their own
     * @throws InvalidRequestException (400) if it is not JSON, or a field is missing or of the wrong type
     */
    static StreamCycleBody parse(
            byte[] bytes, RequestLimits limits, MessageIds ids, PushDefaults defaults, RequestMemory.Claim memory) {
        try (var json = JsonBody.open(bytes, limits.depth(), memory)) {
            var reader = new Reader(json, limits, ids, defaults, new TraceRoom(limits, bytes.length, memory));
            if (json.first() == JsonToken.START_OBJECT) {
                for (String field = json.nextField(); field != null; field = json.nextField()) {
                    reader.read(field, json.value());
                }
            } else {
                json.skip();
            }
            json.end();
            return reader.body();
        }
    }

    private static final class Reader {
        private final JsonBody json;
        private final RequestLimits limits;
        private final PushBody.Reader items;
        private @Nullable UUID queryId;
        private @Nullable UUID partitionId;
        private String group = PopTarget.DEFAULT_GROUP;
        private List<Change> changes = new ArrayList<>();
        private List<NewMessage> messages = List.of();
        private AcknowledgeBody.@Nullable Fields upTo;
        private boolean changesGiven;
        private boolean messagesGiven;
        private long count = 1;
        private boolean releases = true;
        private @Nullable String refusal;

        Reader(JsonBody json, RequestLimits limits, MessageIds ids, PushDefaults defaults, TraceRoom room) {
            this.json = json;
            this.limits = limits;
            this.items = new PushBody.Reader(json, limits, ids, defaults, PushBody.NULL_PAYLOAD, room);
        }

        void read(String field, JsonToken value) {
            switch (field) {
                case "query_id" -> queryId = uuid(field, value);
                case "partition_id" -> partitionId = uuid(field, value);
                case "consumer_group" -> group = AcknowledgeBody.group(json, value, field);
                case "state_ops" -> {
                    json.refuseSecond(field, changesGiven);
                    changesGiven = true;
                    readChanges(value);
                }
                case "push_items" -> {
                    json.refuseSecond(field, messagesGiven);
                    messagesGiven = true;
                    messages = value == JsonToken.VALUE_NULL ? List.of() : items.readItems(value, field);
                }
                case "ack" -> readAcknowledgement(value);
                case "release_lease" -> releases = flag(field, value);
                default -> json.skip();
            }
        }

        private UUID uuid(String field, JsonToken value) {
            UUID uuid = value == JsonToken.VALUE_STRING ? JsonBody.uuid(json.text(null)) : null;
            if (uuid == null) {
                throw badRequest(field + " is required and must be a UUID");
            }
            return uuid;
        }

        private boolean flag(String field, JsonToken value) {
            if (value == JsonToken.VALUE_NULL) {
                return true;
            }
            if (!value.isBoolean()) {
                throw badRequest(field + " must be true or false");
            }
            return value == JsonToken.VALUE_TRUE;
        }

        private void readChanges(JsonToken value) {
            changes = new ArrayList<>();
            if (value == JsonToken.VALUE_NULL) {
                return;
            }
            if (value != JsonToken.START_ARRAY) {
                throw badRequest("state_ops must be an array");
            }
            int index = 0;
            for (JsonToken token = json.value(); token != JsonToken.END_ARRAY; token = json.value()) {
                if (token != JsonToken.START_OBJECT) {
                    throw badRequest("state_ops must be objects, operation " + index + " is not");
                }
                if (index++ == limits.items()) {
                    throw badRequest("state_ops must be at most " + limits.items() + " (http.max.items)");
                }
                readChange();
            }
        }

        private void readChange() {
            String type = "";
            String key = null;
            String state = "null";
            json.take(CHANGE_BYTES);
            for (String field = json.nextField(); field != null; field = json.nextField()) {
                JsonToken value = json.value();
                switch (field) {
                    case "type" -> type = text("type", value);
                    case "key" -> key = text("key", value);
                    case "value" -> state = json.sliceText();
                    default -> json.skip();
                }
            }
            if (!type.equals("upsert") && !type.equals("delete")) {
                refuse("Unknown state operation: " + type);
                return;
            }
            if (key == null) {
                throw badRequest("key must be a string");
            }
            try {
                changes.add(
                        type.equals("upsert") ? new Change(key, state, windowEnd(state)) : new Change(key, null, null));
            } catch (IllegalArgumentException e) {
                throw badRequest(String.valueOf(e.getMessage()));
            }
        }

        private String text(String field, JsonToken value) {
            if (value != JsonToken.VALUE_STRING) {
                throw badRequest(field + " must be a string");
            }
            return json.text(null);
        }

        /** Returns the number in the field {@code windowEnd} of an object; null if there is none. */
        private @Nullable Double windowEnd(String state) {
            Double end = null;
            try (var value = JsonBody.open(state.getBytes(StandardCharsets.UTF_8), limits.depth())) {
                if (value.first() != JsonToken.START_OBJECT) {
                    return null;
                }
                for (String field = value.nextField(); field != null; field = value.nextField()) {
                    JsonToken token = value.value();
                    if (!field.equals("windowEnd")) {
                        value.skip();
                    } else if (token.isNumeric()) {
                        end = Double.valueOf(value.text(null));
                    } else {
                        value.skip();
                        end = null;
                    }
                }
            }
            return end;
        }

        private void readAcknowledgement(JsonToken value) {
            upTo = null;
            if (value == JsonToken.VALUE_NULL) {
                return;
            }
            if (value != JsonToken.START_OBJECT) {
                throw badRequest("ack must be an object");
            }
            var fields = new AcknowledgeBody.Fields();
            for (String field = json.nextField(); field != null; field = json.nextField()) {
                JsonToken token = json.value();
                if (field.equals("count")) {
                    count = count(token);
                } else {
                    fields.read(json, field, token);
                }
            }
            upTo = fields;
        }

        private long count(JsonToken value) {
            String text = new String(json.slice(), StandardCharsets.UTF_8);
            if (value == JsonToken.VALUE_NULL) {
                return 1;
            }
            if (value == JsonToken.VALUE_NUMBER_INT && !text.startsWith("-") && text.length() <= MAX_COUNT_DIGITS) {
                return Long.parseLong(text);
            }
            throw badRequest("count must be a whole number of at most " + MAX_COUNT_DIGITS + " digits");
        }

        private void refuse(String error) {
            if (refusal == null) {
                refusal = error;
            }
        }

        StreamCycleBody body() {
            if (queryId == null) {
                throw badRequest("query_id is required and must be a UUID");
            }
            if (partitionId == null) {
                throw badRequest("partition_id is required and must be a UUID");
            }
            return new StreamCycleBody(
                    queryId, partitionId, changes, messages, acknowledgement(partitionId), count, releases, refusal);
        }

        private @Nullable Acknowledgement acknowledgement(UUID partition) {
            if (upTo == null) {
                return null;
            }
            AcknowledgeBody.Item item = upTo.in(partition).toItem(group);
            Acknowledgement said = item.acknowledgement();
            if (said == null) {
                refuse(item.refusal() == null ? "Unknown ack status" : item.refusal());
            } else if (said.verdict() == Acknowledgement.Verdict.RETRY) {
                refuse("Unknown ack status: retry");
            }
            return said;
        }
    }
}
