package dev.sluice.bridge.api.work;

import static dev.sluice.bridge.http.Access.ADMIN;
import static dev.sluice.bridge.http.Access.READ_ONLY;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.get;
import static dev.sluice.bridge.http.Route.post;
import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.JsonRequest;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.work.BreakerAction;
import dev.sluice.work.Work;
import dev.sluice.work.WorkAdmin;
import dev.sluice.work.WorkAdmin.Stats;
import dev.sluice.work.WorkAdmin.TypeInfo;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkStats;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** The routes of types of works: shows them and their numbers, pauses them and changes them. */
final class WorkTypeEndpoints {
    private static final int USUAL_MINUTES = 60;
    private static final int MOST_MINUTES = (int) WorkAdmin.LONGEST_WINDOW.toMinutes();
    private static final int MAX_CONCURRENCY = 10_000;

    private final Supplier<WorkBuffer> work;
    private final DatabaseExecutor executor;
    private final RequestBodies bodies;

    WorkTypeEndpoints(Supplier<WorkBuffer> work, DatabaseExecutor executor, RequestBodies bodies) {
        this.work = work;
        this.executor = executor;
        this.bodies = bodies;
    }

    List<Route> routes() {
        return List.of(
                get("/api/v1/work/types", READ_ONLY, this::types),
                get("/api/v1/work/stats", READ_ONLY, this::stats),
                post("/api/v1/work/types/{type}/pause", ADMIN, this::pause),
                post("/api/v1/work/types/{type}/resume", ADMIN, this::resume),
                post("/api/v1/work/types/{type}/concurrency", ADMIN, this::concurrency),
                post("/api/v1/work/types/{type}/breaker", ADMIN, this::breaker));
    }

