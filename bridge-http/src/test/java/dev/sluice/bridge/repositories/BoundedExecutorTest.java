package dev.sluice.bridge.repositories;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The bounds of a task: waiting time and running time. */
@Timeout(60)
class BoundedExecutorTest {
    private final CountDownLatch gate = new CountDownLatch(1);
    private final BoundedExecutor turns =
            new BoundedExecutor("requests", "sluice-turns-test", 1, 1, Duration.ofMillis(500));

    @AfterEach
    void close() {
        gate.countDown();
        turns.close();
    }

    private CompletableFuture<Boolean> untilTheGateOpens() {
        return turns.run(() -> gate.await(30, TimeUnit.SECONDS));
    }

    @Test
    void whatEndsInTimeIsAnswered() throws Exception {
        assertThat(turns.run(() -> 7).get(30, TimeUnit.SECONDS)).isEqualTo(7);
        gate.countDown();
        assertThat(untilTheGateOpens().get(30, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void whatDoesNotEndInTimeHasAnUnknownOutcome() {
        CompletableFuture<Boolean> first = untilTheGateOpens();
        assertThatThrownBy(() -> first.get(30, TimeUnit.SECONDS)).hasCauseInstanceOf(OutcomeUnknownException.class);
    }

    @Test
    void whatDoesNotGetItsTurnInTimeIsNotDone() {
        var done = new AtomicBoolean();
        CompletableFuture<Boolean> first = untilTheGateOpens();
        CompletableFuture<Void> second = turns.run(() -> {
            done.set(true);
            return null;
        });
        assertThatThrownBy(() -> second.get(30, TimeUnit.SECONDS))
                .hasCauseInstanceOf(OverloadedException.class)
                .hasMessageContaining("nothing was done");
        gate.countDown();
        assertThatThrownBy(() -> first.get(30, TimeUnit.SECONDS)).isInstanceOf(Exception.class);
        turns.close();
        assertThat(done).isFalse();
    }

    @Test
    void whatFindsNoRoomIsRefusedAtOnce() {
        var unusedFirst = untilTheGateOpens();
        var unusedSecond = untilTheGateOpens();
        assertThat(untilTheGateOpens()).isCompletedExceptionally();
    }

    @Test
    void theBoundOfRequestsIsBelowTenSeconds() {
        assertThat(BoundedExecutor.LONGEST).isLessThan(Duration.ofSeconds(10));
    }
}
