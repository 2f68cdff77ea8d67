package dev.sluice.bridge.api.messages;

import static dev.sluice.bridge.http.Access.READ_WRITE;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.get;
import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.ClientConnection;
import dev.sluice.bridge.http.Connections;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Problem;
import dev.sluice.bridge.http.Query;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.bridge.pop.PopDispatcher;
import dev.sluice.queue.Message;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/**
 * {@code GET /api/v1/pop/queue/:queue}, {@code …/partition/:partition}, and {@code GET /api/v1/pop?namespace=…&task=…}
 * for all queues of a namespace and task, and {@code GET /api/v1/pop?queue=…&partition=…} for a queue that a path
 * cannot address: 200 with messages, or 204 without a body when there are none.
 *
 * <pre>{@code
 * {"success": true, "queue": "orders", "partition": "customer-7", "partitionId": "…", "leaseId": "…",
 *  "consumerGroup": "__QUEUE_MODE__", "partitionsClaimed": 1,
 *  "messages": [{"id": "…", "transactionId": "o-1", "traceId": null, "data": {"total": 12.50}, "producerSub": null,
 *                "createdAt": "2026-05-16T10:00:00.123456Z", "partitionId": "…", "partition": "customer-7",
 *                "queue": "orders", "leaseId": "…", "consumerGroup": "__QUEUE_MODE__"}, …]}
 * }</pre>
 *
 * <p>If the database is not available, or the outcome of a pop is unknown, the answer is 200 with {@code Retry-After},
 * because clients end their loop at a 5xx:
 *
 * <pre>{@code
 * {"success": false, "error": "database_unavailable", "messages": []}
 * {"success": false, "error": "outcome_unknown", "messages": []}
 * }</pre>
 *
 * <p>With the first error, the pop had no effect. With the second error, the bridge puts the position back as soon as
 * it knows the outcome, so that consumed messages are redelivered.
 *
 * <p>{@code data} is the pushed payload, byte for byte. {@code leaseId} is {@code ""} with auto-ack. A message that has
 * headers has {@code "headers": {"name": "value"}} behind {@code producerSub}.
 */
public final class PopEndpoint {
    /** Finds messages. See {@code PopDispatcher#pop}. */
    public interface Popper {
        /** Pops from {@code target} for {@code client}, waiting at most {@code wait}. Does not block. */
        CompletableFuture<PopResult> pop(
                PopTarget target, PopRequest request, Duration wait, PopDispatcher.Client client);
    }

    private static final int DEFAULT_BATCH = 1;
    private static final int DEFAULT_TIMEOUT_MILLIS = 30_000;
    private static final int MESSAGE_BYTES = 512;
    private static final int HEAD_BYTES = 256;
    private static final String RETRY_SECONDS = "1";

    private final Popper popper;
    private final PopDispatcher.Return undelivered;
    private final RequestCounting counting;
    private final Connections connections;
    private final RequestMemory memory;
    private final RequestLimits limits;

