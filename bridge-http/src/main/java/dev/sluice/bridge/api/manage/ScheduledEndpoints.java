package dev.sluice.bridge.api.manage;

import static dev.sluice.bridge.http.Access.READ_ONLY;
import static dev.sluice.bridge.http.Access.READ_WRITE;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.Answer.CONFLICT;
import static dev.sluice.bridge.http.Answer.NOT_FOUND;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.delete;
import static dev.sluice.bridge.http.Route.get;
import static dev.sluice.bridge.http.Route.post;
import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.JsonRequest;
import dev.sluice.bridge.http.PageRequest;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.http.TimeRange;
import dev.sluice.bridge.json.JsonBody;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.admin.ScheduledMessages;
import dev.sluice.queue.admin.ScheduledMessages.Entry;
import dev.sluice.queue.admin.ScheduledMessages.Filter;
import dev.sluice.work.rules.Types;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The routes of scheduled messages: list them, show one, cancel one, and move one to another time.
 *
 * <p>A work that waits is a scheduled message too, and other tables know of it: its idempotency key, its debounce key.
 * So the list shows works, but only the work engine cancels them, and nobody moves them.
 */
public final class ScheduledEndpoints {
    private static final int USUAL_LIMIT = 100;
    private static final int MAX_LIMIT = 1_000;
    private static final int ENTRY_BYTES = 512;

    private static final String IS_WORK = "The message is a work: cancel it with POST /api/v1/work/{id}/cancel";

    private final ScheduledMessages messages;
    private final DatabaseExecutor executor;
    private final RequestBodies bodies;

