package dev.sluice.bridge.api.manage;

import static dev.sluice.bridge.http.Access.ADMIN;
import static dev.sluice.bridge.http.Answer.CREATED;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.delete;
import static dev.sluice.bridge.http.Route.get;
import static dev.sluice.bridge.http.Route.post;
import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.core.JsonToken;
import dev.sluice.bridge.api.messages.MessageLine;
import dev.sluice.bridge.api.messages.PushEndpoint;
import dev.sluice.bridge.drain.BufferDetail;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.NdjsonLines;
import dev.sluice.bridge.http.PageRequest;
import dev.sluice.bridge.http.Problem;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.ingest.FailedRecords;
import dev.sluice.bridge.ingest.FailedRecords.Retried;
import dev.sluice.bridge.ingest.PushResult;
import dev.sluice.bridge.json.JsonBody;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.bridge.repositories.BoundedExecutor;
import dev.sluice.buffer.FailedRecord;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The routes of the local log: its details, its failed records, and messages from an export.
 *
 * <p>They wait for the disk, so they run on one thread of their own.
 */
public final class BufferEndpoints implements AutoCloseable {
    private static final int USUAL_LIMIT = 100;
    private static final int MAX_LIMIT = 1_000;
    private static final int MAX_WAITING = 100;
    private static final int USUAL_BYTES = 4 << 10;
    private static final int MAX_DEPTH = 8;

    /** Reads the details of the local log. May wait for the disk. */
    public interface Source {
        BufferDetail detail() throws IOException;
    }

    private final Source source;
    private final FailedRecords failed;
    private final Function<List<NewMessage>, CompletableFuture<List<PushResult>>> push;
    private final RequestBodies bodies;
    private final MessageIds ids = new MessageIds();
    private final BoundedExecutor executor =
            new BoundedExecutor("requests about failed records", "sluice-failed-records", 1, MAX_WAITING);

