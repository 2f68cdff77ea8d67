package dev.sluice.queue.admin;

import static dev.sluice.queue.AdministrationFixture.GROUP;
import static dev.sluice.queue.AdministrationFixture.transactionIds;
import static dev.sluice.queue.Messages.message;
import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopResult.Status;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PushOutcome.Queued;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.QueueInfo;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.view.QueueStatus;
import dev.sluice.queue.view.ResourceFilter;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class QueuesTest {
    private static final QueueOptions UNUSUAL = new QueueOptions(
            Duration.ofSeconds(7),
            1,
            Duration.ofMillis(250),
            4,
            11,
            1000,
            Duration.ofHours(1),
            true,
            true,
            Duration.ofSeconds(2),
            Duration.ofSeconds(3),
            true,
            Duration.ofSeconds(4),
            Duration.ofSeconds(5),
            Duration.ofSeconds(6),
            true,
            Duration.ofMillis(1500));

    private AdministrationFixture sluice;
    private Queues queues;

    @BeforeEach
    void open() {
        sluice = new AdministrationFixture();
        queues = sluice.queues;
    }

    @AfterEach
    void close() {
        assertThat(sluice.broken()).isEmpty();
        sluice.close();
    }

    private static QueueOptions.Builder options() {
        return QueueOptions.DEFAULTS.toBuilder();
    }

    @Nested
    class Configuring {
        @Test
        void createsTheQueueWithItsDefaultPartition() {
            QueueInfo made = queues.configure("q", "ns", "tk", UNUSUAL);
            QueueInfo found = sluice.info("q").orElseThrow();
            assertThat(found.id()).isEqualTo(made.id());
            assertThat(found.options()).isEqualTo(UNUSUAL).isEqualTo(made.options());
            assertThat(found.namespace()).isEqualTo("ns");
            assertThat(found.task()).isEqualTo("tk");
            assertThat(found.createdAt()).isEqualTo(made.createdAt());
            assertThat(found.partitions()).isEqualTo(1);
            assertThat(found.messages()).isZero();
            assertThat(queues.findPartition("q", "Default")).isPresent();
            assertThat(queues.findPartition("q", "other")).isEmpty();
        }

        @Test
        void replacesEverything() {
            queues.configure("q", "ns", "tk", UNUSUAL);
            queues.configure("q", "", "", QueueOptions.DEFAULTS);
            QueueInfo found = sluice.info("q").orElseThrow();
            assertThat(found.options()).isEqualTo(QueueOptions.DEFAULTS);
            assertThat(found.namespace()).isEmpty();
            assertThat(found.partitions()).isEqualTo(1);
        }

        @Test
        void concurrentlyLeavesOneConfigurationWhole() throws Exception {
            var work = new ArrayList<Callable<QueueInfo>>();
            for (int i = 0; i < 40; i++) {
                QueueOptions options = options().retryLimit(i).build();
                String namespace = "ns" + i;
                work.add(() -> queues.configure("q", namespace, "", options));
            }
            all(work);
            QueueInfo found = sluice.info("q").orElseThrow();
            assertThat(found.namespace()).isEqualTo("ns" + found.options().retryLimit());
            assertThat(found.partitions()).isEqualTo(1);
        }

        @Test
        void refusesNamesThatCannotBeStored() {
            for (String name : new String[] {"", "x".repeat(256), "a\0b"}) {
                assertThatThrownBy(() -> queues.configure(name, "", "", QueueOptions.DEFAULTS))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageStartingWith("queue must");
            }
            queues.configure("x".repeat(255), "", "", QueueOptions.DEFAULTS);
        }

        @Test
        void givesTheDefaultPartitionACursorForEachGroup() {
            sluice.push(message("p", "t1"));
            sluice.pop("a", 1);
            sluice.pop("b", 1);
            queues.configure("q", "", "", QueueOptions.DEFAULTS);
            sluice.push(message("Default", "t2"));
            assertThat(transactionIds(sluice.pop("a", 10))).containsExactly("t2");
            assertThat(transactionIds(sluice.pop("b", 10))).containsExactly("t2");
        }

        @Test
        void registersTheGroupsThatWaitForTheQueue() {
            PopRequest request = new PopRequest(10, 1, false, Subscription.NEW);
            PopTarget target = new PopTarget("q", null, "g");
            assertThat(sluice.queue.pop(target, List.of(request)).get(0).status())
                    .isEqualTo(Status.QUEUE_NOT_FOUND);
            queues.configure("q", "", "", QueueOptions.DEFAULTS);
            sluice.push(message("p", "t1"), message("Default", "t2"));
            PopRequest both = new PopRequest(10, 5, false, Subscription.NEW);
            assertThat(sluice.queue.pop(target, List.of(both)).get(0).messages())
                    .hasSize(2);
        }

        @Test
        void isDoneWhileProducersPush() throws Exception {
            var stop = new AtomicBoolean();
            var pushed = new AtomicInteger();
            Callable<Object> producer = () -> {
                try (var writer = new QueueWriter(sluice.postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
                    while (!stop.get()) {
                        int n = pushed.getAndIncrement();
                        writer.write(List.of(message("p" + n % 7, "t" + n)), List.of());
                    }
                }
                return null;
            };
            Callable<Object> administrator = () -> {
                try {
                    for (int i = 0; i < 50; i++) {
                        queues.configure(
                                "q", "", "", options().priority(i % 20 - 5).build());
                    }
                } finally {
                    stop.set(true);
                }
                return null;
            };
            Callable<Object> consumer = () -> {
                while (!stop.get()) {
                    PopResult popped = sluice.pop(GROUP, 10);
                    sluice.acknowledge(GROUP, popped, Verdict.COMPLETED);
                }
                return null;
            };
            all(List.of(producer, producer, administrator, consumer));
            assertThat(sluice.one("select count(*) from sluice.messages")).isEqualTo(String.valueOf(pushed.get()));
            assertThat(
                            sluice.one(
                                    "select count(*) from sluice.cursors c join sluice.partitions p on p.id = c.partition_id"
                                            + " join sluice.queues q on q.id = p.queue_id where c.lane <> q.lane or p.lane <> q.lane"))
                    .isEqualTo("0");
        }
    }

    @Nested
    class Priorities {
        @Test
        void chooseTheLaneOfPartitionsAndCursorsThatAreThere() {
            sluice.push(message("a", "t1"), message("b", "t2"));
            sluice.pop(GROUP, 1);
            for (int priority : new int[] {10, 1, 0, -1}) {
                QueueInfo configured = sluice.configure(options().priority(priority));
                String lane = String.valueOf(configured.options().lane().number());
                assertThat(sluice.postgres.query("select distinct lane from sluice.partitions"))
                        .containsExactly(lane);
                assertThat(sluice.postgres.query("select distinct lane from sluice.cursors"))
                        .containsExactly(lane);
                assertThat(sluice.postgres.query("select lane from sluice.queues"))
                        .containsExactly(lane);
            }
        }

        @Test
        void chooseTheLaneOfPartitionsThatCome() {
            sluice.configure(options().priority(5));
            sluice.push(message("p", "t1"));
            assertThat(sluice.postgres.query("select distinct lane from sluice.partitions"))
                    .containsExactly("1");
            sluice.readAll(GROUP);
            sluice.push(message("later", "t2"));
            assertThat(sluice.postgres.query("select distinct lane from sluice.cursors"))
                    .containsExactly("1");
        }
    }

    @Nested
    class Lists {
        @Test
        void haveTheNewestQueueFirstWithItsCounts() {
            sluice.push(message("old", "p", "t", "1"));
            sluice.push(message("a", "t1"), message("a", "t2"), message("b", "t3"));
            List<QueueStatus> listed = sluice.overview.queues(ResourceFilter.ALL, null, 10, 0);
            assertThat(listed).extracting(each -> each.queue().name()).containsExactly("q", "old");
            assertThat(listed.get(0).queue().partitions()).isEqualTo(2);
            assertThat(listed.get(0).queue().messages()).isEqualTo(3);
            assertThat(sluice.info("none")).isEmpty();
        }

        @Test
        void countScheduledMessages() {
            var later = NewMessage.builder(UUID.randomUUID(), "q", "p", "t", new byte[] {'1'})
                    .deliverAt(Instant.now().plusSeconds(3600))
                    .build();
            sluice.push(later);
            assertThat(sluice.info("q").orElseThrow().messages()).isEqualTo(1);
        }
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
        void makesARunningWriterStartTheQueueAnew() {
            sluice.push(message("p", "t1"), message("p", "t2"));
            queues.delete("q");
            assertThat(sluice.writer.write(run(1, 2), List.of()))
                    .extracting(outcome -> ((Queued) outcome).seq())
                    .containsExactly(1L, 2L);
            assertThat(sluice.retention.sweep().segments()).isEqualTo(1);
            assertThat(transactionIds(sluice.pop(GROUP, 10))).containsExactly("t1", "t2");
        }

        @Test
        void leavesVerdictsOnItsMessagesWithoutEffect() {
            sluice.push(message("p", "t1"));
            PopResult popped = sluice.pop(GROUP, 1);
            queues.delete("q");
            assertThat(sluice.acknowledge(GROUP, popped, Verdict.COMPLETED))
                    .noneMatch(AcknowledgeOutcome.Acknowledged.class::isInstance);
        }

        @Test
        void takesItsScheduledMessagesWithIt() {
            sluice.push(later("t1"), later("t2"));
            queues.delete("q");
            sluice.retention.sweep();
            assertThat(sluice.one("select count(*) from sluice.scheduled")).isEqualTo("0");
        }

        /** Every push is either deleted as a whole queue was, or there; none is in limbo, and nobody deadlocks. */
        @Test
        @Timeout(120)
        void whileProducersAndConsumersAreAtItLosesNoPushThatComesAfter() throws Exception {
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
            all(List.of(producer, producer, consumer, consumer, administrator));
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
        void doesNotMakeANewOneInheritAnything() {
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
        void makesGroupsPassOverIt() {
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
            assertThat(all(work)).containsOnly(true);
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
        void whileProducersAndConsumersAreAtItLeavesLagExact() throws Exception {
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
            all(List.of(producer, producer, consumer, administrator));
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

    /** Pushes as the sink does: again, as long as the failure may pass. */
    private static void pushSurely(QueueWriter writer, List<NewMessage> messages) {
        while (true) {
            try {
                writer.write(messages, List.of());
                return;
            } catch (QueueException e) {
                // A deadlock would be transient too, but must not happen.
                if (!e.sqlState().equals("55000")) {
                    throw e;
                }
            }
        }
    }

    private static <T> List<T> all(List<Callable<T>> work) throws Exception {
        var pool = Executors.newFixedThreadPool(Math.min(8, work.size()));
        try {
            var results = new ArrayList<T>();
            for (Future<T> each : pool.invokeAll(work)) {
                results.add(each.get());
            }
            return results;
        } finally {
            pool.shutdownNow();
        }
    }
}
