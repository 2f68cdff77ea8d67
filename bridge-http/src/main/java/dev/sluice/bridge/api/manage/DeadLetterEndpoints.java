package dev.sluice.bridge.api.manage;

import static dev.sluice.bridge.http.Access.ADMIN;
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
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.admin.DeadLetter;
import dev.sluice.queue.admin.DeadLetterFilter;
import dev.sluice.queue.admin.DeadLetters;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.transact.Redrive;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The routes of dead letters: list, redrive and purge them, and move one message there or back. */
public final class DeadLetterEndpoints {
    private static final int USUAL_LIMIT = 100;
    private static final int MAX_LIMIT = 1000;
    private static final int LETTER_BYTES = 512;
    private static final String MOVED_BY_HAND = "Moved to the dead letters by hand";

    private final DeadLetters deadLetters;
    private final Redrive redrive;
    private final Queue queue;
    private final DatabaseExecutor executor;
    private final Consumer<Set<String>> wake;
    private final RequestBodies bodies;

    public DeadLetterEndpoints(
            DeadLetters deadLetters,
            Redrive redrive,
            Queue queue,
            DatabaseExecutor executor,
            Consumer<Set<String>> wake,
            RequestBodies bodies) {
        this.deadLetters = deadLetters;
        this.redrive = redrive;
        this.queue = queue;
        this.executor = executor;
        this.wake = wake;
        this.bodies = bodies;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                post("/api/v1/messages/{partitionId}/{transactionId}/retry", READ_WRITE, this::retry),
                post("/api/v1/messages/{partitionId}/{transactionId}/dlq", READ_WRITE, this::bury),
                get("/api/v1/dlq", READ_ONLY, this::list),
                post("/api/v1/dlq/redrive", READ_WRITE, this::redrive),
                delete("/api/v1/dlq", ADMIN, this::purge));
    }

    /**
     * {@code GET /api/v1/dlq?queue=&namespace=&consumerGroup=&partition=&shape=&error=&from=&to=&limit=100&offset=0}:
     * newest failure first.
     *
     * <pre>{@code
     * {"messages": [{"deadLetterId": 7, "id": "…", "transactionId": "o-1", "partitionId": "…", "queue": "orders",
     *                "partition": "customer-7", "consumerGroup": "billing", "errorMessage": "card refused",
     *                  "retryCount": 3,
     *                "data": {"total": 12.50}, "traceId": null, "producerSub": null, "createdAt": "…",
     *                  "failedAt": "…"}],
     *  "total": 1, "pagination": {"limit": 100, "offset": 0, "nextOffset": null}}
     * }</pre>
     *
     * {@code retryCount} is the number of redeliveries before. {@code data} is the payload byte for byte, decrypted if
     * there is a key. {@code headers} follows {@code producerSub} if the message has headers. The letter of a work has
     * {@code history} and {@code progress}, if there is any. {@code limit} is at most 1000, and a page ends early at 16
     * MiB, or at 1/24 of the heap. The next page starts at {@code nextCursor}, or at {@code nextOffset} for clients
     * that count rows; both are null on the last page.
     */
    private CompletableFuture<Answer> list(Request request) {
        DeadLetterFilter filter = DeadLetterFilters.inQuery(request);
        RequestMemory.Claim memory = bodies.memory().claim(request.jetty());
        PageRequest page = PageRequest.of(request, "dlq", USUAL_LIMIT, MAX_LIMIT, 2);
        return executor.read(() -> {
            Instant failedAt = page.time(0);
            Long id = page.number(1);
            DeadLetters.Page found = deadLetters.list(
                    filter,
                    page.limit(),
                    page.offset(),
                    failedAt == null || id == null ? null : new DeadLetters.Key(failedAt, id));
            memory.take(2 * expectedBytes(found)); // The letters and the answer.
            List<DeadLetter> letters = found.letters();
            DeadLetter last = letters.isEmpty() ? null : letters.get(letters.size() - 1);
            String next = found.more() && last != null ? page.cursor(last.failedAt(), last.id()) : null;
            return Answer.json(
                    OK, PageRequest.announce(request, write(found, page), next).endObject());
        });
    }

    private static long expectedBytes(DeadLetters.Page page) {
        long bytes = 0;
        for (DeadLetter letter : page.letters()) {
            bytes += LETTER_BYTES
                    + letter.payload().length
                    + letter.headers().storedBytes()
                    + length(letter.history())
                    + length(letter.progress());
        }
        return bytes;
    }

    private static int length(@Nullable String json) {
        return json == null ? 0 : 2 * json.length();
    }

    private static JsonOutput write(DeadLetters.Page page, PageRequest asked) {
        var out = new JsonOutput(expectedBytes(page));
        out.object().array("messages");
        for (DeadLetter letter : page.letters()) {
            write(out, letter);
        }
        long next = (long) asked.offset() + page.letters().size();
        boolean more = page.more() && asked.isFirst() && !page.letters().isEmpty();
        out.endArray().field("total", page.total());
        out.object("pagination").field("limit", asked.limit());
        out.field("offset", asked.offset());
        return out.name("nextOffset").raw(more ? Long.toString(next) : "null").endObject();
    }

    private static void write(JsonOutput out, DeadLetter letter) {
        out.object().field("deadLetterId", letter.id());
        out.field("id", letter.messageId());
        out.field("transactionId", letter.transactionId());
        out.field("partitionId", PartitionIds.toUuid(letter.partitionId()));
        out.field("queue", letter.queue());
        out.field("partition", letter.partition());
        out.field("consumerGroup", letter.group());
        out.field("errorMessage", letter.error());
        out.field("retryCount", letter.retries());
        out.name("data").json(letter.payload());
        out.field("traceId", letter.traceId());
        out.field("producerSub", letter.producerSub());
        if (!letter.headers().isEmpty()) {
            out.name("headers").json(letter.headers().json());
        }
        if (letter.history() != null) {
            out.name("history").json(letter.history());
        }
        if (letter.progress() != null) {
            out.name("progress").json(letter.progress());
        }
        out.field("createdAt", AdminJson.time(letter.createdAt()));
        out.field("failedAt", AdminJson.time(letter.failedAt())).endObject();
    }

    /** The letters to redrive: those with the ids, or the oldest ones that match the filter. */
    private record Selection(List<Long> ids, @Nullable DeadLetterFilter filter, int limit) {
        static Selection parse(byte[] body, int maxDepth, RequestMemory.Claim memory) {
            JsonRequest json = JsonRequest.parse(body, maxDepth, memory);
            DeadLetterFilters.requireOne(json);
            JsonNode ids = json.value("ids");
            JsonNode filter = json.value("filter");
            int limit = (int) json.number("limit", USUAL_LIMIT, 1, Redrive.MAX_LETTERS);
            if (ids != null) {
                return new Selection(DeadLetterFilters.ids(ids, Redrive.MAX_LETTERS), null, limit);
            }
            return new Selection(
                    List.of(), filter == null ? DeadLetterFilter.ALL : DeadLetterFilters.inBody(filter), limit);
        }
    }

    /**
     * {@code POST /api/v1/dlq/redrive} with {@code {"ids": [7, 8]}}, or {@code {"filter": {"queue": "orders"}, "limit":
     * 100}}, or {@code {"all": true, "limit": 100}}: moves letters back to the ends of their partitions, oldest first.
     *
     * <pre>{@code
     * {"results": [{"deadLetterId": 7, "verdict": "moved"}, {"deadLetterId": 8, "verdict": "gone"}],
     *  "moved": 1, "duplicate": 0, "gone": 1, "remaining": null}
     * }</pre>
     *
     * {@code remaining} is the number of letters that still match the filter; null for ids.
     */
    private CompletableFuture<Answer> redrive(Request request) throws IOException {
        return bodies.read(
                        request,
                        (bytes, memory) ->
                                Selection.parse(bytes, bodies.limits().depth(), memory))
                .thenCompose(selection -> executor.write(() -> redrive(selection)));
    }

    /** Moves dead letters back into their queues, and wakes the consumers that wait there. */
    private List<Redrive.Verdict> redrive(List<Long> ids) {
        try {
            Redrive.Outcome outcome = redrive.run(ids);
            wake.accept(outcome.queues());
            return outcome.verdicts();
        } finally {
            redrive.close(); // Returns the connection to the pool, which has one for each thread.
        }
    }

    private Redrive.Step redriveOne(long id) {
        try {
            Redrive.Step step =
                    redrive.step(List.of(id), null, (connection, done) -> true).orElseThrow();
            wake.accept(step.queues());
            return step;
        } finally {
            redrive.close();
        }
    }

    private Answer redrive(Selection selection) {
        DeadLetterFilter filter = selection.filter();
        List<Long> ids = filter == null ? selection.ids() : deadLetters.ids(filter, selection.limit());
        List<Redrive.Verdict> verdicts = redrive(ids);
        ObjectNode answer = object();
        var results = answer.putArray("results");
        for (int i = 0; i < ids.size(); i++) {
            results.addObject().put("deadLetterId", ids.get(i)).put("verdict", name(verdicts.get(i)));
        }
        for (Redrive.Verdict verdict : Redrive.Verdict.values()) {
            long count = verdicts.stream().filter(verdict::equals).count();
            if (verdict != Redrive.Verdict.REFUSED || count > 0) { // Only works are refused.
                answer.put(name(verdict), count);
            }
        }
        answer.put("remaining", filter == null ? null : (Long) deadLetters.count(filter));
        return Answer.json(OK, answer);
    }

    private static String name(Redrive.Verdict verdict) {
        return verdict.name().toLowerCase(Locale.ROOT);
    }

    /**
     * {@code DELETE /api/v1/dlq} with a filter in the query, as for {@link #list}, or {@code all=true}: deletes dead
     * letters. Answers {@code {"purged": 3}}.
     */
    private CompletableFuture<Answer> purge(Request request) {
        DeadLetterFilter filter = DeadLetterFilters.inQuery(request);
        if (Parameters.flagInQuery(request, "all", false) != filter.equals(DeadLetterFilter.ALL)) {
            throw badRequest("either a filter (queue, namespace, consumerGroup, partition, shape, error, from, to)"
                    + " or all=true is"
                    + " required");
        }
        return executor.write(() -> Answer.json(OK, object().put("purged", deadLetters.purge(filter))));
    }

    /**
     * {@code POST /api/v1/messages/:partitionId/:transactionId/retry}: moves a dead message back to the end of its
     * partition, once, and removes the dead letters that all groups have of it. Answers {@code {"success": true,
     * "partitionId": "…", "transactionId": "o-1", "message": "Message queued again", "verdict": "moved"}}; 404 if the
     * message has no dead letter, 409 if it is a work whose idempotency key another work has.
     */
    private CompletableFuture<Answer> retry(Request request) {
        OptionalLong partition = Parameters.partitionInPath(request);
        String transactionId = Parameters.nameInPath(request, "transactionId");
        return executor.write(() -> {
            List<Long> ids =
                    partition.isEmpty() ? List.of() : deadLetters.idsOfMessage(partition.getAsLong(), transactionId);
            Redrive.Step step = ids.isEmpty() ? null : redriveOne(ids.get(0));
            if (step == null || step.count(Redrive.Verdict.GONE) > 0) {
                return AdminJson.failure(NOT_FOUND, "Message not found among the dead letters");
            }
            if (!step.refusals().isEmpty()) {
                return AdminJson.failure(
                        CONFLICT, "The dead letter stays: " + step.refusals().get(ids.get(0)));
            }
            int unused = deadLetters.purge(ids);
            return Answer.json(
                    OK,
                    about(partition, transactionId)
                            .put("message", "Message queued again")
                            .put("verdict", name(step.verdicts().firstEntry().getValue())));
        });
    }

    /**
     * {@code POST /api/v1/messages/:partitionId/:transactionId/dlq} with {@code {"consumerGroup": null, "error": null}}
     * or no body: moves a message to the dead letters of a group. Answers {@code {"success": true, "partitionId": "…",
     * "transactionId": "o-1", "consumerGroup": "__QUEUE_MODE__", "message": "Message moved to the dead letters"}}; 404
     * if the group has no such message, 409 if the group has already acknowledged it.
     */
    private CompletableFuture<Answer> bury(Request request) throws IOException {
        OptionalLong partition = Parameters.partitionInPath(request);
        String transactionId = Parameters.nameInPath(request, "transactionId");
        return bodies.read(request, (bytes, memory) -> {
                    JsonRequest json = bytes.length == 0
                            ? new JsonRequest(object())
                            : JsonRequest.parse(bytes, bodies.limits().depth(), memory);
                    String group = json.text("consumerGroup");
                    String error = DeadLetterFilters.storable(json.text("error"));
                    return new Acknowledgement(
                            group == null || group.isEmpty()
                                    ? PopTarget.DEFAULT_GROUP
                                    : Parameters.name("consumerGroup", group),
                            partition.orElse(0),
                            transactionId,
                            null,
                            Acknowledgement.Verdict.DLQ,
                            error == null ? MOVED_BY_HAND : error);
                })
                .thenCompose(verdict -> executor.write(() -> bury(partition, verdict)));
    }

    private Answer bury(OptionalLong partition, Acknowledgement verdict) {
        AcknowledgeOutcome outcome = queue.acknowledge(List.of(verdict)).get(0);
        if (outcome instanceof AcknowledgeOutcome.LeaseInvalid) {
            return AdminJson.failure(CONFLICT, "The consumer group is done with the message");
        }
        if (!(outcome instanceof AcknowledgeOutcome.Acknowledged done) || !done.deadLettered()) {
            return AdminJson.failure(NOT_FOUND, "Message not found, or the consumer group has never read its queue");
        }
        wake.accept(Set.of(done.queue()));
        return Answer.json(
                OK,
                about(partition, verdict.transactionId())
                        .put("consumerGroup", verdict.group())
                        .put("message", "Message moved to the dead letters"));
    }

    private static ObjectNode about(OptionalLong partition, String transactionId) {
        return object().put("success", true)
                .put("partitionId", PartitionIds.toUuid(partition.getAsLong()).toString())
                .put("transactionId", transactionId);
    }
}
