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
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The body of a transaction.
 *
 * <pre>{@code
 * {"operations": [{"type": "push", "items": [{as in a push; the payload defaults to {}}]},
 *                 {"type": "ack", "transactionId": "o-1", "partitionId": "…", "status": "completed",
 *                   "consumerGroup": null,
 *                  "leaseId": null, "error": null}],
 *  "requiredLeases": […]}      ignored: each ack names its lease
 * }</pre>
 *
 * @param operations the operations in order, one push for each item
 * @param refusal why the transaction is refused without asking the database; null if it is not
 */
record TransactionBody(List<Operation> operations, @Nullable String refusal) {
    /** Bytes of an operation besides its texts: the acknowledgement with its outcome and its part of the answer. */
    private static final int OPERATION_BYTES = AcknowledgeBody.ITEM_BYTES;

    private static final byte[] EMPTY_PAYLOAD = "{}".getBytes(StandardCharsets.US_ASCII);

    /** A part of a transaction. */
    sealed interface Operation {}

    /** Pushes a message. */
    record Push(NewMessage message) implements Operation {}

    /** Acknowledges a message. */
    record Acknowledge(Acknowledgement verdict) implements Operation {}

    /**
     * Reads a body.
     *
     * @param defaults values of pushed items that do not have their own
     * @throws InvalidRequestException (400) if it is not JSON, or a field is missing or of the wrong type
     */
    static TransactionBody parse(
            byte[] bytes, RequestLimits limits, MessageIds ids, PushDefaults defaults, RequestMemory.Claim memory) {
        try (var json = JsonBody.open(bytes, limits.depth(), memory)) {
            var reader = new Reader(json, limits, ids, defaults, new TraceRoom(limits, bytes.length, memory));
            boolean given = false;
            if (json.first() == JsonToken.START_OBJECT) {
                for (String field = json.nextField(); field != null; field = json.nextField()) {
                    JsonToken value = json.value();
                    if (field.equals("operations")) {
                        json.refuseSecond(field, given);
                        given = true;
                        reader.readOperations(value);
                    } else {
                        json.skip();
                    }
                }
            } else {
                json.skip();
            }
            json.end();
            if (!given) {
                throw badRequest("operations array required");
            }
            PushBody.takeForWriter(reader.pushes, memory);
            return new TransactionBody(reader.operations, reader.refusal);
        }
    }

    private static final class Reader {
        private final JsonBody json;
        private final RequestLimits limits;
        private final PushBody.Reader items;
        private List<Operation> operations = new ArrayList<>();
        private @Nullable String refusal;
        private int pushes;

        Reader(JsonBody json, RequestLimits limits, MessageIds ids, PushDefaults defaults, TraceRoom room) {
            this.json = json;
            this.limits = limits;
            this.items = new PushBody.Reader(json, limits, ids, defaults, EMPTY_PAYLOAD, room);
        }

        void readOperations(JsonToken value) {
            if (value != JsonToken.START_ARRAY) {
                throw badRequest("operations array required");
            }
            operations = new ArrayList<>();
            int count = 0;
            for (JsonToken token = json.value(); token != JsonToken.END_ARRAY; token = json.value()) {
                if (token != JsonToken.START_OBJECT) {
                    throw badRequest("operations must be objects, operation " + count + " is not");
                }
                if (++count > limits.items()) {
                    throw badRequest("operations must be at most " + limits.items() + " (http.max.items)");
                }
                readOperation();
            }
            if (count == 0) {
                throw badRequest("operations array cannot be empty");
            }
            if (operations.size() > limits.items()) {
                throw badRequest("operations must have at most " + limits.items() + " items (http.max.items)");
            }
        }

        private void readOperation() {
            json.take(OPERATION_BYTES);
            String type = "";
            List<NewMessage> messages = null;
            var verdict = new AcknowledgeBody.Fields();
            for (String field = json.nextField(); field != null; field = json.nextField()) {
                JsonToken value = json.value();
                switch (field) {
                    case "type" -> type = readType(value);
                    case "items" -> {
                        json.refuseSecond(field, messages != null);
                        messages = value == JsonToken.VALUE_NULL ? null : items.readItems(value, field);
                    }
                    case "consumerGroup" -> verdict.readGroup(json, value);
                    default -> verdict.read(json, field, value);
                }
            }
            switch (type) {
                case "push" -> addPushes(messages);
                case "ack" -> addVerdict(verdict);
                default -> refuse("Unknown operation type: " + type);
            }
        }

        private String readType(JsonToken value) {
            if (value != JsonToken.VALUE_STRING) {
                throw badRequest("type must be a string");
            }
            return json.text(null);
        }

        private void addPushes(@Nullable List<NewMessage> messages) {
            if (messages == null) {
                throw badRequest("items array is required");
            }
            messages.forEach(message -> operations.add(new Push(message)));
            pushes += messages.size();
        }

        private void addVerdict(AcknowledgeBody.Fields fields) {
            AcknowledgeBody.Item item = fields.toItem();
            Acknowledgement said = item.acknowledgement();
            if (said == null) {
                refuse("ACK operation failed: "
                        + (item.refusal() == null ? "Unknown status" : String.valueOf(item.refusal())));
                return;
            }
            switch (said.verdict()) {
                case COMPLETED, DLQ -> operations.add(new Acknowledge(said));
                case FAILED ->
                    operations.add(new Acknowledge(new Acknowledgement(
                            said.group(),
                            said.partitionId(),
                            said.transactionId(),
                            said.leaseId(),
                            Acknowledgement.Verdict.DLQ, // There is no retry in a transaction.
                            said.error())));
                case RETRY -> refuse("ACK operation failed: status retry is not possible in a transaction");
            }
        }

        private void refuse(String error) {
            if (refusal == null) {
                refusal = error;
            }
        }
    }
}
