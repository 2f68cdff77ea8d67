package dev.sluice.bridge.api.work;

import static dev.sluice.bridge.http.Access.READ_ONLY;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.get;

import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.work.WorkBuffer;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/** The route that streams events of works as server-sent events (WHATWG HTML §9.2). */
final class WorkEventsEndpoint {
    private static final String EVENT_STREAM = "text/event-stream";

    private final Supplier<WorkBuffer> work;
    private final DatabaseExecutor executor;
    private final EventHub hub;

    WorkEventsEndpoint(Supplier<WorkBuffer> work, DatabaseExecutor executor, EventHub hub) {
        this.work = work;
        this.executor = executor;
        this.hub = hub;
    }

    List<Route> routes() {
        return List.of(get("/api/v1/work/events", READ_ONLY, this::stream));
    }

    /**
     * {@code GET /api/v1/work/events?type=welcome-mail,invoice}: the events of the engine of this bridge, from now on,
     * or behind the event that the header {@code Last-Event-ID} names.
     *
     * <pre>{@code
     * id: 5f3c-17
     * event: completed
     * data: {"event":"completed","type":"welcome-mail","id":"…","attempt":1,"detail":null}
     * }</pre>
     */
    private CompletableFuture<Answer> stream(Request request) {
        requireAccept(request);
        Set<String> types = types(request);
        String lastId = request.header("Last-Event-ID");
        request.answerHeader("Cache-Control", "no-store");
        request.answerHeader("X-Accel-Buffering", "no"); // A proxy passes each event on at once.
        if (request.method().equals(Route.HEAD)) {
            return new Answer(OK, null, EVENT_STREAM).now();
        }
        return executor.read(work::get).thenApply(buffer -> {
            EventStream stream = hub.open(buffer, types, lastId);
            return Answer.stream(
                            EVENT_STREAM,
                            response -> stream.start(response).whenComplete((done, failure) -> hub.leave(stream)))
                    .orElse(() -> hub.leave(stream));
        });
    }

    /** A client that does not expect a stream would wait for its end. */
    private static void requireAccept(Request request) {
        if (request.headers("Accept").stream().noneMatch(each -> each.contains(EVENT_STREAM))) {
            throw InvalidRequestException.notAcceptable(
                    "The answer is a stream of events without an end; Accept must name text/event-stream");
        }
    }

    private static Set<String> types(Request request) {
        var types = new HashSet<String>();
        String text = Parameters.textInQuery(request, "type");
        if (text != null) {
            for (String each : text.split(",", -1)) {
                types.add(WorkTypeEndpoints.checked(each));
            }
        }
        return types;
    }
}
