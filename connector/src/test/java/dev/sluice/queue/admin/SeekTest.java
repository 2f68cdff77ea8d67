package dev.sluice.queue.admin;

import static dev.sluice.queue.AdministrationFixture.inParallel;
import static dev.sluice.queue.AdministrationFixture.transactionIds;
import static dev.sluice.queue.Messages.message;
import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopResult.Status;
import dev.sluice.queue.QueueOptions;
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
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A seek moves a consumer group to any place of a queue, also during pushes, pops and retention. */
class SeekTest {
    @AutoClose
    private final AdministrationFixture sluice = new AdministrationFixture();

    private final ConsumerGroups groups = sluice.groups;

    @AfterEach
    void nothingIsBroken() {
        assertThat(sluice.broken()).isEmpty();
    }

    @Nested
    class ToTheEnd {
        @Test
        void skipsEveryStoredMessage() {
            sluice.push(message("a", "t1"), message("b", "t2"));
            sluice.pop("g", 1);
            assertThat(groups.seek("g", "q", null, new SeekTarget.End())).isEqualTo(2);
            assertThat(sluice.group("g").lag()).isZero();
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
    class Back {
        @Test
        void deliversEverythingAgain() {
            sluice.writer.write(run(1, 5), List.of());
            sluice.readAll("g");
            assertThat(groups.seek("g", "q", null, new SeekTarget.Beginning())).isEqualTo(1);
            assertThat(sluice.group("g").lag()).isEqualTo(5);
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
        void endsLeasesSoThatTheirAcknowledgementsAreStale() {
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
            assertThat(sluice.group("other").lag()).isZero();
        }

        @Test
        void stopsAtTheOldestStoredMessage() {
            sluice.pushOneByOne(1, 4);
            sluice.readAll("g");
            sluice.age(Duration.ofHours(2), 2);
            sluice.configure(QueueOptions.DEFAULTS.toBuilder().ttl(Duration.ofHours(1)));
            sluice.retention.sweep();
            groups.seek("g", "q", null, new SeekTarget.Beginning());
            assertThat(sluice.group("g").lag()).isEqualTo(2);
            groups.seek("g", "q", null, new SeekTarget.After(Instant.EPOCH));
            assertThat(sluice.group("g").lag()).isEqualTo(2);
        }
    }

    @Nested
    class ToATime {
        @Test
        void continuesAfterTheLastMessageUpToIt() {
            sluice.pushOneByOne(1, 37);
            sluice.pop("g", 1);
            for (int i : new int[] {1, 2, 18, 36, 37}) {
                Instant at = sluice.writtenAt(i);
                groups.seek("g", "q", null, new SeekTarget.After(at));
                assertThat(sluice.group("g").lag()).as("after message " + i).isEqualTo(37 - i);
                groups.seek("g", "q", null, new SeekTarget.After(at.minusNanos(1000)));
                assertThat(sluice.group("g").lag()).as("before message " + i).isEqualTo(37 - i + 1);
            }
        }

        @Test
        void goesToTheBeginningOrTheEndIfAllMessagesAreOnOneSide() {
            sluice.pushOneByOne(1, 3);
            sluice.readAll("g");
            groups.seek("g", "q", null, new SeekTarget.After(Instant.EPOCH));
            assertThat(sluice.group("g").lag()).isEqualTo(3);
            groups.seek("g", "q", null, new SeekTarget.After(Instant.now().plusSeconds(86_400)));
            assertThat(sluice.group("g").lag()).isZero();
        }

        @Test
        void neverCutsASegment() {
            sluice.writer.write(run(1, 10), List.of());
            sluice.writer.write(run(11, 20), List.of());
            sluice.pop("g", 1);
            groups.seek("g", "q", null, new SeekTarget.After(sluice.writtenAt(1)));
            assertThat(transactionIds(sluice.pop("g", 1))).containsExactly("t11");
        }

        @Test
        void worksOnEmptyPartitions() {
            sluice.push(message("a", "t1"));
            sluice.pop("g", 1);
            sluice.queues.configure("q", "", "", QueueOptions.DEFAULTS);
            sluice.queues.clear("q", null);
            assertThat(groups.seek("g", "q", null, new SeekTarget.After(Instant.EPOCH)))
                    .isEqualTo(2);
            assertThat(sluice.group("g").lag()).isZero();
        }
    }

    /** Retention has advanced a tail beyond the target of a seek, and has not committed yet. */
    @Test
    @Timeout(30)
    void waitsForATailThatMoves() throws Exception {
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
        assertThat(sluice.group("g").lag()).isEqualTo(3);
    }

    @Test
    void reachesEveryPartition() {
        var messages = new ArrayList<NewMessage>();
        for (int p = 0; p < 1201; p++) {
            messages.add(message("p" + p, "t"));
        }
        sluice.writer.write(messages, List.of());
        sluice.pop("g", 1);
        assertThat(groups.seek("g", "q", null, new SeekTarget.End())).isEqualTo(1201);
        assertThat(groups.seek("g", "q", null, new SeekTarget.After(Instant.EPOCH)))
                .isEqualTo(1201);
        assertThat(sluice.group("g").lag()).isEqualTo(1201);
    }

    /**
     * After seeks during pushes, pops, acknowledgements and sweeps, the group can read every stored message once more.
     */
    @Test
    @Timeout(120)
    void duringEverythingElseKeepsLagExactAndLosesNothing() throws Exception {
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
        inParallel(List.of(producer, consumer, consumer, sweeper, administrator));
        assertThat(sluice.broken()).isEmpty();
        groups.seek("g", "q", null, new SeekTarget.Beginning());
        sluice.retention.sweep();
        long kept = Long.parseLong(sluice.one("select count(*) from sluice.messages"));
        assertThat(sluice.group("g").lag()).isEqualTo(kept);
        long read = 0;
        for (PopResult popped = sluice.pop("g", 1000); !popped.messages().isEmpty(); popped = sluice.pop("g", 1000)) {
            read += popped.messages().size();
            sluice.acknowledge("g", popped, Verdict.COMPLETED);
        }
        assertThat(read).isEqualTo(kept);
    }
}
