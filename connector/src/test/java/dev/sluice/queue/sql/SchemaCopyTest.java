package dev.sluice.queue.sql;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.Message;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.view.Traces;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.queue.write.SourcePartition;
import dev.sluice.queue.write.SourceProgress;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class SchemaCopyTest {
    private static final String OTHER = "o\"ther schema";

    private final List<String> seen = new ArrayList<>();
    private final SchemaCopy.Progress progress = new SchemaCopy.Progress() {
        @Override
        public void table(String name, int number, int count) {
            seen.add(number + "/" + count + " " + name);
        }

        @Override
        public void copied(long bytes) {
            assertThat(bytes).isPositive();
        }
    };

    @AutoClose
    private final AdministrationFixture fixture = new AdministrationFixture();

    @AutoClose
    private final TestPostgres target = TestPostgres.empty();

    /** Inserts at least a row into every table. */
    private void fill() throws SQLException {
        fixture.configure(QueueOptions.DEFAULTS.toBuilder().priority(20));
        fixture.pushOneByOne(1, 5);
        fixture.push(NewMessage.builder(UUID.randomUUID(), "q", "p", "later", new byte[] {'1'})
                .producerSub("me")
                .delay(Duration.ofHours(1))
                .build());
        fixture.writer.write(
                List.of(message("q2", "p", "x", "\"\\u0000 \u20ac\"")),
                List.of(new SourceProgress(new SourcePartition("log", "topic", 0), SourceProgress.NONE, 3)));
        PopResult popped = fixture.pop("g", 3);
        fixture.acknowledge("g", popped, Verdict.DLQ, "t1");
        fixture.acknowledge("g", popped, Verdict.COMPLETED, "t3");
        fixture.queues.delete("q2"); // Leaves a row in deletions.
        var fresh = List.of(new PopRequest(1, 1, false, Subscription.NEW));
        fixture.queue.pop(new PopTarget("absent", null, "g"), fresh);
        fixture.queue.pop(new PopTarget(new PopTarget.Across("ns", null), "g"), fresh);
        var traces = new Traces(fixture.postgres.dataSource(), "sluice", PayloadCipher.NONE);
        traces.add(fixture.partition("p"), "t2", "g", "info", "1", List.of("name"));
        fixture.postgres.execute("insert into sluice.minute_counters (bucket, queue, worker) values (now(), 'q', 'w');"
                + "insert into sluice.minute_samples values (now(), 'w', 1, '{a}', '{1}', '{1}', '{1}', '{1}');"
                + "insert into sluice.state (key, value) values ('k', '{\"enabled\": true}');"
                + "insert into sluice.stream_queries (name, source_queue, config_hash) values ('s', 'q', 'h');"
                + "insert into sluice.parked (queue, partition, message_id, transaction_id, generated_id, payload)"
                + " values ('q', 'p', gen_random_uuid(), 't', false, '{}');"
                + "insert into sluice.transaction_id_hashes values (1, 0, 0, 9, '{1}', '{1}');"
                + "insert into sluice.stream_state (partition_id, query_id, key, value) values (1, 1, 'k', '1');"
                + "insert into sluice.work_types (queue) values ('work.t');"
                + "insert into sluice.work_claims (id, queue_id, partition_id, first_seq, last_seq, done,"
                + " closes, owner,"
                + " lease_until) values (gen_random_uuid(), 1, 1, 1, 3, '{[2,2]}', false, gen_random_uuid(), now());"
                + "insert into sluice.work_items (partition_id, seq, queue_id, partition_name, lane,"
                + " message_id, transaction_id,"
                + " payload, created_at, available_at, closes) values (1, 4, 1, 'p', 2, gen_random_uuid(),"
                + " 't', '1', now(), now(),"
                + " true);"
                + "insert into sluice.work_limits (queue_id, name, running, tokens, refilled_at, served, turn, due_at)"
                + " values (1, '=acme', 2, 0.5, now(), 7, 7, now());"
                + "insert into sluice.work_limit_rules (queue, name, by_operator, rate, period_ms, burst)"
                + " values ('work.t', '*', true, 1, 1000, 1);"
                + "insert into sluice.work_lines (partition_id, queue_id, name, lane) values (1, 1, '=acme', 2);"
                + "insert into sluice.work_keys (queue_id, key, payload_hash, message_id)"
                + " values (1, 'k', sha256('x'), gen_random_uuid());"
                + "insert into sluice.work_cancels (queue_id, message_id) values (1, gen_random_uuid());"
                + "insert into sluice.work_ends (queue_id, message_id) values (1, gen_random_uuid());"
                + "insert into sluice.work_minutes values (1, now(), gen_random_uuid(), 1, 0, 0, 1, 9, '{4}', '{1}');"
                + "insert into sluice.dead_letter_jobs (action, letters, last_letter, total)"
                + " values ('delete', '{1,2}', 2, 2);"
                + "insert into sluice.work_progress (queue_id, message_id, report) values (1, gen_random_uuid(), '{}');"
                + "insert into sluice.work_latest (queue_id, conflates, key, message_id, partition_id, first_at)"
                + " values (1, true, 'k', gen_random_uuid(), 1, now());"
                + "insert into sluice.work_outbox (queue, partition, message_id, payload, lane)"
                + " values ('work.t', 'p', gen_random_uuid(), '1', 2)");
        fillEndpointsAndSchedules();
    }

    private void fillEndpointsAndSchedules() {
        fixture.postgres.execute("insert into sluice.endpoints"
                + " (id, url, queues, format, concurrency, timeout_ms, retry_waits_ms, starts_at)"
                + " values ('e', 'https://example.com', '{q*}', 'plain', 1, 1000, '{1}', now());"
                + "insert into sluice.endpoint_secrets (endpoint_id, secret) values ('e', '\"s\"');"
                + "insert into sluice.endpoint_attempts"
                + " (endpoint_id, work_id, number, began_at, took_ms, url, outcome)"
                + " values ('e', gen_random_uuid(), 1, now(), 5, 'https://example.com', 'failed');"
                + "insert into sluice.notices (kind, subject) values ('backlog', 'q');"
                + "insert into sluice.notice_checks (kind) values ('backlog');"
                + "insert into sluice.schedules (name, kind, expression, zone, starts_at, missed, queue,"
                + " is_work, lane, payload, from_file)"
                + " values ('s', 'every', 'PT1H', 'UTC', now(), 'skip', 'q', false, 2, '1', false)");
    }

    private Map<String, Long> copy(String schema, String replace, Set<String> leftOut) throws Exception {
        try (Connection from = fixture.postgres.dataSource().getConnection();
                Connection to = target.dataSource().getConnection()) {
            var copy = new SchemaCopy(from, "sluice", to, schema);
            copy.prepare(replace);
            return copy.run(leftOut, progress);
        }
    }

    private static List<String> all(TestPostgres database, String schema, String table) {
        return database.query(
                "select t::text from \"" + schema.replace("\"", "\"\"") + "\"." + table + " t order by 1");
    }

    @Test
    void knowsAllTables() throws SQLException {
        try (Connection connection = fixture.postgres.dataSource().getConnection()) {
            var known = new TreeSet<>(SchemaCopy.TABLES);
            known.add("migrations");
            assertThat(SchemaCopy.tables(connection, "sluice")).isEqualTo(known);
        }
    }

    @Test
    void copiesEveryTableWhateverTheNameOfTheSchema() throws Exception {
        fill();
        Map<String, Long> rows = copy(OTHER, "", Set.of());
        assertThat(rows.keySet()).containsExactlyElementsOf(SchemaCopy.TABLES);
        for (String table : SchemaCopy.TABLES) {
            assertThat(rows.get(table)).as(table).isPositive();
            assertThat(all(target, OTHER, table)).as(table).isEqualTo(all(fixture.postgres, "sluice", table));
        }
        assertThat(seen).hasSize(SchemaCopy.TABLES.size()).startsWith("1/" + SchemaCopy.TABLES.size() + " queues");
        QueueSchema.verify(target.dataSource(), OTHER);
    }

    @Test
    void makesAQueueThatWorks() throws Exception {
        fill();
        copy("sluice", "", Set.of());
        var queue = new Queue(target.dataSource(), new QueueConfig("sluice"));
        try (var writer = new QueueWriter(target.dataSource(), QueueWriterConfig.DEFAULTS)) {
            List<PushOutcome> outcomes = writer.write(
                    List.of(message("p", "t5"), message("p", "t6"), message("q3", "p", "new", "1")),
                    List.of(new SourceProgress(new SourcePartition("log", "topic", 0), 3, 4)));
            assertThat(outcomes.get(0)).isInstanceOf(PushOutcome.Duplicate.class);
            assertThat(outcomes.get(1))
                    .isInstanceOfSatisfying(
                            PushOutcome.Queued.class,
                            queued -> assertThat(queued.seq()).isEqualTo(6));
        }
        target.execute("update sluice.cursors set available_at = now() where lease_id is not null");
        PopResult popped = queue.pop(
                        new PopTarget("q", null, "g"), List.of(new PopRequest(9, 9, false, Subscription.ALL)))
                .get(0);
        assertThat(popped.messages()).extracting(Message::transactionId).containsExactly("t2", "t4", "t5", "t6");
    }

    @Test
    void leavesOutTheOptionalTables() throws Exception {
        fill();
        Map<String, Long> rows = copy("sluice", "", SchemaCopy.optional());
        assertThat(rows.get("dead_letters")
                        + rows.get("traces")
                        + rows.get("trace_names")
                        + rows.get("minute_counters")
                        + rows.get("minute_samples"))
                .isZero();
        assertThat(rows.get("segments")).isPositive();
    }

    @Test
    void refusesATargetThatIsNotEmptyUnlessItIsNamed() throws Exception {
        fill();
        copy("sluice", "", Set.of());
        List<String> before = all(target, "sluice", "segments");
        fixture.pushOneByOne(6, 6);
        for (String replace : List.of("", "other", "SLUICE")) {
            assertThatThrownBy(() -> copy("sluice", replace, Set.of()))
                    .isInstanceOf(SchemaCopy.RefusedException.class)
                    .hasMessageContaining("replaceSchema");
        }
        assertThat(all(target, "sluice", "segments")).isEqualTo(before);
        copy("sluice", "sluice", Set.of());
        assertThat(all(target, "sluice", "segments")).isEqualTo(all(fixture.postgres, "sluice", "segments"));
    }

    @Test
    void usesAnExistingSchemaOnlyIfItIsEmpty() throws Exception {
        fill();
        QueueSchema.apply(target.dataSource(), "sluice");
        assertThat(copy("sluice", "", Set.of())).isNotEmpty();
        target.execute("create schema mine; create table mine.notes (text text)");
        assertThatThrownBy(() -> copy("mine", "", Set.of())).isInstanceOf(SchemaCopy.RefusedException.class);
        assertThat(target.query("select count(*) from mine.notes")).containsExactly("0");
    }

    @Test
    void neverCopiesASchemaOntoItself() throws Exception {
        fill();
        try (Connection from = fixture.postgres.dataSource().getConnection();
                Connection to = fixture.postgres.dataSource().getConnection()) {
            assertThatThrownBy(() -> new SchemaCopy(from, "sluice", to, "sluice").prepare("sluice"))
                    .isInstanceOf(SchemaCopy.RefusedException.class)
                    .hasMessageContaining("the schema that this service uses");
        }
        assertThat(fixture.one("select count(*) from sluice.queues")).isEqualTo("1");
    }

    @Test
    void doesNotChangeTheTargetIfItFails() throws Exception {
        fill();
        copy("sluice", "", Set.of());
        List<String> before = all(target, "sluice", "queues");
        fixture.push(message("another", "p", "x", "1"));
        try (Connection from = fixture.postgres.dataSource().getConnection();
                Connection to = target.dataSource().getConnection()) {
            var copy = new SchemaCopy(from, "sluice", to, "sluice");
            copy.prepare("sluice");
            assertThatThrownBy(() -> copy.run(Set.of(), new SchemaCopy.Progress() {
                        @Override
                        public void table(String name, int number, int count) {
                            if (name.equals("traces")) {
                                throw new IllegalStateException("stopped");
                            }
                        }

                        @Override
                        public void copied(long bytes) {}
                    }))
                    .hasMessage("stopped");
        }
        assertThat(all(target, "sluice", "queues")).isEqualTo(before);
    }

    @Test
    void comparesTheRowsOfEachTable() throws Exception {
        fill();
        copy("sluice", "", Set.of());
        fixture.push(message("another", "p", "x", "1"));
        try (Connection from = fixture.postgres.dataSource().getConnection();
                Connection to = target.dataSource().getConnection()) {
            List<SchemaCopy.Count> counts = new SchemaCopy(from, "sluice", to, "sluice").compare();
            assertThat(counts).hasSize(SchemaCopy.TABLES.size());
            assertThat(counts.get(0)).isEqualTo(new SchemaCopy.Count("queues", 2, 1));
            assertThat(counts).contains(new SchemaCopy.Count("dead_letters", 1, 1));
        }
    }
}
