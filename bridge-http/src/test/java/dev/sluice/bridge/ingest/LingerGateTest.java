package dev.sluice.bridge.ingest;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class LingerGateTest {
    private static final Linger LONG = new Linger(Linger.LONGEST, Integer.MAX_VALUE);
    private static final Duration AT_ONCE = Duration.ZERO;

    private final LingerGate gate = new LingerGate();
    private long end;

    /** Appends {@code messages} messages at once. */
    private long append(int messages, long bytes, Linger linger, long nowNanos) {
        long first = end;
        end += messages;
        return gate.append(first, end, bytes, linger, nowNanos);
    }

    private boolean isOpenAt(long position) throws InterruptedException {
        return gate.await(position, AT_ONCE);
    }

    @Test
    void isShutFromTheFirstPatientMessageOn() throws Exception {
        append(3, 0, Linger.NONE, System.nanoTime());
        assertThat(isOpenAt(0)).isTrue();
        append(2, 0, LONG, System.nanoTime());
        assertThat(isOpenAt(2)).isTrue();
        assertThat(isOpenAt(3)).isFalse();
        assertThat(isOpenAt(4)).isFalse();
    }

    @Test
    void opensForAllWhenSomethingComesThatIsNotPatient() throws Exception {
        append(2, 0, LONG, System.nanoTime());
        assertThat(isOpenAt(0)).isFalse();
        append(1, 0, Linger.NONE, System.nanoTime());
        assertThat(isOpenAt(0)).isTrue();
        append(1, 0, LONG, System.nanoTime());
        assertThat(isOpenAt(3)).isFalse();
    }

    @Test
    void opensWhenTheShortestPatienceIsOver() throws Exception {
        long before = System.nanoTime() - Duration.ofSeconds(4).toNanos();
        append(1, 0, LONG, before);
        assertThat(append(1, 0, new Linger(Duration.ofSeconds(5), 100), before))
                .isEqualTo(before + Duration.ofSeconds(5).toNanos());
        append(1, 0, LONG, before);
        assertThat(gate.await(0, Duration.ofSeconds(60))).isTrue();
        assertThat(System.nanoTime() - before)
                .isGreaterThanOrEqualTo(Duration.ofSeconds(5).toNanos());
    }

    @Test
    void opensWhenThereAreAsManyAsTheFewestAskedFor() throws Exception {
        append(4, 0, new Linger(Linger.LONGEST, 10), System.nanoTime());
        append(1, 0, new Linger(Linger.LONGEST, 7), System.nanoTime());
        append(1, 0, LONG, System.nanoTime());
        assertThat(isOpenAt(0)).isFalse();
        append(1, 0, LONG, System.nanoTime());
        assertThat(isOpenAt(0)).isTrue();
    }

    @Test
    void keepsNoMoreBackThanItsLimits() throws Exception {
        append(LingerGate.MOST_MESSAGES - 1, LingerGate.MOST_BYTES - 1, LONG, System.nanoTime());
        assertThat(isOpenAt(0)).isFalse();
        append(1, 0, LONG, System.nanoTime());
        assertThat(isOpenAt(0)).isTrue();
        append(1, LingerGate.MOST_BYTES - 1, LONG, System.nanoTime());
        assertThat(isOpenAt(end - 1)).isFalse();
        append(1, 1, LONG, System.nanoTime());
        assertThat(isOpenAt(end - 1)).isTrue();
    }

    @Test
    void opensWhenThereIsNoRoom() throws Exception {
        append(1, 0, LONG, System.nanoTime());
        gate.full(System.nanoTime());
        assertThat(isOpenAt(0)).isTrue();
    }

    @Test
    void wakesWhoWaitsWhenItOpens() throws Exception {
        append(1, 0, LONG, System.nanoTime());
        var waiting = CompletableFuture.supplyAsync(() -> {
            try {
                return gate.await(0, Duration.ofHours(1));
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        append(1, 0, Linger.NONE, System.nanoTime());
        assertThat(waiting.get(60, TimeUnit.SECONDS)).isTrue();
    }
}
