package dev.sluice.bridge.api.manage;

import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.http.JsonRequest;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.queue.QueueInfo;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.admin.Queues;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The body of a {@code PATCH} of a queue, a merge patch (RFC 7396) of what {@code configure} takes. An option of an old
 * client that this service does not know would be lost without a word, so unknown fields are refused.
 *
 * @param namespace the new namespace; null: unchanged
 * @param task the new task; null: unchanged
 * @param options the options to change; null: all of them get their default
 */
record QueueChange(
        @Nullable String namespace,
        @Nullable String task,
        @Nullable JsonRequest options) implements Queues.Change {
    private static final List<String> FIELDS = List.of("queue", "namespace", "task", "options");

    /**
     * Reads a body.
     *
     * @param queue the queue in the path; {@code queue} in the body may repeat it
     * @throws InvalidRequestException (400) if it is not JSON, or has an unknown field or a value that is not valid
     */
    static QueueChange parse(String queue, byte[] body, int maxDepth, RequestMemory.Claim memory) {
        JsonRequest json = JsonRequest.parse(body, maxDepth, memory);
        requireKnown(json.fields(), "", FIELDS);
        String named = json.text("queue");
        if (named != null && !named.equals(queue)) {
            throw badRequest("queue must be absent, or the queue in the path");
        }
        JsonNode options = json.fields().has("options") ? json.fields().get("options") : object();
        if (!options.isObject() && !options.isNull()) {
            throw badRequest("options must be an object");
        }
        requireKnown(options, "options.", QueueOptionsJson.names());
        var change = new QueueChange(
                json.fields().has("namespace") ? label(json, "namespace") : null,
                json.fields().has("task") ? label(json, "task") : null,
                options.isNull() ? null : new JsonRequest(options));
        QueueOptions unused = change.over(QueueOptions.DEFAULTS); // Refuses a value before the database is asked.
        return change;
    }

    /** Reads a namespace or a task, which may be empty but otherwise follows the rules of a name. */
    static String label(JsonRequest json, String field) {
        String text = json.text(field);
        return text == null || text.isEmpty() ? "" : Parameters.name(field, text);
    }

    private static void requireKnown(JsonNode object, String where, Collection<String> known) {
        object.fieldNames().forEachRemaining(name -> {
            if (!known.contains(name)) {
                throw badRequest("unknown field " + where + name + "; there are " + String.join(", ", known));
            }
        });
    }

    private QueueOptions over(QueueOptions before) {
        return options == null ? QueueOptions.DEFAULTS : QueueOptionsJson.merge(options, before);
    }

    @Override
    public QueueInfo of(QueueInfo before) {
        return new QueueInfo(
                before.id(),
                before.name(),
                namespace == null ? before.namespace() : namespace,
                task == null ? before.task() : task,
                over(before.options()),
                before.createdAt(),
                0,
                0);
    }
}
