package dev.sluice.queue.write;

import static dev.sluice.queue.AdministrationFixture.GROUP;
import static dev.sluice.queue.AdministrationFixture.transactionIds;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueOptions;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The clock of this machine jumps a day forward and two back between all steps. Only ids depend on it. */
class ClockStepsTest {
    private static final Duration DAY = Duration.ofDays(1);

    private final AdministrationFixture sluice = new AdministrationFixture();
    private final MessageIds ids = new MessageIds(() -> clock());
    private Instant clock = Instant.now();

    private Instant clock() {
        return clock;
    }

    @AfterEach
    void close() {
        sluice.close();
    }

    private PushOutcome push(String transactionId, @Nullable Instant deliverAt, @Nullable Duration delay) {
        var message = NewMessage.builder(ids.next(), "q", "p", transactionId, "1".getBytes(StandardCharsets.UTF_8))
                .deliverAt(deliverAt)
                .delay(delay)
                .build();
        return sluice.writer.write(List.of(message), List.of()).get(0);
    }

    private Instant databaseNow() {
        return Instant.parse(sluice.one(
                "select to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"));
    }

    @Test
    void changeNoLeaseDelayWindowOrOrder() {
        sluice.configure(QueueOptions.DEFAULTS.toBuilder()
                .leaseTime(Duration.ofMinutes(10))
                .ttl(Duration.ofHours(2)));
        push("t1", null, null);
        clock = clock.plus(DAY);
        PushOutcome delayed = push("t2", null, Duration.ofSeconds(3));
        clock = clock.minus(DAY.multipliedBy(2));
        push("t3", null, null);
        clock = clock.plus(DAY.multipliedBy(2));
        PushOutcome tomorrow = push("t4", databaseNow().plus(Duration.ofHours(12)), null);

        assertThat(delayed)
                .isInstanceOfSatisfying(
                        PushOutcome.Scheduled.class,
                        scheduled -> assertThat(scheduled.dueAt())
                                .isBetween(
                                        databaseNow().minusSeconds(60),
                                        databaseNow().plusSeconds(3)));
        assertThat(tomorrow).isInstanceOf(PushOutcome.Scheduled.class);

        PopResult popped = sluice.pop(GROUP, 10);
        assertThat(transactionIds(popped)).containsExactly("t1", "t3");
        clock = clock.plus(DAY);
        assertThat(sluice.acknowledge(GROUP, popped, Verdict.COMPLETED, "t1"))
                .first()
                .isInstanceOf(AcknowledgeOutcome.Acknowledged.class);

        // The lease ends by the database's clock.
        clock = clock.minus(DAY);
        assertThat(sluice.pop(GROUP, 10).messages()).isEmpty();
        sluice.postgres.execute("update sluice.cursors set available_at = clock_timestamp() + interval '1 second'"
                + " where lease_id is not null");
        await().untilAsserted(
                        () -> assertThat(transactionIds(sluice.pop(GROUP, 10))).containsExactly("t3"));

        // So does the delay. A message that is due tomorrow stays.
        await().until(() -> sluice.writer.releaseDue(10).messages() == 1);
        clock = clock.plus(DAY.multipliedBy(3));
        assertThat(sluice.writer.releaseDue(10).messages()).isZero();

        assertThat(push("t1", null, null)).isInstanceOf(PushOutcome.Duplicate.class);
        assertThat(push("t4", null, null)).isInstanceOf(PushOutcome.Duplicate.class);
        assertThat(sluice.retention.sweep().messages()).isZero();
        assertThat(sluice.postgres.query("select transaction_id from sluice.messages order by seq"))
                .containsExactly("t1", "t3", "t2");
    }

    @Test
    void keepIdsInTheOrderOfTheirMessages() {
        for (int i = 0; i < 20; i++) {
            push("t" + i, null, null);
            clock = clock.plus(i % 2 == 0 ? DAY : DAY.multipliedBy(-2));
        }
        List<UUID> made = sluice.postgres.query("select id from sluice.messages order by seq").stream()
                .map(UUID::fromString)
                .toList();
        assertThat(made).hasSize(20);
        assertThat(made.stream().map(UUID::toString)).isSorted();
    }
}
