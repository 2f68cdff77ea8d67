package dev.sluice.bridge.api.observe;

import static dev.sluice.bridge.http.Access.PUBLIC;
import static dev.sluice.bridge.http.Access.READ_ONLY;
import static dev.sluice.bridge.http.AdminJson.seconds;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Answer.UNAVAILABLE;
import static dev.sluice.bridge.http.Route.get;

import dev.sluice.bridge.api.manage.BufferEndpoints;
import dev.sluice.bridge.api.manage.ServiceState;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Guard;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.json.JsonOutput;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * The routes that show the state of the service.
 *
 * <ul>
 *   <li>{@code /live}: the process answers. It depends on nothing else, so that an orchestrator does not restart the
 *       service because of the database.
 *   <li>{@code /ready}: the service accepts pushes, with or without a database.
 *   <li>{@code /health}: for existing clients; 503 while the database does not answer or refuses writes. A caller
 *       without a role gets the fields of the contract and no others.
 *   <li>{@code /api/v1/status/buffers}: the local log; with {@code ?detail=true} in detail, see
 *       {@link BufferEndpoints#detail}.
 * </ul>
 *
 * <p>{@code database_error} is the text of the database, which names hosts and roles. So only a caller with a role gets
 * it. A 503 has {@code Retry-After}.
 */
public final class StatusEndpoints {
    private static final int WORKER_ID = 0;
    /** The pause of usual probes. */
    private static final String RETRY_SECONDS = "5";

    private final ServiceState state;
    private final String version;
    private final BufferEndpoints buffers;

    public StatusEndpoints(ServiceState state, String version, BufferEndpoints buffers) {
        this.state = state;
        this.version = version;
        this.buffers = buffers;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                get("/api/v1/status/buffers", READ_ONLY, this::buffers),
                get("/health", PUBLIC, this::health),
                get("/live", PUBLIC, this::live),
                get("/ready", PUBLIC, this::ready));
    }

    /** {@code {"status": "alive"}}. */
    private CompletableFuture<Answer> live(Request request) {
        return answer(request, OK, new JsonOutput(0).object().field("status", "alive"));
    }

    /**
     * {@code {"status": "ready", "reason": null, "database": "connected", "database_error": null}}, or 503 with a
     * reason.
     */
    private CompletableFuture<Answer> ready(Request request) {
        String refusal = state.pushRefusal();
        var fields = new JsonOutput(0)
                .object()
                .field("status", refusal == null ? "ready" : "not ready")
                .field("reason", refusal)
                .field("database", database());
        if (Guard.hasRole(request)) {
            fields.field("database_error", state.databaseProblem());
        }
        return answer(request, refusal == null ? OK : UNAVAILABLE, fields);
    }

    /**
     * {@code {"status": "healthy", "database": "connected", "server": "sluice", "worker_id": 0, "version": "…",
     * "shared_state": {…}, "queen": {…}}}; with a role also {@code database_error}, {@code accepting_pushes} and
     * {@code drain}.
     */
    private CompletableFuture<Answer> health(Request request) {
        boolean healthy = state.databaseConnected();
        String status = healthy ? "healthy" : "unhealthy";
        var fields = new JsonOutput(0)
                .object()
                .field("status", status)
                .field("database", database())
                .field("server", "sluice")
                .field("worker_id", WORKER_ID)
                .field("version", version)
                .object("shared_state")
                .field("enabled", true)
                .field("running", healthy)
                .endObject()
                .object("queen")
                .field("worker_id", WORKER_ID)
                .field("status", status)
                .endObject();
        if (Guard.hasRole(request)) {
            fields.field("database_error", state.databaseProblem())
                    .field("accepting_pushes", state.pushRefusal() == null)
                    .field("drain", state.buffer().drain());
        }
        return answer(request, healthy ? OK : UNAVAILABLE, fields);
    }

    /** A probe is answered at once, even if its body has not arrived. */
    private static CompletableFuture<Answer> answer(Request request, int status, JsonOutput fields) {
        RequestBodies.leaveUnread(request);
        if (status == UNAVAILABLE) {
            request.answerHeader("Retry-After", RETRY_SECONDS);
        }
        return Answer.json(status, fields.endObject()).now();
    }

    /** {@code {"pending": 0, "failed": 0, "dbHealthy": true, "worker": 0, "usedBytes": …, …}}. */
    private CompletableFuture<Answer> buffers(Request request) {
        ServiceState.Buffer buffer = state.buffer();
        Answer summary = Answer.json(
                OK,
                new JsonOutput(0)
                        .object()
                        .field("pending", buffer.pending())
                        .field("failed", buffer.failed())
                        .field("dbHealthy", state.databaseConnected())
                        .field("worker", WORKER_ID)
                        .field("usedBytes", buffer.usedBytes())
                        .field("limitBytes", buffer.limitBytes())
                        .field("full", buffer.full())
                        .name("oldestAgeSeconds")
                        .raw(Double.toString(seconds(buffer.oldestAge().toMillis())))
                        .field("drain", buffer.drain())
                        .endObject());
        return request.query().flag("detail") ? buffers.detail(summary) : summary.now();
    }

    private String database() {
        return state.databaseConnected() ? "connected" : "disconnected";
    }
}
