package dev.sluice.bridge.endpoint;

import dev.sluice.bridge.outbound.OutboundUrl;
import dev.sluice.bridge.webhook.Attempt;
import dev.sluice.bridge.webhook.CustomHeaders;
import dev.sluice.bridge.webhook.Observers;
import dev.sluice.bridge.webhook.PayloadFormat;
import dev.sluice.bridge.webhook.Verdict;
import dev.sluice.bridge.webhook.WebhookHandler;
import dev.sluice.bridge.webhook.WebhookKey;
import dev.sluice.bridge.webhook.WebhookMessage;
import dev.sluice.bridge.webhook.WebhookRules;
import dev.sluice.bridge.webhook.WebhookSender;
import dev.sluice.bridge.webhook.WebhookTarget;
import dev.sluice.work.BreakerSettings;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
import dev.sluice.work.RetryPolicy;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Delivers as webhooks: an endpoint is a type of works of the engine whose handler sends requests. */
public final class WebhookDelivery implements Delivery {
    /** How long a run may last beyond the timeout of its request: a target that is slowed down holds its works. */
    private static final Duration HELD = Duration.ofMinutes(2);

    private final WebhookSender sender;
    private final Settings settings;
    private final Types types;
    private final EndpointService.Observer observer;

    private final Map<String, Delivering> delivering = new ConcurrentHashMap<>();

    /** An endpoint that gets its works. */
    private record Delivering(AtomicReference<WebhookTarget> target, HandlerSettings handling) {}

    /** The types of a work engine that runs. */
    public interface Types {
        /** Begins to handle the works of a type, or goes on with another handler and other settings. */
        void put(String type, WebhookHandler handler, HandlerSettings settings);

        /** Ends to handle the works of a type. */
        void remove(String type);
    }

    /**
     * Settings of all deliveries.
     *
     * @param event attributes of CloudEvents
     * @param maxRetryAfter the longest wait that a target may ask for
     */
    public record Settings(WebhookTarget.Event event, Duration maxRetryAfter) {
        /** Those of the documentation. */
        public static final Settings DEFAULT = new Settings(WebhookTarget.Event.DEFAULT, WebhookRules.MAX_RETRY_AFTER);
    }

    public WebhookDelivery(WebhookSender sender, Settings settings, Types types, EndpointService.Observer observer) {
        this.sender = sender;
        this.settings = settings;
        this.types = types;
        this.observer = observer;
    }

    @Override
    public void check(Target target) {
        String problem = sender.problem(url(target));
        if (problem != null) {
            throw new IllegalArgumentException("url: " + problem);
        }
        Map<String, String> unused = CustomHeaders.checked(target.headers());
    }

    private static OutboundUrl url(Target target) {
        try {
            return OutboundUrl.parse(target.url());
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("url: " + e.getMessage(), e);
        }
    }

    @Override
    public String newSecret(Signature signature) {
        return signature == Signature.V1 ? WebhookKey.newSecret() : WebhookKey.newPrivateKey();
    }

    @Override
    public String verificationKey(String secret) {
        return WebhookKey.parse(secret).verificationKey();
    }

    @Override
    public void deliver(Endpoint endpoint, List<String> secrets) {
        WebhookTarget target = target(endpoint, secrets);
        HandlerSettings handling = handling(endpoint.target());
        Delivering before = delivering.get(endpoint.id());
        if (before != null && before.handling().equals(handling)) {
            before.target().set(target); // The next attempt uses it.
            return;
        }
        var now = new Delivering(new AtomicReference<>(target), handling);
        delivering.put(endpoint.id(), now);
        var rules = new WebhookRules(handling.retry(), settings.maxRetryAfter(), false);
        String id = endpoint.id();
        var observers = new Observers(
                (work, workId, number, attempt, verdict) -> observer.ended(
                        id, ended(workId.value(), number, attempt, outcome(verdict.kind()), verdict.reason())),
                (work, reason) -> observer.gone(id, reason));
        types.put(
                EndpointNames.type(id),
                new WebhookHandler(sender, work -> now.target().get(), rules, observers),
                handling);
    }

    private WebhookTarget target(Endpoint endpoint, List<String> secrets) {
        Target target = endpoint.target();
        return new WebhookTarget(
                url(target),
                secrets.stream().map(WebhookKey::parse).toList(),
                target.headers(),
                format(target.format()),
                settings.event(),
                target.timeout());
    }

    private static PayloadFormat format(Target.Format format) {
        return switch (format) {
            case PLAIN -> PayloadFormat.PLAIN;
            case CLOUDEVENTS_BINARY -> PayloadFormat.CLOUDEVENTS_BINARY;
            case CLOUDEVENTS_STRUCTURED -> PayloadFormat.CLOUDEVENTS_STRUCTURED;
        };
    }

    /** Returns the settings of the type of an endpoint. Its limits hold on all bridges together. */
    static HandlerSettings handling(Target target) {
        Limit limit = Limit.ofConcurrency(target.concurrency());
        return HandlerSettings.DEFAULT
                .concurrency(target.concurrency())
                .timeout(target.timeout().plus(HELD))
                .retry(
                        target.retries().isEmpty()
                                ? RetryPolicy.never()
                                : RetryPolicy.ofWaits(target.retries().toArray(Duration[]::new)))
                .limit(target.rate() == 0 ? limit : limit.rate(target.rate(), Duration.ofSeconds(1)))
                .breaker(BreakerSettings.DEFAULT);
    }

    private static Outcome outcome(Verdict.Kind kind) {
        return switch (kind) {
            case DELIVERED -> Outcome.DELIVERED;
            case FAILED -> Outcome.FAILED;
            case SLOW_DOWN -> Outcome.SLOW_DOWN;
            case GONE -> Outcome.GONE;
            case STOPPED -> Outcome.STOPPED;
        };
    }

    private static Ended ended(UUID work, int number, Attempt attempt, Outcome outcome, @Nullable String reason) {
        return new Ended(
                work,
                number,
                attempt.began(),
                attempt.took(),
                attempt.url(),
                attempt.status(),
                outcome,
                outcome == Outcome.DELIVERED ? null : reason,
                attempt.snippet());
    }

    @Override
    public void end(String id) {
        delivering.remove(id);
        types.remove(EndpointNames.type(id));
    }

    @Override
    public CompletionStage<Ended> send(Endpoint endpoint, List<String> secrets, Test message) {
        var sent = new WebhookMessage(
                message.id().toString(),
                message.json().getBytes(StandardCharsets.UTF_8),
                Instant.now(),
                message.type(),
                null,
                Map.of());
        return sender.send(target(endpoint, secrets), sent).thenApply(attempt -> {
            Verdict verdict = Verdict.of(attempt, Instant.now(), settings.maxRetryAfter());
            return ended(message.id(), 1, attempt, outcome(verdict.kind()), verdict.reason());
        });
    }
}
