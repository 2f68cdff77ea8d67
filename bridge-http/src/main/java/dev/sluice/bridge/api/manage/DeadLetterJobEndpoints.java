package dev.sluice.bridge.api.manage;

import static dev.sluice.bridge.http.Access.READ_ONLY;
import static dev.sluice.bridge.http.Access.READ_WRITE;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.Answer.ACCEPTED;
import static dev.sluice.bridge.http.Answer.NOT_FOUND;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.get;
import static dev.sluice.bridge.http.Route.post;
import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Guard;
import dev.sluice.bridge.http.JsonRequest;
import dev.sluice.bridge.http.PageRequest;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.http.TimeRange;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.bridge.security.Role;
import dev.sluice.queue.ErrorShape;
import dev.sluice.queue.admin.DeadLetterFilter;
import dev.sluice.queue.letters.DeadLetterJob;
import dev.sluice.queue.letters.DeadLetterJob.Action;
import dev.sluice.queue.letters.DeadLetterJob.Order;
import dev.sluice.queue.letters.DeadLetterJobs;
import dev.sluice.queue.letters.ErrorGroup;
import dev.sluice.queue.letters.ErrorGroups;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/** The routes of dead letters in bulk: counts by shape of error, and jobs that move or delete letters. */
public final class DeadLetterJobEndpoints {
    private static final String GROUPS = "/api/v1/dlq/groups";
    private static final String JOBS = "/api/v1/dlq/jobs";
    private static final int USUAL_LIMIT = 100;
    private static final int MAX_LIMIT = 1000;

    private final ErrorGroups groups;
    private final DeadLetterJobs jobs;
    private final DatabaseExecutor executor;
    private final RequestBodies bodies;

