package dev.sluice.bridge.notice;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A notice: an object with {@code event}, {@code type} and {@code at}, and fields of its own.
 *
 * <pre>{@code
 * {"event":"endpoint-disabled","type":"endpoint.crm","at":"2026-05-16T10:00:00.123Z",
 *  "endpoint":"crm","url":"https://crm.example/hook","reason":"…","failingSince":"…"}
 * {"event":"dead-letters","type":"orders","at":"…","queue":"orders","threshold":100}
 * {"event":"backlog","type":"orders","at":"…","queue":"orders","consumerGroup":"billing","thresholdMs":3600000}
 * {"event":"breaker-opened","type":"welcome-mail","at":"…","target":null}
 * }</pre>
 *
 * @param json its fields
 */
public record Notice(ObjectNode json) {
    private static final String EVENT = "event";

    /** Begins a notice. {@code type} is a queue, or the type of a work. */
    public static Notice of(String event, String type) {
        return new Notice(JsonNodeFactory.instance
                .objectNode()
                .put(EVENT, event)
                .put("type", type)
                .put("at", Instant.now().toString()));
    }

    /** Adds a field. */
    public Notice with(String name, @Nullable String value) {
        json.put(name, value);
        return this;
    }

    /** Adds a field. */
    public Notice with(String name, long value) {
        json.put(name, value);
        return this;
    }

    /** Makes it the notice that says that what it tells is over: {@code "event":"dead-letters-ended"}. */
    Notice ended() {
        json.put(EVENT, json.get(EVENT).textValue() + "-ended");
        return this;
    }

    byte[] bytes() {
        return json.toString().getBytes(StandardCharsets.UTF_8);
    }
}
