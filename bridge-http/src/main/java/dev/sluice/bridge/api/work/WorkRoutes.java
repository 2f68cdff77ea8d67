package dev.sluice.bridge.api.work;

import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.work.WorkBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** All routes of works. */
public final class WorkRoutes implements AutoCloseable {
    private final List<Route> rows = new ArrayList<>();
    private final EventHub hub;

    /**
     * Makes the endpoints.
     *
     * @param streams most streams of events at a time ({@code http.max.event.streams})
     * @param room most events that wait for the client of a stream ({@code http.event.stream.buffer})
     * @param work returns the work engine; throws {@code QueueException} while the database cannot be used
     */
    public WorkRoutes(
            int streams, int room, Supplier<WorkBuffer> work, DatabaseExecutor executor, RequestBodies bodies) {
        hub = new EventHub(new EventHub.Limits(streams, room));
        rows.addAll(new EnqueueEndpoint(work, executor, bodies).routes());
        rows.addAll(new WorkTypeEndpoints(work, executor, bodies).routes());
        rows.addAll(new WorkEventsEndpoint(work, executor, hub).routes());
        rows.addAll(new WorkEndpoints(work, executor, bodies).routes()); // Last: one of them has an id in its path.
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.copyOf(rows);
    }

    /** Ends the streams of events, so that the server need not wait for them. */
    @Override
    public void close() {
        hub.close();
    }
}
