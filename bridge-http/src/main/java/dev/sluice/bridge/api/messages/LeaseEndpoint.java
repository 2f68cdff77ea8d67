package dev.sluice.bridge.api.messages;

import static dev.sluice.bridge.http.Access.READ_WRITE;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.post;

import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.JsonRequest;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.json.JsonBody;
import dev.sluice.bridge.metrics.LeaseExtensions;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.read.Queue;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * {@code POST /api/v1/lease/:leaseId/extend} with {@code {"seconds": 60}}: extends a lease to that many seconds from
 * now, on all its partitions. It never shortens a lease.
 *
 * <pre>{@code
 * {"leaseId": "…", "success": true, "error": null, "newExpiresAt": "2026-05-16T10:01:00.123Z", "expiresAt": "…"}
 * {"leaseId": "…", "success": false, "error": "Lease not found", "newExpiresAt": null, "expiresAt": null}
 * }</pre>
 *
 * <p>The status is 200 in both cases, because a client that gets an error status would retry a call that cannot
 * succeed. {@code error} is {@code Lease already expired} while no other consumer has the messages.
 */
public final class LeaseEndpoint {
    private static final int USUAL_SECONDS = 60;

    private final Queue queue;
    private final DatabaseExecutor executor;
    private final LeaseExtensions counts;
    private final RequestBodies bodies;

    public LeaseEndpoint(Queue queue, DatabaseExecutor executor, LeaseExtensions counts, RequestBodies bodies) {
        this.queue = queue;
        this.executor = executor;
        this.counts = counts;
        this.bodies = bodies;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(post("/api/v1/lease/{leaseId}/extend", READ_WRITE, this::extend));
    }

    private CompletableFuture<Answer> extend(Request request) throws IOException {
        String leaseId = request.pathParameter("leaseId");
        return bodies.read(
                        request,
                        (bytes, memory) -> Duration.ofSeconds(
                                JsonRequest.parse(bytes, bodies.limits().depth(), memory)
                                        .number("seconds", USUAL_SECONDS, 1, QueueOptions.MAX_TIME.toSeconds())))
                .thenCompose(extension -> executor.write(() -> extend(leaseId, extension)));
    }

    private Answer extend(String leaseId, Duration extension) {
        UUID lease = JsonBody.uuid(leaseId);
        Optional<Instant> end = lease == null ? Optional.empty() : queue.extend(lease, extension);
        counts.add(end.isPresent());
        String error = null;
        if (end.isEmpty()) {
            boolean expired = lease != null && queue.hasExpired(lease);
            error = expired ? "Lease already expired" : "Lease not found";
        }
        @Nullable String expiresAt = AdminJson.time(end.orElse(null));
        return Answer.json(
                OK,
                object().put("leaseId", leaseId)
                        .put("success", end.isPresent())
                        .put("error", error)
                        .put("newExpiresAt", expiresAt)
                        .put("expiresAt", expiresAt));
    }
}
