package dev.sluice.bridge.webhook;

import dev.sluice.work.Context;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * How a verdict becomes an outcome.
 *
 * @param retry the retry policy of the type
 * @param maxRetryAfter the longest wait that a target may ask for
 * @param hasManyTargets whether works of other targets need the places of those whose target is slowed down
 */
public record WebhookRules(RetryPolicy retry, Duration maxRetryAfter, boolean hasManyTargets) {
    /** Ten attempts within about three days: the schedule that Standard Webhooks recommends. */
    public static final RetryPolicy STANDARD_RETRY = RetryPolicy.ofWaits(
            Duration.ofSeconds(5),
            Duration.ofMinutes(5),
            Duration.ofMinutes(30),
            Duration.ofHours(2),
            Duration.ofHours(5),
            Duration.ofHours(10),
            Duration.ofHours(14),
            Duration.ofHours(20),
            Duration.ofHours(24));

    /** Usual settings of a type whose works are webhooks. */
    public static final HandlerSettings SETTINGS = HandlerSettings.DEFAULT.retry(STANDARD_RETRY);

    /** Usual longest wait that a target may ask for. */
    public static final Duration MAX_RETRY_AFTER = Duration.ofHours(24);

    /** Returns the outcome of an attempt. */
    Outcome outcome(Verdict verdict, Attempt attempt, Context context) {
        return switch (verdict.kind()) {
            case DELIVERED -> Outcome.done(WebhookResult.of(attempt));
            case GONE -> Outcome.deadLetter(verdict.reason());
            case FAILED, SLOW_DOWN ->
                verdict.retryAfter() == null
                        ? Outcome.retry(verdict.reason())
                        : Outcome.retry(later(verdict.retryAfter(), context.attempt()), verdict.reason());
            case STOPPED -> throw new IllegalStateException(verdict.reason());
        };
    }

    /** Returns the longer one of what the target asks for and what the policy says. */
    private Duration later(Duration asked, int attempt) {
        Duration usual =
                retry.waitAfter(attempt, () -> ThreadLocalRandom.current().nextDouble());
        return asked.compareTo(usual) > 0 ? asked : usual;
    }
}
