package dev.sluice.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class QueueOptionsTest {
    private static QueueOptions.Builder options() {
        return QueueOptions.DEFAULTS.toBuilder();
    }

    @Test
    void areUnchangedByABuilderThatSetsNothing() {
        assertThat(options().build()).isEqualTo(QueueOptions.DEFAULTS);
    }

    @Test
    void leaveUnsetWhatQueenIgnores() {
        assertThat(QueueOptions.DEFAULTS.retryDelay()).isNull();
        assertThat(QueueOptions.DEFAULTS.ttl()).isNull();
        assertThat(QueueOptions.DEFAULTS.dedupWindow()).isNull();
    }

    @Test
    void takeZeroAndTheLongestTime() {
        options()
                .leaseTime(Duration.ZERO)
                .ttl(Duration.ZERO)
                .retryDelay(Duration.ZERO)
                .dedupWindow(Duration.ZERO)
                .retryLimit(0)
                .redeliveryLimit(0)
                .maxSize(0)
                .build();
        options()
                .leaseTime(QueueOptions.MAX_TIME)
                .ttl(QueueOptions.MAX_TIME)
                .retryDelay(QueueOptions.MAX_TIME)
                .delayedProcessing(QueueOptions.MAX_TIME)
                .windowBuffer(QueueOptions.MAX_TIME)
                .retention(QueueOptions.MAX_TIME)
                .completedRetention(QueueOptions.MAX_TIME)
                .maxWaitTime(QueueOptions.MAX_TIME)
                .dedupWindow(QueueOptions.MAX_TIME)
                .priority(Integer.MIN_VALUE)
                .build();
    }

    @Test
    void refuseNegativeAndOverlongTimesByTheNameOfTheOption() {
        Duration negative = Duration.ofSeconds(-1);
        refused(
                "leaseTime must be between 0 and 2147483647 seconds, was -1",
                options().leaseTime(negative));
        refused("retryDelay", options().retryDelay(negative));
        refused("ttl", options().ttl(negative));
        refused("delayedProcessing", options().delayedProcessing(negative));
        refused("windowBuffer", options().windowBuffer(negative));
        refused("retentionSeconds", options().retention(negative));
        refused("completedRetentionSeconds", options().completedRetention(negative));
        refused("maxWaitTimeSeconds", options().maxWaitTime(negative));
        refused("dedupWindowMs", options().dedupWindow(negative));
        refused("leaseTime", options().leaseTime(QueueOptions.MAX_TIME.plusSeconds(1)));
        refused("ttl", options().ttl(Duration.ofSeconds(Long.MAX_VALUE)));
    }

    @Test
    void refuseNegativeCounts() {
        refused("retryLimit must be 0 or more, was -1", options().retryLimit(-1));
        refused("redeliveryLimit must be 0 or more, was -1", options().redeliveryLimit(-1));
        refused("maxSize must be 0 or more, was -1", options().maxSize(-1));
    }

    @Test
    void refuseTimesFinerThanTheirUnit() {
        refused("leaseTime must be whole seconds, was 1500 ms", options().leaseTime(Duration.ofMillis(1500)));
        refused("retryDelay must be whole milliseconds, was 1 ns", options().retryDelay(Duration.ofNanos(1)));
    }

    @Test
    void chooseTheLaneByPriority() {
        assertThat(options().priority(-1).build().lane()).isEqualTo(PriorityLane.LOW);
        assertThat(options().priority(0).build().lane()).isEqualTo(PriorityLane.NORMAL);
        assertThat(options().priority(1).build().lane()).isEqualTo(PriorityLane.HIGH);
        assertThat(options().priority(9).build().lane()).isEqualTo(PriorityLane.HIGH);
        assertThat(options().priority(10).build().lane()).isEqualTo(PriorityLane.CRITICAL);
    }

    private static void refused(String message, QueueOptions.Builder builder) {
        assertThatThrownBy(builder::build)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(message);
    }
}
