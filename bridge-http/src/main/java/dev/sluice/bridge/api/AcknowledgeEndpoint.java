package dev.sluice.bridge.api;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * {@code POST /api/v1/ack} and {@code /api/v1/ack/batch}: see {@link AcknowledgeBody} for the requests. Both answer 200 with
 * an array, whatever became of its elements.
 *
 * <pre>{@code
 * [{"index": 0, "transactionId": "o-1", "success": true, "error": null,
 *   "queueName": "orders", "partitionName": "customer-7", "leaseReleased": true, "dlq": false}]
 * }</pre>
 *
 * <p>{@code leaseReleased} is null where the group has never read the partition: nothing changes then, and nothing is wrong.
 */
final class AcknowledgeEndpoint implements Endpoint {
    static final String NOT_FOUND = "Message not found";
    static final String LEASE_INVALID = "Invalid or expired lease";

    /** Writes acknowledgements. See {@code AcknowledgeDispatcher#acknowledge}. */
    interface Acknowledger {
        /** Acknowledges; outcome i belongs to acknowledgement i. Does not block. */
        CompletableFuture<List<AcknowledgeOutcome>> acknowledge(List<Acknowledgement> acknowledgements);
    }

    private static final int OK = 200;
    private static final int RESULT_BYTES = 256;

    private final Acknowledger acknowledger;
    private final RequestBodies bodies;
    private final RequestBodies.Parser<AcknowledgeBody> parser;

    AcknowledgeEndpoint(Acknowledger acknowledger, RequestBodies bodies, RequestBodies.Parser<AcknowledgeBody> parser) {
        this.acknowledger = acknowledger;
        this.bodies = bodies;
        this.parser = parser;
    }

    @Override
    public CompletableFuture<Answer> handle(Context ctx) throws IOException {
        return bodies.read(ctx, parser).thenCompose(body -> acknowledge(body.items()));
    }

    private CompletableFuture<Answer> acknowledge(List<AcknowledgeBody.Item> items) {
        var decidable = new ArrayList<Acknowledgement>(items.size());
        for (AcknowledgeBody.Item item : items) {
            if (item.acknowledgement() != null) {
                decidable.add(item.acknowledgement());
            }
        }
        return acknowledger.acknowledge(decidable).thenApply(outcomes -> Answer.json(OK, write(items, outcomes)));
    }

    static JsonOutput write(List<AcknowledgeBody.Item> items, List<AcknowledgeOutcome> outcomes) {
        var out = new JsonOutput(items.size() * RESULT_BYTES);
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
