package dev.sluice.bridge.webhook;

import dev.sluice.bridge.outbound.CallFailure;
import dev.sluice.bridge.outbound.OutboundAnswer;
import dev.sluice.bridge.outbound.OutboundCall;
import dev.sluice.bridge.outbound.OutboundClient;
import dev.sluice.bridge.outbound.OutboundUrl;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/** Builds, signs and sends requests. Any thread may call. */
public final class WebhookSender {
    private static final List<String> TRACE = List.of("traceparent", "tracestate");

    private final OutboundClient client;
    private final Timers timers;

    public WebhookSender(OutboundClient client, Timers timers) {
        this.client = client;
        this.timers = timers;
    }

    Timers timers() {
        return timers;
    }

    /** Returns why a URL must not be called; null if it may. What its name points to is checked when it is called. */
    public @Nullable String problem(OutboundUrl url) {
        return client.problem(url);
    }

    /**
     * Delivers a message. Does not block. The result never fails, except that it can be cancelled, which ends the
     * request.
     */
    public CompletableFuture<Attempt> send(WebhookTarget target, WebhookMessage message) {
        var headers = new LinkedHashMap<>(target.headers());
        byte[] body = message.payload();
        String contentType = CloudEvents.JSON;
        if (target.format() == PayloadFormat.CLOUDEVENTS_STRUCTURED) {
            body = CloudEvents.structured(message, target.event());
            contentType = CloudEvents.STRUCTURED;
        } else if (target.format() == PayloadFormat.CLOUDEVENTS_BINARY) {
            CloudEvents.addHeaders(message, target.event(), headers);
        }
        headers.put("content-type", contentType);
        for (String name : TRACE) {
            String value = WebhookMessage.header(message.headers(), name);
            if (value != null && isSendable(value)) {
                headers.put(name, value);
            }
        }
        return send(target, message.id(), headers, body);
    }

    /**
     * Delivers messages as one JSON array, in their order: of payloads, or a batch of CloudEvents.
     *
     * @param id value of {@code webhook-id}, the same for the same messages
     */
    public CompletableFuture<Attempt> sendBatch(WebhookTarget target, String id, List<WebhookMessage> messages) {
        var headers = new LinkedHashMap<>(target.headers());
        byte[] body;
        if (target.format() == PayloadFormat.PLAIN) {
            headers.put("content-type", CloudEvents.JSON);
            body = array(messages);
        } else {
            headers.put("content-type", CloudEvents.BATCH);
            body = CloudEvents.batch(messages, target.event());
        }
        return send(target, id, headers, body);
    }

    private static byte[] array(List<WebhookMessage> messages) {
        var array = new ByteArrayOutputStream();
        for (WebhookMessage message : messages) {
            array.write(array.size() == 0 ? '[' : ',');
            array.writeBytes(message.payload());
        }
        array.write(']');
        return array.toByteArray();
    }

    private CompletableFuture<Attempt> send(WebhookTarget target, String id, Map<String, String> headers, byte[] body) {
        Instant began = timers.now();
        long beganNanos = timers.nanos();
        long seconds = began.getEpochSecond();
        headers.put("webhook-id", id);
        headers.put("webhook-timestamp", Long.toString(seconds));
        if (!target.keys().isEmpty()) {
            headers.put("webhook-signature", WebhookKey.signatures(target.keys(), id, seconds, body));
        }
        CompletableFuture<OutboundAnswer> call =
                client.call(new OutboundCall(target.url(), headers, body, target.timeout()));
        CompletableFuture<Attempt> attempt = call.handle((answer, failure) -> {
            Duration took = Duration.ofNanos(timers.nanos() - beganNanos);
            return answer != null
                    ? answered(target, id, began, took, answer)
                    : failed(target, id, began, took, failure);
        });
        var ignored = attempt.whenComplete((ended, failure) -> {
            if (attempt.isCancelled()) {
                call.cancel(true);
            }
        });
        return attempt;
    }

    private static Attempt answered(
            WebhookTarget target, String id, Instant began, Duration took, OutboundAnswer answer) {
        return new Attempt(
                id,
                target.url().shown(),
                began,
                took,
                answer.status(),
                answer.retryAfter(),
                answer.snippet(),
                null,
                null);
    }

    private static Attempt failed(
            WebhookTarget target, String id, Instant began, Duration took, @Nullable Throwable failure) {
        Throwable cause = failure instanceof CompletionException ? failure.getCause() : failure;
        CallFailure known = cause instanceof CallFailure call ? call : null;
        return new Attempt(
                id,
                target.url().shown(),
                began,
                took,
                known == null ? 0 : known.status(),
                null,
                "",
                known == null ? "the request failed: " + cause : String.valueOf(known.getMessage()),
                known == null ? CallFailure.Kind.BROKEN : known.kind());
    }

    private static boolean isSendable(String value) {
        return value.length() <= CustomHeaders.MAX_VALUE && value.chars().allMatch(c -> c >= ' ' && c <= '~');
    }
}
