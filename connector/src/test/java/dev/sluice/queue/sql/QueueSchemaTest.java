package dev.sluice.queue.sql;

import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class QueueSchemaTest {
    private static final String SCHEMA = "sluice";
    /** All tables that the writer needs, as if there had only been one migration so far. */
    private static final Migration FIRST = new Migration(
            "001_initial.sql",
            Stream.of(
                            "001_initial",
                            "002_streams",
                            "003_refused_offsets",
                            "004_idle_cursors",
                            "005_parked",
                            "006_headers",
                            "007_work",
                            "008_endpoints",
                            "009_schedules")
                    .map(name -> Migration.read(name + ".sql").sql())
                    .collect(Collectors.joining("\n")));

    private static final Migration SECOND = new Migration("002_second.sql", """
            -- What a later version could want.
            alter table sluice.queues add column colour text not null default 'red';

            do $$
            begin
              update sluice.queues set colour = 'blue;';
            end $$;
            """);
    private static final Migration BROKEN = new Migration("003_broken.sql", """
            alter table sluice.queues add column shape text;

            -- There is no such column.
            update sluice.queues
            set size = 1;
            """);
    private static final int OLDEST = 14;

    @AutoClose
    private final TestPostgres postgres = TestPostgres.empty();

    private static QueueSchema program(Migration... migrations) {
        return new QueueSchema(List.of(migrations), OLDEST);
    }

    private List<String> applied() {
        return postgres.query("select version, name from sluice.migrations order by version");
    }

    @Nested
    class Upgrading {
        @BeforeEach
        void storeMessages() {
            program(FIRST).applyTo(postgres.dataSource(), SCHEMA);
            write(1, 3);
        }

        private void write(int first, int last) {
            try (var writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
                writer.write(run(first, last), List.of());
            }
        }

        @Test
        void runsOnlyMissingMigrationsAndKeepsTheMessages() {
            program(FIRST, SECOND).applyTo(postgres.dataSource(), SCHEMA);
            write(4, 5);
            assertThat(applied()).containsExactly("1|001_initial.sql", "2|002_second.sql");
            assertThat(postgres.query("select colour from sluice.queues")).containsExactly("blue;");
            assertThat(postgres.query("select transaction_id from sluice.messages order by seq"))
                    .containsExactly("t1", "t2", "t3", "t4", "t5");
        }

        @Test
        void doesNothingTheSecondTime() {
            QueueSchema program = program(FIRST, SECOND);
            program.applyTo(postgres.dataSource(), SCHEMA);
            program.applyTo(postgres.dataSource(), SCHEMA);
            program.verifyIn(postgres.dataSource(), SCHEMA, true);
            assertThat(applied()).hasSize(2);
        }

        @Test
        void runsOnceHoweverManyProcessesStart() throws Exception {
            int processes = 8;
            var together = new CountDownLatch(processes);
            ExecutorService threads = Executors.newFixedThreadPool(processes);
            try {
                var done = new ArrayList<Future<Void>>();
                for (int i = 0; i < processes; i++) {
                    done.add(threads.submit((Callable<Void>) () -> {
                        together.countDown();
                        together.await();
                        program(FIRST, SECOND).applyTo(postgres.dataSource(), SCHEMA);
                        return null;
                    }));
                }
                for (Future<Void> each : done) {
                    each.get();
                }
            } finally {
                threads.shutdownNow();
            }
            assertThat(applied()).containsExactly("1|001_initial.sql", "2|002_second.sql");
        }

        @Test
        void changesNothingIfAStatementFailsAndNamesIt() {
            assertThatThrownBy(() -> program(FIRST, SECOND, BROKEN).applyTo(postgres.dataSource(), SCHEMA))
                    .isInstanceOfSatisfying(
                            QueueException.class,
                            e -> assertThat(e.isTransient()).isFalse())
                    .hasMessageContaining("schema sluice stays at version 1")
                    .hasMessageContaining("003_broken.sql failed in line 4 (update sluice.queues)")
                    .hasMessageContaining("\"size\"");
            assertThat(applied()).containsExactly("1|001_initial.sql");
            assertThat(postgres.query("select count(*) from information_schema.columns where table_schema = 'sluice'"
                            + " and table_name = 'queues' and column_name in ('colour', 'shape')"))
                    .containsExactly("0");
            write(4, 4);
        }

        @Test
        void doesNotBlockOthersWhileItWaitsForATableInUse() throws SQLException {
            try (Connection backup = postgres.dataSource().getConnection()) {
                backup.setAutoCommit(false);
                try (var read = backup.createStatement()) {
                    read.execute("select * from sluice.queues");
                }
                assertThatThrownBy(() -> program(FIRST, SECOND).applyTo(postgres.dataSource(), SCHEMA))
                        .isInstanceOfSatisfying(
                                QueueException.class,
                                e -> assertThat(e.isTransient()).isTrue())
                        .hasMessageContaining("schema sluice stays at version 1");
            }
            program(FIRST, SECOND).applyTo(postgres.dataSource(), SCHEMA);
            assertThat(applied()).hasSize(2);
        }

        @Test
        void isOnlyAskedForByAVerification() {
            assertThatThrownBy(() -> program(FIRST, SECOND).verifyIn(postgres.dataSource(), SCHEMA, true))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("schema sluice has version 1, this program needs version 2")
                    .hasMessageContaining("schema.apply=true")
                    .hasMessageEndingWith("which runs 002_second.sql");
            assertThat(applied()).hasSize(1);
        }

        @Test
        void keepsAnOlderProgramFromStarting() {
            program(FIRST, SECOND).applyTo(postgres.dataSource(), SCHEMA);
            String refusal = "schema sluice has version 2, this program knows only up to 1: run a newer Sluice";
            assertThatThrownBy(() -> program(FIRST).applyTo(postgres.dataSource(), SCHEMA))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(refusal);
            assertThatThrownBy(() -> program(FIRST).verifyIn(postgres.dataSource(), SCHEMA, true))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(refusal);
            assertThat(applied()).hasSize(2);
        }
    }

    @Test
    void isCreatedOnceHoweverManyProcessesStart() {
        List.of(1, 2, 3, 4, 5, 6, 7, 8).parallelStream()
                .forEach(each -> QueueSchema.apply(postgres.dataSource(), "another"));
        assertThat(postgres.query("select count(*) from another.migrations"))
                .containsExactly(String.valueOf(QueueSchema.version()));
    }

    @Test
    void leavesNothingBehindWhenTheFirstMigrationFails() {
        assertThatThrownBy(() -> program(BROKEN).applyTo(postgres.dataSource(), SCHEMA))
                .isInstanceOf(QueueException.class)
                .hasMessageContaining("stays at version 0");
        assertThat(postgres.query("select count(*) from pg_namespace where nspname = 'sluice'"))
                .containsExactly("0");
    }

    @Test
    void vacuumsOftenTheTablesThatAreWrittenOften() {
        QueueSchema.apply(postgres.dataSource(), SCHEMA);
        assertThat(postgres.query("select c.relname from pg_class c"
                        + " where c.relnamespace = 'sluice'::regnamespace and c.relkind = 'r'"
                        + " and c.reloptions::text like '%autovacuum_vacuum_scale_factor%' order by c.relname"))
                .containsExactly(
                        "cursors",
                        "dead_letters",
                        "deletions",
                        "parked",
                        "partitions",
                        "scheduled",
                        "segments",
                        "sink_offsets",
                        "stream_state",
                        "work_claims",
                        "work_items",
                        "work_latest",
                        "work_limits",
                        "work_lines",
                        "work_outbox");
        assertThat(
                        postgres.query(
                                "select c.relname, option from pg_class c, unnest(c.reloptions) as option"
                                        + " where c.relnamespace = 'sluice'::regnamespace and option like 'fillfactor=%' order by c.relname"))
                .containsExactly(
                        "cursors|fillfactor=60",
                        "dead_letter_jobs|fillfactor=70",
                        "endpoints|fillfactor=70",
                        "minute_counters|fillfactor=80",
                        "partitions|fillfactor=50",
                        "schedules|fillfactor=70",
                        "sink_offsets|fillfactor=50",
                        "stream_state|fillfactor=80",
                        "work_claims|fillfactor=80",
                        "work_items|fillfactor=80",
                        "work_latest|fillfactor=80",
                        "work_limits|fillfactor=60");
    }

    @Test
    void refusesAServerThatIsTooOld() {
        // The server of the test, and a program that needs the next version.
        int version = Integer.parseInt(postgres.query("select current_setting('server_version_num')::int / 10000")
                .get(0));
        var demanding = new QueueSchema(List.of(FIRST), version + 1);
        String refusal = "Sluice needs version " + (version + 1) + " or later";
        assertThatThrownBy(() -> demanding.applyTo(postgres.dataSource(), SCHEMA))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageStartingWith("the server is PostgreSQL " + version)
                .hasMessageEndingWith(refusal);
        assertThatThrownBy(() -> demanding.verifyIn(postgres.dataSource(), SCHEMA, true))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageEndingWith(refusal);
        new QueueSchema(List.of(FIRST), version).applyTo(postgres.dataSource(), SCHEMA);
    }

    @Test
    void isSplitIntoStatementsWithTheirLines() {
        assertThat(SECOND.steps()).extracting(Migration.Step::line).containsExactly(2, 4);
        assertThat(SECOND.steps().get(1).sql()).startsWith("do $$").endsWith("end $$;");
        assertThatThrownBy(() -> new Migration("004_torn.sql", "select 1;\nselect 2\n").steps())
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("line 2");
    }
}
