package dev.sluice.queue.admin;

import static dev.sluice.queue.AdministrationFixture.GROUP;
import static dev.sluice.queue.AdministrationFixture.inParallel;
import static dev.sluice.queue.AdministrationFixture.transactionIds;
import static dev.sluice.queue.Messages.message;
import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopResult.Status;
import dev.sluice.queue.PushOutcome.Queued;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A deletion hides queues, partitions and messages at once; the next sweep deletes their rows. */
class DeletionsTest {
    @AutoClose
    private final AdministrationFixture sluice = new AdministrationFixture();

    private final Queues queues = sluice.queues;

    @AfterEach
    void nothingIsBroken() {
        assertThat(sluice.broken()).isEmpty();
    }

    @Nested
    class DeletingAQueue {
        @Test
        void leavesNothingToSee() {
            sluice.push(message("a", "t1"), message("b", "t2"));
            PopResult popped = sluice.pop(GROUP, 10);
            sluice.acknowledge(GROUP, popped, Verdict.DLQ);
            assertThat(sluice.deadLetters.count(DeadLetterFilter.ALL)).isEqualTo(2);
            assertThat(queues.delete("q")).isTrue();
            assertThat(queues.delete("q")).isFalse();
            assertThat(sluice.postgres.query("select name from sluice.queues")).isEmpty();
            assertThat(sluice.groups.list(null, null)).isEmpty();
            assertThat(sluice.deadLetters.count(DeadLetterFilter.ALL)).isZero();
            assertThat(sluice.postgres.query("select * from sluice.messages")).isEmpty();
            assertThat(sluice.pop(GROUP, 1).status()).isEqualTo(Status.QUEUE_NOT_FOUND);
        }

        @Test
        void givesTheSpaceBackWithTheNextSweep() {
            sluice.pushOneByOne(1, 250);
            PopResult popped = sluice.pop(GROUP, 3);
            sluice.acknowledge(GROUP, popped, Verdict.DLQ);
            queues.delete("q");
            RetentionResult sweep = sluice.retention.sweep();
            assertThat(sweep.complete()).isTrue();
            assertThat(sweep.segments()).isEqualTo(250);
            assertThat(sweep.deadLetters()).isEqualTo(3);
            for (String table : new String[] {
                "queues",
                "partitions",
                "segments",
                "consumer_groups",
                "cursors",
                "dead_letters",
                "scheduled",
                "deletions"
            }) {
                assertThat(sluice.one("select count(*) from sluice." + table))
                        .as(table)
                        .isEqualTo("0");
            }
        }

        @Test
        void makesARunningWriterCreateTheQueueAgain() {
            sluice.push(message("p", "t1"), message("p", "t2"));
            queues.delete("q");
            assertThat(sluice.writer.write(run(1, 2), List.of()))
                    .extracting(outcome -> ((Queued) outcome).seq())
                    .containsExactly(1L, 2L);
            assertThat(sluice.retention.sweep().segments()).isEqualTo(1);
            assertThat(transactionIds(sluice.pop(GROUP, 10))).containsExactly("t1", "t2");
        }

        @Test
        void rejectsAcknowledgementsOfItsMessages() {
            sluice.push(message("p", "t1"));
            PopResult popped = sluice.pop(GROUP, 1);
            queues.delete("q");
            assertThat(sluice.acknowledge(GROUP, popped, Verdict.COMPLETED))
                    .noneMatch(AcknowledgeOutcome.Acknowledged.class::isInstance);
        }

        @Test
        void deletesItsScheduledMessages() {
            sluice.push(later("t1"), later("t2"));
            queues.delete("q");
            sluice.retention.sweep();
            assertThat(sluice.one("select count(*) from sluice.scheduled")).isEqualTo("0");
        }

