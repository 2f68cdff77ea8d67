package dev.sluice.bridge.api.observe;

import static dev.sluice.bridge.http.Access.READ_ONLY;
import static dev.sluice.bridge.http.Access.READ_WRITE;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.AdminJson.time;
import static dev.sluice.bridge.http.Answer.CREATED;
import static dev.sluice.bridge.http.Answer.NOT_FOUND;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.get;
import static dev.sluice.bridge.http.Route.post;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.PageRequest;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.TraceIds;
import dev.sluice.queue.view.Trace;
import dev.sluice.queue.view.Traces;
import java.io.IOException;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;

/** The routes of traces, which are events that consumers record about messages. */
public final class TraceEndpoints {
    private static final int USUAL_LIMIT = 100;
    private static final int USUAL_NAMES = 50;
    private static final int MAX_LIMIT = 1_000;
    private static final int TRACE_BYTES = 512;

    private final Traces traces;
    private final DatabaseExecutor executor;
    private final int listMax;
    private final RequestBodies bodies;

    public TraceEndpoints(Traces traces, DatabaseExecutor executor, int listMax, RequestBodies bodies) {
        this.traces = traces;
        this.executor = executor;
        this.listMax = listMax;
        this.bodies = bodies;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                post("/api/v1/traces", READ_WRITE, this::add),
                get("/api/v1/traces/names", READ_ONLY, this::names),
                get("/api/v1/traces/by-name/{traceName}", READ_ONLY, this::byName), // Before the next.
                get("/api/v1/traces/{partitionId}/{transactionId}", READ_ONLY, this::ofMessage));
    }

    /**
     * {@code {"success": true, "traceId": "…"}}, 201; for the request see {@link TraceBody}. 404 if there is no such
     * message.
     */
    private CompletableFuture<Answer> add(Request request) throws IOException {
        return bodies.read(
                        request,
                        (bytes, memory) ->
                                TraceBody.parse(bytes, bodies.limits().depth(), memory))
                .thenCompose(body -> executor.write(() -> {
                    OptionalLong partition = PartitionIds.fromUuid(body.partitionId());
                    OptionalLong id = partition.isEmpty()
                            ? OptionalLong.empty()
                            : traces.add(
                                    partition.getAsLong(),
                                    body.transactionId(),
                                    body.group(),
                                    body.eventType(),
                                    body.data(),
                                    body.names());
                    return id.isEmpty()
                            ? AdminJson.failure(NOT_FOUND, "Message not found")
                            : Answer.json(
                                    CREATED,
                                    object().put("success", true)
                                            .put(
                                                    "traceId",
                                                    TraceIds.toUuid(id.getAsLong())
                                                            .toString()));
                }));
    }

    /**
     * Oldest first; {@code data} as it was sent.
     *
     * <pre>{@code
     * {"traces": [{"id": "…", "event_type": "info", "data": {"step": "charged"}, "consumer_group": "billing",
     *   "worker_id": null,
     *              "created_at": "…", "trace_names": ["order-1001"]}]}
     * }</pre>
     */
    private CompletableFuture<Answer> ofMessage(Request request) {
        OptionalLong partition = Parameters.partitionInPath(request);
        String transactionId = Parameters.nameInPath(request, "transactionId");
        PageRequest page = PageRequest.of(request, "traces-of-message", MAX_LIMIT, MAX_LIMIT, 1);
        return executor.read(() -> {
            Long after = page.number(0);
            Traces.Page<Trace> found = partition.isEmpty()
                    ? new Traces.Page<>(List.of(), false, 0)
                    : traces.ofMessage(partition.getAsLong(), transactionId, after == null ? 0 : after, page.limit());
            List<Trace> traces = found.entries();
            var out =
                    new JsonOutput((long) traces.size() * TRACE_BYTES).object().array("traces");
            for (Trace trace : traces) {
                write(out, trace);
                out.endObject();
            }
            String next = found.more() && !traces.isEmpty()
                    ? page.cursor(traces.get(traces.size() - 1).id())
                    : null;
            return Answer.json(
                    OK, PageRequest.announce(request, out.endArray(), next).endObject());
        });
    }

    /**
     * Newest first. Each has besides {@code transaction_id}, {@code partition_id}, {@code queue_name},
     * {@code partition_name} and {@code message_payload}, which is null unless the message is among the newest of its
     * partition; then {@code "total": 1, "pagination": {"limit": 100, "offset": 0}}.
     */
    private CompletableFuture<Answer> byName(Request request) {
        String name = Parameters.nameInPath(request, "traceName");
        PageRequest page = PageRequest.of(request, "traces-by-name", USUAL_LIMIT, MAX_LIMIT, 1);
        return executor.read(() -> {
            Traces.Page<Trace.Found> rows = traces.byName(name, page.limit(), page.offset(), page.number(0));
            var out = new JsonOutput((long) rows.entries().size() * TRACE_BYTES)
                    .object()
                    .array("traces");
            long last = 0;
            for (Trace.Found found : rows.entries()) {
                last = found.trace().id();
                write(out, found.trace());
                out.field("transaction_id", found.trace().transactionId());
                out.field("partition_id", PartitionIds.toUuid(found.trace().partitionId()));
                out.field("queue_name", found.queue());
                out.field("partition_name", found.partition());
                out.name("message_payload");
                if (found.payload() == null) {
                    out.raw("null");
                } else {
                    out.json(found.payload());
                }
                out.endObject();
            }
            out.endArray().field("total", rows.total());
            out.object("pagination").field("limit", page.limit());
            out.field("offset", page.offset()).endObject();
            String next = rows.more() && !rows.entries().isEmpty() ? page.cursor(last) : null;
            return Answer.json(OK, PageRequest.announce(request, out, next).endObject());
        });
    }

    private static void write(JsonOutput out, Trace trace) {
        out.object().field("id", TraceIds.toUuid(trace.id()));
        out.field("event_type", trace.eventType());
        out.name("data").json(trace.data());
        out.field("consumer_group", trace.group());
        out.name("worker_id").raw("null").field("created_at", time(trace.createdAt()));
        out.array("trace_names");
        trace.names().forEach(out::element);
        out.endArray();
    }

    /**
     * By name.
     *
     * <pre>{@code
     * {"trace_names": [{"trace_name": "order-1001", "trace_count": 3, "message_count": 2, "last_seen": "…"}],
     *  "total": 1, "pagination": {"limit": 50, "offset": 0}}
     * }</pre>
     */
    private CompletableFuture<Answer> names(Request request) {
        PageRequest page = PageRequest.of(request, "trace-names", USUAL_NAMES, Math.min(MAX_LIMIT, listMax), 1);
        return executor.read(() -> {
            Traces.Page<Traces.Name> rows = traces.names(page.limit(), page.offset(), page.text(0));
            ObjectNode body = object();
            ArrayNode list = body.putArray("trace_names");
            String last = "";
            for (Traces.Name name : rows.entries()) {
                last = name.name();
                list.addObject()
                        .put("trace_name", name.name())
                        .put("trace_count", name.traces())
                        .put("message_count", name.messages())
                        .put("last_seen", time(name.lastSeen()));
            }
            body.put("total", rows.total());
            body.putObject("pagination").put("limit", page.limit()).put("offset", page.offset());
            String next = rows.more() && !rows.entries().isEmpty() ? page.cursor(last) : null;
            return Answer.json(OK, PageRequest.announce(request, body, next));
        });
    }
}
