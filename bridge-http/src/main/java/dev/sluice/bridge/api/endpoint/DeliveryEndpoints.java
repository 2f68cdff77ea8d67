package dev.sluice.bridge.api.endpoint;

import static dev.sluice.bridge.http.Access.ADMIN;
import static dev.sluice.bridge.http.Access.READ_ONLY;
import static dev.sluice.bridge.http.Access.READ_WRITE;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.Answer.ACCEPTED;
import static dev.sluice.bridge.http.Answer.CREATED;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.get;
import static dev.sluice.bridge.http.Route.post;
import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.endpoint.Delivery.Ended;
import dev.sluice.bridge.endpoint.Delivery.Outcome;
import dev.sluice.bridge.endpoint.Delivery.Signature;
import dev.sluice.bridge.endpoint.EndpointNames;
import dev.sluice.bridge.endpoint.KeptAttempt;
import dev.sluice.bridge.endpoint.Registry;
import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Guard;
import dev.sluice.bridge.http.JsonRequest;
import dev.sluice.bridge.http.PageRequest;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.queue.admin.DeadLetterFilter;
import dev.sluice.queue.letters.DeadLetterJob;
import dev.sluice.queue.letters.DeadLetterJob.Action;
import dev.sluice.queue.letters.DeadLetterJob.Order;
import dev.sluice.queue.letters.DeadLetterJobs;
import dev.sluice.work.WorkAdmin;
import dev.sluice.work.WorkBuffer;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The routes about the deliveries of an endpoint: secrets, tests, attempts, replays and statistics. */
public final class DeliveryEndpoints {
    private static final String ONE = EndpointRoutes.ONE;
    private static final int USUAL_LIMIT = 100;
    private static final int MAX_LIMIT = 1000;
    private static final int USUAL_MINUTES = 60;
    private static final int MOST_MINUTES = (int) WorkAdmin.LONGEST_WINDOW.toMinutes();
    private static final long USUAL_OVERLAP_S = Duration.ofDays(1).toSeconds();

    private final Registry registry;
    private final DeadLetterJobs jobs;
    private final Supplier<WorkBuffer> work;
    private final DatabaseExecutor executor;
    private final RequestBodies bodies;

