package dev.sluice.bridge.api.observe;

import dev.sluice.bridge.api.manage.BufferEndpoints;
import dev.sluice.bridge.api.manage.ServiceState;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.json.JsonOutput;
import org.jspecify.annotations.Nullable;

/**
 * The routes that tell how the service is.
 *
 * <ul>
 *   <li>{@code /live}: the process answers. Never depends on anything else: who restarts on it must not restart because
 *       of a database.
 *   <li>{@code /ready}: a push would be taken, with or without a database.
 *   <li>{@code /health}: for clients that know it; 503 while the database does not answer or takes no writes.
 *   <li>{@code /api/v1/status/buffers}: the local log; with {@code ?detail=true}, all there is to tell about it, see
 *       {@link BufferEndpoints#detail}.
 * </ul>
 */
public final class StatusEndpoints {
    private static final int OK = 200;
    private static final int UNAVAILABLE = 503;
    private static final int WORKER_ID = 0;
    private static final double MILLIS_PER_SECOND = 1000.0;

    private final ServiceState state;
    private final String version;

    public StatusEndpoints(ServiceState state, String version) {
        this.state = state;
        this.version = version;
    }

    /** {@code {"status": "alive"}}. */
    public Answer live() {
        return Answer.json(OK, new JsonOutput(0).raw("{\"status\":\"alive\"}"));
    }

    /**
     * {@code {"status": "ready", "reason": null, "database": "connected", "database_error": null}}, or 503 with a
     * reason.
     */
    public Answer ready() {
        String refusal = state.pushRefusal();
        var out = new JsonOutput(0).raw("{\"status\":\"").raw(refusal == null ? "ready" : "not ready");
        out.raw("\",\"reason\":").string(refusal);
        out.raw(",\"database\":\"").raw(database());
        out.raw("\",\"database_error\":").string(state.databaseProblem()).raw("}");
        return Answer.json(refusal == null ? OK : UNAVAILABLE, out);
    }

    /**
     * {@code {"status": "healthy", "database": "connected", "server": "sluice", "worker_id": 0, "version": "…",
     * "shared_state": {…}, …}}; {@code database_error} says what is wrong.
     */
    public Answer health() {
        boolean healthy = state.databaseConnected();
        String refusal = state.pushRefusal();
        var out = new JsonOutput(0).raw("{\"status\":\"").raw(healthy ? "healthy" : "unhealthy");
        out.raw("\",\"database\":\"").raw(database());
        out.raw("\",\"server\":\"sluice\",\"worker_id\":").number(WORKER_ID);
        out.raw(",\"version\":").string(version);
        out.raw(",\"shared_state\":{\"enabled\":true,\"running\":").bool(healthy);
        out.raw("},\"queen\":{\"worker_id\":").number(WORKER_ID);
        out.raw(",\"status\":\"").raw(healthy ? "healthy" : "unhealthy").raw("\"}");
        out.raw(",\"database_error\":").string(state.databaseProblem());
        out.raw(",\"accepting_pushes\":").bool(refusal == null);
        out.raw(",\"drain\":").string(state.buffer().drain()).raw("}");
        return Answer.json(healthy ? OK : UNAVAILABLE, out);
    }

    /** {@code {"pending": 0, "failed": 0, "dbHealthy": true, "worker": 0, "usedBytes": …, …}}. */
    public Answer buffers() {
        ServiceState.Buffer buffer = state.buffer();
        var out = new JsonOutput(0).raw("{\"pending\":").number(buffer.pending());
        out.raw(",\"failed\":").number(buffer.failed());
        out.raw(",\"dbHealthy\":").bool(state.databaseConnected());
        out.raw(",\"worker\":").number(WORKER_ID);
        out.raw(",\"usedBytes\":").number(buffer.usedBytes());
        out.raw(",\"limitBytes\":").number(buffer.limitBytes());
        out.raw(",\"full\":").bool(buffer.full());
        out.raw(",\"oldestAgeSeconds\":").raw(Double.toString(buffer.oldestAge().toMillis() / MILLIS_PER_SECOND));
        out.raw(",\"drain\":").string(buffer.drain()).raw("}");
        return Answer.json(OK, out);
    }

    private String database() {
        return state.databaseConnected() ? "connected" : "disconnected";
    }

    /** Reads the version from the jar; null in a build directory. */
    static @Nullable String versionOfJar() {
        return StatusEndpoints.class.getPackage().getImplementationVersion();
    }
}
