package dev.sluice.bridge.drain;

import static dev.sluice.bridge.drain.AnsweredPushes.MOST;
import static dev.sluice.bridge.drain.AnsweredPushes.MOST_MESSAGES;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class AnsweredPushesTest {
    private long nanos = 5_000_000_000L;

    private final AnsweredPushes answered = new AnsweredPushes(() -> nanos, MOST);

    @Test
    void nothingWaitsBeforeTheFirstCommit() {
        assertThat(answered.waitFor(1)).isZero();
    }

    @Test
    void aClientThatPushesOneMessageAfterTheOtherNeverWaits() {
        for (int i = 0; i < 3; i++) {
            answered.committed(1, 0);
            assertThat(answered.waitFor(1)).isZero();
            nanos += 250_000;
            assertThat(answered.waitFor(1)).isZero();
        }
    }

    @Test
    void aBatchWaitsForAsManyMessagesAsWereUnderWayAtTheCommit() {
        answered.committed(40, 24);
        assertThat(answered.expected()).isEqualTo(64);
        assertThat(answered.waitFor(24)).isEqualTo(MOST);
        assertThat(answered.waitFor(63)).isEqualTo(MOST);
        assertThat(answered.waitFor(64)).isZero();
    }

    @Test
    void aBatchWaitsUntilAMillisecondAfterTheCommitAtMost() {
        answered.committed(64, 0);
        nanos += MOST.toNanos() - 1;
        assertThat(answered.waitFor(1)).isEqualTo(Duration.ofNanos(1));
        nanos++;
        assertThat(answered.waitFor(1)).isZero();
        nanos += Duration.ofHours(1).toNanos();
        assertThat(answered.waitFor(1)).isZero();
    }

    @Test
    void nothingWaitsWhileTheLogIsEmpty() {
        answered.committed(64, 0);
        assertThat(answered.waitFor(0)).isZero();
    }

    @Test
    void nothingWaitsAfterALargeBatch() {
        answered.committed(MOST_MESSAGES, 0);
        assertThat(answered.waitFor(1)).isEqualTo(MOST);
        answered.committed(MOST_MESSAGES, 1);
        assertThat(answered.waitFor(1)).isZero();
    }

    @Test
    void onlyTheLastCommitCounts() {
        answered.committed(64, 0);
        answered.committed(1, 0);
        assertThat(answered.waitFor(1)).isZero();
    }
}
