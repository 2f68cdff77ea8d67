package dev.sluice.work;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.time.Duration;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RetryPolicyTest {
    private static Duration waitAfter(RetryPolicy policy, int attempt) {
        return policy.waitAfter(attempt, () -> 0);
    }

    @Test
    void exponentialWaitsDoubleUpToTheLongest() {
        RetryPolicy policy = RetryPolicy.DEFAULT.exponential(Duration.ofSeconds(1), Duration.ofSeconds(10));
        assertThat(IntStream.rangeClosed(1, 6)
                        .mapToObj(i -> waitAfter(policy, i).toSeconds()))
                .containsExactly(1L, 2L, 4L, 8L, 10L, 10L);
    }

    @Test
    void jitterAddsAtMostItsPart() {
        RetryPolicy policy = RetryPolicy.DEFAULT
                .exponential(Duration.ofSeconds(10), Duration.ofHours(1))
                .jitter(0.5);
        assertThat(policy.waitAfter(1, () -> 0)).isEqualTo(Duration.ofSeconds(10));
        assertThat(policy.waitAfter(1, () -> 0.5)).isEqualTo(Duration.ofMillis(12_500));
        assertThat(policy.waitAfter(1, () -> 0.999999)).isLessThanOrEqualTo(Duration.ofSeconds(15));
    }

    @Test
    void explicitWaitsAreTakenInOrderAndGiveOneAttemptMore() {
        RetryPolicy policy = RetryPolicy.ofWaits(Duration.ZERO, Duration.ofSeconds(5), Duration.ofMinutes(5))
                .jitter(0);
        assertThat(policy.maxAttempts()).isEqualTo(4);
        assertThat(IntStream.rangeClosed(1, 4)
                        .mapToObj(i -> waitAfter(policy, i).toSeconds()))
                .containsExactly(0L, 5L, 300L, 300L);
    }

    @Test
    void noAttemptAndNoSettingMakesAWaitNegativeOrShorterThanBefore() {
        var random = new Random(7);
        for (RetryPolicy policy : new RetryPolicy[] {
            RetryPolicy.DEFAULT,
            RetryPolicy.DEFAULT.exponential(Outcome.MAX_WAIT, Outcome.MAX_WAIT),
            RetryPolicy.DEFAULT
                    .exponential(Duration.ofMillis(1), Duration.ofDays(36_500))
                    .jitter(1),
            RetryPolicy.DEFAULT.exponential(Duration.ZERO, Duration.ZERO)
        }) {
            Duration last = Duration.ZERO;
            for (int attempt = 1; attempt <= 10_000; attempt++) {
                assertThat(policy.waitAfter(attempt, random::nextDouble)).isGreaterThanOrEqualTo(Duration.ZERO);
                Duration wait = waitAfter(policy, attempt);
                assertThat(wait).isGreaterThanOrEqualTo(last).isLessThanOrEqualTo(Duration.ofDays(36_500));
                last = wait;
            }
        }
    }

    @Test
    void theFirstRuleThatFitsTheErrorOrACauseCounts() {
        RetryPolicy policy = RetryPolicy.DEFAULT
                .neverOn(FileNotFoundException.class)
                .on(IOException.class, RetryPolicy.DEFAULT.maxAttempts(9));
        assertThat(policy.after(new FileNotFoundException()).maxAttempts()).isEqualTo(1);
        assertThat(policy.after(new IOException()).maxAttempts()).isEqualTo(9);
        assertThat(policy.after(new RuntimeException(new FileNotFoundException()))
                        .maxAttempts())
                .isEqualTo(1);
        assertThat(policy.after(new RuntimeException()).maxAttempts()).isEqualTo(5);
    }

    @Test
    void valuesOutOfRangeAreRefusedByName() {
        assertThatThrownBy(() -> RetryPolicy.DEFAULT.maxAttempts(0))
                .hasMessage("maxAttempts must be at least 1, was 0");
        assertThatThrownBy(() -> RetryPolicy.DEFAULT.jitter(1.1)).hasMessage("jitter must be 0 to 1, was 1.1");
        assertThatThrownBy(() -> RetryPolicy.DEFAULT.exponential(Duration.ofSeconds(2), Duration.ofSeconds(1)))
                .hasMessage("first must be 0 or more and at most longest, was PT2S with longest PT1S");
        assertThatThrownBy(() -> RetryPolicy.ofWaits(Duration.ofSeconds(-1)))
                .hasMessage("waits must be 0 to PT876000H, one was PT-1S");
    }
}