        /** A push is either deleted with its queue or visible afterwards, and nothing deadlocks. */
        @Test
        @Timeout(120)
        void duringPushesAndPopsLosesNoLaterPush() throws Exception {
            var stop = new AtomicBoolean();
            var number = new AtomicInteger();
            Callable<Object> producer = () -> {
                try (var writer = new QueueWriter(sluice.postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
                    while (!stop.get()) {
                        int n = number.getAndIncrement();
                        pushSurely(writer, List.of(message("p" + n % 5, "t" + n), message("p" + n % 3, "u" + n)));
                    }
                }
                return null;
            };
            Callable<Object> consumer = () -> {
                while (!stop.get()) {
                    PopResult popped = sluice.pop(GROUP, 20);
                    sluice.acknowledge(GROUP, popped, number.get() % 3 == 0 ? Verdict.DLQ : Verdict.COMPLETED);
                }
                return null;
            };
            Callable<Object> administrator = () -> {
                try {
                    for (int i = 0; i < 60; i++) {
                        if (i % 3 == 0) {
                            queues.delete("q");
                        } else {
                            queues.deletePartition("q", "p" + i % 5);
                        }
                        sluice.retention.sweep();
                    }
                } finally {
                    stop.set(true);
                }
                return null;
            };
            inParallel(List.of(producer, producer, consumer, consumer, administrator));
            assertThat(sluice.broken()).isEmpty();
            queues.delete("q");
            sluice.push(message("p0", "last"));
            sluice.retention.sweep();
            assertThat(sluice.postgres.query("select transaction_id from sluice.messages"))
                    .containsExactly("last");
            assertThat(sluice.one("select count(*) from sluice.segments")).isEqualTo("1");
        }
    }

    @Nested
    class DeletingAPartition {
        @Test
        void leavesTheOthers() {
            sluice.push(message("a", "t1"), message("b", "t2"));
            sluice.acknowledge(GROUP, sluice.pop(GROUP, 10), Verdict.DLQ);
            sluice.push(message("a", "t3"), message("b", "t4"));
            assertThat(queues.deletePartition("q", "a")).isTrue();
            assertThat(queues.deletePartition("q", "a")).isFalse();
            assertThat(queues.deletePartition("none", "a")).isFalse();
            assertThat(sluice.deadLetters
                            .list(DeadLetterFilter.ALL, 10, 0, null)
                            .letters())
                    .extracting(DeadLetter::transactionId)
                    .containsExactly("t2");
            assertThat(transactionIds(sluice.pop(GROUP, 10))).containsExactly("t4");
            assertThat(sluice.retention.sweep().segments()).isEqualTo(2);
        }

        @Test
        void leavesNothingToANewPartitionOfItsName() {
            sluice.push(message("a", "t1"), message("a", "t2"));
            sluice.readAll(GROUP);
            queues.deletePartition("q", "a");
            sluice.push(message("a", "t1"));
            assertThat(transactionIds(sluice.pop(GROUP, 10))).containsExactly("t1");
        }
    }

    @Nested
    class DeletingAMessage {
        @Test
        void makesGroupsSkipIt() {
            sluice.push(message("p", "t1"), message("p", "t2"), message("p", "t3"));
            assertThat(queues.deleteMessage(sluice.partition("p"), "t2")).isTrue();
            assertThat(queues.deleteMessage(sluice.partition("p"), "t2")).isFalse();
            assertThat(queues.deleteMessage(sluice.partition("p"), "none")).isFalse();
            assertThat(queues.deleteMessage(999, "t1")).isFalse();
            assertThat(transactionIds(sluice.pop(GROUP, 10))).containsExactly("t1", "t3");
        }

        @Test
        void leavesNoWorkWhenItWasTheOnlyOne() {
            sluice.push(message("p", "t1"));
            queues.deleteMessage(sluice.partition("p"), "t1");
            assertThat(sluice.pop(GROUP, 10).status()).isEqualTo(Status.EMPTY);
            assertThat(sluice.groups.list(null, null).get(0).lag()).isZero();
        }

        @Test
        void removesItsDeadLettersOnly() {
            sluice.push(message("p", "t1"), message("p", "t2"));
            sluice.acknowledge("a", sluice.pop("a", 10), Verdict.DLQ);
            sluice.acknowledge("b", sluice.pop("b", 10), Verdict.DLQ);
            queues.deleteMessage(sluice.partition("p"), "t1");
            assertThat(sluice.deadLetters
                            .list(DeadLetterFilter.ALL, 10, 0, null)
                            .letters())
                    .extracting(DeadLetter::transactionId)
                    .containsExactly("t2", "t2");
        }

        @Test
        void letsItsTransactionIdBePushedAgain() {
            sluice.push(message("p", "t1"));
            queues.deleteMessage(sluice.partition("p"), "t1");
            assertThat(sluice.writer.write(run(1, 1), List.of())).first().isInstanceOf(Queued.class);
        }

        @Test
        void findsItAmongTheScheduled() {
            sluice.push(later("t1"), later("t2"));
            assertThat(queues.deleteMessage(sluice.partition("p"), "t1")).isTrue();
            assertThat(sluice.postgres.query("select transaction_id from sluice.scheduled"))
                    .containsExactly("t2");
            assertThat(sluice.one("select scheduled from sluice.partitions")).isEqualTo("1");
        }

