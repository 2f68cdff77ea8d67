package dev.sluice.bridge.webhook;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.bridge.json.JsonOutput;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Messages as CloudEvents 1.0, in the binary and in the structured mode of HTTP, and as a batch. */
final class CloudEvents {
    static final String JSON = "application/json";
    static final String STRUCTURED = "application/cloudevents+json";
    static final String BATCH = "application/cloudevents-batch+json";

    private static final int USUAL_ATTRIBUTES = 300;

    private CloudEvents() {}

    /** Adds the attributes of the binary mode. */
    static void addHeaders(WebhookMessage message, WebhookTarget.Event event, Map<String, String> headers) {
        headers.put("ce-specversion", "1.0");
        headers.put("ce-id", message.id());
        headers.put("ce-source", encoded(event.source()));
        headers.put("ce-type", encoded(type(message, event)));
        headers.put("ce-time", message.time().toString());
        if (message.subject() != null) {
            headers.put("ce-subject", encoded(message.subject()));
        }
    }

    /** Returns the body of the structured mode. */
    static byte[] structured(WebhookMessage message, WebhookTarget.Event event) {
        var json = new JsonOutput(USUAL_ATTRIBUTES + message.payload().length);
        write(message, event, json);
        return json.toBytes();
    }

    /** Returns the body of a batch. */
    static byte[] batch(List<WebhookMessage> messages, WebhookTarget.Event event) {
        var json = new JsonOutput((long) USUAL_ATTRIBUTES * messages.size()).array();
        messages.forEach(message -> write(message, event, json));
        return json.endArray().toBytes();
    }

    private static void write(WebhookMessage message, WebhookTarget.Event event, JsonOutput json) {
        json.object()
                .field("specversion", "1.0")
                .field("id", message.id())
                .field("source", event.source())
                .field("type", type(message, event))
                .field("time", message.time().toString());
        if (message.subject() != null) {
            json.field("subject", message.subject());
        }
        json.field("datacontenttype", JSON).name("data").json(message.payload()).endObject();
    }

    private static String type(WebhookMessage message, WebhookTarget.Event event) {
        @Nullable String own = message.eventType();
        return own == null || own.isEmpty() ? event.type() : own;
    }

    /** Percent-encodes what the binding for HTTP asks: space, quote, percent sign, and what is not printable ASCII. */
    private static String encoded(String text) {
        var encoded = new StringBuilder();
        for (byte octet : text.getBytes(UTF_8)) {
            if (octet > ' ' && octet < 0x7f && octet != '"' && octet != '%') {
                encoded.append((char) octet);
            } else {
                encoded.append('%').append(String.format("%02X", octet));
            }
        }
        return encoded.toString();
    }
}
