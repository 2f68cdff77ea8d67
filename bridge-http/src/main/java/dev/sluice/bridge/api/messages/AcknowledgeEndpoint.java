package dev.sluice.bridge.api.messages;

import static dev.sluice.bridge.http.Access.READ_WRITE;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.post;

import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * {@code POST /api/v1/ack} and {@code /api/v1/ack/batch}: see {@link AcknowledgeBody} for the requests. Both answer 200
 * with an array, even if an element failed.
 *
 * <pre>{@code
 * [{"index": 0, "transactionId": "o-1", "success": true, "error": null,
 *   "queueName": "orders", "partitionName": "customer-7", "leaseReleased": true, "dlq": false}]
 * }</pre>
 *
 * <p>If the group has never read the partition, {@code success} is true and {@code leaseReleased} is null: the
 * acknowledgement changes nothing. {@code leaseReleased} is also null if an element names no known message.
 */
public final class AcknowledgeEndpoint {
    static final String NOT_FOUND = "Message not found";
    static final String LEASE_INVALID = "Invalid or expired lease";

    /** Acknowledges messages. See {@code AcknowledgeDispatcher#acknowledge}. */
    public interface Acknowledger {
        /** Acknowledges; outcome i belongs to acknowledgement i. Does not block. */
        CompletableFuture<List<AcknowledgeOutcome>> acknowledge(List<Acknowledgement> acknowledgements);
    }

    private static final int RESULT_BYTES = 256;
    private static final long BYTES_PER_CHARACTER = 3;

    private final Acknowledger acknowledger;
    private final RequestCounting counting;
    private final RequestBodies bodies;

    public AcknowledgeEndpoint(Acknowledger acknowledger, RequestCounting counting, RequestBodies bodies) {
        this.acknowledger = acknowledger;
        this.counting = counting;
        this.bodies = bodies;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                post("/api/v1/ack", READ_WRITE, this::one).asHot(),
                post("/api/v1/ack/batch", READ_WRITE, this::batch).asHot());
    }

    private CompletableFuture<Answer> one(Request request) throws IOException {
        return handle(request, (bytes, memory) -> AcknowledgeBody.parseSingle(bytes, bodies.limits(), memory));
    }

    private CompletableFuture<Answer> batch(Request request) throws IOException {
        return handle(request, (bytes, memory) -> AcknowledgeBody.parseBatch(bytes, bodies.limits(), memory));
    }

    private CompletableFuture<Answer> handle(Request request, RequestBodies.Parser<AcknowledgeBody> parser)
            throws IOException {
        RequestMemory.Claim memory = bodies.memory().claim(request.jetty());
        return bodies.read(request, parser).thenCompose(body -> acknowledge(body.items(), memory));
    }

    private CompletableFuture<Answer> acknowledge(List<AcknowledgeBody.Item> items, RequestMemory.Claim memory) {
        var decidable = new ArrayList<Acknowledgement>(items.size());
        for (AcknowledgeBody.Item item : items) {
            if (item.acknowledgement() != null) {
                decidable.add(item.acknowledgement());
            }
        }
        return counting.acknowledgements(decidable, acknowledger.acknowledge(decidable))
                .thenApply(outcomes -> {
                    takeForNames(outcomes, memory);
                    return Answer.json(OK, write(items, outcomes));
                });
    }

    /**
     * Takes memory for the names in the answer. The body has already taken the memory for the rest.
     *
     * @throws OverloadedException if there is none. The acknowledgements have been applied then, and the message says
     *     so
     */
    private static void takeForNames(List<AcknowledgeOutcome> outcomes, RequestMemory.Claim memory) {
        try {
            memory.take(bytesOfNames(outcomes));
        } catch (InvalidRequestException | OverloadedException e) {
            throw new OverloadedException("The acknowledgements are done, but there is no memory for the answer to them"
                    + " (http.memory.bytes); send fewer at once");
        }
    }

    private static long bytesOfNames(List<AcknowledgeOutcome> outcomes) {
        long characters = 0;
        for (AcknowledgeOutcome outcome : outcomes) {
            if (outcome instanceof AcknowledgeOutcome.Acknowledged done) {
                characters += done.queue().length() + done.partition().length();
            } else if (outcome instanceof AcknowledgeOutcome.Unread unread) {
                characters += unread.queue().length() + unread.partition().length();
            } else if (outcome instanceof AcknowledgeOutcome.LeaseInvalid invalid) {
                characters += invalid.queue().length() + invalid.partition().length();
            }
        }
        return BYTES_PER_CHARACTER * characters;
    }

    static JsonOutput write(List<AcknowledgeBody.Item> items, List<AcknowledgeOutcome> outcomes) {
        long expected = (long) items.size() * RESULT_BYTES + bytesOfNames(outcomes);
        var out = new JsonOutput(expected);
        int next = 0;
        out.raw("[");
        for (int i = 0; i < items.size(); i++) {
            AcknowledgeBody.Item item = items.get(i);
            out.raw(i == 0 ? "{\"index\":" : ",{\"index\":").number(i);
            out.raw(",\"transactionId\":").string(item.transactionId());
            if (item.acknowledgement() == null) {
                refused(out, item.refusal(), null, null);
            } else {
                write(out, outcomes.get(next++));
            }
        }
        return out.raw("]");
    }

    private static void write(JsonOutput out, AcknowledgeOutcome outcome) {
        if (outcome instanceof AcknowledgeOutcome.Acknowledged done) {
            out.raw(",\"success\":true,\"error\":null,\"queueName\":").string(done.queue());
            out.raw(",\"partitionName\":").string(done.partition());
            out.raw(",\"leaseReleased\":").bool(done.leaseReleased());
            out.raw(",\"dlq\":").bool(done.deadLettered()).raw("}");
        } else if (outcome instanceof AcknowledgeOutcome.Unread unread) {
            out.raw(",\"success\":true,\"error\":null,\"queueName\":").string(unread.queue());
            out.raw(",\"partitionName\":").string(unread.partition());
            out.raw(",\"leaseReleased\":null,\"dlq\":false}");
        } else if (outcome instanceof AcknowledgeOutcome.LeaseInvalid invalid) {
            refused(out, LEASE_INVALID, invalid.queue(), invalid.partition());
        } else if (outcome instanceof AcknowledgeOutcome.NotFound) {
            refused(out, NOT_FOUND, null, null);
        } else {
            throw new AssertionError(outcome);
        }
    }

    private static void refused(
            JsonOutput out, @Nullable String error, @Nullable String queue, @Nullable String partition) {
        out.raw(",\"success\":false,\"error\":").string(error);
        out.raw(",\"queueName\":").string(queue);
        out.raw(",\"partitionName\":").string(partition);
        out.raw(",\"leaseReleased\":").raw(queue == null ? "null" : "false").raw(",\"dlq\":false}");
    }
}
