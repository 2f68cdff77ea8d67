package dev.sluice.bridge.api.messages;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.core.JsonToken;
import dev.sluice.bridge.json.JsonBody;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.PopTarget;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The body of one acknowledgement or of a batch.
 *
 * <pre>{@code
 * {"transactionId": "o-1", "partitionId": "…", "status": "completed", "leaseId": "…", "error": null,
 *   "consumerGroup": null}
 * {"acknowledgments": [{the same without "consumerGroup"}, …], "consumerGroup": null}
 * }</pre>
 *
 * @param items the acknowledgements, in the order of the client
 */
record AcknowledgeBody(List<Item> items) {
    private static final int MAX_ERROR_LENGTH = 10_000;
    /** Bytes of an acknowledgement besides its texts, with its outcome and its part of the answer. */
    static final int ITEM_BYTES = 480;

    /**
     * One acknowledgement. Either the queue decides it, or its own content already refuses it.
     *
     * @param transactionId as the client sent it
     * @param acknowledgement for the queue; null if it is refused
     * @param refusal the error for the client; null for an unknown status, which is refused without an error text
     */
    record Item(
            String transactionId,
            @Nullable Acknowledgement acknowledgement,
            @Nullable String refusal) {}

    /**
     * Reads the body of a single acknowledgement.
     *
     * @throws InvalidRequestException (400) if it is not JSON, or a field is missing, of the wrong type or malformed
     */
    static AcknowledgeBody parseSingle(byte[] bytes, RequestLimits limits, RequestMemory.Claim memory) {
        try (var json = JsonBody.open(bytes, limits.depth(), memory)) {
            var fields = new Fields();
            if (json.first() == JsonToken.START_OBJECT) {
                for (String field = json.nextField(); field != null; field = json.nextField()) {
                    JsonToken value = json.value();
                    if (field.equals("consumerGroup")) {
                        fields.readGroup(json, value);
                    } else {
                        fields.read(json, field, value);
                    }
                }
            } else {
                json.skip();
            }
            json.end();
            if (fields.partitionId != null && JsonBody.uuid(fields.partitionId) == null) {
                throw badRequest("partitionId must be a UUID");
            }
            return new AcknowledgeBody(List.of(fields.toItem()));
        }
    }

    /**
     * Reads the body of a batch, which may be empty.
     *
     * @throws InvalidRequestException (400) if it is not JSON, or a field is missing or of the wrong type
     */
    static AcknowledgeBody parseBatch(byte[] bytes, RequestLimits limits, RequestMemory.Claim memory) {
        try (var json = JsonBody.open(bytes, limits.depth(), memory)) {
            List<Fields> acknowledgments = null;
            String group = PopTarget.DEFAULT_GROUP;
            if (json.first() == JsonToken.START_OBJECT) {
                for (String field = json.nextField(); field != null; field = json.nextField()) {
                    JsonToken value = json.value();
                    switch (field) {
                        case "acknowledgments" -> {
                            json.refuseSecond(field, acknowledgments != null);
                            acknowledgments = fields(json, value, limits);
                        }
                        case "consumerGroup" -> group = group(json, value, "consumerGroup");
                        default -> json.skip();
                    }
                }
            } else {
                json.skip();
            }
            json.end();
            if (acknowledgments == null) {
                throw badRequest("acknowledgments array is required");
            }
            var items = new ArrayList<Item>(acknowledgments.size());
            for (Fields fields : acknowledgments) {
                items.add(fields.toItem(group));
            }
            return new AcknowledgeBody(items);
        }
    }

    private static List<Fields> fields(JsonBody json, JsonToken value, RequestLimits limits) {
        if (value != JsonToken.START_ARRAY) {
            throw badRequest("acknowledgments array is required");
        }
        var list = new ArrayList<Fields>();
        Fields previous = null;
        for (JsonToken token = json.value(); token != JsonToken.END_ARRAY; token = json.value()) {
            if (token != JsonToken.START_OBJECT) {
                throw badRequest("acknowledgments must be objects, item " + list.size() + " is not");
            }
            if (list.size() == limits.items()) {
                throw badRequest("acknowledgments must be at most " + limits.items() + " (http.max.items)");
            }
            json.take(ITEM_BYTES);
            var fields = new Fields();
            fields.previous = previous;
            for (String field = json.nextField(); field != null; field = json.nextField()) {
                fields.read(json, field, json.value());
            }
            fields.previous = null;
            list.add(fields);
            previous = fields;
        }
        return list;
    }

