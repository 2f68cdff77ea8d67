package dev.sluice.bridge.api.work;

import static dev.sluice.bridge.http.Access.READ_WRITE;
import static dev.sluice.bridge.http.Route.post;
import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Guard;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.work.Enqueued;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkId;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The route that enqueues works. */
final class EnqueueEndpoint {
    private static final int ANSWER_BYTES = 220;

    private final Supplier<WorkBuffer> work;
    private final DatabaseExecutor executor;
    private final RequestBodies bodies;

    EnqueueEndpoint(Supplier<WorkBuffer> work, DatabaseExecutor executor, RequestBodies bodies) {
        this.work = work;
        this.executor = executor;
        this.bodies = bodies;
    }

    List<Route> routes() {
        return List.of(post("/api/v1/work", READ_WRITE, this::enqueue));
    }

    /**
     * {@code POST /api/v1/work} with a work, or with {@code {"works": […]}}: stores all of them, or none. Answers 201
     * with {@code {"id": "…", "type": "welcome-mail", "duplicate": false, "finished": false, "result": null,
     * "replaced": null}}, or with {@code {"works": [{…}, …]}} in the same order; 200 if every work was there already.
     * {@code replaced} is the work that a debounce or a conflation has dropped. 422 if a work with the same idempotency
     * key has another payload, 429 if too many works of a type wait.
     */
    private CompletableFuture<Answer> enqueue(Request request) throws IOException {
        String producer = Guard.subjectOf(request);
        return bodies.read(request, (bytes, memory) -> EnqueueBody.parse(bytes, bodies.limits(), memory))
                .thenCompose(body -> enqueue(body.works(), producer).thenApply(stored -> answer(body, stored)));
    }

    /** Works that the engine is about to store. */
    private record Sent(CompletableFuture<List<Enqueued>> stored) {}

    /** The task asks the database only for queues that are not known. The engine commits for many requests at once. */
    private CompletableFuture<List<Enqueued>> enqueue(List<Work> works, @Nullable String producer) {
        return executor.write(() -> {
                    try {
                        return new Sent(work.get().enqueueLater(works, producer));
                    } catch (IllegalArgumentException e) {
                        throw badRequest(String.valueOf(e.getMessage()));
                    }
                })
                .thenCompose(Sent::stored);
    }

    private static Answer answer(EnqueueBody body, List<Enqueued> stored) {
        boolean isNew = stored.stream().anyMatch(each -> !each.isDuplicate());
        var out = new JsonOutput((long) ANSWER_BYTES * stored.size());
        if (body.isOne()) {
            write(out, body.works().get(0), stored.get(0));
        } else {
            out.object().array("works");
            for (int i = 0; i < stored.size(); i++) {
                write(out, body.works().get(i), stored.get(i));
            }
            out.endArray().endObject();
        }
        return Answer.json(isNew ? Answer.CREATED : Answer.OK, out);
    }

    private static void write(JsonOutput out, Work work, Enqueued stored) {
        out.object().field("id", stored.id().value());
        out.field("type", work.type());
        out.field("duplicate", stored.isDuplicate());
        out.field("finished", stored.isFinished());
        String result = stored.result();
        out.name("result").json(result == null ? "null" : result);
        WorkId replaced = stored.replaced();
        out.field("replaced", replaced == null ? null : replaced.value()).endObject();
    }
}
