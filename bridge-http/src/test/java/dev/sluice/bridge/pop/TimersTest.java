package dev.sluice.bridge.pop;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TimersTest {
    private final Timers timers = new Timers.OnThread("sluice-timers-test");

    @AfterEach
    void close() {
        timers.close();
    }

    @Test
    void aRepeatedTaskRunsAgainAfterItHasFailed() throws InterruptedException {
        var runs = new CountDownLatch(3);
        timers.every(Duration.ofMillis(1), () -> {
            runs.countDown();
            throw new IllegalStateException("expected");
        });
        assertThat(runs.await(120, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void aTaskRunsAtItsTimeUnlessItIsCancelled() throws InterruptedException {
        var cancelled = new AtomicBoolean(true);
        var ran = new CountDownLatch(1);
        Timers.Timer timer = timers.after(TimeUnit.MILLISECONDS.toNanos(20), () -> cancelled.set(false));
        assertThat(timer).isNotNull();
        timer.cancel();
        long before = System.nanoTime();
        assertThat(timers.after(TimeUnit.MILLISECONDS.toNanos(50), ran::countDown))
                .isNotNull();
        assertThat(ran.await(120, TimeUnit.SECONDS)).isTrue();
        assertThat(System.nanoTime() - before).isGreaterThanOrEqualTo(TimeUnit.MILLISECONDS.toNanos(50));
        assertThat(cancelled).isTrue();
    }

    @Test
    void takesNoTaskOnceItIsClosed() {
        timers.close();
        assertThat(timers.after(0, () -> {})).isNull();
    }
}