    public BufferEndpoints(
            Source source,
            FailedRecords failed,
            Function<List<NewMessage>, CompletableFuture<List<PushResult>>> push,
            RequestBodies bodies) {
        this.source = source;
        this.failed = failed;
        this.push = push;
        this.bodies = bodies;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                get("/api/v1/buffers/failed", ADMIN, this::listFailed),
                post("/api/v1/buffers/failed/retry", ADMIN, this::retryFailed),
                delete("/api/v1/buffers/failed", ADMIN, this::dropFailed),
                post("/api/v1/buffers/requeue", ADMIN, this::requeue));
    }

    /** {@code {…, "lanes": […], "intake": {…}, "door": {…}, "failedRecords": {…}}}: adds details to {@code summary}. */
    public CompletableFuture<Answer> detail(Answer summary) {
        return executor.run(() -> {
            BufferDetail detail = source.detail();
            var out = new JsonOutput(USUAL_BYTES);
            String fields = String.valueOf(summary.body());
            out.json(fields.substring(0, fields.length() - 1));
            out.array("lanes");
            for (BufferDetail.LaneDetail lane : detail.lanes()) {
                BufferDetailJson.lane(out, lane);
            }
            out.endArray().name("intake");
            LogJson.numbers(out, detail.intake());
            out.name("door");
            LogJson.numbers(out, detail.admission());
            out.name("failedRecords");
            BufferDetailJson.failed(out, detail.failed());
            return Answer.json(OK, out.endObject());
        });
    }

    /**
     * Lists failed records.
     *
     * <pre>{@code
     * {"count": 3, "next": 8, "records":
     *   [{"id": 7, "failedAt": "…", "reason": "…", "origin": "sluice-log-…-3-0@1042", "message": {"queue": …,
     *     "payload": …}},
     *    {"id": 8, …, "message": null, "entry": "base64 of what is not a message"}]}
     * }</pre>
     *
     * {@code next} is for {@code after}, {@code nextCursor} for {@code cursor}; null when there are no more.
     */
    private CompletableFuture<Answer> listFailed(Request request) {
        Long cursor =
                PageRequest.of(request, "failed", USUAL_LIMIT, MAX_LIMIT, 1).number(0);
        if (cursor != null && request.query().text("after") != null) {
            throw badRequest("cursor and after exclude each other");
        }
        long after = cursor == null ? number(request.query().text("after"), "after", -1) : cursor;
        long limit = number(request.query().text("limit"), "limit", USUAL_LIMIT);
        if (limit < 1 || limit > MAX_LIMIT) {
            throw badRequest("limit must be 1 to " + MAX_LIMIT);
        }
        RequestMemory.Claim memory = bodies.memory().claim(request.jetty());
        return executor.run(() -> {
            List<FailedRecord> page = failed.entries().list(after, (int) limit);
            long bytes = 0;
            for (FailedRecord record : page) {
                bytes += USUAL_BYTES + record.payload().length;
            }
            memory.take(2 * bytes); // The records and the answer.
            var out = new JsonOutput(bytes);
            out.object().field("count", failed.count()).name("next");
            boolean more = !page.isEmpty()
                    && !failed.entries().list(page.get(page.size() - 1).id(), 1).isEmpty();
            out.raw(more ? Long.toString(page.get(page.size() - 1).id()) : "null")
                    .array("records");
            for (FailedRecord record : page) {
                write(out, record);
            }
            String next = more
                    ? new PageRequest("failed", (int) limit, 0, List.of())
                            .cursor(page.get(page.size() - 1).id())
                    : null;
            return Answer.json(
                    OK, PageRequest.announce(request, out.endArray(), next).endObject());
        });
    }

    private static void write(JsonOutput out, FailedRecord record) {
        out.object().field("id", record.id());
        out.field("failedAt", record.failedAt().toString());
        out.field("reason", record.reason());
        out.field("origin", record.origin());
        out.name("message");
        if (!MessageLine.writeMessage(out, record.payload())) {
            out.field("entry", Base64.getEncoder().encodeToString(record.payload()));
        }
        out.endObject();
    }

    private static long number(@Nullable String text, String name, long byDefault) {
        if (text == null || text.isEmpty()) {
            return byDefault;
        }
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw badRequest(name + " must be a whole number");
        }
    }

    /**
     * {@code {"ids": [7, 8]}} or {@code {"all": true}}; answers {@code {"retried": 1, "unknown": 0, "notRetried": 1,
     * "kept": [{"id": 8, "reason": "…"}], "error": null, "count": 1}}. {@code error} says why the retry stopped early.
     */
    private CompletableFuture<Answer> retryFailed(Request request) throws IOException {
        return bodies.read(
                        request,
                        (bytes, memory) ->
                                Selection.parse(bytes, true, bodies.limits().items(), memory))
                .thenCompose(this::retry);
    }

    private CompletableFuture<Answer> retry(Selection selection) {
        return executor.run(() -> {
            Retried result = selection.all() ? failed.retryAll(push) : failed.retry(selection.ids(), push);
            Throwable stoppedBy = result.stoppedBy().orElse(null);
            if (stoppedBy != null && result.retried() == 0) {
                throw new CompletionException(stoppedBy);
            }
            var out = new JsonOutput(USUAL_BYTES);
            out.object().field("retried", result.retried());
            out.field("unknown", result.unknown());
            out.field("notRetried", result.notRetried());
            out.array("kept");
            for (FailedRecords.Kept kept : result.kept()) {
                out.object().field("id", kept.id());
                out.field("reason", kept.reason()).endObject();
            }
            out.endArray()
                    .field(
                            "error",
                            stoppedBy == null ? null : Problem.of(stoppedBy).error());
            out.field("count", failed.count()).endObject();
            return Answer.json(OK, out);
        });
    }

    /** {@code {"ids": [7, 8]}}; answers {@code {"removed": 2, "count": 0}}. */
    private CompletableFuture<Answer> dropFailed(Request request) throws IOException {
        return bodies.read(
                        request,
                        (bytes, memory) ->
                                Selection.parse(bytes, false, bodies.limits().items(), memory))
                .thenCompose(this::drop);
    }

    private CompletableFuture<Answer> drop(Selection selection) {
        return executor.run(() -> {
            int removed = failed.entries().remove(selection.ids());
            var out = new JsonOutput(0).object().field("removed", removed);
            return Answer.json(OK, out.field("count", failed.count()).endObject());
        });
    }

    /** Pushes lines that {@link MessageLine} reads. Answers as a push does, after the local log is synced. */
    private CompletableFuture<Answer> requeue(Request request) throws IOException {
        return bodies.read(request, this::lines).thenCompose(this::requeue);
    }

    private CompletableFuture<Answer> requeue(List<NewMessage> messages) {
        if (messages.isEmpty()) {
            return CompletableFuture.completedFuture(
                    Answer.json(CREATED, new JsonOutput(0).array().endArray()));
        }
        return push.apply(messages).thenApply(results -> Answer.json(CREATED, PushEndpoint.write(messages, results)));
    }

    private List<NewMessage> lines(byte[] body, RequestMemory.Claim memory) {
        return NdjsonLines.parse(
                body, bodies.limits().items(), "lines", memory, (line, index) -> MessageLine.parse(line, ids, memory));
    }

    /** Ends the running request, and waits for it for a few seconds. */
    @Override
    public void close() {
        executor.close();
    }

    /** The records that a request names. */
    record Selection(List<Long> ids, boolean all) {

        static Selection parse(byte[] bytes, boolean mayBeAll, int maxIds, RequestMemory.Claim memory) {
            List<Long> ids = null;
            boolean all = false;
            try (var json = JsonBody.open(bytes, MAX_DEPTH, memory)) {
                if (json.first() == JsonToken.START_OBJECT) {
                    for (String field = json.nextField(); field != null; field = json.nextField()) {
                        JsonToken value = json.value();
                        if (field.equals("ids") && value != JsonToken.VALUE_NULL) {
                            ids = ids(json, value, maxIds);
                        } else {
                            all |= field.equals("all") && value == JsonToken.VALUE_TRUE;
                            json.skip();
                        }
                    }
                } else {
                    json.skip();
                }
                json.end();
            }
            if (all && mayBeAll && ids == null) {
                return new Selection(List.of(), true);
            }
            if (ids == null || all) {
                throw badRequest(
                        mayBeAll ? "either an ids array or \"all\": true is required" : "ids array is required");
            }
            return new Selection(ids, false);
        }

        private static List<Long> ids(JsonBody json, JsonToken value, int maxIds) {
            if (value != JsonToken.START_ARRAY) {
                throw badRequest("ids must be an array");
            }
            var ids = new ArrayList<Long>();
            for (JsonToken token = json.value(); token != JsonToken.END_ARRAY; token = json.value()) {
                if (token != JsonToken.VALUE_NUMBER_INT) {
                    throw badRequest("ids must be whole numbers, element " + ids.size() + " is not");
                }
                if (ids.size() == maxIds) {
                    throw badRequest("ids must be at most " + maxIds + " (http.max.items)");
                }
                ids.add(number(json.sliceText(), "an id", 0));
            }
            return ids;
        }
    }
}