    public DeadLetterJobEndpoints(
            ErrorGroups groups, DeadLetterJobs jobs, DatabaseExecutor executor, RequestBodies bodies) {
        this.groups = groups;
        this.jobs = jobs;
        this.executor = executor;
        this.bodies = bodies;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                get(GROUPS, READ_ONLY, this::groups),
                post(JOBS, READ_WRITE, this::create),
                get(JOBS, READ_ONLY, this::list),
                get(JOBS + "/{jobId}", READ_ONLY, this::job),
                post(JOBS + "/{jobId}/cancel", READ_WRITE, this::cancel));
    }

    /**
     * {@code GET /api/v1/dlq/groups?queue=&namespace=&consumerGroup=&from=&to=&text=&by=shape&sort=count&limit=100}:
     * counts all dead letters that match.
     *
     * <pre>{@code
     * {"groups": [{"queue": "orders", "consumerGroup": "billing", "shapeId": "0f3a…", "shape": "Timeout after # ms",
     *              "count": 12, "firstFailedAt": "…", "lastFailedAt": "…",
     *              "example": {"deadLetterId": 7, "errorMessage": "Timeout after 5000 ms"}}],
     *  "groupCount": 1, "total": 12, "withoutShape": 0}
     * }</pre>
     *
     * {@code by} is {@code shape} or {@code queue}; {@code sort} is {@code count}, {@code last} or {@code first}.
     * {@code text} is a part of the shape. {@code groupCount} and {@code total} count the groups that {@code limit}
     * leaves out too. {@code withoutShape} is the number of letters whose shapes are not computed yet.
     */
    private CompletableFuture<Answer> groups(Request request) {
        var filter = new ErrorGroups.Filter(
                Parameters.queueInQuery(request),
                Parameters.nameInQuery(request, "namespace"),
                Parameters.nameInQuery(request, "consumerGroup"),
                Parameters.timeInQuery(request, "from"),
                Parameters.timeInQuery(request, "to"),
                Parameters.textInQuery(request, "text"));
        TimeRange.requireOrder(filter.from(), filter.to());
        boolean byShape = isByShape(Parameters.textInQuery(request, "by"));
        ErrorGroups.Order order = order(Parameters.textInQuery(request, "sort"));
        int limit = Parameters.numberInQuery(request, "limit", USUAL_LIMIT, 1, MAX_LIMIT);
        return executor.read(() -> {
            ErrorGroups.Found found = groups.find(filter, byShape, order, limit);
            ObjectNode answer = object();
            var array = answer.putArray("groups");
            found.groups().forEach(group -> array.add(json(group)));
            return Answer.json(
                    OK,
                    answer.put("groupCount", found.allGroups())
                            .put("total", found.letters())
                            .put("withoutShape", found.withoutShape()));
        });
    }

    private static boolean isByShape(@Nullable String by) {
        if (by != null && !by.equals("shape") && !by.equals("queue")) {
            throw badRequest("by must be shape or queue");
        }
        return by == null || by.equals("shape");
    }

    private static ErrorGroups.Order order(@Nullable String sort) {
        if (sort == null) {
            return ErrorGroups.Order.COUNT;
        }
        return switch (sort) {
            case "count" -> ErrorGroups.Order.COUNT;
            case "last" -> ErrorGroups.Order.LAST;
            case "first" -> ErrorGroups.Order.FIRST;
            default -> throw badRequest("sort must be count, last or first");
        };
    }

    private static ObjectNode json(ErrorGroup group) {
        Long shape = group.shapeId();
        ObjectNode json = object().put("queue", group.queue())
                .put("consumerGroup", group.group())
                .put("shapeId", shape == null ? null : ErrorShape.idText(shape))
                .put("shape", group.shape())
                .put("count", group.letters())
                .put("firstFailedAt", AdminJson.time(group.firstAt()))
                .put("lastFailedAt", AdminJson.time(group.lastAt()));
        json.putObject("example").put("deadLetterId", group.example()).put("errorMessage", group.error());
        return json;
    }

    /** An order, and whether it is only counted. */
    private record Asked(Order order, boolean isDryRun) {}

    /**
     * {@code POST /api/v1/dlq/jobs} with {@code {"action": "redrive", "filter": {"queue": "orders"}, "targetQueue":
     * null, "rate": 100}}, or {@code "ids"} or {@code "all": true} instead of {@code "filter"}: makes a job, 202 with
     * the job. With {@code "dryRun": true} it only counts: 200 {@code {"dryRun": true, "action": "redrive", "total":
     * 12}}. 404 if the target does not exist.
     */
    private CompletableFuture<Answer> create(Request request) throws IOException {
        String subject = Guard.subjectOf(request);
        return bodies.read(request, (bytes, memory) -> {
                    Asked asked = parse(bytes, memory, subject);
                    if (asked.order().action() == Action.DELETE) {
                        Guard.requireRole(request, Role.ADMIN);
                    }
                    return asked;
                })
                .thenCompose(asked -> executor.write(() -> create(asked)));
    }

    private Answer create(Asked asked) {
        try {
            if (asked.isDryRun()) {
                return Answer.json(
                        OK,
                        object().put("dryRun", true)
                                .put("action", name(asked.order().action()))
                                .put("total", jobs.count(asked.order())));
            }
            return Answer.json(ACCEPTED, json(jobs.create(asked.order())));
        } catch (DeadLetterJobs.NoSuchQueueException e) {
            return AdminJson.failure(NOT_FOUND, String.valueOf(e.getMessage()));
        }
    }

    private Asked parse(byte[] body, RequestMemory.Claim memory, @Nullable String subject) {
        JsonRequest json = JsonRequest.parse(body, bodies.limits().depth(), memory);
        DeadLetterFilters.requireOne(json);
        JsonNode ids = json.value("ids");
        JsonNode filter = json.value("filter");
        Action action = action(json.requiredText("action"));
        String target = json.text("targetQueue");
        if (target != null && action == Action.DELETE) {
            throw badRequest("targetQueue has no use with the action delete");
        }
        int rate = (int) json.number("rate", 0, 1, DeadLetterJobs.MAX_RATE);
        var order = new Order(
                action,
                ids == null ? null : DeadLetterFilters.ids(ids, DeadLetterJobs.MAX_LETTERS),
                filter == null ? DeadLetterFilter.ALL : DeadLetterFilters.inBody(filter),
                target == null ? null : Parameters.queueName("targetQueue", target),
                rate == 0 ? null : (Integer) rate,
                subject);
        return new Asked(order, json.flag("dryRun", false));
    }

    private static Action action(String text) {
        return switch (text) {
            case "redrive" -> Action.REDRIVE;
            case "delete" -> Action.DELETE;
            default -> throw badRequest("action must be redrive or delete");
        };
    }

    /** {@code GET /api/v1/dlq/jobs?limit=100}: newest first, {@code {"jobs": […]}}. */
    private CompletableFuture<Answer> list(Request request) {
        PageRequest page = PageRequest.of(request, "dlq-jobs", USUAL_LIMIT, MAX_LIMIT, 1);
        return executor.read(() -> {
            List<DeadLetterJob> rows = jobs.list(page.number(0), page.rows());
            List<DeadLetterJob> shown = page.page(rows);
            ObjectNode answer = object();
            var array = answer.putArray("jobs");
            shown.forEach(job -> array.add(json(job)));
            String next = page.isTruncated(rows)
                    ? page.cursor(shown.get(shown.size() - 1).id())
                    : null;
            return Answer.json(OK, PageRequest.announce(request, answer, next));
        });
    }

    /** {@code GET /api/v1/dlq/jobs/:jobId}: the job; 404 if there is none. */
    private CompletableFuture<Answer> job(Request request) {
        return withJob(request, id -> executor.read(() -> answer(jobs.get(id))));
    }

    /**
     * {@code POST /api/v1/dlq/jobs/:jobId/cancel}: ends a job after its step, and answers with the job. What is done
     * stays done. A job that has ended stays as it is.
     */
    private CompletableFuture<Answer> cancel(Request request) {
        return withJob(request, id -> executor.write(() -> answer(jobs.cancel(id))));
    }

    private static CompletableFuture<Answer> withJob(Request request, LongFunction<CompletableFuture<Answer>> work) {
        try {
            return work.apply(Long.parseLong(request.pathParameter("jobId")));
        } catch (NumberFormatException e) {
            throw badRequest("jobId must be a whole number");
        }
    }

    private static Answer answer(Optional<DeadLetterJob> job) {
        return job.map(found -> Answer.json(OK, json(found)))
                .orElseGet(() -> AdminJson.failure(NOT_FOUND, "Job not found"));
    }

    /**
     * Returns a job as clients see it.
     *
     * <pre>{@code
     * {"jobId": 3, "action": "redrive", "state": "running", "running": true, "cancelRequested": false,
     *  "filter": {"queue": "orders", …}, "ids": null, "targetQueue": null, "rate": 100, "total": 5000, "done": 1200,
     *  "moved": 1198, "duplicate": 0, "deleted": 0, "gone": 1, "refused": 1,
     *  "errors": [{"deadLetterId": 7, "error": "…"}], "lastFailure": null, "createdBy": null,
     *  "createdAt": "…", "startedAt": "…", "progressAt": "…", "finishedAt": null}
     * }</pre>
     */
    private static ObjectNode json(DeadLetterJob job) {
        Order order = job.order();
        List<Long> ids = order.letters();
        ObjectNode json = object().put("jobId", job.id())
                .put("action", name(order.action()))
                .put("state", name(job.state()))
                .put("running", job.isRunning())
                .put("cancelRequested", job.cancelRequested());
        json.set("filter", ids == null ? DeadLetterFilters.json(order.filter()) : null);
        json.put("ids", ids == null ? null : (Integer) ids.size())
                .put("targetQueue", order.target())
                .put("rate", order.rate())
                .put("total", job.total())
                .put("done", job.done().letters())
                .put("moved", job.done().moved())
                .put("duplicate", job.done().duplicates())
                .put("deleted", job.done().deleted())
                .put("gone", job.done().gone())
                .put("refused", job.done().refused());
        var errors = json.putArray("errors");
        job.errors()
                .forEach(refusal ->
                        errors.addObject().put("deadLetterId", refusal.letter()).put("error", refusal.reason()));
        return json.put("lastFailure", job.lastFailure())
                .put("createdBy", order.createdBy())
                .put("createdAt", AdminJson.time(job.times().createdAt()))
                .put("startedAt", AdminJson.time(job.times().startedAt()))
                .put("progressAt", AdminJson.time(job.times().progressAt()))
                .put("finishedAt", AdminJson.time(job.times().finishedAt()));
    }

    private static String name(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }
}
