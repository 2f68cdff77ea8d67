package dev.sluice.bridge.api.manage;

import static dev.sluice.bridge.http.Access.ADMIN;
import static dev.sluice.bridge.http.Access.READ_ONLY;
import static dev.sluice.bridge.http.Access.READ_WRITE;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.Answer.NOT_FOUND;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.delete;
import static dev.sluice.bridge.http.Route.get;
import static dev.sluice.bridge.http.Route.patch;
import static dev.sluice.bridge.http.Route.post;
import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.JsonRequest;
import dev.sluice.bridge.http.PageRequest;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.bridge.metrics.Counters;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.PartitionKey;
import dev.sluice.queue.QueueIds;
import dev.sluice.queue.QueueInfo;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.admin.PartitionInfo;
import dev.sluice.queue.admin.Queues;
import dev.sluice.queue.view.Counter;
import java.io.IOException;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** The routes that configure queues, list partitions, and delete queues, partitions and messages. */
public final class QueueEndpoints {
    private static final int MAX_LIMIT = 1_000;
    private static final int USUAL_LIMIT = 100;

    private final Queues queues;
    private final DatabaseExecutor executor;
    private final int listMax;
    private final Consumer<Set<String>> wake;
    private final Counters counters;
    private final RequestBodies bodies;

    public QueueEndpoints(
            Queues queues,
            DatabaseExecutor executor,
            int listMax,
            Consumer<Set<String>> wake,
            Counters counters,
            RequestBodies bodies) {
        this.queues = queues;
        this.executor = executor;
        this.listMax = listMax;
        this.wake = wake;
        this.counters = counters;
        this.bodies = bodies;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                post("/api/v1/configure", READ_WRITE, this::configure),
                get("/api/v1/resources/partitions", READ_ONLY, this::partitions),
                patch("/api/v1/resources/queues/{queue}", READ_WRITE, this::change),
                delete("/api/v1/resources/queues", ADMIN, this::deleteQueueInQuery),
                delete("/api/v1/resources/queues/{queue}", ADMIN, this::deleteQueue),
                delete("/api/v1/resources/queues/{queue}/partitions/{partition}", ADMIN, this::deletePartition),
                delete("/api/v1/queues/{queue}/clear", ADMIN, this::clear),
                delete("/api/v1/messages/{partitionId}/{transactionId}", READ_WRITE, this::deleteMessage));
    }

    private record Configuration(String queue, String namespace, String task, QueueOptions options) {
        /** The complete configuration of a queue: it keeps no earlier option. */
        static Configuration parse(byte[] body, int maxDepth, RequestMemory.Claim memory) {
            JsonRequest json = JsonRequest.parse(body, maxDepth, memory);
            JsonNode queue = json.value("queue");
            if (queue == null) {
                throw badRequest("queue is required");
            }
            if (!queue.isTextual()) {
                throw badRequest("queue must be a string");
            }
            JsonNode options = json.value("options");
            if (options != null && !options.isObject()) {
                throw badRequest("options must be an object");
            }
            return new Configuration(
                    Parameters.queueName("queue", queue.textValue()),
                    QueueChange.label(json, "namespace"),
                    QueueChange.label(json, "task"),
                    QueueOptionsJson.read(new JsonRequest(options == null ? object() : options)));
        }
    }

    /**
     * {@code POST /api/v1/configure}: {@code {"queue": "orders", "namespace": null, "task": null, "options": {…}}}. An
     * option that is not sent gets its default. Answers
     *
     * <pre>{@code
     * {"configured": true, "queueId": "…", "partitionId": "…", "queue": "orders", "namespace": "", "task": "",
     *   "options": {…}}
     * }</pre>
     *
     * with all options, see {@link QueueOptionsJson}. {@code partitionId} is the id of the partition {@code Default}.
     */
    private CompletableFuture<Answer> configure(Request request) throws IOException {
        return bodies.read(
                        request,
                        (bytes, memory) ->
                                Configuration.parse(bytes, bodies.limits().depth(), memory))
                .thenCompose(wanted -> executor.write(() -> configure(wanted)));
    }

    private Answer configure(Configuration wanted) {
        return configured(
                withKey(() -> queues.configure(wanted.queue(), wanted.namespace(), wanted.task(), wanted.options())));
    }

    /** Refuses options that need a key if there is none. */
    private static <T> T withKey(Supplier<T> configuration) {
        try {
            return configuration.get();
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
    }

    /**
     * {@code PATCH /api/v1/resources/queues/:queue} with {@code {"namespace": "shop", "options": {"leaseTime": 60,
     * "ttl": null}}}: changes the settings that are given, resets those that are null, and keeps all others (RFC 7396).
     * Answers as {@code configure} does; 404 if there is no such queue.
     */
    private CompletableFuture<Answer> change(Request request) throws IOException {
        String queue = Parameters.nameInPath(request, "queue");
        return bodies.read(
                        request,
                        (bytes, memory) ->
                                QueueChange.parse(queue, bytes, bodies.limits().depth(), memory))
                .thenCompose(change -> executor.write(() -> withKey(() -> queues.change(queue, change))
                        .map(this::configured)
                        .orElseGet(() -> Answer.json(NOT_FOUND, object().put("error", "Queue not found")))));
    }

    private Answer configured(QueueInfo queue) {
        OptionalLong partition = queues.findPartition(queue.name(), NewMessage.DEFAULT_PARTITION);
        wake.accept(Set.of(queue.name())); // A shorter delay may have made messages visible.
        ObjectNode answer = object().put("configured", true)
                .put("queueId", QueueIds.toUuid(queue.id()).toString())
                // Null if the partition does not exist: a push need not name it, and it may be deleted.
                .put("partitionId", partition.isEmpty() ? null : uuid(partition.getAsLong()))
                .put("queue", queue.name())
                .put("namespace", queue.namespace())
                .put("task", queue.task());
        answer.set("options", QueueOptionsJson.write(queue.options()));
        return Answer.json(OK, answer);
    }

    /**
     * {@code DELETE /api/v1/resources/queues/:queue}: {@code {"deleted": true, "queue": "orders", "existed": true}}.
     */
    private CompletableFuture<Answer> deleteQueue(Request request) {
        return deleteQueue(Parameters.nameInPath(request, "queue"));
    }

    /**
     * {@code DELETE /api/v1/resources/queues?queue=orders}: the same for a queue that a path cannot address, such as
     * the one with the empty name.
     */
    private CompletableFuture<Answer> deleteQueueInQuery(Request request) {
        String queue = Parameters.queueInQuery(request);
        if (queue == null) {
            request.answerHeader("Allow", "GET, HEAD, DELETE");
            throw InvalidRequestException.methodNotAllowed(
                    "DELETE " + request.path() + " without a queue: name it in the path, or as ?queue=");
        }
        return deleteQueue(queue);
    }

    private CompletableFuture<Answer> deleteQueue(String queue) {
        return executor.write(() -> {
            boolean existed = queues.delete(queue);
            return Answer.json(
                    OK, object().put("deleted", true).put("queue", queue).put("existed", existed));
        });
    }

    /**
     * {@code DELETE /api/v1/resources/queues/:queue/partitions/:partition}: {@code {"deleted": true, "queue": "orders",
     * "partition": "customer-7", "existed": true}}.
     */
    private CompletableFuture<Answer> deletePartition(Request request) {
        String queue = Parameters.nameInPath(request, "queue");
        String partition = Parameters.nameInPath(request, "partition");
        return executor.write(() -> {
            boolean existed = queues.deletePartition(queue, partition);
            if (existed) {
                counters.queue(queue).add(Counter.PARTITIONS_DELETED, 1);
            }
            return Answer.json(
                    OK,
                    object().put("deleted", true)
                            .put("queue", queue)
                            .put("partition", partition)
                            .put("existed", existed));
        });
    }

    /**
     * {@code DELETE /api/v1/messages/:partitionId/:transactionId}: {@code {"success": true, "partitionId": "…",
     * "transactionId": "o-1", "message": "Message deleted"}}; {@code success} is false if there is no such message.
     */
    private CompletableFuture<Answer> deleteMessage(Request request) {
        OptionalLong partition = Parameters.partitionInPath(request);
        String partitionId = request.pathParameter("partitionId");
        String transactionId = Parameters.nameInPath(request, "transactionId");
        return executor.write(() -> {
            boolean deleted = partition.isPresent() && queues.deleteMessage(partition.getAsLong(), transactionId);
            return Answer.json(
                    OK,
                    object().put("success", deleted)
                            .put("partitionId", partitionId)
                            .put("transactionId", transactionId)
                            .put("message", deleted ? "Message deleted" : "Message not found"));
        });
    }

    /**
     * {@code DELETE /api/v1/queues/:queue/clear?partition=}: deletes the messages of a queue or of one of its
     * partitions. Answers {@code {"success": true, "queue": "orders", "partition": null, "cleared": 42}}.
     */
    private CompletableFuture<Answer> clear(Request request) {
        String queue = Parameters.nameInPath(request, "queue");
        String partition = Parameters.nameInQuery(request, "partition");
        return executor.write(() -> {
            long cleared = queues.clear(queue, partition);
            return Answer.json(
                    OK,
                    object().put("success", true)
                            .put("queue", queue)
                            .put("partition", partition)
                            .put("cleared", cleared));
        });
    }

    /**
     * {@code GET /api/v1/resources/partitions?queue=&limit=100&offset=0}: partitions by queue and name.
     *
     * <pre>{@code
     * {"partitions": [{"id": "…", "name": "customer-7", "queue": "orders", "createdAt": "…", "lastActivity": null,
     *                  "messages": {"total": 3, "scheduled": 0}}],
     *  "pagination": {"limit": 100, "offset": 0}}
     * }</pre>
     */
    private CompletableFuture<Answer> partitions(Request request) {
        String queue = Parameters.nameInQuery(request, "queue");
        PageRequest page = PageRequest.of(request, "all-partitions", USUAL_LIMIT, Math.min(MAX_LIMIT, listMax), 2);
        return executor.read(() -> {
            String ofQueue = page.text(0);
            String name = page.text(1);
            var after = ofQueue == null || name == null ? null : new PartitionKey(ofQueue, name);
            List<PartitionInfo> rows = queues.listPartitions(queue, page.rows(), page.offset(), after);
            List<PartitionInfo> shown = page.page(rows);
            String next = null;
            if (page.isTruncated(rows)) {
                PartitionInfo last = shown.get(shown.size() - 1);
                next = page.cursor(last.queue(), last.name());
            }
            return Answer.json(OK, PageRequest.announce(request, write(shown, page.limit(), page.offset()), next));
        });
    }

    private static ObjectNode write(List<PartitionInfo> partitions, int limit, int offset) {
        ObjectNode answer = object();
        var list = answer.putArray("partitions");
        for (PartitionInfo partition : partitions) {
            ObjectNode one = list.addObject()
                    .put("id", uuid(partition.id()))
                    .put("name", partition.name())
                    .put("queue", partition.queue())
                    .put("createdAt", AdminJson.time(partition.createdAt()))
                    .put("lastActivity", AdminJson.time(partition.lastPushAt()));
            one.putObject("messages").put("total", partition.messages()).put("scheduled", partition.scheduled());
        }
        answer.putObject("pagination").put("limit", limit).put("offset", offset);
        return answer;
    }

    private static String uuid(long partitionId) {
        return PartitionIds.toUuid(partitionId).toString();
    }
}