    /** Returns the name of a type. */
    static String checked(String type) {
        try {
            return Work.of(type, "null").type();
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
    }

    /**
     * {@code GET /api/v1/work/types}: the types that have a queue in the database or a handler here.
     *
     * <pre>{@code
     * {"types": [{"type": "welcome-mail", "queue": "work.welcome-mail", "encrypted": false, "paused": false,
     *   "pausedSince": null, "concurrency": null,
     *   "limits": {"key": "/tenant", "type": {"concurrency": 50, "rate": 0, "periodMs": 1000, "burst": 0, "weight": 1},
     *     "eachKey": {…}},
     *   "breakerForced": false, "breaker": {"state": "closed", "targets": {}},
     *   "handler": {"concurrency": 0, "timeoutMs": 300000, "maxAttempts": 5, "retry": {…}, "maxCrashes": 3,
     *     "deferRetries": false, "maxAgeMs": null, "keepResults": false, "idempotencyWindowMs": 86400000,
     *     "limits": {…}, "breaker": {…}}}]}
     * }</pre>
     */
    private CompletableFuture<Answer> types(Request request) {
        return executor.read(() -> {
            var out = new JsonOutput(1024);
            out.object().array("types");
            work.get().admin().types().forEach(type -> write(out, type));
            return Answer.json(OK, out.endArray().endObject());
        });
    }

    private static void write(JsonOutput out, TypeInfo type) {
        Integer concurrency = type.concurrency();
        out.object()
                .field("type", type.type())
                .field("queue", "work." + type.type())
                .field("encrypted", type.isEncrypted())
                .field("paused", type.pausedSince() != null)
                .field("pausedSince", AdminJson.time(type.pausedSince()))
                .name("concurrency")
                .raw(concurrency == null ? "null" : concurrency.toString());
        HandlerJson.limits(out, type.limits());
        out.field("breakerForced", type.isBreakerForced());
        WorkStats.Breaker breaker = type.breaker();
        if (breaker == null) {
            out.name("breaker").raw("null");
        } else {
            write(out, "breaker", breaker);
        }
        HandlerJson.handler(out, type.handler());
        out.endObject();
    }

    /**
     * {@code GET /api/v1/work/stats?minutes=60}: numbers of each type and in total.
     *
     * <pre>{@code
     * {"minutes": 60,
     *  "total": {"pending": 3, "scheduled": 1, "processing": 2, "retrying": 0, "snoozed": 0, "dlq": 0,
     *    "activeWorkers": 2, "completed": 100, "failed": 4, "deadLettered": 0, "averageMs": 12.5, "p95Ms": 31.4},
     *  "types": {"welcome-mail": {…}},
     *  "breakers": {"welcome-mail": {"state": "closed", "targets": {}}}}
     * }</pre>
     */
    private CompletableFuture<Answer> stats(Request request) {
        int minutes = Parameters.numberInQuery(request, "minutes", USUAL_MINUTES, 1, MOST_MINUTES);
        return executor.read(() -> {
            WorkBuffer buffer = work.get();
            Stats stats = buffer.admin().stats(Duration.ofMinutes(minutes));
            var out = new JsonOutput(1024);
            out.object().field("minutes", minutes);
            WorkJson.numbers(out.object("total"), stats.total()).endObject();
            out.object("types");
            stats.byType()
                    .forEach((type, numbers) ->
                            WorkJson.numbers(out.object(type), numbers).endObject());
            out.endObject();
            breakers(out, buffer.stats().breakers());
            return Answer.json(OK, out.endObject());
        });
    }

    /** {@code POST /api/v1/work/types/{type}/pause}: answers {@code {"type": "…", "paused": true}}. */
    private CompletableFuture<Answer> pause(Request request) {
        String type = checked(request.pathParameter("type"));
        return change(buffer -> buffer.pause(type), object().put("type", type).put("paused", true));
    }

    /** {@code POST /api/v1/work/types/{type}/resume}: answers {@code {"type": "…", "paused": false}}. */
    private CompletableFuture<Answer> resume(Request request) {
        String type = checked(request.pathParameter("type"));
        return change(buffer -> buffer.resume(type), object().put("type", type).put("paused", false));
    }

    private CompletableFuture<Answer> change(Consumer<WorkBuffer> change, ObjectNode answer) {
        return executor.write(() -> {
            change.accept(work.get());
            return Answer.json(OK, answer);
        });
    }

    /**
     * {@code POST /api/v1/work/types/{type}/concurrency} with {@code {"concurrency": 5}}, or null for what the handler
     * is set up with: how many works of the type each engine runs at a time. Answers the same with the type.
     */
    private CompletableFuture<Answer> concurrency(Request request) throws IOException {
        String type = checked(request.pathParameter("type"));
        return bodies.read(request, (bytes, memory) -> {
                    JsonRequest json = JsonRequest.parse(bytes, bodies.limits().depth(), memory);
                    if (!json.fields().has("concurrency")) {
                        throw badRequest("concurrency is required");
                    }
                    return json.value("concurrency") == null
                            ? 0
                            : (int) json.number("concurrency", 0, 1, MAX_CONCURRENCY);
                })
                .thenCompose(most -> {
                    Integer set = most == 0 ? null : most;
                    return change(
                            buffer -> buffer.concurrency(type, set),
                            object().put("type", type).put("concurrency", set));
                });
    }

    /**
     * {@code POST /api/v1/work/types/{type}/breaker} with {@code {"action": "force-open"}}, {@code "force-closed"} or
     * {@code "reset"}: forces the circuit breakers of the type on all engines, or resets them. Answers the same with
     * the type.
     */
    private CompletableFuture<Answer> breaker(Request request) throws IOException {
        String type = checked(request.pathParameter("type"));
        return bodies.read(
                        request,
                        (bytes, memory) ->
                                action(JsonRequest.parse(bytes, bodies.limits().depth(), memory)
                                        .requiredText("action")))
                .thenCompose(action -> change(
                        buffer -> buffer.breaker(type, action),
                        object().put("type", type).put("action", name(action))));
    }

    private static BreakerAction action(String text) {
        for (BreakerAction action : BreakerAction.values()) {
            if (name(action).equals(text)) {
                return action;
            }
        }
        throw badRequest("action must be force-open, force-closed or reset");
    }

    private static String name(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** Adds the states of the breakers of this service. */
    private static void breakers(JsonOutput out, Map<String, WorkStats.Breaker> breakers) {
        out.object("breakers");
        breakers.forEach((type, breaker) -> write(out, type, breaker));
        out.endObject();
    }

    private static void write(JsonOutput out, String field, WorkStats.Breaker breaker) {
        out.object(field).field("state", name(breaker.state())).name("targets");
        var targets = object();
        breaker.targets().forEach((target, state) -> targets.put(target, name(state)));
        out.json(targets.toString()).endObject();
    }
}
