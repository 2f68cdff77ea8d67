package dev.sluice.bridge.endpoint;

import dev.sluice.bridge.endpoint.Delivery.Ended;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** Notes which endpoints are to be delivered to, and delivers nothing. */
public final class FakeDelivery implements Delivery {
    /** The endpoints that are delivered to, with their secrets. */
    final Map<String, List<String>> delivered = new ConcurrentHashMap<>();

    /** The endpoints that were delivered to, each in its last version. */
    final Map<String, Endpoint> endpoints = new ConcurrentHashMap<>();

    final EndpointService.Observer observer;
    private final AtomicInteger made = new AtomicInteger();

    public FakeDelivery(EndpointService.Observer observer) {
        this.observer = observer;
    }

    @Override
    public void check(Target target) {
        if (!target.url().startsWith("https://")) {
            throw new IllegalArgumentException("url must begin with https://");
        }
    }

    @Override
    public String newSecret(Signature signature) {
        return (signature == Signature.V1 ? "whsec_" : "whsk_") + "secret" + made.incrementAndGet();
    }

    @Override
    public String verificationKey(String secret) {
        if (!secret.startsWith("whs")) {
            throw new IllegalArgumentException("a secret must begin with whsec_ or whsk_");
        }
        return secret.replace("whsk_", "whpk_");
    }

    @Override
    public void deliver(Endpoint endpoint, List<String> secrets) {
        endpoints.put(endpoint.id(), endpoint);
        delivered.put(endpoint.id(), secrets);
    }

    @Override
    public void end(String id) {
        delivered.remove(id);
    }

    @Override
    public CompletionStage<Ended> send(Endpoint endpoint, List<String> secrets, Test message) {
        return CompletableFuture.completedFuture(ended(Outcome.DELIVERED, message.id()));
    }

    static Ended ended(Outcome outcome, UUID work) {
        boolean isGood = outcome == Outcome.DELIVERED;
        return new Ended(
                work,
                1,
                Instant.now(),
                Duration.ofMillis(12),
                "https://example.com/hook",
                isGood ? 200 : 500,
                outcome,
                isGood ? null : "https://example.com/hook answered 500",
                "an answer");
    }
}
