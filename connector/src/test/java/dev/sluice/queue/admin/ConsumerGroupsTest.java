package dev.sluice.queue.admin;

import static dev.sluice.queue.AdministrationFixture.transactionIds;
import static dev.sluice.queue.Messages.message;
import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopResult.Status;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class ConsumerGroupsTest {
    private AdministrationFixture sluice;
    private ConsumerGroups groups;

    @BeforeEach
    void open() {
        sluice = new AdministrationFixture();
        groups = sluice.groups;
    }

    @AfterEach
    void close() {
        assertThat(sluice.broken()).isEmpty();
        sluice.close();
    }

    private GroupInfo info(String group) {
        List<GroupInfo> infos = groups.list(group, "q");
        assertThat(infos).hasSize(1);
        return infos.get(0);
    }

    /** Returns when segment {@code i} of queue q was written, the first being 1. */
    private Instant writtenAt(int i) {
        try (var connection = sluice.postgres.dataSource().getConnection();
                var statement = connection.prepareStatement(
                        "select created_at from sluice.segments order by first_seq offset ? limit 1")) {
            statement.setInt(1, i - 1);
            try (var row = statement.executeQuery()) {
                row.next();
                return row.getTimestamp(1).toInstant();
            }
        } catch (java.sql.SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    @Nested
    class Lag {
        @Test
        void isWhatIsNotDone() {
            sluice.push(message("a", "t1"), message("a", "t2"), message("b", "t3"));
            PopResult popped = sluice.pop("g", 10);
            assertThat(info("g").lag()).isEqualTo(3);
            sluice.acknowledge("g", popped, Verdict.COMPLETED, "t2");
            assertThat(info("g").lag()).isEqualTo(2);
            assertThat(info("g").partitions()).isEqualTo(2);
            assertThat(info("g").partitionsWithLag()).isEqualTo(2);
            sluice.acknowledge("g", popped, Verdict.COMPLETED, "t3");
            assertThat(info("g").partitionsWithLag()).isEqualTo(1);
            sluice.acknowledge("g", popped, Verdict.COMPLETED, "t1");
            assertThat(info("g").lag()).isZero();
            assertThat(info("g").oldestUnreadAt()).isNull();
            assertThat(info("g").timeLag()).isZero();
        }

        @Test
        void hasTheAgeOfTheOldestUnreadMessage() {
            sluice.pushOneByOne(1, 3);
            sluice.age(Duration.ofMinutes(50), 2);
            sluice.age(Duration.ofMinutes(50), 1);
            PopResult popped = sluice.pop("g", 1);
            assertThat(info("g").timeLag()).isBetween(Duration.ofMinutes(99), Duration.ofMinutes(102));
            sluice.acknowledge("g", popped, Verdict.COMPLETED);
            assertThat(info("g").timeLag()).isBetween(Duration.ofMinutes(49), Duration.ofMinutes(52));
            assertThat(info("g").oldestUnreadAt()).isEqualTo(writtenAt(2));
            sluice.readAll("g");
            assertThat(info("g").oldestUnreadAt()).isNull();
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
        void isFoundWhereItIsOldWorstFirst() {
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
    class SeekingToTheEnd {
        @Test
        void passesOverEverythingThatIsThere() {
            sluice.push(message("a", "t1"), message("b", "t2"));
            sluice.pop("g", 1);
            assertThat(groups.seek("g", "q", null, new SeekTarget.End())).isEqualTo(2);
            assertThat(info("g").lag()).isZero();
            assertThat(sluice.pop("g", 10).status()).isEqualTo(Status.EMPTY);
            sluice.push(message("a", "t3"));
            assertThat(transactionIds(sluice.pop("g", 10))).containsExactly("t3");
        }

        @Test
        void canBeForOnePartition() {
            sluice.push(message("a", "t1"), message("b", "t2"));
            sluice.pop("g", 1);
            assertThat(groups.seek("g", "q", "a", new SeekTarget.End())).isEqualTo(1);
            assertThat(groups.seek("g", "q", "none", new SeekTarget.End())).isZero();
            assertThat(groups.seek("g", "none", null, new SeekTarget.End())).isZero();
            assertThat(groups.seek("none", "q", null, new SeekTarget.End())).isZero();
            assertThat(transactionIds(sluice.pop("g", 10))).containsExactly("t2");
        }
    }

    @Nested
    class SeekingBack {
        @Test
        void deliversEverythingAgain() {
            sluice.writer.write(run(1, 5), List.of());
            sluice.readAll("g");
            assertThat(groups.seek("g", "q", null, new SeekTarget.Beginning())).isEqualTo(1);
            assertThat(info("g").lag()).isEqualTo(5);
            assertThat(transactionIds(sluice.pop("g", 10))).containsExactly("t1", "t2", "t3", "t4", "t5");
        }

        @Test
        void forgetsWhatWasAcknowledgedOutOfOrderAndFailed() {
            sluice.writer.write(run(1, 4), List.of());
            PopResult popped = sluice.pop("g", 4);
            sluice.acknowledge("g", popped, Verdict.COMPLETED, "t3");
            sluice.acknowledge("g", popped, Verdict.FAILED, "t1");
            groups.seek("g", "q", null, new SeekTarget.Beginning());
            assertThat(
                            sluice.one(
                                    "select failed_seqs is null and failed_counts is null and acked = '{}' from sluice.cursors"))
                    .isEqualTo("t");
            assertThat(transactionIds(sluice.pop("g", 10))).containsExactly("t1", "t2", "t3", "t4");
        }

        @Test
        void endsLeasesSoThatTheirVerdictsComeTooLate() {
            sluice.writer.write(run(1, 2), List.of());
            PopResult popped = sluice.pop("g", 2);
            groups.seek("g", "q", null, new SeekTarget.Beginning());
            assertThat(sluice.acknowledge("g", popped, Verdict.COMPLETED))
                    .allMatch(AcknowledgeOutcome.LeaseInvalid.class::isInstance);
            assertThat(transactionIds(sluice.pop("g", 10))).containsExactly("t1", "t2");
        }

        @Test
        void leavesOtherGroupsAlone() {
            sluice.writer.write(run(1, 2), List.of());
            sluice.readAll("g");
            sluice.readAll("other");
            groups.seek("g", "q", null, new SeekTarget.Beginning());
            assertThat(info("other").lag()).isZero();
        }

        @Test
        void goesNoFurtherThanWhatIsKept() {
            sluice.pushOneByOne(1, 4);
            sluice.readAll("g");
            sluice.age(Duration.ofHours(2), 2);
            sluice.configure(QueueOptions.DEFAULTS.toBuilder().ttl(Duration.ofHours(1)));
            sluice.retention.sweep();
            groups.seek("g", "q", null, new SeekTarget.Beginning());
            assertThat(info("g").lag()).isEqualTo(2);
            groups.seek("g", "q", null, new SeekTarget.After(Instant.EPOCH));
            assertThat(info("g").lag()).isEqualTo(2);
        }
    }

    @Nested
    class SeekingToATime {
        @Test
        void goesOnAfterTheLastMessageUpToIt() {
            sluice.pushOneByOne(1, 37);
            sluice.pop("g", 1);
            for (int i : new int[] {1, 2, 18, 36, 37}) {
                Instant at = writtenAt(i);
                groups.seek("g", "q", null, new SeekTarget.After(at));
                assertThat(info("g").lag()).as("after message " + i).isEqualTo(37 - i);
                groups.seek("g", "q", null, new SeekTarget.After(at.minusNanos(1000)));
                assertThat(info("g").lag()).as("before message " + i).isEqualTo(37 - i + 1);
            }
        }

        @Test
        void goesToTheBeginningOrTheEndWhenAllIsOnOneSide() {
            sluice.pushOneByOne(1, 3);
            sluice.readAll("g");
            groups.seek("g", "q", null, new SeekTarget.After(Instant.EPOCH));
            assertThat(info("g").lag()).isEqualTo(3);
            groups.seek("g", "q", null, new SeekTarget.After(Instant.now().plusSeconds(86_400)));
            assertThat(info("g").lag()).isZero();
        }

        @Test
        void neverCutsASegment() {
            sluice.writer.write(run(1, 10), List.of());
            sluice.writer.write(run(11, 20), List.of());
            sluice.pop("g", 1);
            groups.seek("g", "q", null, new SeekTarget.After(writtenAt(1)));
            assertThat(transactionIds(sluice.pop("g", 1))).containsExactly("t11");
        }

        @Test
        void worksOnPartitionsThatAreEmpty() {
            sluice.push(message("a", "t1"));
            sluice.pop("g", 1);
            sluice.queues.configure("q", "", "", QueueOptions.DEFAULTS);
            sluice.queues.clear("q", null);
            assertThat(groups.seek("g", "q", null, new SeekTarget.After(Instant.EPOCH)))
                    .isEqualTo(2);
            assertThat(info("g").lag()).isZero();
        }
    }

    /** Retention may have moved a tail over what a seek wants to go back to, and not have committed yet. */
    @Test
    @Timeout(30)
    void seekingWaitsForATailThatMoves() throws Exception {
        sluice.pushOneByOne(1, 5);
        sluice.readAll("g");
        var pool = Executors.newSingleThreadExecutor();
        try (var retention = sluice.postgres.dataSource().getConnection();
                var statement = retention.createStatement()) {
            retention.setAutoCommit(false);
            statement.execute("select from sluice.partitions for update");
            statement.execute("update sluice.partitions set tail = 3");
            statement.execute(
                    "insert into sluice.deletions (partition_id, before_seq) select id, 3 from sluice.partitions");
            Future<Integer> seek = pool.submit(() -> groups.seek("g", "q", null, new SeekTarget.Beginning()));
            await().until(() -> seek.isDone()
                    || sluice.one("select count(*) from pg_stat_activity"
                                    + " where datname = current_database() and wait_event_type = 'Lock'")
                            .equals("1"));
            retention.commit();
            assertThat(seek.get()).isEqualTo(1);
        } finally {
            pool.shutdownNow();
        }
        assertThat(info("g").lag()).isEqualTo(3);
    }

    @Test
    void seekingReachesEveryPartition() {
        var messages = new ArrayList<NewMessage>();
        for (int p = 0; p < 1201; p++) {
            messages.add(message("p" + p, "t"));
        }
        sluice.writer.write(messages, List.of());
        sluice.pop("g", 1);
        assertThat(groups.seek("g", "q", null, new SeekTarget.End())).isEqualTo(1201);
        assertThat(groups.seek("g", "q", null, new SeekTarget.After(Instant.EPOCH)))
                .isEqualTo(1201);
        assertThat(info("g").lag()).isEqualTo(1201);
    }

    /** Seeks race with pushes, pops, acks and retention; afterwards everything that is kept can be read once more. */
    @Test
    @Timeout(120)
    void seekingDuringEverythingElseKeepsLagExactAndLosesNothing() throws Exception {
        sluice.configure(QueueOptions.DEFAULTS.toBuilder().ttl(Duration.ofHours(1)));
        var stop = new AtomicBoolean();
        var random = new Random(4);
        Callable<Object> producer = () -> {
            try (var writer = new QueueWriter(sluice.postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
                for (int n = 0; !stop.get(); n++) {
                    writer.write(List.of(message("p" + n % 4, "t" + n)), List.of());
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
        Callable<Object> sweeper = () -> {
            while (!stop.get()) {
                sluice.postgres.execute(
                        "update sluice.segments set created_at = created_at - interval '2 hours'"
                                + " where created_at < now() - interval '300 milliseconds' and created_at > now() - interval '1 hour'");
                sluice.retention.sweep();
            }
            return null;
        };
        Callable<Object> administrator = () -> {
            try {
                for (int i = 0; i < 150; i++) {
                    String partition = random.nextBoolean() ? null : "p" + random.nextInt(4);
                    groups.seek(
                            "g",
                            "q",
                            partition,
                            switch (random.nextInt(3)) {
                                case 0 -> new SeekTarget.Beginning();
                                case 1 -> new SeekTarget.End();
                                default -> new SeekTarget.After(Instant.now().minusMillis(random.nextInt(400)));
                            });
                }
            } finally {
                stop.set(true);
            }
            return null;
        };
        all(List.of(producer, consumer, consumer, sweeper, administrator));
        assertThat(sluice.broken()).isEmpty();
        groups.seek("g", "q", null, new SeekTarget.Beginning());
        sluice.retention.sweep();
        long kept = Long.parseLong(sluice.one("select count(*) from sluice.messages"));
        assertThat(info("g").lag()).isEqualTo(kept);
        long read = 0;
        for (PopResult popped = sluice.pop("g", 1000); !popped.messages().isEmpty(); popped = sluice.pop("g", 1000)) {
            read += popped.messages().size();
            sluice.acknowledge("g", popped, Verdict.COMPLETED);
        }
        assertThat(read).isEqualTo(kept);
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
            assertThat(info("g").subscription()).isEqualTo(Subscription.NEW);
            Instant from = Instant.parse("2026-01-02T03:04:05.678901Z");
            assertThat(groups.changeSubscription("g", from)).isEqualTo(1);
            assertThat(groups.changeSubscription("none", from)).isZero();
            assertThat(info("g").subscription().from()).isEqualTo(from);
            assertThat(info("g").createdAt()).isBefore(Instant.now().plusSeconds(60));
        }

        @Test
        void areWhereARestartGoes() {
            sluice.pushOneByOne(1, 3);
            pop(Subscription.NEW);
            sluice.push(message("p", "t4"));
            sluice.readAll("g");
            assertThat(groups.restart("g", "q")).isEqualTo(1);
            assertThat(info("g").lag()).isEqualTo(1);
            groups.changeSubscription("g", writtenAt(3));
            assertThat(info("g").lag()).isEqualTo(1);
            groups.restart("g", null);
            assertThat(info("g").lag()).isEqualTo(2);
            assertThat(groups.restart("none", null)).isZero();
        }

        @Test
        void toEverythingRestartAtTheBeginning() {
            sluice.pushOneByOne(1, 3);
            sluice.readAll("g");
            groups.restart("g", "q");
            assertThat(info("g").lag()).isEqualTo(3);
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
        void leavesItsVerdictsWithoutEffectAndMakesItsNextPopTheFirst() {
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
        void whilePartitionsComeAndGroupsReadLeavesNoCursorBehind() throws Exception {
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
            all(List.of(producer, consumer, consumer, administrator));
        }
    }

    private static void all(List<Callable<Object>> work) throws Exception {
        var pool = Executors.newFixedThreadPool(work.size());
        try {
            for (Future<Object> each : pool.invokeAll(work)) {
                each.get();
            }
        } finally {
            pool.shutdownNow();
        }
    }
}
