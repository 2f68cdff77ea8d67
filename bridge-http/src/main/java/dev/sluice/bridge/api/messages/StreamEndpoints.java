package dev.sluice.bridge.api.messages;

import static dev.sluice.bridge.http.Access.READ_ONLY;
import static dev.sluice.bridge.http.Access.READ_WRITE;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.Answer.CONFLICT;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.post;
import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.JsonRequest;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.ingest.PushResult;
import dev.sluice.bridge.json.JsonBody;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.bridge.repositories.WriterPool;
import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.StreamIds;
import dev.sluice.queue.transact.StreamCycle;
import dev.sluice.queue.transact.Streams;
import dev.sluice.queue.transact.TransactionExecutor;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The routes of stream processors. A stream processor pops its input as any consumer does, in a group of its own. With
 * a cycle it changes its state, pushes its output and moves its cursor in one transaction.
 */
public final class StreamEndpoints {
    private static final int ROW_BYTES = 256;

    private final Streams streams;
    private final DatabaseExecutor executor;
    private final WriterPool<TransactionExecutor> transactions;
    private final RoomCheck room;
    private final Consumer<Set<String>> wake;
    private final RequestBodies bodies;
    private final MessageIds ids;

    public StreamEndpoints(
            Streams streams,
            DatabaseExecutor executor,
            WriterPool<TransactionExecutor> transactions,
            RoomCheck room,
            Consumer<Set<String>> wake,
            RequestBodies bodies,
            MessageIds ids) {
        this.streams = streams;
        this.executor = executor;
        this.transactions = transactions;
        this.room = room;
        this.wake = wake;
        this.bodies = bodies;
        this.ids = ids;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                post("/streams/v1/queries", READ_WRITE, this::register),
                post("/streams/v1/cycle", READ_WRITE, this::cycle),
                post("/streams/v1/state/get", READ_ONLY, this::state));
    }

    /**
     * {@code POST /streams/v1/queries} with {@code {"name": "sum", "source_queue": "orders", "sink_queue": null,
     * "config_hash": "h1", "reset": false}}: registers a query, or finds the registered one.
     *
     * <pre>{@code
     * {"success": true, "query_id": "…", "name": "sum", "config_hash": "h1", "fresh": true, "reset": false}
     * {"success": false, "query_id": "…", "name": "sum", "error": "config_hash mismatch: …"}     409
     * }</pre>
     */
    private CompletableFuture<Answer> register(Request request) throws IOException {
        return bodies.read(
                        request,
                        (bytes, memory) ->
                                JsonRequest.parse(bytes, bodies.limits().depth(), memory))
                .thenCompose(body -> {
                    String name = Parameters.name("name", body.requiredText("name"));
                    String source = Parameters.name("source_queue", body.requiredText("source_queue"));
                    String hash = Parameters.name("config_hash", body.requiredText("config_hash"));
                    String sink = body.text("sink_queue");
                    boolean none = sink == null || sink.isEmpty();
                    @Nullable String named = none ? null : Parameters.name("sink_queue", sink);
                    boolean reset = body.flag("reset", false);
                    return executor.write(
                            () -> registered(streams.register(name, source, named, hash, reset), name, hash));
                });
    }

    private static Answer registered(Streams.Query query, String name, String hash) {
        ObjectNode answer = object().put("success", query.registered() != Streams.Registered.MISMATCH)
                .put("query_id", StreamIds.toUuid(query.id()).toString())
                .put("name", name);
        if (query.registered() == Streams.Registered.MISMATCH) {
            return Answer.json(
                    CONFLICT,
                    answer.put(
                            "error",
                            "config_hash mismatch: the state of this query was computed in another way; register it with"
                                    + " reset to drop it, or under another name"));
        }
        return Answer.json(
                OK,
                answer.put("config_hash", hash)
                        .put("fresh", query.registered() == Streams.Registered.FRESH)
                        .put("reset", query.registered() == Streams.Registered.RESET));
    }

    /**
     * {@code POST /streams/v1/cycle}: changes state, pushes and acknowledges in one transaction. See
     * {@link StreamCycleBody} for the request. Answers 200 after the commit and after a rollback:
     *
     * <pre>{@code
     * {"success": true, "query_id": "…", "partition_id": "…", "queueName": "orders", "state_ops_applied": 2,
     *   "push_results": [as of
     *  a push], "ack_result": {"success": true, "count": 1, "lease_released": true, "dlq": false}}
     * {"success": false, "query_id": "…", "partition_id": "…", "queueName": null, "state_ops_applied": 0,
     *   "push_results": [],
     *  "ack_result": null, "error": "Query not found"}
     * }</pre>
     */
    private CompletableFuture<Answer> cycle(Request request) throws IOException {
        PushDefaults defaults = PushDefaults.of(request, room);
        return bodies.read(
                        request,
                        (bytes, memory) -> StreamCycleBody.parse(bytes, bodies.limits(), ids, defaults, memory))
                .thenCompose(this::run);
    }

    private CompletableFuture<Answer> run(StreamCycleBody body) {
        OptionalLong query = StreamIds.fromUuid(body.queryId());
        OptionalLong partition = PartitionIds.fromUuid(body.partitionId());
        if (body.refusal() != null) {
            return refused(body, body.refusal());
        }
        if (query.isEmpty()) {
            return refused(body, error(StreamCycle.Refusal.NO_QUERY));
        }
        if (partition.isEmpty()) {
            return refused(body, error(StreamCycle.Refusal.NO_PARTITION));
        }
        return room.ifRoom(body.messages(), admitted -> {
                    var cycle = new StreamCycle(
                            query.getAsLong(),
                            partition.getAsLong(),
                            body.changes(),
                            admitted,
                            body.upTo(),
                            body.releases());
                    return transactions.run(executor -> executor.run(cycle));
                })
                .thenApply(outcome -> {
                    if (outcome.refusal() == null) {
                        wake(body, outcome);
                    }
                    return Answer.json(OK, write(body, outcome));
                });
    }

    private static CompletableFuture<Answer> refused(StreamCycleBody body, String error) {
        return CompletableFuture.completedFuture(Answer.json(OK, writeRefusal(body, null, error)));
    }

    /** Wakes consumers of the queues to which messages were pushed, and of queues in which a lease has ended. */
    private void wake(StreamCycleBody body, StreamCycle.Outcome outcome) {
        var queues = new HashSet<String>();
        body.messages().forEach(message -> queues.add(message.queue()));
        AcknowledgeOutcome.Acknowledged acknowledged = outcome.acknowledged();
        if (acknowledged != null && acknowledged.leaseReleased()) {
            queues.add(acknowledged.queue());
        }
        wake.accept(queues);
    }

    private static JsonOutput begin(StreamCycleBody body, boolean success, @Nullable String queue) {
        return new JsonOutput(ROW_BYTES)
                .object()
                .field("success", success)
                .field("query_id", body.queryId())
                .field("partition_id", body.partitionId())
                .field("queueName", queue);
    }

    private static JsonOutput write(StreamCycleBody body, StreamCycle.Outcome outcome) {
        StreamCycle.Refusal refusal = outcome.refusal();
        if (refusal != null) {
            return writeRefusal(body, outcome.queue(), error(refusal));
        }
        List<PushResult> results = outcome.pushes().stream().map(PushResult::of).toList();
        JsonOutput pushes = PushEndpoint.write(body.messages(), results);
        var out = begin(body, true, outcome.queue())
                .field("state_ops_applied", body.changes().size())
                .name("push_results")
                .json(pushes.toString())
                .name("ack_result");
        AcknowledgeOutcome.Acknowledged acknowledged = outcome.acknowledged();
        if (acknowledged == null) {
            return out.raw("null").endObject();
        }
        return out.object()
                .field("success", true)
                .name("count")
                .number(body.count())
                .field("lease_released", acknowledged.leaseReleased())
                .field("dlq", acknowledged.deadLettered())
                .endObject()
                .endObject();
    }

    private static JsonOutput writeRefusal(StreamCycleBody body, @Nullable String queue, String error) {
        return begin(body, false, queue)
                .field("state_ops_applied", 0)
                .array("push_results")
                .endArray()
                .name("ack_result")
                .raw("null")
                .field("error", error)
                .endObject();
    }

    private static String error(StreamCycle.Refusal refusal) {
        return switch (refusal) {
            case NO_QUERY -> "Query not found";
            case NO_PARTITION -> "Partition not found";
            case NO_MESSAGE -> AcknowledgeEndpoint.NOT_FOUND;
            case LEASE_INVALID -> AcknowledgeEndpoint.LEASE_INVALID;
        };
    }

    /**
     * {@code POST /streams/v1/state/get} with {@code {"query_id": "…", "partition_id": "…", "keys": [], "key_prefix":
     * "w:", "ripe_at_or_before": 1747389600000}}: the state of a query for a partition, by key. A row must meet all
     * given conditions.
     *
     * <pre>{@code
     * {"success": true, "rows": [{"key": "w:1", "value": {"windowEnd": 1747389600000},
     *   "updated_at": "2026-05-16T10:00:00.123Z"}]}
     * }</pre>
     *
     * 413 if the state is too large for one answer.
     */
    private CompletableFuture<Answer> state(Request request) throws IOException {
        return bodies.read(
                        request,
                        (bytes, memory) ->
                                JsonRequest.parse(bytes, bodies.limits().depth(), memory))
                .thenCompose(body -> {
                    OptionalLong query = StreamIds.fromUuid(uuid(body, "query_id"));
                    OptionalLong partition = PartitionIds.fromUuid(uuid(body, "partition_id"));
                    Streams.Part part = part(body);
                    if (query.isEmpty() || partition.isEmpty()) {
                        return CompletableFuture.completedFuture(Answer.json(OK, write(List.of())));
                    }
                    RequestMemory.Claim memory = bodies.memory().claim(request.jetty());
                    return executor.read(() -> {
                        List<Streams.Row> rows = streams.state(query.getAsLong(), partition.getAsLong(), part)
                                .orElseThrow(() -> InvalidRequestException.tooLarge("the state is more than "
                                        + Streams.MAX_ROWS + " rows or " + streams.maxCharacters()
                                        + " characters; ask for a part of it, by keys or key_prefix"));
                        memory.take(2 * expectedBytes(rows)); // The rows and the answer.
                        return Answer.json(OK, write(rows));
                    });
                });
    }

    private static UUID uuid(JsonRequest body, String field) {
        String text = body.text(field);
        UUID uuid = text == null ? null : JsonBody.uuid(text);
        if (uuid == null) {
            throw badRequest(field + " is required and must be a UUID");
        }
        return uuid;
    }

    private Streams.Part part(JsonRequest body) {
        var keys = new ArrayList<String>();
        JsonNode list = body.value("keys");
        if (list != null && !list.isArray()) {
            throw badRequest("keys must be an array");
        }
        if (list != null && list.size() > bodies.limits().items()) {
            throw badRequest("keys must be at most " + bodies.limits().items() + " (http.max.items)");
        }
        for (JsonNode key : list == null ? List.<JsonNode>of() : list) {
            if (!key.isTextual()) {
                throw badRequest("keys must be strings");
            }
            keys.add(key.textValue());
        }
        JsonNode ripe = body.value("ripe_at_or_before");
        if (ripe != null && !ripe.isNumber()) {
            throw badRequest("ripe_at_or_before must be a number");
        }
        String prefix = body.text("key_prefix");
        try {
            return new Streams.Part(keys, prefix == null ? "" : prefix, ripe == null ? null : ripe.doubleValue());
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
    }

    private static long expectedBytes(List<Streams.Row> rows) {
        long bytes = 0;
        for (Streams.Row row : rows) {
            bytes += ROW_BYTES + row.key().length() + row.value().length();
        }
        return bytes;
    }

    private static JsonOutput write(List<Streams.Row> rows) {
        var out = new JsonOutput(expectedBytes(rows))
                .object()
                .field("success", true)
                .array("rows");
        for (Streams.Row row : rows) {
            out.object().field("key", row.key());
            out.name("value").json(row.value());
            out.field("updated_at", AdminJson.time(row.updatedAt())).endObject();
        }
        return out.endArray().endObject();
    }
}
