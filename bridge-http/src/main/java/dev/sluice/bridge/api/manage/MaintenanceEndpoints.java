package dev.sluice.bridge.api.manage;

import static dev.sluice.bridge.http.Access.ADMIN;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.get;
import static dev.sluice.bridge.http.Route.post;
import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.JsonRequest;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.ingest.FailedRecords;
import dev.sluice.bridge.jobs.MaintenanceMode;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * The routes that hold pushes or pops, and the routes about the state that bridges share.
 *
 * <p>During push maintenance, pushes are answered {@code buffered} and stay in the local log. When it ends, the drain
 * moves them on in order. Pops, acks, transactions and direct pushes continue. During pop maintenance, pops get no
 * messages: they are answered 204, at once or, with {@code wait=true}, at their timeout, unless the maintenance ends
 * before.
 */
public final class MaintenanceEndpoints {
    private static final BigDecimal BYTES_PER_MB = BigDecimal.valueOf(1 << 20);
    private static final int MB_DECIMALS = 2;

    private final MaintenanceMode mode;
    private final ServiceState state;
    private final FailedRecords failed;
    private final DatabaseExecutor executor;
    private final Consumer<Set<String>> wake;
    private final RequestBodies bodies;
    private final String serverId = UUID.randomUUID().toString();

    public MaintenanceEndpoints(
            MaintenanceMode mode,
            ServiceState state,
            FailedRecords failed,
            DatabaseExecutor executor,
            Consumer<Set<String>> wake,
            RequestBodies bodies) {
        this.mode = mode;
        this.state = state;
        this.failed = failed;
        this.executor = executor;
        this.wake = wake;
        this.bodies = bodies;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                get("/api/v1/system/maintenance", ADMIN, this::show),
                post("/api/v1/system/maintenance", ADMIN, this::set),
                get("/api/v1/system/maintenance/pop", ADMIN, this::showPops),
                post("/api/v1/system/maintenance/pop", ADMIN, this::setPops),
                get("/api/v1/system/shared-state", ADMIN, this::sharedState),
                get("/internal/api/shared-state/stats", ADMIN, this::sharedState),
                get("/internal/api/inter-instance/stats", ADMIN, this::sharedState),
                post("/internal/api/notify", ADMIN, this::wake));
    }

    /**
     * {@code GET /api/v1/system/maintenance}:
     *
     * <pre>{@code
     * {"maintenanceMode": false, "popMaintenanceMode": false, "bufferedMessages": 0, "bufferHealthy": true,
     *  "bufferStats": {"pendingCount": 0, "failedCount": 0, "dbHealthy": true,
     *                  "failedFiles": {"count": 0, "totalBytes": 0, "totalMB": 0.00, "failoverCount": 0,
     *                    "qos0Count": 0}}}
     * }</pre>
     *
     * {@code bufferHealthy}: the service accepts pushes. {@code failedFiles} counts failed records.
     */
    private CompletableFuture<Answer> show(Request request) {
        ServiceState.Buffer buffer = state.buffer();
        long failedBytes = failed.entries().status().usedBytes();
        ObjectNode answer = object().put("maintenanceMode", mode.pushes())
                .put("popMaintenanceMode", mode.pops())
                .put("bufferedMessages", buffer.pending())
                .put("bufferHealthy", state.pushRefusal() == null);
        answer.putObject("bufferStats")
                .put("pendingCount", buffer.pending())
                .put("failedCount", buffer.failed())
                .put("dbHealthy", state.databaseConnected())
                .putObject("failedFiles")
                .put("count", buffer.failed())
                .put("totalBytes", failedBytes)
                .put("totalMB", BigDecimal.valueOf(failedBytes).divide(BYTES_PER_MB, MB_DECIMALS, RoundingMode.HALF_UP))
                .put("failoverCount", buffer.failed())
                .put("qos0Count", 0);
        return CompletableFuture.completedFuture(Answer.json(OK, answer));
    }

    /**
     * {@code POST /api/v1/system/maintenance} with {@code {"enabled": true}}: {@code {"maintenanceMode": true,
     * "bufferedMessages": 0, "bufferHealthy": true, "message": "…"}}. Without the database it answers 503 and changes
     * nothing.
     */
    private CompletableFuture<Answer> set(Request request) throws IOException {
        return set(
                request,
                mode::setPushes,
                () -> object().put("maintenanceMode", mode.pushes())
                        .put("bufferedMessages", state.buffer().pending())
                        .put("bufferHealthy", state.pushRefusal() == null)
                        .put(
                                "message",
                                mode.pushes()
                                        ? "Push maintenance is on: pushes are kept in the local log"
                                        : "Push maintenance is off: what is in the local log is moved on"));
    }

    /** {@code GET /api/v1/system/maintenance/pop}: {@code {"popMaintenanceMode": false, "message": "…"}}. */
    private CompletableFuture<Answer> showPops(Request request) {
        return CompletableFuture.completedFuture(Answer.json(OK, pops()));
    }

    /** {@code POST /api/v1/system/maintenance/pop} with {@code {"enabled": true}}: answers as the GET. */
    private CompletableFuture<Answer> setPops(Request request) throws IOException {
        return set(request, mode::setPops, this::pops);
    }

    private ObjectNode pops() {
        return object().put("popMaintenanceMode", mode.pops())
                .put("message", mode.pops() ? "Pop maintenance is on: pops get nothing" : "Pop maintenance is off");
    }

    /** Returns the current state. */
    private interface Report {
        ObjectNode now();
    }

    private CompletableFuture<Answer> set(Request request, Consumer<Boolean> change, Report report) throws IOException {
        return bodies.read(request, (bytes, memory) -> {
                    JsonRequest json = JsonRequest.parse(bytes, bodies.limits().depth(), memory);
                    if (json.value("enabled") == null) {
                        throw badRequest("enabled must be true or false");
                    }
                    return json.flag("enabled", false);
                })
                .thenCompose(enabled -> executor.write(() -> {
                    change.accept(enabled);
                    return Answer.json(OK, report.now());
                }));
    }

    /**
     * {@code GET /api/v1/system/shared-state}, {@code /internal/api/shared-state/stats} and
     * {@code /internal/api/inter-instance/stats}. Bridges share their state through the database, so the fields about
     * caches and other servers are zero.
     *
     * <pre>{@code
     * {"enabled": true, "running": true, "server_id": "…",
     *  "queue_config_cache": {"size": 0, "hits": 0, "misses": 0, "hit_rate": 0.0},
     *  "server_health": {"servers_tracked": 0, "servers_alive": 0, "servers_dead": 0, "heartbeats_received": 0,
     *    "restarts_detected": 0},
     *  "maintenance_mode": false, "pop_maintenance_mode": false}
     * }</pre>
     */
    private CompletableFuture<Answer> sharedState(Request request) {
        ObjectNode answer = object().put("enabled", true)
                .put("running", state.databaseConnected())
                .put("server_id", serverId);
        answer.putObject("queue_config_cache")
                .put("size", 0)
                .put("hits", 0)
                .put("misses", 0)
                .put("hit_rate", 0.0);
        answer.putObject("server_health")
                .put("servers_tracked", 0)
                .put("servers_alive", 0)
                .put("servers_dead", 0)
                .put("heartbeats_received", 0)
                .put("restarts_detected", 0);
        answer.put("maintenance_mode", mode.pushes()).put("pop_maintenance_mode", mode.pops());
        return CompletableFuture.completedFuture(Answer.json(OK, answer));
    }

    /**
     * {@code POST /internal/api/notify} with {@code {"queue": "orders", "partition": null}}: wakes the pops that wait
     * for the queue, here and at other bridges. Answers {@code {"status": "ok"}}.
     */
    private CompletableFuture<Answer> wake(Request request) throws IOException {
        return bodies.read(
                        request,
                        (bytes, memory) -> Parameters.name(
                                "queue",
                                JsonRequest.parse(bytes, bodies.limits().depth(), memory)
                                        .requiredText("queue")))
                .thenApply(queue -> {
                    wake.accept(Set.of(queue));
                    return Answer.json(OK, object().put("status", "ok"));
                });
    }
}