    public ScheduledEndpoints(ScheduledMessages messages, DatabaseExecutor executor, RequestBodies bodies) {
        this.messages = messages;
        this.executor = executor;
        this.bodies = bodies;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                get("/api/v1/scheduled", READ_ONLY, this::list),
                get("/api/v1/scheduled/{id}", READ_ONLY, this::one),
                delete("/api/v1/scheduled/{id}", READ_WRITE, this::cancel),
                post("/api/v1/scheduled/{id}/move", READ_WRITE, this::move));
    }

    /**
     * {@code GET /api/v1/scheduled?queue=&partition=&from=&to=&payload=true&limit=100&cursor=}: those due first at the
     * beginning.
     *
     * <pre>{@code
     * {"messages": [{"id": "…", "transactionId": "o-1", "partitionId": "…", "queue": "orders",
     *                "partition": "customer-7", "priority": "normal", "traceId": null, "producerSub": null,
     *                "createdAt": "…", "dueAt": "…"}],
     *  "nextCursor": "…", "truncated": true}
     * }</pre>
     *
     * {@code headers} and {@code payload} follow if the message has headers, and if the request asks for payloads.
     */
    private CompletableFuture<Answer> list(Request request) {
        Instant from = Parameters.timeInQuery(request, "from");
        Instant to = Parameters.timeInQuery(request, "to");
        TimeRange.requireOrder(from, to);
        var filter =
                new Filter(Parameters.queueInQuery(request), Parameters.nameInQuery(request, "partition"), from, to);
        boolean payloads = Parameters.flagInQuery(request, "payload", false);
        PageRequest page = PageRequest.of(request, "scheduled", USUAL_LIMIT, MAX_LIMIT, 2);
        if (page.offset() > 0) {
            throw badRequest("offset is not possible in a list of scheduled messages; take the cursor");
        }
        Instant dueAt = page.time(0);
        Long row = page.number(1);
        ScheduledMessages.Key after = dueAt == null || row == null ? null : new ScheduledMessages.Key(dueAt, row);
        RequestMemory.Claim memory = bodies.memory().claim(request.jetty());
        return executor.read(() -> {
            ScheduledMessages.Page found = messages.list(filter, payloads, page.limit(), after);
            long bytes = found.messages().stream()
                    .mapToLong(ScheduledEndpoints::bytesOf)
                    .sum();
            memory.take(2 * bytes); // The messages and the answer.
            var out = new JsonOutput(bytes);
            out.object().array("messages");
            found.messages().forEach(each -> write(out, each));
            out.endArray();
            ScheduledMessages.Key next = found.next();
            return Answer.json(
                    OK,
                    PageRequest.announce(request, out, next == null ? null : page.cursor(next.dueAt(), next.row()))
                            .endObject());
        });
    }

    private static long bytesOf(Entry message) {
        byte[] payload = message.payload();
        return ENTRY_BYTES + message.headers().storedBytes() + (payload == null ? 0 : payload.length);
    }

    private static void write(JsonOutput out, Entry message) {
        out.object().field("id", message.id());
        out.field("transactionId", message.transactionId());
        out.field("partitionId", PartitionIds.toUuid(message.partitionId()));
        out.field("queue", message.queue());
        out.field("partition", message.partition());
        out.field("priority", message.lane().text());
        out.field("traceId", message.traceId());
        out.field("producerSub", message.producerSub());
        out.field("createdAt", AdminJson.time(message.createdAt()));
        out.field("dueAt", AdminJson.time(message.dueAt()));
        if (!message.headers().isEmpty()) {
            out.name("headers").json(message.headers().json());
        }
        byte[] payload = message.payload();
        if (payload != null) {
            out.field("isEncrypted", message.encrypted());
            out.name("payload").json(payload);
        }
        out.endObject();
    }

    /** {@code GET /api/v1/scheduled/{id}}: the message with its payload; 404 if it is not scheduled. */
    private CompletableFuture<Answer> one(Request request) {
        UUID id = id(request);
        RequestMemory.Claim memory = bodies.memory().claim(request.jetty());
        return executor.read(() -> {
            Optional<Entry> found = messages.find(id);
            if (found.isEmpty()) {
                return notFound();
            }
            long bytes = bytesOf(found.get());
            memory.take(2 * bytes); // The message and the answer.
            var out = new JsonOutput(bytes);
            write(out, found.get());
            return Answer.json(OK, out);
        });
    }

    private static UUID id(Request request) {
        UUID id = JsonBody.uuid(request.pathParameter("id"));
        if (id == null) {
            throw badRequest("id must be a UUID");
        }
        return id;
    }

    private static Answer notFound() {
        return Answer.json(NOT_FOUND, object().put("error", "Scheduled message not found"));
    }

    private static Answer conflict(String error) {
        return Answer.json(CONFLICT, object().put("error", error));
    }

    /**
     * {@code DELETE /api/v1/scheduled/{id}}: {@code {"id": "…", "transactionId": "o-1", "queue": "orders", "partition":
     * "customer-7", "cancelled": true}}; 404 if the message is not scheduled; 409 if it was delivered during the
     * request, or if it is a work.
     */
    private CompletableFuture<Answer> cancel(Request request) {
        UUID id = id(request);
        return executor.write(() -> change(id, IS_WORK, message -> {
            if (!messages.cancel(message)) {
                return null;
            }
            return about(message).put("cancelled", true);
        }));
    }

    /** The time to which a request moves a message. */
    private record Time(
            @Nullable Instant deliverAt, @Nullable Duration delay) {
        static Time parse(JsonRequest json) {
            Instant deliverAt = json.time("deliverAt");
            long delay = json.number("delayMs", -1, 0, NewMessage.MAX_DELAY.toMillis());
            if (deliverAt == null && delay < 0) {
                throw badRequest("deliverAt or delayMs is required");
            }
            return new Time(deliverAt, delay < 0 ? null : Duration.ofMillis(delay));
        }
    }

    /**
     * {@code POST /api/v1/scheduled/{id}/move} with {@code {"deliverAt": "2030-01-31T12:00:00Z"}} or {@code {"delayMs":
     * 60000}}, or both, as in a push. The answer is that of {@link #cancel}, with {@code createdAt} and the new
     * {@code dueAt} instead of {@code cancelled}.
     */
    private CompletableFuture<Answer> move(Request request) throws IOException {
        UUID id = id(request);
        return bodies.read(
                        request,
                        (bytes, memory) -> Time.parse(
                                JsonRequest.parse(bytes, bodies.limits().depth(), memory)))
                .thenCompose(time -> executor.write(() -> change(
                        id,
                        IS_WORK + ", and enqueue it again",
                        message -> messages.move(message, time.deliverAt(), time.delay())
                                .map(dueAt -> about(message)
                                        .put("createdAt", AdminJson.time(message.createdAt()))
                                        .put("dueAt", AdminJson.time(dueAt)))
                                .orElse(null))));
    }

    /**
     * Changes a message.
     *
     * @param isWork error for a work
     * @param change returns the answer; null: the message is not scheduled any more
     */
    private Answer change(UUID id, String isWork, Function<Entry, @Nullable ObjectNode> change) {
        Optional<Entry> found = messages.find(id);
        if (found.isEmpty()) {
            return notFound();
        }
        if (Types.isQueue(found.get().queue())) {
            return conflict(isWork);
        }
        ObjectNode answer = change.apply(found.get());
        return answer == null
                ? conflict("The message is not scheduled any more: it was delivered, cancelled or deleted just now")
                : Answer.json(OK, answer);
    }

    private static ObjectNode about(Entry message) {
        return object().put("id", message.id().toString())
                .put("transactionId", message.transactionId())
                .put("queue", message.queue())
                .put("partition", message.partition());
    }
}
