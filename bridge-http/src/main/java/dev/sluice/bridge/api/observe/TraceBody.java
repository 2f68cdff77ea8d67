package dev.sluice.bridge.api.observe;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.core.JsonToken;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.json.JsonBody;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.queue.PopTarget;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The body of {@code POST /api/v1/traces}.
 *
 * <pre>{@code
 * {"transactionId": "o-1", "partitionId": "…", "data": {"step": "charged"}, "consumerGroup": "billing",
 *   "eventType": "info",
 *  "traceNames": ["order-1001"]}
 * }</pre>
 *
 * The first three are required. {@code traceNames} may be one string.
 *
 * @param partitionId partition of the message
 * @param transactionId key of the message
 * @param group the consumer's group
 * @param eventType kind of the event
 * @param data JSON text, byte for byte
 * @param names names under which the trace is listed
 */
record TraceBody(
        UUID partitionId, String transactionId, String group, String eventType, String data, List<String> names) {
    static final int MAX_NAMES = 100;
    private static final String USUAL_TYPE = "info";

    /** Reads a body. Throws {@link InvalidRequestException} (400), naming the field, if one is not valid. */
    static TraceBody parse(byte[] body, int maxDepth, RequestMemory.Claim memory) {
        try (JsonBody json = JsonBody.open(body, maxDepth, memory)) {
            if (json.first() != JsonToken.START_OBJECT) {
                throw badRequest("the body must be a JSON object");
            }
            String transactionId = null;
            String partitionId = null;
            String group = null;
            String eventType = null;
            String data = null;
            List<String> names = List.of();
            for (String field = json.nextField(); field != null; field = json.nextField()) {
                JsonToken value = json.value();
                switch (field) {
                    case "transactionId" -> transactionId = text(json, value, field);
                    case "partitionId" -> partitionId = text(json, value, field);
                    case "consumerGroup" -> group = text(json, value, field);
                    case "eventType" -> eventType = text(json, value, field);
                    case "traceNames" -> names = names(json, value);
                    case "data" -> data = json.sliceText();
                    default -> json.skip();
                }
            }
            json.end();
            if (transactionId == null || partitionId == null) {
                throw badRequest("transactionId and partitionId are required");
            }
            if (data == null) {
                throw badRequest("data is required");
            }
            UUID uuid = JsonBody.uuid(partitionId);
            if (uuid == null) {
                throw badRequest("partitionId must be a UUID");
            }
            return new TraceBody(
                    uuid,
                    transactionId,
                    group == null ? PopTarget.DEFAULT_GROUP : group,
                    eventType == null ? USUAL_TYPE : eventType,
                    data,
                    names);
        }
    }

    private static List<String> names(JsonBody json, JsonToken value) {
        if (value != JsonToken.START_ARRAY) {
            String name = text(json, value, "traceNames");
            return name == null ? List.of() : List.of(name);
        }
        var names = new ArrayList<String>();
        for (JsonToken token = json.value(); token != JsonToken.END_ARRAY; token = json.value()) {
            String name = text(json, token, "traceNames");
            if (name == null) {
                throw badRequest("traceNames must be strings that are not empty");
            }
            if (names.size() == MAX_NAMES) {
                throw badRequest("traceNames must be at most " + MAX_NAMES);
            }
            names.add(name);
        }
        return names;
    }

    /** Returns a name, or null if it is null or empty. */
    private static @Nullable String text(JsonBody json, JsonToken value, String field) {
        if (value == JsonToken.VALUE_NULL) {
            return null;
        }
        if (value != JsonToken.VALUE_STRING) {
            throw badRequest(field + " must be a string");
        }
        String text = json.text(null);
        return text.isEmpty() ? null : Parameters.name(field, text);
    }
}
