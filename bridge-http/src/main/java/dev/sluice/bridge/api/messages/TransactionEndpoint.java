package dev.sluice.bridge.api.messages;

import static dev.sluice.bridge.http.Access.READ_WRITE;
import static dev.sluice.bridge.http.Route.post;

import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.repositories.WriterPool;
import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.transact.TransactionExecutor;
import dev.sluice.queue.transact.TransactionExecutor.Outcome;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * {@code POST /api/v1/transaction}: pushes and acknowledges in one transaction. See {@link TransactionBody} for the
 * request. Answers 200 after the commit and after a rollback:
 *
 * <pre>{@code
 * {"transactionId": "…", "success": true, "results": [
 *   {"index": 0, "type": "push", "success": true, "transactionId": "o-2", "messageId": "…", "partitionId": "…",
 *     "queueName": "invoices"},
 *   {"index": 1, "type": "ack", "success": true, "transactionId": "o-1", "error": null, "dlq": false}]}
 * {"transactionId": "…", "success": false, "error": "ACK operation failed: Message not found", "results": […]}
 * }</pre>
 *
 * <p>If PostgreSQL does not confirm the commit in time, the answer is 503 with {@code outcome_unknown}: the transaction
 * may have taken effect. If it has, a repetition with the same transaction ids of its pushes fails as a duplicate.
 *
 * <p>After a failure {@code results} has the operations that were tried, pushes first, with their results before the
 * rollback. A push whose transaction id exists already fails, with the id of the first message and an {@code error}.
 */
public final class TransactionEndpoint {
    private static final int RESULT_BYTES = 256;
    private static final String DUPLICATE = "Duplicate transactionId";

    private final WriterPool<TransactionExecutor> transactions;
    private final RoomCheck room;
    private final RequestCounting counting;
    private final Consumer<Set<String>> wake;
    private final RequestBodies bodies;
    private final MessageIds ids;

    public TransactionEndpoint(
            WriterPool<TransactionExecutor> transactions,
            RoomCheck room,
            RequestCounting counting,
            Consumer<Set<String>> wake,
            RequestBodies bodies,
            MessageIds ids) {
        this.transactions = transactions;
        this.room = room;
        this.counting = counting;
        this.wake = wake;
        this.bodies = bodies;
        this.ids = ids;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(post("/api/v1/transaction", READ_WRITE, this::handle));
    }

    private CompletableFuture<Answer> handle(Request request) throws IOException {
        PushDefaults defaults = PushDefaults.of(request, room);
        return bodies.read(
                        request,
                        (bytes, memory) -> TransactionBody.parse(bytes, bodies.limits(), ids, defaults, memory))
                .thenCompose(this::execute);
    }

    private CompletableFuture<Answer> execute(TransactionBody body) {
        UUID id = ids.next();
        if (body.refusal() != null) {
            JsonOutput out = begin(id, body.refusal());
            return CompletableFuture.completedFuture(
                    Answer.json(Answer.OK, out.endArray().endObject()));
        }
        var messages = new ArrayList<NewMessage>();
        var verdicts = new ArrayList<Acknowledgement>();
        for (TransactionBody.Operation operation : body.operations()) {
            if (operation instanceof TransactionBody.Push push) {
                messages.add(push.message());
            } else if (operation instanceof TransactionBody.Acknowledge acknowledge) {
                verdicts.add(acknowledge.verdict());
            }
        }
        return counting.transaction(
                        messages,
                        verdicts,
                        room.ifRoom(
                                messages,
                                admitted -> transactions.run(executor -> executor.execute(admitted, verdicts))))
                .thenApply(outcome -> {
                    if (outcome.committed()) {
                        wake(messages, outcome);
                    }
                    return Answer.json(Answer.OK, write(id, body.operations(), outcome));
                });
    }

    /** Wakes consumers of the queues to which messages were pushed, and of queues in which a lease has ended. */
    private void wake(List<NewMessage> messages, Outcome outcome) {
        var queues = new HashSet<String>();
        messages.forEach(message -> queues.add(message.queue()));
        for (AcknowledgeOutcome each : outcome.acknowledgements()) {
            if (each instanceof AcknowledgeOutcome.Acknowledged done && done.leaseReleased()) {
                queues.add(done.queue());
            }
        }
        wake.accept(queues);
    }

    private static JsonOutput begin(UUID id, @Nullable String error) {
        var out = new JsonOutput(RESULT_BYTES).object().field("transactionId", id);
        out.field("success", error == null);
        if (error != null) {
            out.field("error", error);
        }
        return out.array("results");
    }

    static JsonOutput write(UUID id, List<TransactionBody.Operation> operations, Outcome outcome) {
        var out = begin(id, outcome.committed() ? null : reason(outcome));
        int pushes = 0;
        int verdicts = 0;
        for (int i = 0; i < operations.size(); i++) {
            TransactionBody.Operation operation = operations.get(i);
            if (operation instanceof TransactionBody.Push push) {
                out.object().field("index", i);
                write(out, push.message(), outcome.pushes().get(pushes++));
            } else if (operation instanceof TransactionBody.Acknowledge acknowledge
                    && verdicts < outcome.acknowledgements().size()) {
                out.object().field("index", i);
                write(out, acknowledge.verdict(), outcome.acknowledgements().get(verdicts++));
            }
        }
        return out.endArray().endObject();
    }

    private static String reason(Outcome outcome) {
        for (PushOutcome push : outcome.pushes()) {
            if (push instanceof PushOutcome.Duplicate) {
                return "PUSH operation failed: " + DUPLICATE;
            }
        }
        for (AcknowledgeOutcome acknowledgement : outcome.acknowledgements()) {
            String error = error(acknowledgement);
            if (error != null) {
                return "ACK operation failed: " + error;
            }
        }
        throw new IllegalStateException("a transaction was rolled back without a reason: " + outcome);
    }

    private static void write(JsonOutput out, NewMessage message, PushOutcome outcome) {
        UUID messageId;
        long partitionId;
        boolean success = true;
        if (outcome instanceof PushOutcome.Queued queued) {
            messageId = queued.id();
            partitionId = queued.partitionId();
        } else if (outcome instanceof PushOutcome.Scheduled scheduled) {
            messageId = scheduled.id();
            partitionId = scheduled.partitionId();
        } else if (outcome instanceof PushOutcome.Duplicate duplicate) {
            messageId = duplicate.id();
            partitionId = duplicate.partitionId();
            success = false;
        } else {
            throw new AssertionError(outcome);
        }
        out.field("type", "push").field("success", success);
        out.field("transactionId", message.transactionId());
        out.field("messageId", messageId);
        out.field("partitionId", PartitionIds.toUuid(partitionId));
        out.field("queueName", message.queue());
        if (!success) {
            out.field("error", DUPLICATE);
        }
        out.endObject();
    }

    private static void write(JsonOutput out, Acknowledgement acknowledgement, AcknowledgeOutcome outcome) {
        String error = error(outcome);
        out.field("type", "ack").field("success", error == null);
        out.field("transactionId", acknowledgement.transactionId());
        out.field("error", error);
        out.field("dlq", outcome instanceof AcknowledgeOutcome.Acknowledged done && done.deadLettered())
                .endObject();
    }

    private static @Nullable String error(AcknowledgeOutcome outcome) {
        if (outcome.isAccepted()) {
            return null;
        }
        return outcome instanceof AcknowledgeOutcome.LeaseInvalid
                ? AcknowledgeEndpoint.LEASE_INVALID
                : AcknowledgeEndpoint.NOT_FOUND;
    }
}
