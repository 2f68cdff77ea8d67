package dev.sluice.bridge.api.endpoint;

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
import dev.sluice.bridge.endpoint.Delivery.Signature;
import dev.sluice.bridge.endpoint.Endpoint;
import dev.sluice.bridge.endpoint.Endpoint.State;
import dev.sluice.bridge.endpoint.EndpointNames;
import dev.sluice.bridge.endpoint.EndpointSpec;
import dev.sluice.bridge.endpoint.Registry;
import dev.sluice.bridge.endpoint.Registry.ConflictException;
import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.JsonRequest;
import dev.sluice.bridge.http.PageRequest;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** The routes that make, show, change and delete endpoints. */
public final class EndpointRoutes {
    static final String PATH = "/api/v1/endpoints";
    static final String ONE = PATH + "/{id}";

    private static final int USUAL_LIMIT = 100;
    private static final int MAX_LIMIT = 1000;

    private final Registry registry;
    private final DatabaseExecutor executor;
    private final RequestBodies bodies;

    public EndpointRoutes(Registry registry, DatabaseExecutor executor, RequestBodies bodies) {
        this.registry = registry;
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
                post(ONE + "/pause", ADMIN, request -> setState(request, State.PAUSED)),
                post(ONE + "/resume", ADMIN, request -> setState(request, State.ACTIVE)));
    }

    /** Returns the id in a path. */
    static String id(Request request) {
        try {
            return EndpointNames.check(request.pathParameter("id"));
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
    }

    static Answer notFound() {
        return AdminJson.failure(NOT_FOUND, "Endpoint not found");
    }

    /** Answers a conflict with 409, and a value that breaks a limit with 400. */
    static Answer checked(Callable<Answer> work) throws Exception {
        try {
            return work.call();
        } catch (ConflictException e) {
            return AdminJson.failure(CONFLICT, String.valueOf(e.getMessage()));
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
    }

    /** What makes an endpoint. */
    private record Creation(
            EndpointSpec spec,
            Signature signature,
            @Nullable String secret,
            @Nullable Instant from) {}

    /**
     * {@code POST /api/v1/endpoints} with {@code {"url": "https://…", "queues": ["orders"]}}: makes an endpoint. 201
     * with the endpoint, {@code secret} and {@code secretsEncrypted}. The secret is in no other answer.
     */
    private CompletableFuture<Answer> create(Request request) throws IOException {
        return bodies.read(request, (bytes, memory) -> {
                    JsonRequest json = JsonRequest.parse(bytes, bodies.limits().depth(), memory);
                    String id = json.text("id");
                    return new Creation(
                            EndpointBody.ofCreation(json).create(id == null ? registry.newId() : id),
                            EndpointBody.signature(json),
                            json.text("secret"),
                            from(json));
                })
                .thenCompose(asked -> executor.write(() -> checked(() -> {
                    Registry.WithSecret made =
                            registry.create(asked.spec(), asked.signature(), asked.secret(), asked.from());
                    ObjectNode json = EndpointJson.of(made.endpoint())
                            .put("secret", made.secret())
                            .put("verificationKey", made.verificationKey())
                            .put("secretsEncrypted", registry.encrypts());
                    return Answer.json(CREATED, json);
                })));
    }

    private static @Nullable Instant from(JsonRequest json) {
        var from = json.value("from");
        if (from != null && from.isTextual()) {
            if (from.textValue().equals("now")) {
                return null;
            }
            if (from.textValue().equals("beginning")) {
                return Instant.EPOCH;
            }
        }
        return json.time("from");
    }

    /** {@code GET /api/v1/endpoints?limit=100}: in the order of their ids, {@code {"endpoints": […]}}. */
    private CompletableFuture<Answer> list(Request request) {
        PageRequest page = PageRequest.of(request, "endpoints", USUAL_LIMIT, MAX_LIMIT, 1);
        if (page.offset() > 0) {
            throw badRequest("this list has no offset: take the cursor of the page before");
        }
        return executor.read(() -> {
            List<Endpoint> rows = registry.list(page.text(0), page.rows());
            List<Endpoint> shown = page.page(rows);
            ObjectNode answer = object();
            var array = answer.putArray("endpoints");
            shown.forEach(endpoint -> array.add(EndpointJson.of(endpoint)));
            String next = page.isTruncated(rows)
                    ? page.cursor(shown.get(shown.size() - 1).id())
                    : null;
            return Answer.json(OK, PageRequest.announce(request, answer, next));
        });
    }

    /** {@code GET /api/v1/endpoints/{id}}: the endpoint, and when its secrets were made and expire. */
    private CompletableFuture<Answer> show(Request request) {
        String id = id(request);
        return executor.read(() -> answer(registry.find(id)));
    }

    private Answer answer(Optional<Endpoint> endpoint) {
        return endpoint.map(found -> {
                    ObjectNode json = EndpointJson.of(found);
                    EndpointJson.secrets(json, registry.secrets(found.id()));
                    return Answer.json(OK, json.put("secretsEncrypted", registry.encrypts()));
                })
                .orElseGet(EndpointRoutes::notFound);
    }

    /** {@code PATCH /api/v1/endpoints/{id}}: changes the fields of the body; the others stay. Answers the endpoint. */
    private CompletableFuture<Answer> update(Request request) throws IOException {
        String id = id(request);
        return bodies.read(
                        request,
                        (bytes, memory) -> EndpointBody.ofChange(
                                JsonRequest.parse(bytes, bodies.limits().depth(), memory)))
                .thenCompose(body -> executor.write(() -> checked(() -> answer(registry.update(id, body::applyTo)))));
    }

    /** {@code DELETE /api/v1/endpoints/{id}}: with its groups, works, dead letters, attempts and secrets. */
    private CompletableFuture<Answer> remove(Request request) {
        String id = id(request);
        return executor.write(() ->
                registry.delete(id) ? Answer.json(OK, object().put("id", id).put("deleted", true)) : notFound());
    }

    /**
     * {@code POST /api/v1/endpoints/{id}/pause} and {@code …/resume}: answers the endpoint. Resuming also enables an
     * endpoint that was disabled.
     */
    private CompletableFuture<Answer> setState(Request request, State state) {
        String id = id(request);
        return executor.write(() -> answer(registry.setState(id, state)));
    }
}
