package dev.sluice.bridge.webhook;

import dev.sluice.bridge.outbound.CallFailure;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A request to a target, and how it ended.
 *
 * @param webhookId its {@code webhook-id}
 * @param url the URL without its query
 * @param began when it was made, by the clock of this process
 * @param took how long it took
 * @param status the status of the answer; 0: there was none
 * @param retryAfter header {@code Retry-After} of the answer; null: none
 * @param snippet the beginning of the answer
 * @param error why there is no whole answer; null: there is one
 * @param kind the kind of the error; null: there is none
 */
public record Attempt(
        String webhookId,
        String url,
        Instant began,
        Duration took,
        int status,
        @Nullable String retryAfter,
        String snippet,
        @Nullable String error,
        CallFailure.@Nullable Kind kind) {}
