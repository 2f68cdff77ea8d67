package dev.sluice.bridge.api.manage;

import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.http.JsonRequest;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.TimeRange;
import dev.sluice.queue.ErrorShape;
import dev.sluice.queue.admin.DeadLetterFilter;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads filters and ids of dead letters in requests, and writes filters. */
final class DeadLetterFilters {
    private static final String GROUP = "consumerGroup";
    private static final String PARTITION = "partition";
    private static final String NAMESPACE = "namespace";
    private static final String SHAPE = "shape";
    private static final String ERROR = "error";

    private DeadLetterFilters() {}

    /** Reads the filter in a query. */
    static DeadLetterFilter inQuery(Request request) {
        return inOrder(new DeadLetterFilter(
                Parameters.queueInQuery(request),
                Parameters.nameInQuery(request, GROUP),
                Parameters.nameInQuery(request, PARTITION),
                Parameters.timeInQuery(request, "from"),
                Parameters.timeInQuery(request, "to"),
                storable(Parameters.textInQuery(request, ERROR)),
                Parameters.nameInQuery(request, NAMESPACE),
                shape(Parameters.textInQuery(request, SHAPE))));
    }

    /** Reads a filter in a body. It must have a condition. */
    static DeadLetterFilter inBody(JsonNode object) {
        if (!object.isObject()) {
            throw badRequest("filter must be an object");
        }
        var json = new JsonRequest(object);
        String queue = json.text("queue");
        var filter = inOrder(new DeadLetterFilter(
                queue == null ? null : Parameters.queueName("queue", queue),
                name(json, GROUP),
                name(json, PARTITION),
                json.time("from"),
                json.time("to"),
                storable(json.text(ERROR)),
                name(json, NAMESPACE),
                shape(json.text(SHAPE))));
        if (filter.equals(DeadLetterFilter.ALL)) {
            throw badRequest("a filter with nothing in it means all dead letters: say \"all\": true for that");
        }
        return filter;
    }

    private static @Nullable String name(JsonRequest json, String field) {
        String name = json.text(field);
        return name == null ? null : Parameters.name(field, name);
    }

    private static @Nullable Long shape(@Nullable String text) {
        try {
            return text == null ? null : (Long) ErrorShape.parseId(text);
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
    }

    private static DeadLetterFilter inOrder(DeadLetterFilter filter) {
        TimeRange.requireOrder(filter.from(), filter.to());
        return filter;
    }

    /** PostgreSQL cannot store a text with U+0000. */
    static @Nullable String storable(@Nullable String error) {
        if (error != null && error.indexOf(0) >= 0) {
            throw badRequest("error must not contain U+0000");
        }
        return error;
    }

    /** Requires that a body selects letters in one way: by ids, by a filter, or all of them. */
    static void requireOne(JsonRequest json) {
        int given = (json.value("ids") == null ? 0 : 1)
                + (json.value("filter") == null ? 0 : 1)
                + (json.flag("all", false) ? 1 : 0);
        if (given != 1) {
            throw badRequest("one of an ids array, a filter object and \"all\": true is required");
        }
    }

    /** Reads the ids of letters. */
    static List<Long> ids(JsonNode array, int most) {
        if (!array.isArray()) {
            throw badRequest("ids must be an array");
        }
        if (array.size() > most) {
            throw badRequest("ids must be at most " + most);
        }
        var ids = new ArrayList<Long>();
        for (JsonNode id : array) {
            if (!id.isIntegralNumber() || !id.canConvertToLong()) {
                throw badRequest("ids must be whole numbers, element " + ids.size() + " is not");
            }
            ids.add(id.longValue());
        }
        return ids;
    }

    /** Returns a filter as a body has it. */
    static ObjectNode json(DeadLetterFilter filter) {
        Long shape = filter.shape();
        return object().put("queue", filter.queue())
                .put(NAMESPACE, filter.namespace())
                .put(GROUP, filter.group())
                .put(PARTITION, filter.partition())
                .put(SHAPE, shape == null ? null : ErrorShape.idText(shape))
                .put(ERROR, filter.error())
                .put("from", AdminJson.time(filter.from()))
                .put("to", AdminJson.time(filter.to()));
    }
}
