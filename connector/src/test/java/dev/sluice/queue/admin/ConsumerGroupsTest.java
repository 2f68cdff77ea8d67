package dev.sluice.queue.admin;

import static dev.sluice.queue.AdministrationFixture.inParallel;
import static dev.sluice.queue.AdministrationFixture.transactionIds;
import static dev.sluice.queue.Messages.message;
import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class ConsumerGroupsTest {
    @AutoClose
    private final AdministrationFixture sluice = new AdministrationFixture();

    private final ConsumerGroups groups = sluice.groups;

    @AfterEach
    void nothingIsBroken() {
        assertThat(sluice.broken()).isEmpty();
    }

    @Nested
    class Lag {
        @Test
        void isTheNumberOfOpenMessages() {
            sluice.push(message("a", "t1"), message("a", "t2"), message("b", "t3"));
            PopResult popped = sluice.pop("g", 10);
            assertThat(sluice.group("g").lag()).isEqualTo(3);
            sluice.acknowledge("g", popped, Verdict.COMPLETED, "t2");
            assertThat(sluice.group("g").lag()).isEqualTo(2);
            assertThat(sluice.group("g").partitions()).isEqualTo(2);
            assertThat(sluice.group("g").partitionsWithLag()).isEqualTo(2);
            sluice.acknowledge("g", popped, Verdict.COMPLETED, "t3");
            assertThat(sluice.group("g").partitionsWithLag()).isEqualTo(1);
            sluice.acknowledge("g", popped, Verdict.COMPLETED, "t1");
            assertThat(sluice.group("g").lag()).isZero();
            assertThat(sluice.group("g").oldestUnreadAt()).isNull();
            assertThat(sluice.group("g").timeLag()).isZero();
        }

        @Test
        void hasTheAgeOfTheOldestUnreadMessage() {
            sluice.pushOneByOne(1, 3);
            sluice.age(Duration.ofMinutes(50), 2);
            sluice.age(Duration.ofMinutes(50), 1);
            PopResult popped = sluice.pop("g", 1);
            assertThat(sluice.group("g").timeLag()).isBetween(Duration.ofMinutes(99), Duration.ofMinutes(102));
            sluice.acknowledge("g", popped, Verdict.COMPLETED);
            assertThat(sluice.group("g").timeLag()).isBetween(Duration.ofMinutes(49), Duration.ofMinutes(52));
            assertThat(sluice.group("g").oldestUnreadAt()).isEqualTo(sluice.writtenAt(2));
            sluice.readAll("g");
            assertThat(sluice.group("g").oldestUnreadAt()).isNull();
        }

        @Test
        void isListedForEachGroupAndQueue() {
            sluice.push(message("q", "p", "t", "1"), message("r", "p", "t", "1"));
            sluice.pop("g", 1);
            sluice.pop(new PopTarget("r", null, "g"), 1);
            sluice.pop("f", 1);
            assertThat(groups.list(null, null))
                    .extracting(GroupInfo::name, GroupInfo::queue)
                    .containsExactly(
                            org.assertj.core.groups.Tuple.tuple("f", "q"),
                            org.assertj.core.groups.Tuple.tuple("g", "q"),
                            org.assertj.core.groups.Tuple.tuple("g", "r"));
            assertThat(groups.list("g", null)).hasSize(2);
            assertThat(groups.list(null, "r")).hasSize(1);
            assertThat(groups.list("none", null)).isEmpty();
        }

        @Test
        void isGivenForEachPartitionWithItsLease() {
            sluice.push(message("a", "t1"), message("b", "t2"));
            PopResult popped = sluice.pop(new PopTarget("q", "a", "g"), 1);
            List<GroupPartition> partitions = groups.partitions("g", null, 100);
            assertThat(partitions).extracting(GroupPartition::partition).containsExactly("a", "b");
            GroupPartition leased = partitions.get(0);
            assertThat(leased.leaseId()).isEqualTo(popped.leaseId());
            assertThat(leased.leasedUntil()).isAfter(Instant.now().plusSeconds(200));
            assertThat(leased.lag()).isEqualTo(1);
            assertThat(leased.position()).isZero();
            assertThat(leased.head()).isEqualTo(1);
            assertThat(leased.partitionId()).isEqualTo(sluice.partition("a"));
            assertThat(partitions.get(1).leaseId()).isNull();
            assertThat(partitions.get(1).leasedUntil()).isNull();
            assertThat(groups.partitions("none", null, 100)).isEmpty();
        }

        @Test
        void isListedOldestFirst() {
            sluice.push(message("a", "t1"));
            sluice.push(message("b", "t2"));
            sluice.push(message("c", "t3"));
            sluice.pop("g", 10);
            sluice.postgres.execute("update sluice.segments s set created_at = now() - p.id * interval '10 minutes'"
                    + " from sluice.partitions p where p.id = s.partition_id");
            assertThat(groups.lagging(Duration.ofMinutes(15), 10, null))
                    .extracting(GroupPartition::partition)
                    .containsExactly("c", "b");
            assertThat(groups.lagging(Duration.ofMinutes(15), 1, null)).hasSize(1);
            assertThat(groups.lagging(Duration.ofHours(1), 10, null)).isEmpty();
        }
    }

    @Nested
    class Subscriptions {
        private PopResult pop(Subscription subscription) {
            return sluice.queue
                    .pop(new PopTarget("q", null, "g"), List.of(new PopRequest(10, 10, true, subscription)))
                    .get(0);
        }

        @Test
        void areListed() {
            sluice.pushOneByOne(1, 1);
            pop(Subscription.NEW);
            assertThat(sluice.group("g").subscription()).isEqualTo(Subscription.NEW);
            Instant from = Instant.parse("2026-01-02T03:04:05.678901Z");
            assertThat(groups.changeSubscription("g", from)).isEqualTo(1);
            assertThat(groups.changeSubscription("none", from)).isZero();
            assertThat(sluice.group("g").subscription().from()).isEqualTo(from);
            assertThat(sluice.group("g").createdAt()).isBefore(Instant.now().plusSeconds(60));
        }

        @Test
        void areWhereARestartGoes() {
            sluice.pushOneByOne(1, 3);
            pop(Subscription.NEW);
            sluice.push(message("p", "t4"));
            sluice.readAll("g");
            assertThat(groups.restart("g", "q")).isEqualTo(1);
            assertThat(sluice.group("g").lag()).isEqualTo(1);
            groups.changeSubscription("g", sluice.writtenAt(3));
            assertThat(sluice.group("g").lag()).isEqualTo(1);
            groups.restart("g", null);
            assertThat(sluice.group("g").lag()).isEqualTo(2);
            assertThat(groups.restart("none", null)).isZero();
        }

        @Test
        void toEverythingRestartAtTheBeginning() {
            sluice.pushOneByOne(1, 3);
            sluice.readAll("g");
            groups.restart("g", "q");
            assertThat(sluice.group("g").lag()).isEqualTo(3);
        }
    }

    @Nested
    class Deleting {
        @Test
        void forgetsTheGroupOnOneQueue() {
            sluice.push(message("q", "a", "t", "1"), message("q", "b", "t", "1"), message("r", "p", "t", "1"));
            sluice.pop("g", 1);
            sluice.pop(new PopTarget("r", null, "g"), 1);
            assertThat(groups.delete("g", "q")).hasValue(2);
            assertThat(groups.delete("g", "q")).isEmpty();
            assertThat(groups.list("g", null)).extracting(GroupInfo::queue).containsExactly("r");
        }

        @Test
        void forgetsTheGroupOnAllQueues() {
            sluice.push(message("q", "a", "t", "1"), message("r", "p", "t", "1"));
            sluice.pop("g", 1);
            sluice.pop("other", 1);
            sluice.pop(new PopTarget("r", null, "g"), 1);
            assertThat(groups.delete("g", null)).hasValue(2);
            assertThat(groups.delete("g", null)).isEmpty();
            assertThat(groups.list(null, null)).extracting(GroupInfo::name).containsExactly("other");
        }

        @Test
        void rejectsItsAcknowledgementsAndRegistersItAgainAtItsNextPop() {
            sluice.writer.write(run(1, 2), List.of());
            PopResult popped = sluice.pop("g", 2);
            groups.delete("g", "q");
            assertThat(sluice.acknowledge("g", popped, Verdict.COMPLETED))
                    .noneMatch(AcknowledgeOutcome.Acknowledged.class::isInstance);
            assertThat(transactionIds(sluice.pop("g", 10))).containsExactly("t1", "t2");
        }

        @Test
        void keepsItsDeadLetters() {
            sluice.push(message("p", "t1"));
            sluice.acknowledge("g", sluice.pop("g", 1), Verdict.DLQ);
            groups.delete("g", "q");
            assertThat(sluice.deadLetters.count(DeadLetterFilter.ALL)).isEqualTo(1);
        }

        @Test
        @Timeout(120)
        void duringPushesAndPopsLeavesNoCursorBehind() throws Exception {
            var stop = new AtomicBoolean();
            Callable<Object> producer = () -> {
                try (var writer = new QueueWriter(sluice.postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
                    for (int n = 0; !stop.get(); n++) {
                        writer.write(List.of(message("p" + n, "t"), message("p0", "t" + n)), List.of());
                    }
                }
                return null;
            };
            Callable<Object> consumer = () -> {
                while (!stop.get()) {
                    sluice.acknowledge("g", sluice.pop("g", 30), Verdict.COMPLETED);
                }
                return null;
            };
            Callable<Object> administrator = () -> {
                try {
                    for (int i = 0; i < 60; i++) {
                        groups.delete("g", null);
                    }
                } finally {
                    stop.set(true);
                }
                return null;
            };
            inParallel(List.of(producer, consumer, consumer, administrator));
        }
    }
}