        @Test
        void addsUpWhenManyAreDeletedFromOneSegmentAtOnce() throws Exception {
            sluice.writer.write(run(1, 40), List.of());
            long partition = sluice.partition("p");
            var work = new ArrayList<Callable<Boolean>>();
            for (int i = 1; i <= 40; i += 2) {
                String transactionId = "t" + i;
                work.add(() -> queues.deleteMessage(partition, transactionId));
            }
            assertThat(inParallel(work)).containsOnly(true);
            assertThat(sluice.postgres.query("select transaction_id from sluice.messages order by seq"))
                    .hasSize(20)
                    .allMatch(id -> Integer.parseInt(id.substring(1)) % 2 == 0);
        }
    }

    @Nested
    class Clearing {
        @Test
        void deletesMessagesAndKeepsTheRest() {
            sluice.push(message("a", "t1"), message("a", "t2"), message("b", "t3"), later("t4"));
            PopResult popped = sluice.pop(GROUP, 1);
            assertThat(queues.clear("q", null)).isEqualTo(4);
            assertThat(sluice.acknowledge(GROUP, popped, Verdict.COMPLETED))
                    .allMatch(AcknowledgeOutcome.LeaseInvalid.class::isInstance);
            assertThat(queues.clear("q", null)).isZero();
            assertThat(sluice.info("q").orElseThrow().messages()).isZero();
            assertThat(sluice.groups.list(null, null).get(0).lag()).isZero();
            assertThat(sluice.one("select sum(scheduled) from sluice.partitions"))
                    .isEqualTo("0");
            sluice.push(message("a", "t5"));
            assertThat(sluice.retention.sweep().segments()).isEqualTo(2);
            assertThat(transactionIds(sluice.pop(GROUP, 10))).containsExactly("t5");
            assertThat(sluice.pop(GROUP, 10).status()).isEqualTo(Status.EMPTY);
        }

        @Test
        void canBeForOnePartition() {
            sluice.push(message("a", "t1"), message("b", "t2"));
            assertThat(queues.clear("q", "a")).isEqualTo(1);
            assertThat(queues.clear("q", "none")).isZero();
            assertThat(queues.clear("none", null)).isZero();
            assertThat(transactionIds(sluice.pop(GROUP, 10))).containsExactly("t2");
        }

        @Test
        void reachesEveryPartition() {
            for (int i = 0; i < 3; i++) {
                var messages = new ArrayList<NewMessage>();
                for (int p = 0; p < 250; p++) {
                    messages.add(message("p" + p, "t" + i));
                }
                sluice.writer.write(messages, List.of());
            }
            assertThat(queues.clear("q", null)).isEqualTo(750);
            assertThat(sluice.retention.sweep().segments()).isEqualTo(750);
        }

        @Test
        @Timeout(120)
        void duringPushesAndPopsKeepsLagExact() throws Exception {
            var stop = new AtomicBoolean();
            var number = new AtomicInteger();
            Callable<Object> producer = () -> {
                try (var writer = new QueueWriter(sluice.postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
                    while (!stop.get()) {
                        int n = number.getAndIncrement();
                        writer.write(List.of(message("p" + n % 5, "t" + n)), List.of());
                    }
                }
                return null;
            };
            Callable<Object> consumer = () -> {
                while (!stop.get()) {
                    sluice.acknowledge(GROUP, sluice.pop(GROUP, 20), Verdict.COMPLETED);
                }
                return null;
            };
            Callable<Object> administrator = () -> {
                try {
                    for (int i = 0; i < 40; i++) {
                        queues.clear("q", null);
                        sluice.retention.sweep();
                    }
                } finally {
                    stop.set(true);
                }
                return null;
            };
            inParallel(List.of(producer, producer, consumer, administrator));
            assertThat(sluice.broken()).isEmpty();
            sluice.readAll(GROUP);
            assertThat(sluice.groups.list(null, null).get(0).lag()).isZero();
        }
    }

    private static NewMessage later(String transactionId) {
        return NewMessage.builder(UUID.randomUUID(), "q", "p", transactionId, new byte[] {'1'})
                .deliverAt(Instant.now().plusSeconds(3600))
                .build();
    }

    /** Pushes as the sink does: retries while the failure is transient. */
    private static void pushSurely(QueueWriter writer, List<NewMessage> messages) {
        while (true) {
            try {
                writer.write(messages, List.of());
                return;
            } catch (QueueException e) {
                // A deadlock is transient too, but must not occur.
                if (!e.sqlState().equals("55000")) {
                    throw e;
                }
            }
        }
    }
}
