package dev.sluice.bridge.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Percentiles, and when requests are due. All times are given, so no clock plays a part. */
class LatenciesTest {
    private static final long MILLISECOND = TimeUnit.MILLISECONDS.toNanos(1);
    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

    private static final class NoTraffic implements Traffic {
        @Override
        public ByteBuffer next(int connection, long dueNanos) {
            return ByteBuffer.allocate(0);
        }

        @Override
        public @Nullable ByteBuffer answered(int connection, Answer answer, long nanos) {
            return null;
        }

        @Override
        public long messages() {
            return 0;
        }

        @Override
        public long failed() {
            return 0;
        }

        @Override
        public void reset() {}
    }

    @Test
    void percentilesAreThoseOfAllTimes() {
        var latencies = new Latencies();
        for (int i = 1; i <= 1000; i++) {
            latencies.record(0, i * MILLISECOND);
        }
        assertThat(latencies.percentile(50)).isCloseTo(500, within(1.0));
        assertThat(latencies.percentile(99.9)).isCloseTo(999, within(1.0));
        assertThat(latencies.percentile(100)).isCloseTo(1000, within(1.0));
        var result = new Result("x");
        latencies.describe(result);
        assertThat(result.get(Figure.P90)).isCloseTo(900, within(1.0));
        latencies.reset();
        assertThat(latencies.percentile(50)).isNaN();
    }

    @Test
    void aTimeCountsFromWhenTheRequestWasDueAndNotFromWhenItWasSent() {
        // 100 requests a second, one connection, answers in 1 ms, apart from a stall of 500 ms from the tenth on.
        var fromDue = new Latencies();
        var fromSent = new Latencies();
        long free = 0;
        for (int i = 0; i < 100; i++) {
            long due = i * 10L * MILLISECOND;
            long sent = Math.max(due, free);
            free = sent + (i == 10 ? 500 : 1) * MILLISECOND;
            fromDue.record(due, free);
            fromSent.record(sent, free);
        }
        assertThat(fromSent.percentile(98))
                .isLessThan(2); // One request of a hundred was slow, as a closed loop sees it.
        assertThat(fromDue.percentile(75)).isGreaterThan(200); // Half of the requests waited.
        assertThat(fromDue.percentile(98)).isGreaterThan(450);
    }

    @Test
    void anOpenLoopIsDueAtItsRateWhetherConnectionsAreFreeOrNot() {
        LoadStream stream = LoadStream.open(new NoTraffic(), 1, 100, 1);
        stream.begin(0, SECOND);
        assertThat(stream.take(SECOND / 2)).isNull(); // No connection is free.
        assertThat(stream.isSending(SECOND / 2)).isTrue();
        assertThat(stream.giveUp(SECOND)).isEqualTo(100);
        assertThat(stream.isSending(SECOND)).isFalse();
        assertThat(stream.requests().count()).isEqualTo(100);
        assertThat(stream.requests().percentile(50)).isCloseTo(500, within(5.0));
    }

    @Test
    void anOpenLoopMayEndBeforeTheRun() {
        LoadStream stream = LoadStream.open(new NoTraffic(), 1, 100, 0.9);
        stream.begin(0, SECOND);
        assertThat(stream.giveUp(SECOND)).isEqualTo(90);
    }

    @Test
    void aClosedLoopIsDueAtOnceAndLeavesNothingUnsent() {
        LoadStream stream = LoadStream.closed(new NoTraffic(), 4);
        stream.begin(0, SECOND);
        assertThat(stream.nextDue(SECOND / 2)).isEqualTo(SECOND / 2);
        assertThat(stream.isSending(SECOND - 1)).isTrue();
        assertThat(stream.isSending(SECOND)).isFalse();
        assertThat(stream.giveUp(SECOND)).isZero();
        stream.end(SECOND / 4);
        assertThat(stream.isSending(SECOND / 2)).isFalse();
    }

    @Test
    void aStreamThatFollowsAnotherGoesOnUntilThatOneHasItsAnswers() {
        LoadStream pushes = LoadStream.open(new NoTraffic(), 0, 100, 1);
        LoadStream pops = LoadStream.following(pushes, new NoTraffic(), 0);
        pushes.begin(0, SECOND);
        pops.begin(0, SECOND);
        assertThat(pops.isSending(2 * SECOND)).isTrue(); // The service is slow, and not one push was sent.
        pushes.giveUp(2 * SECOND);
        assertThat(pops.isSending(2 * SECOND)).isFalse();
    }

    @Test
    void refusesARateThatIsNone() {
        assertThatThrownBy(() -> LoadStream.open(new NoTraffic(), 1, 0, 1))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
