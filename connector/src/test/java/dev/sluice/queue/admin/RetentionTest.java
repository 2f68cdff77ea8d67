package dev.sluice.queue.admin;

import static dev.sluice.queue.AdministrationFixture.GROUP;
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
import dev.sluice.queue.PushOutcome.Duplicate;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class RetentionTest {
    private static final Duration HOUR = Duration.ofHours(1);
    private static final Duration LONG_AGO = Duration.ofHours(2);

    private AdministrationFixture sluice;
    private Retention retention;

    @BeforeEach
    void open() {
        sluice = new AdministrationFixture();
        retention = sluice.retention;
    }

    @AfterEach
    void close() {
        assertThat(sluice.broken()).isEmpty();
        sluice.close();
    }

    private static QueueOptions.Builder options() {
        return QueueOptions.DEFAULTS.toBuilder();
    }

    private List<String> kept() {
        return sluice.postgres.query("select transaction_id from sluice.messages order by seq");
    }

    private long lag(String group) {
        return sluice.groups.list(group, "q").get(0).lag();
    }

    @Nested
    class Ttl {
        @Test
        void deletesWhatIsOlderReadOrNot() {
            sluice.pushOneByOne(1, 5);
            sluice.pop(GROUP, 1);
            sluice.age(LONG_AGO, 3);
            sluice.configure(options().ttl(HOUR));
            RetentionResult sweep = retention.sweep();
            assertThat(sweep).isEqualTo(new RetentionResult(true, 3, 0, 0, 0, 3, 0, 0));
            assertThat(kept()).containsExactly("t4", "t5");
            assertThat(lag(GROUP)).isEqualTo(2);
            assertThat(retention.sweep()).isEqualTo(new RetentionResult(true, 0, 0, 0, 0, 0, 0, 0));
        }

        @Test
        void doesNothingUnlessItIsSet() {
            sluice.pushOneByOne(1, 3);
            sluice.age(Duration.ofDays(4000), 3);
            assertThat(retention.sweep().messages()).isZero();
            sluice.configure(options().ttl(Duration.ZERO));
            assertThat(retention.sweep().messages()).isZero();
        }

        @Test
        void leavesOtherQueuesAlone() {
            sluice.pushOneByOne(1, 1);
            sluice.push(message("other", "p", "t", "1"));
            sluice.postgres.execute("update sluice.segments set created_at = created_at - interval '2 hours'");
            sluice.configure(options().ttl(HOUR));
            assertThat(retention.sweep().messages()).isEqualTo(1);
            assertThat(kept()).containsExactly("t");
        }

        @Test
        void emptiesPartitionsThatGoOnWithTheirSeqs() {
            sluice.pushOneByOne(1, 3);
            sluice.readAll(GROUP);
            sluice.age(LONG_AGO, 3);
            sluice.configure(options().ttl(HOUR));
            retention.sweep();
            assertThat(kept()).isEmpty();
            assertThat(sluice.pop(GROUP, 1).status()).isEqualTo(Status.EMPTY);
            sluice.push(message("p", "t4"));
            PopResult popped = sluice.pop(GROUP, 1);
            assertThat(popped.messages().get(0).seq()).isEqualTo(4);
        }

        @Test
        void reachesManyPartitionsAndManySegments() {
            for (int i = 0; i < 3; i++) {
                var messages = new ArrayList<NewMessage>();
                for (int p = 0; p < 620; p++) {
                    messages.add(message("p" + p, "t" + i));
                }
                sluice.writer.write(messages, List.of());
            }
            sluice.pushOneByOne(1, 350);
            sluice.age(LONG_AGO, 1000);
            sluice.push(message("p", "new"));
            sluice.configure(options().ttl(HOUR));
            RetentionResult sweep = retention.sweep();
            assertThat(sweep.ttl()).isEqualTo(620 * 3 + 350);
            assertThat(sweep.segments()).isEqualTo(620 * 3 + 350);
            assertThat(kept()).containsExactly("new");
            assertThat(sluice.one("select count(*) from sluice.deletions")).isEqualTo("0");
        }

        @Test
        void leavesTheDuplicateWindowAsItIs() {
            sluice.pushOneByOne(1, 3);
            sluice.age(Duration.ofMinutes(20), 2);
            sluice.configure(options().ttl(Duration.ofMinutes(10)));
            retention.sweep();
            assertThat(sluice.writer.write(run(3, 3), List.of())).first().isInstanceOf(Duplicate.class);
        }
    }

    @Nested
    class RetentionSeconds {
        @Test
        void needToBeEnabled() {
            sluice.pushOneByOne(1, 3);
            sluice.age(LONG_AGO, 2);
            sluice.configure(options().retention(HOUR));
            assertThat(retention.sweep().messages()).isZero();
            sluice.configure(options().retention(HOUR).retentionEnabled(true));
            assertThat(retention.sweep()).isEqualTo(new RetentionResult(true, 0, 2, 0, 0, 2, 0, 0));
            assertThat(kept()).containsExactly("t3");
        }

        @Test
        void countWhatTtlHasNotCounted() {
            sluice.pushOneByOne(1, 3);
            sluice.age(LONG_AGO, 2);
            sluice.age(LONG_AGO, 1);
            sluice.configure(options().ttl(Duration.ofHours(3)).retention(HOUR).retentionEnabled(true));
            RetentionResult sweep = retention.sweep();
            assertThat(sweep.ttl()).isEqualTo(1);
            assertThat(sweep.retention()).isEqualTo(1);
            assertThat(sweep.messages()).isEqualTo(2);
        }
    }

    @Nested
    class CompletedRetention {
        @BeforeEach
        void enable() {
            sluice.configure(options().completedRetention(HOUR).retentionEnabled(true));
        }

        @Test
        void deletesWhatEveryGroupHasDone() {
            sluice.pushOneByOne(1, 5);
            sluice.readAll("a");
            PopResult popped = sluice.pop("b", 3);
            sluice.acknowledge("b", popped, Verdict.COMPLETED, "t1", "t2");
            sluice.age(LONG_AGO, 5);
            assertThat(retention.sweep()).isEqualTo(new RetentionResult(true, 0, 0, 2, 0, 2, 0, 0));
            assertThat(kept()).containsExactly("t3", "t4", "t5");
            sluice.acknowledge("b", popped, Verdict.COMPLETED, "t3");
            assertThat(retention.sweep().completed()).isEqualTo(1);
        }

        @Test
        void keepsWhatIsYoung() {
            sluice.pushOneByOne(1, 3);
            sluice.readAll("a");
            sluice.age(LONG_AGO, 1);
            assertThat(retention.sweep().completed()).isEqualTo(1);
            assertThat(kept()).containsExactly("t2", "t3");
        }

        @Test
        void keepsWhatIsAcknowledgedOutOfOrder() {
            sluice.pushOneByOne(1, 3);
            sluice.acknowledge("a", sluice.pop("a", 3), Verdict.COMPLETED, "t2", "t3");
            sluice.age(LONG_AGO, 3);
            assertThat(retention.sweep().completed()).isZero();
        }

        @Test
        void keepsSegmentsThatAreNotDoneToTheirEnd() {
            sluice.writer.write(run(1, 4), List.of());
            sluice.acknowledge("a", sluice.pop("a", 3), Verdict.COMPLETED);
            sluice.age(LONG_AGO, 4);
            assertThat(retention.sweep().completed()).isZero();
            sluice.readAll("a");
            assertThat(retention.sweep().completed()).isEqualTo(4);
        }

        @Test
        void deletesNothingThatNoGroupReads() {
            sluice.pushOneByOne(1, 3);
            sluice.age(LONG_AGO, 3);
            assertThat(retention.sweep().completed()).isZero();
        }

        @Test
        void waitsForAGroupThatComesLater() {
            sluice.pushOneByOne(1, 3);
            sluice.readAll("a");
            sluice.age(LONG_AGO, 3);
            sluice.pop("b", 1);
            assertThat(retention.sweep().completed()).isZero();
        }

        @Test
        void keepsWhatASeekHasMadeUnread() {
            sluice.pushOneByOne(1, 3);
            sluice.readAll("a");
            sluice.age(LONG_AGO, 3);
            sluice.groups.seek("a", "q", null, new SeekTarget.Beginning());
            assertThat(retention.sweep().completed()).isZero();
            assertThat(lag("a")).isEqualTo(3);
        }
    }

    @Nested
    class MaxWaitTime {
        @BeforeEach
        void enable() {
            sluice.configure(options().maxWaitTime(HOUR));
        }

        @Test
        void deletesWhatSomeGroupHasNotRead() {
            sluice.pushOneByOne(1, 4);
            sluice.readAll("a");
            sluice.pop("b", 1);
            sluice.age(LONG_AGO, 3);
            assertThat(retention.sweep()).isEqualTo(new RetentionResult(true, 0, 0, 0, 3, 3, 0, 0));
            assertThat(kept()).containsExactly("t4");
            assertThat(lag("b")).isEqualTo(1);
            assertThat(lag("a")).isZero();
        }

        @Test
        void deletesWhatNobodyReads() {
            sluice.pushOneByOne(1, 2);
            sluice.age(LONG_AGO, 1);
            assertThat(retention.sweep().waitedTooLong()).isEqualTo(1);
        }

        @Test
        void keepsWhatEveryGroupHasRead() {
            sluice.pushOneByOne(1, 3);
            sluice.readAll("a");
            sluice.age(LONG_AGO, 3);
            assertThat(retention.sweep().waitedTooLong()).isZero();
            sluice.push(message("p", "t4"));
            assertThat(retention.sweep().waitedTooLong()).isZero();
            assertThat(kept()).hasSize(4);
        }

        @Test
        void keepsWhatIsUnreadAndYoung() {
            sluice.pushOneByOne(1, 4);
            sluice.acknowledge("a", sluice.pop("a", 2), Verdict.COMPLETED);
            sluice.age(LONG_AGO, 2);
            assertThat(retention.sweep().waitedTooLong()).isZero();
        }
    }

    @Nested
    class Cursors {
        @Test
        void passOverWhatIsAckedAfterTheNewTail() {
            sluice.pushOneByOne(1, 8);
            PopResult popped = sluice.pop(GROUP, 8);
            sluice.acknowledge(GROUP, popped, Verdict.COMPLETED, "t2", "t5", "t6", "t8");
            sluice.age(LONG_AGO, 4);
            sluice.configure(options().ttl(HOUR));
            retention.sweep();
            assertThat(
                            sluice.one(
                                    "select position, acked from sluice.cursors c join sluice.partitions p on p.id = c.partition_id where p.name = 'p'"))
                    .isEqualTo("6|{[8,9)}");
            assertThat(lag(GROUP)).isEqualTo(1);
            assertThat(sluice.acknowledge(GROUP, popped, Verdict.COMPLETED, "t7"))
                    .allMatch(AcknowledgeOutcome.Acknowledged.class::isInstance);
            assertThat(lag(GROUP)).isZero();
        }

        @Test
        void loseALeaseThatHasNothingLeft() {
            sluice.pushOneByOne(1, 4);
            PopResult popped = sluice.pop(GROUP, 2);
            sluice.age(LONG_AGO, 2);
            sluice.configure(options().ttl(HOUR));
            retention.sweep();
            assertThat(sluice.acknowledge(GROUP, popped, Verdict.COMPLETED))
                    .noneMatch(AcknowledgeOutcome.Acknowledged.class::isInstance);
            assertThat(transactionIds(sluice.pop(GROUP, 10))).containsExactly("t3", "t4");
        }

        @Test
        void keepALeaseThatHasSomethingLeft() {
            sluice.pushOneByOne(1, 4);
            PopResult popped = sluice.pop(GROUP, 3);
            sluice.age(LONG_AGO, 2);
            sluice.configure(options().ttl(HOUR));
            retention.sweep();
            assertThat(sluice.pop(GROUP, 10).messages()).isEmpty();
            assertThat(sluice.acknowledge(GROUP, popped, Verdict.COMPLETED, "t3"))
                    .allMatch(AcknowledgeOutcome.Acknowledged.class::isInstance);
            assertThat(transactionIds(sluice.pop(GROUP, 10))).containsExactly("t4");
        }

        @Test
        void forgetFailuresOfWhatIsGoneOnly() {
            sluice.pushOneByOne(1, 3);
            PopResult popped = sluice.pop(GROUP, 3);
            sluice.acknowledge(GROUP, popped, Verdict.FAILED);
            sluice.age(LONG_AGO, 2);
            sluice.configure(options().ttl(HOUR));
            retention.sweep();
            assertThat(
                            sluice.one(
                                    "select failed_seqs, failed_counts from sluice.cursors c join sluice.partitions p on p.id = c.partition_id where p.name = 'p'"))
                    .isEqualTo("{3}|{1}");
        }

        @Test
        void becomeReadyWhenWhatHeldThemBackIsGone() {
            sluice.pushOneByOne(1, 2);
            sluice.configure(options().ttl(HOUR).retryDelay(Duration.ofMinutes(10)));
            PopResult popped = sluice.pop(GROUP, 1);
            sluice.acknowledge(GROUP, popped, Verdict.FAILED);
            assertThat(sluice.pop(GROUP, 1).messages()).isEmpty();
            sluice.age(LONG_AGO, 1);
            retention.sweep();
            assertThat(transactionIds(sluice.pop(GROUP, 1))).containsExactly("t2");
        }
    }

    @Nested
    class Locks {
        @BeforeEach
        void prepare() {
            sluice.pushOneByOne(1, 3);
            sluice.pop(GROUP, 1);
            sluice.age(LONG_AGO, 2);
            sluice.configure(options().ttl(HOUR));
        }

        private Connection held(String sql) throws SQLException {
            Connection connection = sluice.postgres.dataSource().getConnection();
            connection.setAutoCommit(false);
            try (Statement statement = connection.createStatement()) {
                statement.execute(sql);
            }
            return connection;
        }

        @Test
        @Timeout(30)
        void ofAFlushAreNotWaitedFor() throws Exception {
            try (Connection flush = held("select from sluice.partitions for no key update")) {
                assertThat(retention.sweep()).isEqualTo(new RetentionResult(true, 0, 0, 0, 0, 0, 0, 0));
                flush.rollback();
            }
            assertThat(retention.sweep().ttl()).isEqualTo(2);
        }

        @Test
        @Timeout(30)
        void ofAnAckAreNotWaitedFor() throws Exception {
            try (Connection ack = held("select from sluice.cursors for no key update")) {
                assertThat(retention.sweep()).isEqualTo(new RetentionResult(true, 0, 0, 0, 0, 0, 0, 0));
                ack.rollback();
            }
            assertThat(retention.sweep().ttl()).isEqualTo(2);
        }

        @Test
        @Timeout(30)
        void ofReadersOfASegmentAreNotWaitedFor() throws Exception {
            try (Connection reader = held("select from sluice.segments where first_seq = 1 for update")) {
                RetentionResult sweep = retention.sweep();
                assertThat(sweep.ttl()).isEqualTo(2);
                assertThat(sweep.segments()).isEqualTo(1);
                reader.rollback();
            }
            assertThat(retention.sweep()).isEqualTo(new RetentionResult(true, 0, 0, 0, 0, 1, 0, 0));
        }

        @Test
        @Timeout(30)
        void letOneProcessSweepAtATime() throws Exception {
            try (Connection other =
                    held("select pg_advisory_xact_lock(hashtextextended('sluice retention sluice', 0))")) {
                assertThat(retention.sweep()).isEqualTo(new RetentionResult(false, 0, 0, 0, 0, 0, 0, 0));
                other.rollback();
            }
            assertThat(retention.sweep().complete()).isTrue();
        }

        @Test
        void areGivenBackWhenTheThreadIsInterrupted() {
            Thread.currentThread().interrupt();
            assertThat(retention.sweep().complete()).isFalse();
            assertThat(Thread.interrupted()).isTrue();
            assertThat(retention.sweep().ttl()).isEqualTo(2);
        }
    }

    /**
     * Old messages are deleted while everything else goes on; nothing unread and young is lost, no position goes back.
     */
    @Test
    @Timeout(120)
    void duringEverythingElseNeverMovesAPositionBack() throws Exception {
        sluice.configure(
                options().ttl(HOUR).completedRetention(Duration.ofMinutes(30)).retentionEnabled(true));
        var stop = new AtomicBoolean();
        var work = new ArrayList<Callable<Object>>();
        for (int producer = 0; producer < 2; producer++) {
            String name = "x" + producer;
            work.add(() -> {
                try (var writer = new QueueWriter(sluice.postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
                    for (int n = 0; !stop.get(); n++) {
                        writer.write(
                                List.of(message("p" + n % 5, name + n), message("p" + n % 3, name + "y" + n)),
                                List.of());
                    }
                }
                return null;
            });
        }
        for (String group : new String[] {"a", "a", "b"}) {
            work.add(() -> {
                for (int n = 0; !stop.get(); n++) {
                    sluice.acknowledge(group, sluice.pop(group, 7), n % 5 == 0 ? Verdict.FAILED : Verdict.COMPLETED);
                }
                return null;
            });
        }
        work.add(() -> {
            try {
                long retired = 0;
                for (int round = 0; round < 60; round++) {
                    sluice.postgres.execute("update sluice.segments set created_at = created_at - interval '40 minutes'"
                            + " where created_at < now() - interval '100 milliseconds'");
                    retired += retention.sweep().messages();
                }
                assertThat(retired).isPositive();
            } finally {
                stop.set(true);
            }
            return null;
        });
        work.add(() -> {
            Map<String, Long> positions = new HashMap<>();
            while (!stop.get()) {
                for (String row :
                        sluice.postgres.query("select group_id || ':' || partition_id, position from sluice.cursors")) {
                    int bar = row.indexOf('|');
                    long position = Long.parseLong(row.substring(bar + 1));
                    Long before = positions.put(row.substring(0, bar), position);
                    assertThat(before == null || position >= before).as(row).isTrue();
                }
            }
            return null;
        });
        var pool = Executors.newFixedThreadPool(work.size());
        try {
            for (Future<Object> each : pool.invokeAll(work)) {
                each.get();
            }
        } finally {
            pool.shutdownNow();
        }
        assertThat(sluice.broken()).isEmpty();
        sluice.postgres.execute(
                "update sluice.cursors set available_at = now() - interval '1 second' where available_at > now()");
        sluice.readAll("a");
        sluice.readAll("b");
        assertThat(lag("a")).isZero();
        assertThat(lag("b")).isZero();
    }
}
