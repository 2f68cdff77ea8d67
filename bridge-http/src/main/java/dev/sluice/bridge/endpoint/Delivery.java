package dev.sluice.bridge.endpoint;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/** Delivers messages to endpoints: what endpoints need of webhooks and of the work engine. Any thread may call. */
public interface Delivery {
    /**
     * Checks a target: its URL and its headers.
     *
     * @throws IllegalArgumentException if it cannot be used; the message shows no query and no value of a header
     */
    void check(Target target);

    /** Returns a new secret. */
    String newSecret(Signature signature);

    /**
     * Checks a secret.
     *
     * @return what receivers need to verify signatures with: the secret itself, or the public key
     * @throws IllegalArgumentException if it is none; the message does not show it
     */
    String verificationKey(String secret);

    /**
     * Begins to deliver the works of an endpoint, or goes on with another version of it.
     *
     * @param secrets sign, the newest first
     */
    void deliver(Endpoint endpoint, List<String> secrets);

    /** Ends to deliver the works of an endpoint. Works that are being delivered end within their timeouts. */
    void end(String id);

    /** Delivers one message now, beside all works. */
    CompletionStage<Ended> send(Endpoint endpoint, List<String> secrets, Test message);

    /** How signatures are made. */
    enum Signature {
        /** HMAC-SHA256. */
        V1,
        /** Ed25519. */
        V1A
    }

    /**
     * A message for a test.
     *
     * @param id value of {@code webhook-id}
     * @param type type of its event
     * @param json payload
     */
    record Test(UUID id, String type, String json) {}

    /**
     * A request that has ended.
     *
     * @param number number of the attempt of the work, from 1
     * @param began when it was made, by the clock of this process
     * @param url without its query
     * @param status status of the answer; 0: none
     * @param outcome what it means
     * @param error why it failed; null: it has not
     * @param answer the beginning of the answer
     */
    record Ended(
            UUID work,
            int number,
            Instant began,
            Duration took,
            String url,
            int status,
            Outcome outcome,
            @Nullable String error,
            String answer) {}

    /** What a request means. */
    enum Outcome {
        DELIVERED,
        FAILED,
        /** The target wants less. */
        SLOW_DOWN,
        /** The target wants no more messages. */
        GONE,
        /** This process has stopped. */
        STOPPED;

        /** Returns its name for clients and in the table. */
        public String text() {
            return name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
        }
    }
}
