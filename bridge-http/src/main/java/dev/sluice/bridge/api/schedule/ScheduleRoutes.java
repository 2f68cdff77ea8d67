package dev.sluice.bridge.api.schedule;

import static dev.sluice.bridge.http.Access.ADMIN;
import static dev.sluice.bridge.http.Access.READ_ONLY;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.Answer.CONFLICT;
import static dev.sluice.bridge.http.Answer.CREATED;
import static dev.sluice.bridge.http.Answer.NOT_FOUND;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.delete;
import static dev.sluice.bridge.http.Route.get;
import static dev.sluice.bridge.http.Route.patch;
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
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.bridge.schedule.Registry;
import dev.sluice.bridge.schedule.Registry.ConflictException;
import dev.sluice.bridge.schedule.Registry.Preview;
import dev.sluice.bridge.schedule.Schedule;
import dev.sluice.bridge.schedule.ScheduleService;
import dev.sluice.bridge.schedule.ScheduleSpec;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** The routes of schedules. */
public final class ScheduleRoutes {
    private static final String PATH = "/api/v1/schedules";
    private static final String ONE = PATH + "/{name}";
    private static final int USUAL_LIMIT = 100;
    private static final int MAX_LIMIT = 1000;
    private static final int USUAL_TICKS = 5;
    private static final int MAX_TICKS = 100;

    private final ScheduleService service;
    private final Registry registry;
    private final DatabaseExecutor executor;
    private final RequestBodies bodies;

    public ScheduleRoutes(ScheduleService service, DatabaseExecutor executor, RequestBodies bodies) {
        this.service = service;
        this.registry = service.registry();
        this.executor = executor;
        this.bodies = bodies;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                post(PATH, ADMIN, this::create),
                get(PATH, READ_ONLY, this::list),
                get(ONE, READ_ONLY, this::show),
                patch(ONE, ADMIN, this::update),
                delete(ONE, ADMIN, this::remove),
                get(ONE + "/next", READ_ONLY, this::next),
                post(ONE + "/pause", ADMIN, request -> change(request, registry::pause)),
                post(ONE + "/resume", ADMIN, request -> change(request, registry::resume)),
                post(ONE + "/run", ADMIN, this::run));
    }

    private static String name(Request request) {
        try {
            return ScheduleSpec.checkName(request.pathParameter("name"));
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
    }

    private static Answer notFound() {
        return AdminJson.failure(NOT_FOUND, "Schedule not found");
    }

    /** Answers a conflict with 409, and a value that is not valid with 400. */
    private static Answer checked(Callable<Answer> work) throws Exception {
        try {
            return work.call();
        } catch (ConflictException e) {
            return AdminJson.failure(CONFLICT, String.valueOf(e.getMessage()));
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
    }

    /**
     * {@code POST /api/v1/schedules} with {@code {"name": "nightly", "cron": "0 3 * * *", "queue": "reports"}}: makes a
     * schedule. 201 with the schedule.
     */
    private CompletableFuture<Answer> create(Request request) throws IOException {
        return body(request)
                .thenCompose(body -> executor.write(() ->
                        checked(() -> Answer.json(CREATED, ScheduleJson.of(registry.create(body::create), true)))));
    }

    private CompletableFuture<ScheduleBody> body(Request request) throws IOException {
        return bodies.read(
                request,
                (bytes, memory) ->
                        ScheduleBody.of(JsonRequest.parse(bytes, bodies.limits().depth(), memory)));
    }

    /** {@code GET /api/v1/schedules?limit=100}: in the order of their names, {@code {"schedules": […]}}. */
    private CompletableFuture<Answer> list(Request request) {
        PageRequest page = PageRequest.of(request, "schedules", USUAL_LIMIT, MAX_LIMIT, 1);
        if (page.offset() > 0) {
            throw badRequest("this list has no offset: take the cursor of the page before");
        }
        return executor.read(() -> {
            List<Schedule> rows = registry.list(page.text(0), page.rows());
            List<Schedule> shown = page.page(rows);
            ObjectNode answer = object();
            var array = answer.putArray("schedules");
            shown.forEach(schedule -> array.add(ScheduleJson.of(schedule, false)));
            String next = page.isTruncated(rows)
                    ? page.cursor(shown.get(shown.size() - 1).spec().name())
                    : null;
            return Answer.json(OK, PageRequest.announce(request, answer, next));
        });
    }

    /** {@code GET /api/v1/schedules/{name}}: the schedule, with its payload and headers. */
    private CompletableFuture<Answer> show(Request request) {
        String name = name(request);
        return executor.read(() -> answer(registry.find(name)));
    }

    private static Answer answer(Optional<Schedule> schedule) {
        return schedule.map(found -> Answer.json(OK, ScheduleJson.of(found, true)))
                .orElseGet(ScheduleRoutes::notFound);
    }

    /** {@code PATCH /api/v1/schedules/{name}}: changes the fields of the body; the others stay. */
    private CompletableFuture<Answer> update(Request request) throws IOException {
        String name = name(request);
        return body(request)
                .thenCompose(body -> executor.write(() -> checked(() -> answer(registry.update(name, body::applyTo)))));
    }

    /** {@code DELETE /api/v1/schedules/{name}}: messages that it has pushed stay. */
    private CompletableFuture<Answer> remove(Request request) {
        String name = name(request);
        return executor.write(() -> checked(() -> registry.delete(name)
                ? Answer.json(OK, object().put("name", name).put("deleted", true))
                : notFound()));
    }

    /**
     * {@code GET /api/v1/schedules/{name}/next?count=5}: {@code {"name": "nightly", "words": "at 03:00, UTC", "paused":
     * false, "ticks": ["2026-12-02T03:00:00.000Z", …]}}.
     */
    private CompletableFuture<Answer> next(Request request) {
        String name = name(request);
        int count = Parameters.numberInQuery(request, "count", USUAL_TICKS, 1, MAX_TICKS);
        return executor.read(() -> {
            Optional<Preview> found = registry.next(name, count);
            if (found.isEmpty()) {
                return notFound();
            }
            Preview preview = found.get();
            ObjectNode json = object().put("name", name)
                    .put("words", preview.schedule().spec().words())
                    .put("paused", preview.schedule().times().pausedAt() != null);
            var ticks = json.putArray("ticks");
            preview.ticks().forEach(tick -> ticks.add(AdminJson.time(tick)));
            return Answer.json(OK, json);
        });
    }

    private CompletableFuture<Answer> change(Request request, Function<String, Optional<Schedule>> change) {
        String name = name(request);
        return executor.write(() -> answer(change.apply(name)));
    }

    /** {@code POST /api/v1/schedules/{name}/run}: fires once beside the ticks. Answers the message. */
    private CompletableFuture<Answer> run(Request request) {
        String name = name(request);
        return executor.write(() -> service.runNow(name)
                .map(message -> Answer.json(OK, ScheduleJson.of(message)))
                .orElseGet(ScheduleRoutes::notFound));
    }
}