    /** Reads the name of a group. Null and an empty name mean the default group. */
    static String group(JsonBody json, JsonToken value, String field) {
        String group = nullableString(json, value, field, null);
        if (group == null || group.isEmpty()) {
            return PopTarget.DEFAULT_GROUP;
        }
        try {
            NewMessage.checkName(field, group);
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
        return group;
    }

    private static @Nullable String nullableString(
            JsonBody json, JsonToken value, String name, @Nullable String previous) {
        if (value == JsonToken.VALUE_NULL) {
            return null;
        }
        if (value != JsonToken.VALUE_STRING) {
            throw badRequest(name + " must be a string");
        }
        return json.text(previous);
    }

    /** The fields of one acknowledgement as text, before the group is known. */
    static final class Fields {
        private @Nullable Fields previous;
        private @Nullable String transactionId;
        private @Nullable String partitionId;
        private @Nullable String leaseId;
        private @Nullable String status;
        private @Nullable String error;
        private String group = PopTarget.DEFAULT_GROUP;

        void read(JsonBody json, String field, JsonToken value) {
            Fields before = previous;
            switch (field) {
                case "transactionId" -> transactionId = textOrNull(json, value, "transactionId is required", null);
                case "partitionId" ->
                    partitionId = textOrNull(
                            json,
                            value,
                            "partitionId is required to ensure message uniqueness",
                            before == null ? null : before.partitionId);
                case "leaseId" ->
                    leaseId = nullableString(json, value, "leaseId", before == null ? null : before.leaseId);
                case "status" -> status = nullableString(json, value, "status", before == null ? null : before.status);
                case "error" -> error = nullableString(json, value, "error", null);
                default -> json.skip();
            }
        }

        /** Reads an acknowledgement that names its group itself. */
        void readGroup(JsonBody json, JsonToken value) {
            group = AcknowledgeBody.group(json, value, "consumerGroup");
        }

        /** Returns null for null: whether the field is required is known after the whole object is read. */
        private static @Nullable String textOrNull(
                JsonBody json, JsonToken value, String message, @Nullable String previous) {
            if (value == JsonToken.VALUE_NULL) {
                return null;
            }
            if (value != JsonToken.VALUE_STRING) {
                throw badRequest(message);
            }
            return json.text(previous);
        }

        /** Returns the fields of an acknowledgement whose partition is named elsewhere. */
        Fields in(UUID partition) {
            partitionId = partition.toString();
            return this;
        }

        Item toItem() {
            return toItem(group);
        }

        Item toItem(String group) {
            if (transactionId == null || transactionId.isEmpty()) {
                throw badRequest("transactionId is required");
            }
            if (partitionId == null || partitionId.isEmpty()) {
                throw badRequest("partitionId is required to ensure message uniqueness");
            }
            UUID partition = JsonBody.uuid(partitionId);
            if (partition == null) {
                return new Item(transactionId, null, "partitionId must be a UUID");
            }
            Acknowledgement.Verdict verdict = verdict(status);
            if (verdict == null) {
                return new Item(transactionId, null, null);
            }
            UUID lease = null;
            if (leaseId != null && !leaseId.isEmpty()) {
                lease = JsonBody.uuid(leaseId);
                if (lease == null) {
                    return new Item(transactionId, null, AcknowledgeEndpoint.LEASE_INVALID);
                }
            }
            OptionalLong id = PartitionIds.fromUuid(partition);
            if (id.isEmpty() || !isName(transactionId)) {
                return new Item(transactionId, null, AcknowledgeEndpoint.NOT_FOUND);
            }
            return new Item(
                    transactionId,
                    new Acknowledgement(group, id.getAsLong(), transactionId, lease, verdict, storable(error)),
                    null);
        }

        private static Acknowledgement.@Nullable Verdict verdict(@Nullable String status) {
            if (status == null) {
                return Acknowledgement.Verdict.COMPLETED;
            }
            return switch (status) {
                case "completed", "success" -> Acknowledgement.Verdict.COMPLETED;
                case "failed" -> Acknowledgement.Verdict.FAILED;
                case "retry" -> Acknowledgement.Verdict.RETRY;
                case "dlq" -> Acknowledgement.Verdict.DLQ;
                default -> null;
            };
        }

        /** No message has a transaction id that breaks the rules of a push. */
        private static boolean isName(String transactionId) {
            try {
                NewMessage.checkName("transactionId", transactionId);
                return true;
            } catch (IllegalArgumentException e) {
                return false;
            }
        }

        /**
         * An error is text for people. So characters that PostgreSQL cannot store are replaced, and a long text is cut.
         */
        private static @Nullable String storable(@Nullable String error) {
            if (error == null) {
                return null;
            }
            var text = new StringBuilder(error.length());
            error.codePoints()
                    .limit(MAX_ERROR_LENGTH)
                    .map(c -> c == 0 || (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) ? 0xfffd : c)
                    .forEach(text::appendCodePoint);
            return text.toString();
        }
    }
}