    /**
     * Makes the endpoints.
     *
     * @param work returns the work engine; throws {@code QueueException} while the database cannot be used
     */
    public DeliveryEndpoints(
            Registry registry,
            DeadLetterJobs jobs,
            Supplier<WorkBuffer> work,
            DatabaseExecutor executor,
            RequestBodies bodies) {
        this.registry = registry;
        this.jobs = jobs;
        this.work = work;
        this.executor = executor;
        this.bodies = bodies;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                post(ONE + "/secret/rotate", ADMIN, this::rotate),
                post(ONE + "/ping", READ_WRITE, this::ping),
                get(ONE + "/attempts", READ_ONLY, this::attempts),
                post(ONE + "/replay", READ_WRITE, this::replay),
                get(ONE + "/stats", READ_ONLY, this::stats));
    }

    /** A rotation. */
    private record Rotation(Signature signature, @Nullable String secret, Duration overlap) {}

    /**
     * {@code POST /api/v1/endpoints/{id}/secret/rotate} with {@code {"overlapSeconds": 86400}} and, if the client has a
     * secret, {@code "secret"}: 201 with the new secret, which is in no other answer.
     */
    private CompletableFuture<Answer> rotate(Request request) throws IOException {
        String id = EndpointRoutes.id(request);
        return bodies.read(request, (bytes, memory) -> {
                    JsonRequest json = bytes.length == 0
                            ? new JsonRequest(object())
                            : JsonRequest.parse(bytes, bodies.limits().depth(), memory);
                    return new Rotation(
                            EndpointBody.signature(json),
                            json.text("secret"),
                            Duration.ofSeconds(json.number(
                                    "overlapSeconds", USUAL_OVERLAP_S, 0, Registry.MAX_OVERLAP.toSeconds())));
                })
                .thenCompose(asked -> executor.write(() -> EndpointRoutes.checked(() -> registry.rotate(
                                id, asked.signature(), asked.secret(), asked.overlap())
                        .map(made -> {
                            ObjectNode json = object().put("id", id)
                                    .put("secret", made.secret())
                                    .put("verificationKey", made.verificationKey())
                                    .put("secretsEncrypted", registry.encrypts());
                            EndpointJson.secrets(json, registry.secrets(id));
                            return Answer.json(CREATED, json);
                        })
                        .orElseGet(EndpointRoutes::notFound))));
    }

    /**
     * {@code POST /api/v1/endpoints/{id}/ping}: sends a message of the type {@code sluice.ping}, also if the endpoint
     * is paused or disabled. 200 with the attempt, whatever its outcome. It is not among the attempts of the list.
     */
    private CompletableFuture<Answer> ping(Request request) {
        String id = EndpointRoutes.id(request);
        return executor.read(() -> registry.ping(id)).thenCompose(DeliveryEndpoints::pinged);
    }

    private static CompletionStage<Answer> pinged(Optional<CompletionStage<Ended>> sent) {
        return sent.isEmpty()
                ? CompletableFuture.completedFuture(EndpointRoutes.notFound())
                : sent.get().thenApply(ended -> Answer.json(OK, EndpointJson.of(ended)));
    }

    /**
     * {@code GET /api/v1/endpoints/{id}/attempts?outcome=failed&webhookId=…&limit=100}: the newest first.
     *
     * <pre>{@code
     * {"attempts": [{"id": 7, "webhookId": "0192…", "attempt": 2, "outcome": "failed", "at": "…", "durationMs": 120,
     *   "request": {"method": "POST", "url": "https://crm.example/hook"},
     *   "answer": {"status": 500, "body": "…"}, "error": "…"}]}
     * }</pre>
     */
    private CompletableFuture<Answer> attempts(Request request) {
        String id = EndpointRoutes.id(request);
        PageRequest page = PageRequest.of(request, "endpoint-attempts", USUAL_LIMIT, MAX_LIMIT, 1);
        if (page.offset() > 0) {
            throw badRequest("this list has no offset: take the cursor of the page before");
        }
        String outcome = outcome(Parameters.textInQuery(request, "outcome"));
        UUID webhookId = webhookId(Parameters.textInQuery(request, "webhookId"));
        Long before = page.number(0);
        return executor.read(() -> {
            if (registry.find(id).isEmpty()) {
                return EndpointRoutes.notFound();
            }
            List<KeptAttempt> rows = registry.attempts(id, outcome, webhookId, before, page.rows());
            List<KeptAttempt> shown = page.page(rows);
            ObjectNode answer = object();
            var array = answer.putArray("attempts");
            shown.forEach(kept -> array.add(object().put("id", kept.id()).setAll(EndpointJson.of(kept.ended()))));
            String next = page.isTruncated(rows)
                    ? page.cursor(shown.get(shown.size() - 1).id())
                    : null;
            return Answer.json(OK, PageRequest.announce(request, answer, next));
        });
    }

    private static @Nullable String outcome(@Nullable String text) {
        if (text != null
                && Arrays.stream(Outcome.values()).noneMatch(each -> each.text().equals(text))) {
            throw badRequest("outcome must be one of "
                    + Arrays.stream(Outcome.values()).map(Outcome::text).collect(Collectors.joining(", ")));
        }
        return text;
    }

    private static @Nullable UUID webhookId(@Nullable String text) {
        try {
            return text == null ? null : UUID.fromString(text);
        } catch (IllegalArgumentException e) {
            throw badRequest("webhookId must be a UUID");
        }
    }

    /**
     * {@code POST /api/v1/endpoints/{id}/replay?since=…&rate=100}: puts the deliveries back that have failed for good
     * since a time. 202 with the id of a job of {@code /api/v1/dlq/jobs} and the number of its deliveries.
     */
    private CompletableFuture<Answer> replay(Request request) {
        String id = EndpointRoutes.id(request);
        Instant since = Parameters.timeInQuery(request, "since");
        if (since == null) {
            throw badRequest("since is required: a time, from which on failed deliveries are put back");
        }
        int rate = Parameters.numberInQuery(request, "rate", 0, 0, DeadLetterJobs.MAX_RATE);
        String subject = Guard.subjectOf(request);
        return executor.write(() -> {
            if (registry.find(id).isEmpty()) {
                return EndpointRoutes.notFound();
            }
            var filter = new DeadLetterFilter(EndpointNames.queue(id), null, null, since, null, null, null, null);
            try {
                DeadLetterJob job = jobs.create(
                        new Order(Action.REDRIVE, null, filter, null, rate == 0 ? null : (Integer) rate, subject));
                return Answer.json(
                        ACCEPTED,
                        object().put("jobId", job.id())
                                .put("total", job.total())
                                .put("since", AdminJson.time(since)));
            } catch (DeadLetterJobs.NoSuchQueueException e) {
                return AdminJson.failure(Answer.NOT_FOUND, "The endpoint has had no delivery");
            }
        });
    }

    /**
     * {@code GET /api/v1/endpoints/{id}/stats?minutes=60}: the numbers of its type, as {@code /api/v1/work/stats} has
     * them, and {@code backlog}: the messages of each queue that it has not got yet.
     */
    private CompletableFuture<Answer> stats(Request request) {
        String id = EndpointRoutes.id(request);
        int minutes = Parameters.numberInQuery(request, "minutes", USUAL_MINUTES, 1, MOST_MINUTES);
        return executor.read(() -> {
            if (registry.find(id).isEmpty()) {
                return EndpointRoutes.notFound();
            }
            WorkAdmin.Numbers numbers = work.get()
                    .admin()
                    .stats(Duration.ofMinutes(minutes))
                    .byType()
                    .get(EndpointNames.type(id));
            var out = new JsonOutput(512);
            out.object().field("id", id).field("minutes", minutes);
            out.object("backlog");
            registry.lag(id).forEach(out::field);
            out.endObject();
            if (numbers == null) {
                out.name("deliveries").raw("null");
            } else {
                EndpointJson.numbers(out.object("deliveries"), numbers).endObject();
            }
            return Answer.json(OK, out.endObject());
        });
    }
}
