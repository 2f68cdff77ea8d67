package dev.sluice.bridge.api.endpoint;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.endpoint.Delivery.Signature;
import dev.sluice.bridge.endpoint.EndpointSpec;
import dev.sluice.bridge.endpoint.Selection;
import dev.sluice.bridge.endpoint.Target;
import dev.sluice.bridge.http.JsonRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a client says of an endpoint. A field that is unknown is refused, because a misspelt one would have no effect.
 * Immutable.
 */
final class EndpointBody {
    private static final Set<String> OF_ENDPOINT = Set.of(
            "description",
            "url",
            "queues",
            "eventTypes",
            "eventTypeAt",
            "headers",
            "format",
            "concurrency",
            "rate",
            "timeoutMs",
            "retries");
    private static final Set<String> OF_CREATION = Set.of("id", "signature", "secret", "from");
    private static final int USUAL_CONCURRENCY = 10;
    private static final int USUAL_TIMEOUT_MS = 20_000;

    /** What an endpoint has if a client says nothing else. */
    private static final Target USUAL = new Target(
            "",
            Map.of(),
            Target.Format.PLAIN,
            USUAL_CONCURRENCY,
            0,
            Duration.ofMillis(USUAL_TIMEOUT_MS),
            Target.USUAL_RETRIES);

    private final JsonRequest json;

    private EndpointBody(JsonRequest json) {
        this.json = json;
    }

    static EndpointBody ofCreation(JsonRequest json) {
        requireKnown(json, OF_CREATION);
        json.requiredText("url");
        if (json.value("queues") == null) {
            throw badRequest("queues is required");
        }
        return new EndpointBody(json);
    }

    static EndpointBody ofChange(JsonRequest json) {
        requireKnown(json, Set.of());
        return new EndpointBody(json);
    }

    private static void requireKnown(JsonRequest json, Set<String> others) {
        for (Iterator<String> names = json.fields().fieldNames(); names.hasNext(); ) {
            String name = names.next();
            if (!OF_ENDPOINT.contains(name) && !others.contains(name)) {
                throw badRequest("unknown field " + name);
            }
        }
    }

    EndpointSpec create(String id) {
        return applyTo(new EndpointSpec(id, "", new Selection(List.of(), List.of(), null), USUAL));
    }

    /** Returns what there is, with the fields of the body. A header that is null is removed. */
    EndpointSpec applyTo(EndpointSpec before) {
        try {
            Selection selection = before.selection();
            Target target = before.target();
            String description = json.text("description");
            return new EndpointSpec(
                    before.id(),
                    description == null ? before.description() : description,
                    new Selection(
                            texts("queues", selection.queues()),
                            texts("eventTypes", selection.eventTypes()),
                            json.fields().has("eventTypeAt") ? json.text("eventTypeAt") : selection.eventTypeAt()),
                    new Target(
                            orElse(json.text("url"), target.url()),
                            headers(target.headers()),
                            Target.Format.of(
                                    orElse(json.text("format"), target.format().text())),
                            (int) json.number("concurrency", target.concurrency(), 1, Target.MAX_CONCURRENCY),
                            (int) json.number("rate", target.rate(), 0, Target.MAX_RATE),
                            Duration.ofMillis(json.number(
                                    "timeoutMs", target.timeout().toMillis(), 1, Target.MAX_TIMEOUT.toMillis())),
                            retries(target.retries())));
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
    }

    private static String orElse(@Nullable String text, String other) {
        return text == null ? other : text;
    }

    private List<String> texts(String name, List<String> before) {
        JsonNode value = json.value(name);
        if (value == null) {
            return json.fields().has(name) ? List.of() : before;
        }
        if (!value.isArray()) {
            throw badRequest(name + " must be an array of strings");
        }
        var texts = new ArrayList<String>();
        for (JsonNode each : value) {
            if (!each.isTextual()) {
                throw badRequest(name + " must be an array of strings");
            }
            texts.add(each.textValue());
        }
        return texts;
    }

    private Map<String, String> headers(Map<String, String> before) {
        JsonNode value = json.value("headers");
        if (value == null) {
            return json.fields().has("headers") ? Map.of() : before;
        }
        if (!value.isObject()) {
            throw badRequest("headers must be an object of strings");
        }
        var headers = new TreeMap<String, String>(String.CASE_INSENSITIVE_ORDER);
        headers.putAll(before);
        headers.remove(Target.UNREADABLE); // The client gives them again.
        value.properties().forEach(each -> {
            if (each.getValue().isNull()) {
                headers.remove(each.getKey());
            } else if (each.getValue().isTextual()) {
                headers.remove(each.getKey()); // The name may have another case.
                headers.put(each.getKey(), each.getValue().textValue());
            } else {
                throw badRequest("headers must be an object of strings");
            }
        });
        return headers;
    }

    private List<Duration> retries(List<Duration> before) {
        if (!json.fields().has("retries")) {
            return before;
        }
        JsonNode value = json.value("retries");
        return value == null
                ? Target.USUAL_RETRIES
                : texts("retries", List.of()).stream()
                        .map(text -> Waits.parse("retries", text))
                        .toList();
    }

    /** Returns how signatures are made. */
    static Signature signature(JsonRequest json) {
        String text = json.text("signature");
        if (text == null || text.equals("v1")) {
            return Signature.V1;
        }
        if (text.equals("v1a")) {
            return Signature.V1A;
        }
        throw badRequest("signature must be v1 (HMAC) or v1a (Ed25519)");
    }
}
