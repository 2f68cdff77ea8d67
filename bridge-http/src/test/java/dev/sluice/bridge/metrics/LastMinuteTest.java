package dev.sluice.bridge.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.view.Counter;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class LastMinuteTest {
    private final Counters counters = new Counters(10);
    private final LastMinute lastMinute = new LastMinute();

    private void read(int second) {
        lastMinute.read(counters, Duration.ofSeconds(second).toNanos());
    }

    private long pushes() {
        return lastMinute.count("q", Counter.PUSH_MESSAGES);
    }

    @Test
    void hasWhatWasCountedInTheLastMinuteAndNothingOlder() {
        assertThat(pushes()).isZero();
        for (int second = 0; second <= 60; second += 5) {
            read(second);
            counters.queue("q").add(Counter.PUSH_MESSAGES, 1);
        }
        assertThat(pushes()).isEqualTo(12);
        read(65);
        assertThat(pushes()).isEqualTo(12);
        read(120);
        assertThat(pushes()).isEqualTo(1);
        read(180);
        assertThat(pushes()).isZero();
    }

    @Test
    void countsAQueueThatIsNewFromZero() {
        read(0);
        counters.queue("q").add(Counter.PUSH_MESSAGES, 7);
        read(5);
        assertThat(pushes()).isEqualTo(7);
        assertThat(lastMinute.count("other", Counter.PUSH_MESSAGES)).isZero();
    }

    @Test
    void addsUpTheQueues() {
        assertThat(lastMinute.count(Counter.POP_MESSAGES)).isZero();
        read(0);
        counters.queue("q").add(Counter.POP_MESSAGES, 2);
        counters.queue("new").add(Counter.POP_MESSAGES, 3);
        counters.queue(Counters.OTHER).add(Counter.POP_MESSAGES, 4);
        read(5);
        assertThat(lastMinute.count(Counter.POP_MESSAGES)).isEqualTo(9);
        assertThat(lastMinute.count(Counter.PUSH_MESSAGES)).isZero();
    }

    @Test
    void saysHowOldItIs() {
        assertThat(lastMinute.age(1)).isZero();
        read(10);
        assertThat(lastMinute.age(Duration.ofSeconds(14).toNanos())).isEqualTo(Duration.ofSeconds(4));
    }
}