    /** Gives messages that could not be sent to {@code undelivered}, which must not block. */
    public PopEndpoint(
            Popper popper,
            PopDispatcher.Return undelivered,
            RequestCounting counting,
            Connections connections,
            RequestBodies bodies) {
        this.popper = popper;
        this.undelivered = undelivered;
        this.counting = counting;
        this.connections = connections;
        this.memory = bodies.memory();
        this.limits = bodies.limits();
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                get("/api/v1/pop", READ_WRITE, this::handle).asHot(),
                get("/api/v1/pop/queue/{queue}", READ_WRITE, this::handle).asHot(),
                get("/api/v1/pop/queue/{queue}/partition/{partition}", READ_WRITE, this::handle)
                        .asHot());
    }

    private CompletableFuture<Answer> handle(Request request) {
        var query = request.query();
        PopTarget target = target(request, query);
        int batch = Math.min(Math.max(query.number("batch", DEFAULT_BATCH), 1), limits.popBatch());
        int maxPartitions = Math.min(Math.max(query.number("partitions", 1), 1), limits.popBatch());
        RequestMemory.Claim claim = memory.claim(request.jetty());
        var pop = new PopRequest(
                batch, maxPartitions, query.flag("autoAck"), subscription(query), bytes -> takeForLarge(claim, bytes));
        int timeoutMillis =
                Math.min(Math.max(query.number("timeout", DEFAULT_TIMEOUT_MILLIS), 0), limits.popTimeoutMillis());
        Duration wait = query.flag("wait") ? Duration.ofMillis(timeoutMillis) : Duration.ZERO;
        if (pop.autoAck() && memory.isUsedUp()) {
            throw RequestMemory.tooMany(); // A pop with auto-ack cannot be given back later.
        }
        var client = new ClientConnection(request.jetty());
        CompletableFuture<PopResult> popped = counting.pop(
                target,
                pop,
                wait,
                () -> connections.waiting(wait, possible -> popper.pop(target, pop, possible, client)));
        return popped.handle((result, failure) -> {
            boolean gone = client.answered();
            if (failure == null) {
                if (result.status() == PopResult.Status.NO_MEMORY) {
                    throw RequestMemory.tooMany();
                }
                return answer(request, target, result, gone);
            }
            if (Problem.unwrap(failure) instanceof QueueException e && Problem.isDatabaseAway(e)) {
                return unavailable(request, e);
            }
            throw new CompletionException(failure);
        });
    }

    private Answer answer(Request request, PopTarget target, PopResult result, boolean gone) {
        if (result.messages().isEmpty()) {
            return Answer.empty();
        }
        if (gone) {
            undelivered.giveBack(target, result);
            return Answer.empty();
        }
        takeMemory(request, target, result);
        Answer answer = Answer.json(OK, write(result, target.group()));
        if (result.leaseId() == null) {
            return answer; // The client may get a part of the answer, and with auto-ack it gets no message twice.
        }
        return answer.orElse(() -> undelivered.giveBack(target, result));
    }

    private static Answer unavailable(Request request, QueueException e) {
        request.answerHeader("Retry-After", RETRY_SECONDS);
        String error = e instanceof OutcomeUnknownException ? Problem.OUTCOME_UNKNOWN : Problem.DATABASE_UNAVAILABLE;
        return Answer.json(
                OK,
                new JsonOutput(0)
                        .raw("{\"success\":false,\"error\":")
                        .string(error)
                        .raw(",\"messages\":[]}"));
    }

    /** Takes the memory of a large message before the pop reads it; returns false if other requests use the memory. */
    private static boolean takeForLarge(RequestMemory.Claim claim, long bytes) {
        try {
            claim.take(bytes);
        } catch (InvalidRequestException e) {
            claim.takeAnyway(bytes); // A message that never fits must be delivered anyway.
        } catch (OverloadedException e) {
            return false;
        }
        return true;
    }

    /**
     * Takes the memory of the messages and of the answer, until the client has read it. A large message has its memory
     * already, and the answer does not copy it.
     *
     * @throws OverloadedException if other requests use the memory; the messages are then given back
     */
    private void takeMemory(Request request, PopTarget target, PopResult result) {
        RequestMemory.Claim claim = memory.claim(request.jetty());
        long needed = 2L * expectedBytes(result.messages());
        for (Message message : result.messages()) {
            needed -= message.payload().length > Message.LARGE_BYTES ? 2L * message.payload().length : 0;
        }
        try {
            claim.take(needed);
        } catch (InvalidRequestException e) {
            claim.takeAnyway(needed); // Messages that never fit must be delivered anyway.
        } catch (OverloadedException e) {
            if (result.leaseId() != null) {
                undelivered.giveBack(target, result);
                throw e;
            }
            claim.takeAnyway(needed);
        }
    }

    private static long expectedBytes(List<Message> messages) {
        long bytes = HEAD_BYTES;
        for (Message message : messages) {
            bytes +=
                    MESSAGE_BYTES + message.payload().length + message.headers().storedBytes();
            bytes += message.queue().length() + message.partition().length();
        }
        return bytes;
    }

    private static PopTarget target(Request request, Query query) {
        String group = given(query, "consumerGroup");
        return new PopTarget(scope(request, query), group == null ? PopTarget.DEFAULT_GROUP : group);
    }

    private static PopTarget.Scope scope(Request request, Query query) {
        String queue = request.pathParameterOrNull("queue");
        if (queue != null) {
            String partition = request.pathParameterOrNull("partition");
            return new PopTarget.InQueue(name("queue", queue), partition == null ? null : name("partition", partition));
        }
        String namespace = given(query, "namespace");
        String task = given(query, "task");
        if (namespace != null || task != null) {
            return new PopTarget.Across(namespace, task);
        }
        String inQuery = Parameters.queueInQuery(request);
        if (inQuery == null) {
            throw badRequest("namespace or task is required, or a queue: /api/v1/pop/queue/{queue}, or ?queue=");
        }
        return new PopTarget.InQueue(inQuery, given(query, "partition"));
    }

    /** Returns a name in the query, or null when it is absent or empty. */
    private static @Nullable String given(Query query, String what) {
        String value = query.text(what);
        return value == null || value.isEmpty() ? null : name(what, value);
    }

    private static String name(String what, String value) {
        try {
            NewMessage.checkName(what, value);
            return value;
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
    }

    private static Subscription subscription(Query query) {
        String mode = query.text("subscriptionMode");
        String from = query.text("subscriptionFrom");
        boolean onlyNew = "new".equals(mode) || "new-only".equals(mode) || "now".equals(from);
        if (from == null || from.isEmpty() || "now".equals(from)) {
            return onlyNew ? Subscription.NEW : Subscription.ALL;
        }
        return new Subscription(Subscription.Mode.ALL, Parameters.time("subscriptionFrom", from));
    }

    static JsonOutput write(PopResult result, String group) {
        List<Message> messages = result.messages();
        Message first = messages.get(0);
        var out = new JsonOutput(expectedBytes(messages));
        out.raw("{\"success\":true,\"queue\":").string(first.queue());
        out.raw(",\"partition\":").string(first.partition());
        out.raw(",\"partitionId\":").uuid(PartitionIds.toUuid(first.partitionId()));
        out.raw(",\"leaseId\":");
        lease(out, result.leaseId());
        out.raw(",\"consumerGroup\":").string(group);
        out.raw(",\"partitionsClaimed\":").number(result.partitionsClaimed());
        out.raw(",\"messages\":[");
        for (int i = 0; i < messages.size(); i++) {
            if (i > 0) {
                out.raw(",");
            }
            write(out, messages.get(i), result.leaseId(), group);
        }
        return out.raw("]}");
    }

    private static void write(JsonOutput out, Message message, @Nullable UUID leaseId, String group) {
        out.raw("{\"id\":").uuid(message.id());
        out.raw(",\"transactionId\":").string(message.transactionId());
        out.raw(",\"traceId\":").uuid(message.traceId());
        out.raw(",\"data\":").json(message.payload());
        out.raw(",\"producerSub\":").string(message.producerSub());
        if (!message.headers().isEmpty()) {
            out.raw(",\"headers\":").json(message.headers().json());
        }
        out.raw(",\"createdAt\":").microseconds(message.createdAt());
        out.raw(",\"partitionId\":").uuid(PartitionIds.toUuid(message.partitionId()));
        out.raw(",\"partition\":").string(message.partition());
        out.raw(",\"queue\":").string(message.queue());
        out.raw(",\"leaseId\":");
        lease(out, leaseId);
        out.raw(",\"consumerGroup\":").string(group).raw("}");
    }

    private static void lease(JsonOutput out, @Nullable UUID leaseId) {
        if (leaseId == null) {
            out.raw("\"\"");
        } else {
            out.uuid(leaseId);
        }
    }
}
