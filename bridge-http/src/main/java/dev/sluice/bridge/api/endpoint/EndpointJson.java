package dev.sluice.bridge.api.endpoint;

import static dev.sluice.bridge.http.AdminJson.object;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.endpoint.Delivery.Ended;
import dev.sluice.bridge.endpoint.Endpoint;
import dev.sluice.bridge.endpoint.Endpoint.Condition;
import dev.sluice.bridge.endpoint.EndpointNames;
import dev.sluice.bridge.endpoint.Registry.ShownSecret;
import dev.sluice.bridge.endpoint.Target;
import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.work.WorkAdmin;
import java.util.Collection;
import java.util.List;
import java.util.TreeSet;

/** Endpoints and attempts as clients see them: without secrets and values of headers. */
final class EndpointJson {
    private EndpointJson() {}

    static ObjectNode of(Endpoint endpoint) {
        Target target = endpoint.target();
        Condition condition = endpoint.condition();
        ObjectNode json = object().put("id", endpoint.id())
                .put("description", endpoint.description())
                .put("url", target.url());
        add(json.putArray("queues"), endpoint.selection().queues());
        add(json.putArray("eventTypes"), endpoint.selection().eventTypes());
        json.put("eventTypeAt", endpoint.selection().eventTypeAt());
        add(json.putArray("headerNames"), new TreeSet<>(target.headers().keySet()));
        json.put("format", target.format().text())
                .put("concurrency", target.concurrency())
                .put("rate", target.rate())
                .put("timeoutMs", target.timeout().toMillis());
        add(json.putArray("retries"), target.retries().stream().map(Waits::text).toList());
        return json.put("type", EndpointNames.type(endpoint.id()))
                .put("queue", EndpointNames.queue(endpoint.id()))
                .put("state", condition.state().text())
                .put("stateSince", AdminJson.time(condition.since()))
                .put("stateReason", condition.reason())
                .put("failingSince", AdminJson.time(condition.failingSince()))
                .put("lastFailedAt", AdminJson.time(condition.lastFailedAt()))
                .put("createdAt", AdminJson.time(endpoint.times().createdAt()))
                .put("updatedAt", AdminJson.time(endpoint.times().updatedAt()));
    }

    private static void add(ArrayNode array, Collection<String> texts) {
        texts.forEach(array::add);
    }

    static void secrets(ObjectNode json, List<ShownSecret> secrets) {
        ArrayNode array = json.putArray("secrets");
        secrets.forEach(secret -> array.addObject()
                .put("publicKey", secret.publicKey())
                .put("createdAt", AdminJson.time(secret.createdAt()))
                .put("expiresAt", AdminJson.time(secret.expiresAt())));
    }

    static ObjectNode of(Ended attempt) {
        ObjectNode json = object().put("webhookId", attempt.work().toString())
                .put("attempt", attempt.number())
                .put("outcome", attempt.outcome().text())
                .put("at", AdminJson.time(attempt.began()))
                .put("durationMs", attempt.took().toMillis());
        json.putObject("request").put("method", "POST").put("url", attempt.url());
        if (attempt.status() == 0) {
            json.putNull("answer");
        } else {
            json.putObject("answer").put("status", attempt.status()).put("body", attempt.answer());
        }
        return json.put("error", attempt.error());
    }

    /** Adds the fields of numbers to an open object. */
    static JsonOutput numbers(JsonOutput out, WorkAdmin.Numbers numbers) {
        return out.field("pending", numbers.pending())
                .field("processing", numbers.processing())
                .field("retrying", numbers.retrying())
                .field("dlq", numbers.deadLetters())
                .field("completed", numbers.completed())
                .field("failed", numbers.failed())
                .field("deadLettered", numbers.deadLettered())
                .field("averageMs", numbers.average().toMillis())
                .field("p95Ms", numbers.p95().toMillis());
    }
}
