package dev.sluice.bridge.webhook;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class PaceTest {
    private static final Verdict DELIVERED = new Verdict(Verdict.Kind.DELIVERED, "", null);
    private static final Verdict FAILED = new Verdict(Verdict.Kind.FAILED, "", Duration.ofSeconds(9));
    private static final Verdict SLOW = new Verdict(Verdict.Kind.SLOW_DOWN, "", null);

    private final Pace pace = new Pace();
    private Instant now = Instant.EPOCH;

    /** An attempt that takes a second. */
    private long after(Verdict verdict) {
        Instant began = now;
        now = now.plusSeconds(1);
        pace.take("target", verdict, began, now);
        return pause();
    }

    private long pause() {
        return pace.pause("target", now).toSeconds();
    }

    private void sleep(long seconds) {
        now = now.plusSeconds(seconds);
    }

    @Test
    void eachAnswerThatAsksForLessDoublesThePauseUpToAMinute() {
        for (long pause : new long[] {1, 2, 4, 8, 16, 32, 60, 60}) {
            assertThat(after(SLOW)).isEqualTo(pause);
            sleep(pause);
            assertThat(pause()).isZero();
        }
        assertThat(after(DELIVERED)).isZero();
        assertThat(after(SLOW)).as("begins again").isEqualTo(1);
    }

    @Test
    void answersToRequestsOfTheSameTimeDoubleItOnce() {
        Instant began = now;
        sleep(1);
        for (int i = 0; i < 100; i++) {
            pace.take("target", SLOW, began, now);
        }
        assertThat(pause()).isEqualTo(1);
        sleep(1);
        assertThat(after(SLOW)).isEqualTo(2);
    }

    @Test
    void aSuccessOfARequestFromBeforeDoesNotEndThePause() {
        Instant before = now;
        assertThat(after(SLOW)).isEqualTo(1);
        pace.take("target", DELIVERED, before, now);
        assertThat(pause()).isEqualTo(1);
    }

    @Test
    void retryAfterSetsThePauseAndNoAnswerShortensIt() {
        Instant began = now;
        assertThat(after(new Verdict(Verdict.Kind.SLOW_DOWN, "", Duration.ofSeconds(300))))
                .isEqualTo(300);
        pace.take("target", new Verdict(Verdict.Kind.SLOW_DOWN, "", Duration.ofSeconds(5)), began, now);
        assertThat(pause()).isEqualTo(300);
        pace.take("target", new Verdict(Verdict.Kind.SLOW_DOWN, "", Duration.ofSeconds(400)), began, now);
        assertThat(pause()).isEqualTo(400);
    }

    @Test
    void otherFailuresAndOtherTargetsAreNotSlowedDown() {
        assertThat(after(FAILED)).isZero();
        after(SLOW);
        assertThat(pace.pause("other", now)).isZero();
    }

    @Test
    void targetsThatWereSlowedDownLongAgoAreForgotten() {
        after(SLOW);
        for (int i = 0; i < 10_000; i++) {
            pace.take("other-" + i, SLOW, now, now);
        }
        assertThat(pause()).isZero();
        assertThat(pace.pause("other-9999", now)).isEqualTo(Pace.FIRST);
    }
}
