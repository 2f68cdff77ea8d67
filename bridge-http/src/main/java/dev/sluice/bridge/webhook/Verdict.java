package dev.sluice.bridge.webhook;

import dev.sluice.bridge.outbound.CallFailure;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What an attempt means.
 *
 * @param kind success, failure, or a failure that says more
 * @param reason why it failed, for people; empty after a success
 * @param retryAfter how long the target wants to be left alone, within the bound; null: it does not say
 */
public record Verdict(Kind kind, String reason, @Nullable Duration retryAfter) {
    /** What an attempt means. */
    public enum Kind {
        /** The target has the message. */
        DELIVERED,
        /** The target may get it later. */
        FAILED,
        /** The target may get it later, and is called less until then. */
        SLOW_DOWN,
        /** The target wants no more messages. */
        GONE,
        /** This process stops. The attempt does not count. */
        STOPPED
    }

    private static final int OK = 200;
    private static final int MULTIPLE_CHOICES = 300;
    private static final int BAD_REQUEST = 400;
    private static final int GONE = 410;
    private static final int TOO_MANY_REQUESTS = 429;
    private static final int BAD_GATEWAY = 502;
    private static final int SERVICE_UNAVAILABLE = 503;
    private static final int GATEWAY_TIMEOUT = 504;
    private static final int SHOWN = 200;

    /**
     * Judges an attempt.
     *
     * @param now when the answer came
     * @param maxRetryAfter the longest wait that a target may ask for
     */
    public static Verdict of(Attempt attempt, Instant now, Duration maxRetryAfter) {
        if (attempt.kind() == CallFailure.Kind.STOPPED) {
            return new Verdict(Kind.STOPPED, String.valueOf(attempt.error()), null);
        }
        if (attempt.error() != null) {
            return new Verdict(Kind.FAILED, attempt.error(), null);
        }
        int status = attempt.status();
        if (status >= OK && status < MULTIPLE_CHOICES) {
            return new Verdict(Kind.DELIVERED, "", null);
        }
        return new Verdict(kind(status), reason(attempt), bounded(attempt, now, maxRetryAfter));
    }

    private static Kind kind(int status) {
        return switch (status) {
            case GONE -> Kind.GONE;
            case TOO_MANY_REQUESTS, BAD_GATEWAY, SERVICE_UNAVAILABLE, GATEWAY_TIMEOUT -> Kind.SLOW_DOWN;
            default -> Kind.FAILED;
        };
    }

    private static String reason(Attempt attempt) {
        int status = attempt.status();
        String hint = status >= MULTIPLE_CHOICES && status < BAD_REQUEST
                ? " (redirects are not followed: give the URL of their target)"
                : "";
        String snippet = attempt.snippet().strip();
        String shown = snippet.length() > SHOWN ? snippet.substring(0, SHOWN) + "…" : snippet;
        return attempt.url() + " answered " + status + hint + (shown.isEmpty() ? "" : ": " + shown);
    }

    private static @Nullable Duration bounded(Attempt attempt, Instant now, Duration most) {
        Duration wait = attempt.retryAfter() == null ? null : RetryAfter.parse(attempt.retryAfter(), now);
        return wait != null && wait.compareTo(most) > 0 ? most : wait;
    }
}
