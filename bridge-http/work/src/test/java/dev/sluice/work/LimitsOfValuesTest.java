package dev.sluice.work;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A value that PostgreSQL or Java cannot represent is refused where a program makes it. */
class LimitsOfValuesTest {
    private static final Duration FOREVER = ChronoUnit.FOREVER.getDuration();
    private static final Duration TOO_LONG = Outcome.MAX_WAIT.plusNanos(1);

    private static Arguments refused(String start, ThrowingCallable value) {
        return Arguments.of(start, value);
    }

    static Stream<Arguments> refused() {
        HandlerSettings settings = HandlerSettings.DEFAULT;
        return Stream.of(
                refused("after must be 0 to ", () -> Outcome.retry(TOO_LONG, "x")),
                refused("after must be 0 to ", () -> Outcome.retry(Duration.ofNanos(-1), "x")),
                refused("delay must be 0 to ", () -> Outcome.snooze(FOREVER)),
                refused("until must be ", () -> Outcome.snooze(Instant.MAX)),
                refused("until must be ", () -> Outcome.snooze(Outcome.MAX_UNTIL.plusNanos(1))),
                refused("until must be ", () -> Outcome.snooze(Instant.EPOCH.minusNanos(1))),
                refused("result", () -> new Outcome.Done("\0")),
                refused("result", () -> Outcome.done("\"\ud800\"")),
                refused("result", () -> Outcome.done("{")),
                refused("longest must be at most ", () -> RetryPolicy.DEFAULT.exponential(Duration.ZERO, TOO_LONG)),
                refused("waits must be 0 to ", () -> RetryPolicy.ofWaits(FOREVER)),
                refused("maxAge must be 0 to ", () -> settings.maxAge(FOREVER)),
                refused("idempotencyWindow must be 0 to ", () -> settings.idempotencyWindow(TOO_LONG)));
    }

    @ParameterizedTest
    @MethodSource("refused")
    void aValueBeyondItsLimitIsRefusedWithItsName(String start, ThrowingCallable value) {
        assertThatThrownBy(value).isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith(start);
    }

    @Test
    void aValueAtItsLimitIsAccepted() {
        Outcome.retry(Outcome.MAX_WAIT, "x");
        Outcome.snooze(Outcome.MAX_UNTIL);
        Outcome.snooze(Instant.EPOCH);
        Outcome.done("\"\ud83d\ude00\"");
        RetryPolicy policy = RetryPolicy.ofWaits(Outcome.MAX_WAIT).jitter(1);
        assertThat(policy.waitAfter(1, () -> 0.9)).isEqualTo(Outcome.MAX_WAIT);
        HandlerSettings.DEFAULT.maxAge(Outcome.MAX_WAIT).idempotencyWindow(Outcome.MAX_WAIT);
    }
}
