package dev.sluice.bridge.api.work;

import static dev.sluice.bridge.http.Access.ADMIN;
import static dev.sluice.bridge.http.Access.READ_ONLY;
import static dev.sluice.bridge.http.Access.READ_WRITE;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.Answer.ACCEPTED;
import static dev.sluice.bridge.http.Answer.CONFLICT;
import static dev.sluice.bridge.http.Answer.NOT_FOUND;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.get;
import static dev.sluice.bridge.http.Route.post;
import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.PageRequest;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.json.JsonBody;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.work.WorkAdmin;
import dev.sluice.work.WorkAdmin.Filter;
import dev.sluice.work.WorkAdmin.Page;
import dev.sluice.work.WorkAdmin.Retried;
import dev.sluice.work.WorkAdmin.Retry;
import dev.sluice.work.WorkAdmin.SearchTooLongException;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkId;
import dev.sluice.work.WorkInfo;
import dev.sluice.work.WorkState;
import dev.sluice.work.WorkSummary;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The routes of works: lists them, shows one, cancels one, and runs one again. */
final class WorkEndpoints {
    private static final int USUAL_LIMIT = 100;
    private static final int MAX_LIMIT = 1_000;
    private static final int SUMMARY_BYTES = 400;

    private static final String STAYS =
            "The dead letter stays: another work has its idempotency key, or no key decrypts it";
    private static final String NOT_RETRIED =
            "; only a work that waits for a retry, that was snoozed or that is a dead letter can be retried";

    private static final Set<WorkState> OVER =
            EnumSet.of(WorkState.DONE, WorkState.CANCELLED, WorkState.DEAD, WorkState.REPLAYED);

    private final Supplier<WorkBuffer> work;
    private final DatabaseExecutor executor;
    private final RequestBodies bodies;

    WorkEndpoints(Supplier<WorkBuffer> work, DatabaseExecutor executor, RequestBodies bodies) {
        this.work = work;
        this.executor = executor;
        this.bodies = bodies;
    }

    List<Route> routes() {
        return List.of(
                get("/api/v1/work", READ_ONLY, this::list),
                get("/api/v1/work/{id}", READ_ONLY, this::one),
                post("/api/v1/work/{id}/cancel", ADMIN, this::cancel),
                post("/api/v1/work/{id}/retry", READ_WRITE, this::retry));
    }

    /**
     * {@code GET /api/v1/work?type=&state=waiting,running&limit=100&cursor=}: works that run, that have a history, that
     * are not due, that wait, dead letters, and those that were cancelled or replayed, in this order.
     *
     * <pre>{@code
     * {"works": [{"id": "…", "type": "welcome-mail", "state": "retrying", "key": null, "priority": "normal",
     *   "attempts": 2, "crashes": 0, "snoozes": 0, "createdAt": "…", "dueAt": "…", "leaseUntil": null,
     *   "endedAt": null}],
     *  "nextCursor": "…", "truncated": true}
     * }</pre>
     */
    private CompletableFuture<Answer> list(Request request) {
        var filter = new Filter(type(request), states(Parameters.textInQuery(request, "state")));
        PageRequest page = PageRequest.of(request, "work", USUAL_LIMIT, MAX_LIMIT, 1);
        if (page.offset() > 0) {
            throw badRequest("offset is not possible in a list of works; take the cursor");
        }
        return executor.read(() -> {
            Page found;
            try {
                found = work.get().admin().list(filter, page.text(0), page.limit());
            } catch (IllegalArgumentException e) {
                throw badRequest("cursor must be a nextCursor of the same list");
            }
            var out = new JsonOutput((long) SUMMARY_BYTES * found.works().size());
            out.object().array("works");
            for (WorkSummary each : found.works()) {
                WorkJson.summary(out.object(), each).endObject();
            }
            out.endArray();
            String next = found.next();
            return Answer.json(
                    OK,
                    PageRequest.announce(request, out, next == null ? null : page.cursor(next))
                            .endObject());
        });
    }

    private static Set<WorkState> states(@Nullable String text) {
        var states = EnumSet.noneOf(WorkState.class);
        if (text != null) {
            for (String each : text.split(",", -1)) {
                states.add(state(each));
            }
        }
        return states;
    }

