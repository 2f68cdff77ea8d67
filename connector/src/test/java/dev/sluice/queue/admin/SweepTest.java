package dev.sluice.queue.admin;

import static dev.sluice.queue.AdministrationFixture.GROUP;
import static dev.sluice.queue.AdministrationFixture.inParallel;
import static dev.sluice.queue.AdministrationFixture.transactionIds;
import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A sweep moves cursors and ends leases, and skips what other transactions have locked. */
class SweepTest {
    private static final Duration HOUR = Duration.ofHours(1);
    private static final Duration LONG_AGO = Duration.ofHours(2);

    @AutoClose
    private final AdministrationFixture sluice = new AdministrationFixture();

    private final Retention retention = sluice.retention;

    @AfterEach
    void nothingIsBroken() {
        assertThat(sluice.broken()).isEmpty();
    }

    private static QueueOptions.Builder options() {
        return QueueOptions.DEFAULTS.toBuilder();
    }

    @Nested
    class Cursors {
        @Test
        void skipAcknowledgedMessagesAfterTheNewTail() {
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
            assertThat(sluice.group(GROUP).lag()).isEqualTo(1);
            assertThat(sluice.acknowledge(GROUP, popped, Verdict.COMPLETED, "t7"))
                    .allMatch(AcknowledgeOutcome.Acknowledged.class::isInstance);
            assertThat(sluice.group(GROUP).lag()).isZero();
        }

        @Test
        void loseALeaseWithoutMessages() {
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
        void keepALeaseWithMessages() {
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
        void forgetFailuresOfDeletedMessagesOnly() {
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
        void becomeReadyWhenTheDelayedMessageIsDeleted() {
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

        /** Under load each partition is locked most of the time, for milliseconds. */
        @ParameterizedTest
        @ValueSource(strings = {"partitions", "cursors"})
        @Timeout(30)
        void thatAreShortDoNotKeepMessagesUntilTheNextSweep(String table) throws Exception {
            try (Connection other = held("select from sluice." + table + " for no key update")) {
                var connections = new AtomicInteger();
                var endsTheLock = (DataSource) Proxy.newProxyInstance(
                        DataSource.class.getClassLoader(),
                        new Class<?>[] {DataSource.class},
                        (proxy, method, arguments) -> {
                            if (connections.incrementAndGet() == 10) {
                                other.rollback();
                            }
                            return method.invoke(sluice.postgres.dataSource(), arguments);
                        });
                assertThat(new Retention(endsTheLock, "sluice").sweep().ttl()).isEqualTo(2);
            }
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
        void areReleasedWhenTheThreadIsInterrupted() {
            Thread.currentThread().interrupt();
            assertThat(retention.sweep().complete()).isFalse();
            assertThat(Thread.interrupted()).isTrue();
            assertThat(retention.sweep().ttl()).isEqualTo(2);
        }
    }

    /**
     * Sweeps run during pushes, pops and acknowledgements: no position moves back, and the groups can read every young
     * message.
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
        inParallel(work);
        assertThat(sluice.broken()).isEmpty();
        sluice.postgres.execute(
                "update sluice.cursors set available_at = now() - interval '1 second' where available_at > now()");
        sluice.readAll("a");
        sluice.readAll("b");
        assertThat(sluice.group("a").lag()).isZero();
        assertThat(sluice.group("b").lag()).isZero();
    }
}
