package dev.sluice.bridge.api.compat;

import static dev.sluice.bridge.http.Access.READ_WRITE;
import static dev.sluice.bridge.http.Answer.CREATED;
import static dev.sluice.bridge.http.Route.post;

import dev.sluice.bridge.api.messages.PushBody;
import dev.sluice.bridge.api.messages.PushDefaults;
import dev.sluice.bridge.api.messages.PushEndpoint;
import dev.sluice.bridge.api.messages.RequestCounting;
import dev.sluice.bridge.api.messages.RoomCheck;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.ingest.PushResult;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.repositories.WriterPool;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.write.QueueWriter;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * {@code POST /api/v1/push-legacy}: a push without the local log. Request and answer are those of {@link PushEndpoint};
 * {@code bufferMs} and {@code bufferMax} are ignored. The endpoint writes the messages straight to PostgreSQL, in one
 * transaction for each request, and answers after the commit: every item is {@code queued} or {@code duplicate}.
 *
 * <p>If PostgreSQL is not available, the answer is 503 and nothing is stored. If PostgreSQL does not confirm the
 * commit, the answer is 503 with {@code outcome_unknown}. In both cases a client may safely repeat the push with the
 * same transaction ids. These messages have no order relative to messages that are still in the local log.
 */
public final class DirectPushEndpoint {

    private final WriterPool<QueueWriter> writers;
    private final RoomCheck room;
    private final RequestCounting counting;
    private final Consumer<Set<String>> wake;
    private final RequestBodies bodies;
    private final MessageIds ids;

    public DirectPushEndpoint(
            WriterPool<QueueWriter> writers,
            RoomCheck room,
            RequestCounting counting,
            Consumer<Set<String>> wake,
            RequestBodies bodies,
            MessageIds ids) {
        this.writers = writers;
        this.room = room;
        this.counting = counting;
        this.wake = wake;
        this.bodies = bodies;
        this.ids = ids;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(post("/api/v1/push-legacy", READ_WRITE, this::handle));
    }

    private CompletableFuture<Answer> handle(Request request) throws IOException {
        PushDefaults defaults = PushDefaults.of(request, room);
        return bodies.read(request, (bytes, memory) -> {
                    List<NewMessage> messages = PushBody.parse(bytes, bodies.limits(), ids, defaults, memory)
                            .messages();
                    PushBody.takeForWriter(messages.size(), memory);
                    return messages;
                })
                .thenCompose(this::write);
    }

    private CompletableFuture<Answer> write(List<NewMessage> messages) {
        if (messages.isEmpty()) {
            return CompletableFuture.completedFuture(Answer.json(CREATED, new JsonOutput(0).raw("[]")));
        }
        CompletableFuture<List<PushResult>> written = room.ifRoom(
                        messages, admitted -> writers.run(writer -> writer.write(admitted, List.of())))
                .thenApply(outcomes -> outcomes.stream().map(PushResult::of).toList());
        return counting.pushes(messages, written).thenApply(results -> {
            var queues = new HashSet<String>();
            messages.forEach(message -> queues.add(message.queue()));
            wake.accept(queues);
            return Answer.json(CREATED, PushEndpoint.write(messages, results));
        });
    }
}