    private static WorkState state(String text) {
        WorkState state;
        try {
            state = WorkState.of(text);
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
        if (state == WorkState.DONE) {
            throw badRequest(
                    "state must not be done: a work that is done leaves no row. GET /api/v1/work/{id} shows it, GET"
                            + " /api/v1/work/stats counts them, and GET /api/v1/messages?queue=work.TYPE lists the"
                            + " messages of a type");
        }
        return state;
    }

    private static @Nullable String type(Request request) {
        String type = Parameters.textInQuery(request, "type");
        return type == null ? null : WorkTypeEndpoints.checked(type);
    }

    private static WorkId id(Request request) {
        UUID id = JsonBody.uuid(request.pathParameter("id"));
        if (id == null) {
            throw badRequest("id must be a UUID");
        }
        return new WorkId(id);
    }

    private Optional<WorkInfo> find(@Nullable String type, @Nullable String key, WorkId id) {
        try {
            return work.get().admin().find(type, key, id);
        } catch (SearchTooLongException e) {
            throw InvalidRequestException.tooLarge(String.valueOf(e.getMessage()));
        }
    }

    private static Answer notFound() {
        return Answer.json(NOT_FOUND, object().put("error", "Work not found"));
    }

    private static Answer conflict(WorkState state, String error) {
        return Answer.json(CONFLICT, object().put("error", error).put("state", state.text()));
    }

    /**
     * {@code GET /api/v1/work/{id}?type=&key=}: everything that is known of a work, with its payload. {@code type} and
     * {@code key} make the search shorter. 404 {@code Work not found} if the database has no such work.
     */
    private CompletableFuture<Answer> one(Request request) {
        WorkId id = id(request);
        String type = type(request);
        String key = Parameters.nameInQuery(request, "key");
        RequestMemory.Claim memory = bodies.memory().claim(request.jetty());
        return executor.read(() -> {
            Optional<WorkInfo> found = find(type, key, id);
            if (found.isEmpty()) {
                return notFound();
            }
            memory.take(2 * WorkJson.bytesOf(found.get())); // The work and the answer.
            var out = new JsonOutput(WorkJson.bytesOf(found.get()));
            WorkJson.info(out, found.get());
            return Answer.json(OK, out);
        });
    }

    /**
     * {@code POST /api/v1/work/{id}/cancel}: 200 with {@code {"id": "…", "type": "…", "cancelled": true}} if the work
     * is dropped; 202 with {@code "cancelled": false} if an engine drops it when it comes to it, or has been asked to
     * interrupt its handler; 409 with its {@code state} if it is over.
     */
    private CompletableFuture<Answer> cancel(Request request) {
        WorkId id = id(request);
        String type = type(request);
        return executor.write(() -> {
            Optional<WorkInfo> found = find(type, null, id);
            if (found.isEmpty()) {
                return notFound();
            }
            WorkSummary summary = found.get().summary();
            if (OVER.contains(summary.state())) {
                return conflict(
                        summary.state(), "The work is " + summary.state().text());
            }
            boolean isCancelled = work.get().cancel(summary.type(), id);
            return Answer.json(
                    isCancelled ? OK : ACCEPTED,
                    object().put("id", id.toString())
                            .put("type", summary.type())
                            .put("cancelled", isCancelled));
        });
    }

    /**
     * {@code POST /api/v1/work/{id}/retry}: a work that waits for a retry or was snoozed is due now, and the answer is
     * {@code {"id": "…", "type": "…", "retry": "due", "replayedAs": null}}; a dead letter runs again as another work,
     * and the answer has {@code "retry": "replayed"} and the id of that work; 409 with its {@code state} for any other
     * work.
     */
    private CompletableFuture<Answer> retry(Request request) {
        WorkId id = id(request);
        String type = type(request);
        return executor.write(() -> {
            Optional<WorkInfo> found = find(type, null, id);
            if (found.isEmpty()) {
                return notFound();
            }
            WorkSummary summary = found.get().summary();
            WorkAdmin admin = work.get().admin();
            Retried retried = admin.retry(summary.type(), id);
            if (retried.retry() == Retry.NONE) {
                WorkState state = find(summary.type(), null, id)
                        .orElse(found.get())
                        .summary()
                        .state();
                return conflict(state, state == WorkState.DEAD ? STAYS : "The work is " + state.text() + NOT_RETRIED);
            }
            boolean isReplay = retried.retry() == Retry.REPLAYED;
            return Answer.json(
                    OK,
                    object().put("id", id.toString())
                            .put("type", summary.type())
                            .put("retry", isReplay ? "replayed" : "due")
                            .put("replayedAs", isReplay ? retried.id().toString() : null));
        });
    }
}
