package dev.sluice.bridge.api.messages;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.metrics.Counters;
import dev.sluice.queue.Message;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.view.Counter;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class RequestCountingTest {
    /** A message that was scheduled for a year is not late by a year when it is popped. */
    @Test
    void aMessageIsLateFromItsWriteAndNotFromItsCreation() {
        var counters = new Counters(10);
        Instant writtenAt = Instant.now().minusSeconds(60);
        var message = new Message(
                1,
                "p",
                "q",
                1,
                UUID.randomUUID(),
                "t",
                new byte[] {'1'},
                MessageHeaders.NONE,
                null,
                null,
                writtenAt.minus(Duration.ofDays(365)),
                writtenAt);
        var result = new PopResult(PopResult.Status.MESSAGES, null, List.of(message), 1, null);
        new RequestCounting(counters)
                .pop(
                        new PopTarget("q", null, "g"),
                        new PopRequest(1, 1, true, Subscription.ALL),
                        Duration.ZERO,
                        () -> CompletableFuture.completedFuture(result))
                .join();
        assertThat(counters.total(Counter.LAG_COUNT)).isEqualTo(1);
        assertThat(counters.total(Counter.LAG_SUM_MS)).isBetween(60_000L, 120_000L);
    }
}
