package dev.sluice.queue.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The upgrade of a schema of version 5 while bridges and workers of that version write. */
class UpgradeUnderLoadTest {
    private static final Path MIGRATIONS = Path.of("../bridge-http/src/test/resources/upgrade/0.1-schema5/migrations");

    /** Two limits of two seconds, and the time that a busy machine takes. */
    private static final Duration LONGEST_STALL = Duration.ofSeconds(10);

    private static final int WRITERS = 3;
    private static final int ROWS = 20_000;

    @AutoClose
    private final TestPostgres postgres = TestPostgres.empty();

    @BeforeEach
    void fillAsVersion5() throws Exception {
        OldSchema.apply(postgres.dataSource(), MIGRATIONS);
        postgres.execute("insert into sluice.queues (name) values ('q')");
        postgres.execute("insert into sluice.partitions (queue_id, name) select 1, 'p' || n from generate_series(1, "
                + WRITERS + ") n");
        postgres.execute(
                "insert into sluice.segments (partition_id, first_seq, last_seq, ids, transaction_ids, payloads,"
                        + " payload_bytes) select 1000, n, n, array[gen_random_uuid()], array['t'], array[repeat('x', 200)], 200"
                        + " from generate_series(1, " + ROWS + ") n");
    }

    /** Writes as the version does: the head of the partition, then the segment. Returns the longest transaction. */
    private Duration flush(int partition, AtomicBoolean stop, CountDownLatch running) throws SQLException {
        Duration longest = Duration.ZERO;
        try (Connection connection = postgres.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            while (!stop.get()) {
                long start = System.nanoTime();
                statement.execute("select * from sluice.queues");
                statement.execute("update sluice.partitions set head = head + 1 where id = " + partition);
                statement.execute(
                        "insert into sluice.segments (partition_id, first_seq, last_seq, ids, transaction_ids,"
                                + " payloads, payload_bytes) select id, head, head, array[gen_random_uuid()], array['t'],"
                                + " array['1'], 1 from sluice.partitions where id = " + partition);
                connection.commit();
                Duration took = Duration.ofNanos(System.nanoTime() - start);
                longest = took.compareTo(longest) > 0 ? took : longest;
                running.countDown();
            }
        }
        return longest;
    }

    private interface Upgrade {
        void run() throws Exception;
    }

    private void whileOldWritersRun(Upgrade upgrade) throws Exception {
        var stop = new AtomicBoolean();
        var running = new CountDownLatch(WRITERS);
        ExecutorService threads = Executors.newFixedThreadPool(WRITERS);
        try {
            var longest = new ArrayList<Future<Duration>>();
            for (int i = 1; i <= WRITERS; i++) {
                int partition = i;
                longest.add(threads.submit((Callable<Duration>) () -> flush(partition, stop, running)));
            }
            running.await();
            upgrade.run();
            stop.set(true);
            for (Future<Duration> each : longest) {
                assertThat(each.get()).isLessThan(LONGEST_STALL);
            }
        } finally {
            stop.set(true);
            threads.shutdownNow();
        }
        assertThat(postgres.query("select count(*) from sluice.partitions p where p.head <>"
                        + " (select count(*) from sluice.segments s where s.partition_id = p.id)"))
                .containsExactly("0");
    }

    /** Applies the schema as a bridge does: again after a transient failure. */
    private int applyWithRetries() {
        for (int tries = 1; ; tries++) {
            try {
                QueueSchema.apply(postgres.dataSource(), "sluice");
                return tries;
            } catch (QueueException e) {
                assertThat(e.isTransient()).as(e.getMessage()).isTrue();
                assertThat(tries).isLessThan(100);
            }
        }
    }

    @Test
    void losesNothingAndStallsNoWriterForLong() throws Exception {
        whileOldWritersRun(() -> assertThat(applyWithRetries()).isPositive());
        assertThat(QueueSchema.installed(postgres.dataSource(), "sluice")).isEqualTo(QueueSchema.version());
    }

    /** A backup reads all tables in one transaction. */
    @Test
    void isGivenUpWhileABackupReadsAndWritersGoOn() throws Exception {
        try (Connection backup = postgres.dataSource().getConnection();
                Statement statement = backup.createStatement()) {
            backup.setAutoCommit(false);
            for (String table : List.of("queues", "segments", "scheduled", "dead_letters")) {
                statement.execute("select count(*) from sluice." + table);
            }
            whileOldWritersRun(() -> assertThatThrownBy(() -> QueueSchema.apply(postgres.dataSource(), "sluice"))
                    .isInstanceOfSatisfying(
                            QueueException.class,
                            e -> assertThat(e.isTransient()).isTrue())
                    .hasMessageContaining("schema sluice stays at version 5: other transactions use the tables")
                    .hasMessageContaining("006_"));
            assertThat(QueueSchema.installed(postgres.dataSource(), "sluice")).isEqualTo(5);
        }
        whileOldWritersRun(this::applyWithRetries);
        assertThat(QueueSchema.installed(postgres.dataSource(), "sluice")).isEqualTo(QueueSchema.version());
    }
}
