package dev.sluice.bridge.api.compat;

import static dev.sluice.bridge.http.Answer.CREATED;

import dev.sluice.bridge.api.messages.PushBody;
import dev.sluice.bridge.api.messages.PushDefaults;
import dev.sluice.bridge.api.messages.PushEndpoint;
import dev.sluice.bridge.api.messages.RequestCounting;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Endpoint;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.ingest.PushResult;
import dev.sluice.bridge.ingest.QueueFullException;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.repositories.Administration;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * {@code POST /api/v1/push-legacy}: a push as it is without the local log, for comparison. Request and answer are those
 * of {@link PushEndpoint}; {@code bufferMs} and {@code bufferMax} mean nothing. The messages are written straight to
 * PostgreSQL, in one transaction a request, and the answer comes after its commit: every item is {@code queued} or
 * {@code duplicate}.
 *
 * <p>While PostgreSQL cannot be asked the answer is 503, and nothing is stored. If PostgreSQL does not confirm the
 * commit, the answer is 503 with {@code outcome_unknown}. To repeat the push with the same transaction ids is safe in
 * both cases. Between these messages and those that are still in the local log there is no order.
 */
public final class DirectPushEndpoint implements Endpoint {

    private final Administration administration;
    private final PushEndpoint.Acceptor intake;
    private final RequestCounting counted;
    private final RequestBodies bodies;
    private final RequestLimits limits;
    private final MessageIds ids;

    public DirectPushEndpoint(
            Administration administration,
            PushEndpoint.Acceptor intake,
            RequestCounting counted,
            RequestBodies bodies,
            RequestLimits limits,
            MessageIds ids) {
        this.administration = administration;
        this.intake = intake;
        this.counted = counted;
        this.bodies = bodies;
        this.limits = limits;
        this.ids = ids;
    }

    @Override
    public CompletableFuture<Answer> handle(Request request) throws IOException {
        PushDefaults defaults = PushDefaults.of(request);
        return bodies.read(request, (bytes, memory) -> {
                    List<NewMessage> messages =
                            PushBody.parse(bytes, limits, ids, defaults, memory).messages();
                    PushBody.takeForWriter(messages.size(), memory);
                    return messages;
                })
                .thenCompose(this::write);
    }

    private CompletableFuture<Answer> write(List<NewMessage> messages) {
        if (messages.isEmpty()) {
            return CompletableFuture.completedFuture(Answer.json(CREATED, new JsonOutput(0).raw("[]")));
        }
        try {
            intake.requireRoom(messages);
        } catch (QueueFullException e) {
            return CompletableFuture.failedFuture(e);
        }
        CompletableFuture<List<PushResult>> written = administration
                .directWriters()
                .run(writer -> writer.write(messages, List.of()))
                .thenApply(outcomes -> outcomes.stream().map(PushResult::of).toList());
        return counted.pushes(messages, written).thenApply(results -> {
            var queues = new HashSet<String>();
            messages.forEach(message -> queues.add(message.queue()));
            administration.wake(queues);
            return Answer.json(CREATED, PushEndpoint.write(messages, results));
        });
    }
}
