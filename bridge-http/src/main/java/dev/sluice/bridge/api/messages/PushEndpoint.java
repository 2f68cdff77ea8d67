package dev.sluice.bridge.api.messages;

import static dev.sluice.bridge.http.Access.READ_WRITE;
import static dev.sluice.bridge.http.Answer.CREATED;
import static dev.sluice.bridge.http.Route.post;

import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.ingest.Linger;
import dev.sluice.bridge.ingest.PushResult;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PartitionIds;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * {@code POST /api/v1/push}: see {@link PushBody} for the request, and {@link PushLines} for lines (by
 * {@code Content-Type}) and bare arrays (if the query names the queue). The answer is an array with one element per
 * item.
 */
public final class PushEndpoint {
    /** Accepts messages. See {@code Admission}. */
    public interface Pushes {
        /** Accepts {@code messages}; result i belongs to message i. Does not block. */
        CompletableFuture<List<PushResult>> accept(List<NewMessage> messages, Durability durability, Linger linger);
    }

    /** Media types of JSON text with one value a line. */
    private static final Set<String> LINES = Set.of("application/x-ndjson", "application/ndjson", "application/jsonl");

    private static final int RESULT_BYTES = 256;

    private final Pushes pushes;
    private final RoomCheck room;
    private final RequestCounting counting;
    private final Durability usualDurability;
    private final RequestBodies bodies;
    private final MessageIds ids;

    public PushEndpoint(
            Pushes pushes,
            RoomCheck room,
            RequestCounting counting,
            Durability usualDurability,
            RequestBodies bodies,
            MessageIds ids) {
        this.pushes = pushes;
        this.room = room;
        this.counting = counting;
        this.usualDurability = usualDurability;
        this.bodies = bodies;
        this.ids = ids;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                post("/api/v1/push", READ_WRITE, this::handle).asHot(),
                post("/api/v1/push/{queue}", READ_WRITE, this::events));
    }

    private CompletableFuture<Answer> handle(Request request) throws IOException {
        PushDefaults defaults = PushDefaults.of(request, room);
        PushLines.Form form = PushLines.form(request);
        @Nullable String queue = request.query().text("queue");
        PushDefaults named = defaults.to(queue, request.query().text("partition"));
        boolean isLines = isLines(request.header("Content-Type"));
        return bodies.read(request, (bytes, memory) -> {
                    if (!isLines && (queue == null || !PushLines.isArray(bytes))) {
                        return PushBody.parse(bytes, bodies.limits(), ids, defaults, memory);
                    }
                    var traces = new TraceRoom(bodies.limits(), bytes.length, memory);
                    var lines = new PushLines(bodies.limits(), ids, named, form, traces);
                    return isLines ? lines.lines(bytes) : lines.array(bytes);
                })
                .thenCompose(this::accept);
    }

    /** {@code POST /api/v1/push/{queue}}: pushes {@link CloudEvents}. */
    private CompletableFuture<Answer> events(Request request) throws IOException {
        PushDefaults defaults = PushDefaults.of(request, room).to(request.pathParameter("queue"), null);
        return bodies.read(request, CloudEvents.reader(request, bodies.limits(), ids, defaults))
                .thenCompose(this::accept);
    }

    private static boolean isLines(@Nullable String contentType) {
        String mediaType =
                contentType == null ? "" : contentType.split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
        return LINES.contains(mediaType);
    }

    private CompletableFuture<Answer> accept(PushBody body) {
        List<NewMessage> messages = body.messages();
        if (messages.isEmpty()) {
            return CompletableFuture.completedFuture(Answer.json(CREATED, new JsonOutput(0).raw("[]")));
        }
        Linger linger = body.linger();
        return counting.pushes(
                        messages,
                        pushes.accept(
                                messages,
                                linger == null ? usualDurability : Durability.BUFFERED,
                                linger == null ? Linger.NONE : linger))
                .thenApply(results -> Answer.json(CREATED, write(messages, results)));
    }

    /**
     * Writes the results.
     *
     * <pre>{@code
     * [{"index": 0, "transaction_id": "o-1", "status": "queued", "message_id": "…", "partition_id": "…",
     *   "trace_id": null, "queueName": "orders"},
     *  {"index": 1, "transaction_id": "o-1", "status": "duplicate", "message_id": "…", "queueName": "orders"},
     *  {"index": 2, "transaction_id": "o-2", "status": "buffered", "queue": "orders", "partition": "Default",
     *    "transactionId": "o-2", "queueName": "orders"},
     *  {"index": 3, "transaction_id": "o-3", "status": "failed", "error": "…", "queueName": "orders"}]
     * }</pre>
     */
    public static JsonOutput write(List<NewMessage> messages, List<PushResult> results) {
        if (results.size() != messages.size()) {
            throw new IllegalStateException(messages.size() + " messages gave " + results.size() + " results");
        }
        var out = new JsonOutput((long) messages.size() * RESULT_BYTES).raw("[");
        for (int i = 0; i < messages.size(); i++) {
            NewMessage message = messages.get(i);
            out.raw(i == 0 ? "{\"index\":" : ",{\"index\":").number(i);
            out.raw(",\"transaction_id\":").string(message.transactionId());
            write(out, message, results.get(i));
            out.raw(",\"queueName\":").string(message.queue()).raw("}");
        }
        return out.raw("]");
    }

    private static void write(JsonOutput out, NewMessage message, PushResult result) {
        if (result instanceof PushResult.Queued queued) {
            out.raw(",\"status\":\"queued\",\"message_id\":").uuid(queued.messageId());
            out.raw(",\"partition_id\":").uuid(PartitionIds.toUuid(queued.partitionId()));
            out.raw(",\"trace_id\":").uuid(message.traceId());
        } else if (result instanceof PushResult.Duplicate duplicate) {
            out.raw(",\"status\":\"duplicate\",\"message_id\":").uuid(duplicate.messageId());
        } else if (result instanceof PushResult.Buffered) {
            out.raw(",\"status\":\"buffered\",\"queue\":").string(message.queue());
            out.raw(",\"partition\":").string(message.partition());
            if (!message.generatedTransactionId()) {
                out.raw(",\"transactionId\":").string(message.transactionId());
            }
        } else if (result instanceof PushResult.Failed failed) {
            out.raw(",\"status\":\"failed\",\"error\":").string(failed.error());
        } else {
            throw new AssertionError(result);
        }
    }
}
