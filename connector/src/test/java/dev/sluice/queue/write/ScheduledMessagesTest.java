package dev.sluice.queue.write;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.PushOutcome.Duplicate;
import dev.sluice.queue.PushOutcome.Queued;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Messages that have a time or a delay. */
class ScheduledMessagesTest extends WriterFixture {
    private NewMessage delayed(String transactionId, Duration delay) {
        NewMessage plain = message("p", transactionId);
        return NewMessage.builder(plain.id(), "q", "p", transactionId, plain.payload())
                .producerSub("alice")
                .delay(delay)
                .build();
    }

    private void letTimePass() {
        postgres.execute("update sluice.scheduled set due_at = due_at - interval '1 hour'");
    }

    @Test
    void messagesWaitAndAreReleasedInTheOrderOfTheirTimes() {
        var outcomes = writer.write(
                List.of(
                        delayed("late", Duration.ofMinutes(2)),
                        delayed("soon", Duration.ofMinutes(1)),
                        message("p", "now"),
                        delayed("late too", Duration.ofMinutes(2))),
                List.of());
        assertThat(outcomes.get(0)).isInstanceOf(PushOutcome.Scheduled.class);
        assertThat(outcomes.get(2)).isInstanceOf(Queued.class);
        assertThat(transactionIds("p")).containsExactly("now");
        assertThat(writer.releaseDue(10).messages()).isZero();
        assertThat(postgres.query("select min(due_at) - now() between interval '50 seconds' and interval '1 minute'"
                        + " from sluice.scheduled"))
                .containsExactly("t");
        letTimePass();
        assertThat(writer.releaseDue(10)).isEqualTo(new QueueWriter.Released(3, java.util.Set.of("q")));
        assertThat(transactionIds("p")).containsExactly("now", "soon", "late", "late too");
        assertThat(postgres.query("select count(*) from sluice.scheduled")).containsExactly("0");
        assertThat(postgres.query("select scheduled from sluice.partitions")).containsExactly("0");
    }

    @Test
    void messagesThatAreDueAreNotHeldBack() {
        NewMessage plain = message("p", "past");
        var past = NewMessage.builder(plain.id(), "q", "p", "past", plain.payload())
                .deliverAt(java.time.Instant.EPOCH)
                .build();
        assertThat(writer.write(List.of(past), List.of())).first().isInstanceOf(Queued.class);
    }

    @Test
    void messagesWithGeneratedIdsAreAllDeliveredEvenIfTheIdsRepeat() {
        writer.write(List.of(withGeneratedId("made", null)), List.of());
        for (int time = 0; time < 2; time++) {
            assertThat(writer.write(List.of(withGeneratedId("made", Duration.ofHours(1))), List.of()))
                    .first()
                    .isInstanceOf(PushOutcome.Scheduled.class);
        }
        letTimePass();
        assertThat(writer.releaseDue(10).messages()).isEqualTo(2);
        assertThat(transactionIds("p")).containsExactly("made", "made", "made");
        assertThat(postgres.query("select head, scheduled from sluice.partitions"))
                .containsExactly("3|0");
    }

    private NewMessage withGeneratedId(String id, @Nullable Duration delay) {
        return NewMessage.builder(UUID.randomUUID(), "q", "p", id, new byte[] {'1'})
                .generatedTransactionId(true)
                .delay(delay)
                .build();
    }

    @Test
    void messagesMakeLaterOnesDuplicates() {
        NewMessage waiting = delayed("same", Duration.ofMinutes(1));
        writer.write(List.of(waiting), List.of());
        try (var other = writer()) {
            assertThat(other.write(List.of(message("p", "same")), List.of()))
                    .first()
                    .isInstanceOfSatisfying(
                            Duplicate.class, it -> assertThat(it.id()).isEqualTo(waiting.id()));
            letTimePass();
            assertThat(other.releaseDue(10).messages()).isEqualTo(1);
            assertThat(other.write(List.of(message("p", "same")), List.of()))
                    .as("cached by the writer that released it")
                    .first()
                    .isInstanceOf(Duplicate.class);
        }
        assertThat(writer.write(List.of(message("p", "same")), List.of()))
                .first()
                .isInstanceOf(Duplicate.class);
        assertThat(transactionIds("p")).containsExactly("same");
    }

    @Test
    void messagesAreReleasedOnceByConcurrentWriters() throws Exception {
        var messages = new ArrayList<NewMessage>();
        for (int i = 0; i < 200; i++) {
            messages.add(delayed("t" + i, Duration.ofMinutes(1)));
        }
        writer.write(messages, List.of());
        letTimePass();
        var released = concurrently(4, mine -> {
            int count = 0;
            for (int i = 0; i < 30; i++) {
                count += mine.releaseDue(20).messages();
            }
            return count;
        });
        assertThat(released.stream().mapToInt(Integer::intValue).sum()).isEqualTo(200);
        assertThat(transactionIds("p")).hasSize(200).doesNotHaveDuplicates().startsWith("t0", "t1", "t2");
    }

    @Test
    void messagesWhoseTimeHasPassedWakeIdleConsumers() {
        var queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
        var target = new PopTarget("q", null, "g");
        var request = List.of(new PopRequest(5, 1, false, Subscription.ALL));
        writer.write(List.of(delayed("later", Duration.ofMinutes(1))), List.of());
        assertThat(queue.pop(target, request).get(0).messages()).isEmpty();
        writer.write(List.of(delayed("due", Duration.ZERO)), List.of());
        assertThat(queue.pop(target, request).get(0).messages()).hasSize(1);
    }

    @Test
    void messagesAreWithdrawnWhileTheyWaitAndOnlyThen() {
        UUID waits = UUID.randomUUID();
        UUID stored = UUID.randomUUID();
        writer.write(
                List.of(
                        withGeneratedId(waits.toString(), Duration.ofHours(1)),
                        withGeneratedId(stored.toString(), null)),
                List.of());
        long partition = Long.parseLong(
                postgres.query("select id from sluice.partitions").get(0));
        try (var session = new WriterSession(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
            for (int time = 0; time < 2; time++) {
                int expected = time == 0 ? 1 : 0;
                int withdrawn = session.run("could not withdraw", transaction -> {
                    var flush = new Flush(List.of(message("p", "after " + expected)));
                    assertThat(transaction.locate(flush)).isTrue();
                    int gone = transaction
                            .withdraw(
                                    flush,
                                    List.of(
                                            new ScheduledMessage(partition, waits),
                                            new ScheduledMessage(partition, stored)))
                            .size();
                    assertThat(transaction.write(flush)).isTrue();
                    return Ending.commit(gone);
                });
                assertThat(withdrawn).isEqualTo(expected);
            }
        }
        assertThat(postgres.query("select head, scheduled from sluice.partitions"))
                .containsExactly("3|0");
        assertThat(transactionIds("p")).containsExactly(stored.toString(), "after 1", "after 0");
    }

    @Test
    void messagesWakeIdleConsumers() {
        var queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
        var target = new PopTarget("q", null, "g");
        var request = List.of(new PopRequest(5, 1, false, Subscription.ALL));
        writer.write(List.of(delayed("t", Duration.ofMinutes(1))), List.of());
        assertThat(queue.pop(target, request).get(0).messages()).isEmpty();
        letTimePass();
        writer.releaseDue(1);
        assertThat(queue.pop(target, request).get(0).messages())
                .first()
                .satisfies(message -> assertThat(message.producerSub()).isEqualTo("alice"));
    }
}
