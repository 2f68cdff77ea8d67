package dev.sluice.bridge.api.subscribe;

import static dev.sluice.bridge.http.Access.READ_WRITE;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.get;

import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.http.WebSocketHandshake;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.subscribe.Start;
import dev.sluice.bridge.subscribe.Subscriber;
import dev.sluice.bridge.subscribe.Subscriptions;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.eclipse.jetty.ee10.servlet.ServletContextRequest;
import org.eclipse.jetty.ee10.websocket.server.JettyWebSocketServerContainer;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Response;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The route that pushes the messages of a queue: as server-sent events (WHATWG HTML §9.2), or over a WebSocket. */
public final class SubscribeEndpoint {
    private static final Logger log = LoggerFactory.getLogger(SubscribeEndpoint.class);
    private static final String EVENT_STREAM = "text/event-stream";
    private static final String END = "end";
    private static final String BEGINNING = "beginning";

    /** Most partitions that a subscriber can name. */
    private static final int MOST_PARTITIONS = 100;

    private final Subscriptions subscriptions;

    public SubscribeEndpoint(Subscriptions subscriptions) {
        this.subscriptions = subscriptions;
    }

    /** Returns the row of the table of routes. */
    public List<Route> routes() {
        return List.of(get("/api/v1/subscribe/{queue}", READ_WRITE, this::subscribe));
    }

    /**
     * {@code GET /api/v1/subscribe/orders?from=beginning&partition=p1&partition=p2}: the messages of a queue, from the
     * end, the beginning, a time, or behind the event that {@code Last-Event-ID} names. The role is that of a pop,
     * because the client gets payloads.
     */
    private CompletableFuture<Answer> subscribe(Request request) {
        boolean isWebSocket = WebSocketHandshake.isIn(request);
        if (!isWebSocket) {
            requireAccept(request);
        }
        String queue = Parameters.nameInPath(request, "queue");
        Set<String> partitions = partitions(request);
        Start start = start(request);
        if (!isWebSocket) {
            request.answerHeader("Cache-Control", "no-store");
            request.answerHeader("X-Accel-Buffering", "no"); // A proxy passes each event on at once.
        }
        if (request.method().equals(Route.HEAD)) {
            return new Answer(OK, null, EVENT_STREAM).now();
        }
        Subscriber subscriber = subscriptions.open(queue, partitions, start);
        Answer answer = isWebSocket
                ? Answer.upgrade(response -> upgrade(request, response, subscriber))
                : Answer.stream(EVENT_STREAM, response -> SseClient.start(subscriber, response));
        return answer.orElse(subscriber::leave).now();
    }

    /** A client that does not expect a stream would wait for its end. */
    private static void requireAccept(Request request) {
        if (request.headers("Accept").stream().noneMatch(each -> each.contains(EVENT_STREAM))) {
            throw InvalidRequestException.notAcceptable("The answer is a stream of events without an end; Accept must"
                    + " name text/event-stream, or the request must ask for a WebSocket");
        }
    }

    private static Set<String> partitions(Request request) {
        var partitions = new HashSet<String>();
        for (String each : request.query().parameters().getOrDefault("partition", List.of())) {
            partitions.add(Parameters.name("partition", each));
        }
        if (partitions.size() > MOST_PARTITIONS) {
            throw InvalidRequestException.badRequest(
                    "partition must name at most " + MOST_PARTITIONS + " partitions, were " + partitions.size());
        }
        return partitions;
    }

    private static Start start(Request request) {
        String lastId = request.header("Last-Event-ID");
        if (lastId == null || lastId.isEmpty()) {
            lastId = Parameters.textInQuery(request, "lastEventId"); // A browser gives a WebSocket no headers.
        }
        if (lastId != null) {
            return Start.behind(lastId);
        }
        String from = Parameters.textInQuery(request, "from");
        if (from == null || from.equals(END)) {
            return Start.END;
        }
        return from.equals(BEGINNING) ? Start.BEGINNING : Start.at(Parameters.time("from", from));
    }

    private static CompletableFuture<@Nullable Void> upgrade(
            Request request, Response response, Subscriber subscriber) {
        try {
            WebSocketHandshake.take(request.jetty());
            ServletContextRequest servlet =
                    org.eclipse.jetty.server.Request.as(request.jetty(), ServletContextRequest.class);
            HttpServletRequest plain = servlet.getServletApiRequest();
            JettyWebSocketServerContainer container =
                    JettyWebSocketServerContainer.ensureContainer(plain.getServletContext());
            boolean done = container.upgrade(
                    (asks, answers) -> new WebSocketClient(subscriber),
                    plain,
                    servlet.getServletContextResponse().getServletApiResponse());
            if (!done) {
                subscriber.leave();
                response.setStatus(HttpStatus.BAD_REQUEST_400);
            }
            return CompletableFuture.completedFuture(null);
        } catch (IOException | RuntimeException e) {
            log.warn("Could not open a WebSocket", e);
            response.setStatus(HttpStatus.INTERNAL_SERVER_ERROR_500);
            return CompletableFuture.failedFuture(e);
        }
    }
}
