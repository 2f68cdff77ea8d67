package dev.sluice.bridge.api;

import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Connections;
import dev.sluice.bridge.http.Cors;
import dev.sluice.bridge.http.Endpoint;
import dev.sluice.bridge.http.ForeignPages;
import dev.sluice.bridge.http.Guard;
import dev.sluice.bridge.http.Problem;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * What happens to every request of a route, by whichever API of the server it comes: the checks in front of the
 * endpoint, and the steps between the endpoint and the first byte of the answer. Any thread may call.
 */
final class RouteCalls {
    private static final CompletableFuture<@Nullable Void> READ = CompletableFuture.completedFuture(null);

    private final Guard guard;
    private final ForeignPages foreignPages;
    private final Cors cors;
    private final RequestBodies bodies;
    private final Connections connections;

    /** Takes the checks. {@code executor} continues a request that had to wait for the key of its token. */
    RouteCalls(HttpService.Config config, Cors cors, RequestBodies bodies, Connections connections, Executor executor) {
        this.guard = new Guard(config.jwt(), bodies, executor);
        this.foreignPages = new ForeignPages(config.host(), config.pages(), bodies);
        this.cors = cors;
        this.bodies = bodies;
        this.connections = connections;
    }

    /** Adds the headers for the page that sent the request. */
    void describe(Request request) {
        cors.describe(request);
    }

    /** Returns an endpoint of the route behind the checks of foreign pages and of the role. */
    Endpoint guarded(Route route, Endpoint endpoint) {
        return foreignPages.protect(!route.reads(), guard.protect(route.needed(), endpoint));
    }

    /** Begins a request of the route: the connection of a pop ends with the answer if there are too many. */
    void begin(Route route, Request request) {
        if (route.pops() && connections.crowded()) {
            request.answerHeader("Connection", "close");
        }
    }

    /** Returns the answer for what the endpoint gave, and takes the memory of it. */
    Answer answer(Request request, @Nullable Answer done, @Nullable Throwable failure) {
        Answer answer = done != null ? done : problem(request, failure);
        bodies.memory().claim(request.jetty()).takeUpTo(answer.bytes());
        return answer;
    }

    private static Answer problem(Request request, @Nullable Throwable failure) {
        return Problem.of(failure == null ? new IllegalStateException("an endpoint gave no answer") : failure)
                .answer(request);
    }

    /**
     * Completes when the answer may be sent: after the body of the request has arrived. The server would take an unread
     * body for the next request, and would end the connection while the client uses it. A client that waits for
     * permission to send its body (RFC 9110 §10.1.1) does not get it.
     */
    CompletableFuture<@Nullable Void> bodyBefore(Request request) {
        return !RequestBodies.isUnread(request) || request.header("Expect") != null ? READ : bodies.discard(request);
    }
}
