package dev.sluice.work.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.sql.PlanFaults;
import dev.sluice.queue.sql.Statements;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The statements of the engine use indexes, also if the statistics of the server are wrong. */
class PlansTest {
    private static final Path FILES = Path.of("src/main/resources")
            .resolve(PlansTest.class.getPackageName().replace('.', '/'));
    private static final int QUEUES = 1_000;

    /** Accepted faults, as a part of their text. */
    private static final Map<String, String> ACCEPTED = Map.ofEntries(
            Map.entry("outbox.sql waits", "outbox_pkey"),
            Map.entry("outbox.sql peek", "outbox_pkey"),
            Map.entry("outbox.sql take", "outbox_pkey"),
            Map.entry("outbox.sql let-rest", "outbox_pkey"),
            Map.entry("ends.sql cancel-outbox", "outbox_pkey"),
            Map.entry("list.sql outbox", "outbox_pkey"),
            Map.entry("list.sql scheduled", "partitions_queue_id_name_key without name"),
            Map.entry("counts.sql held", "partitions_queue_id_name_key without name"),
            Map.entry("find.sql types", "queues_pkey"),
            Map.entry("find.sql rows", "outbox_pkey"),
            Map.entry("find.sql near", "partitions_queue_id_name_key without name"),
            Map.entry("find.sql anywhere", "partitions_queue_id_name_key without name"),
            Map.entry("unread.sql left", "outbox_pkey|partitions_queue_id_name_key without name"));

    @ParameterizedTest
    @ValueSource(strings = {"never", "when empty", "when filled"})
    void useIndexesWhateverTheStatistics(String analyzed) throws Exception {
        try (TestPostgres postgres = TestPostgres.withSchema().withoutSyncs()) {
            postgres.execute("do $$ declare r record; begin for r in select tablename from pg_tables"
                    + " where schemaname = 'sluice' loop execute format('alter table sluice.%I set"
                    + " (autovacuum_enabled = off)', r.tablename); end loop; end $$");
            if (analyzed.equals("when empty")) {
                postgres.execute("analyze");
            }
            fill(postgres);
            if (analyzed.equals("when filled")) {
                postgres.execute("analyze");
            }
            assertThat(faults(postgres)).isEmpty();
        }
    }

    private static void fill(TestPostgres postgres) {
        String rows = " from generate_series(1, " + QUEUES + ") i";
        postgres.execute("insert into sluice.queues (name) select 'q' || i" + rows
                + "; insert into sluice.consumer_groups (queue_id, name, subscription_mode) select id,"
                + " 'work', 'all' from sluice.queues"
                + "; insert into sluice.partitions (queue_id, name) select id, 'p' from sluice.queues"
                + "; insert into sluice.cursors (group_id, partition_id, lane, position, available_at)"
                + " select g.id, p.id, 2, 0, now() from sluice.partitions p join sluice.consumer_groups g on"
                + " g.queue_id = p.queue_id"
                + "; insert into sluice.segments (partition_id, first_seq, last_seq, ids, transaction_ids,"
                + " payloads, payload_bytes)"
                + " select p.id, 1, 1, array[gen_random_uuid()], array['t'], array['{}'], 2 from sluice.partitions p"
                + "; insert into sluice.work_types (queue) select 'q' || i" + rows
                + "; insert into sluice.work_claims (id, queue_id, partition_id, first_seq, last_seq, closes,"
                + " owner, lease_until)"
                + " select gen_random_uuid(), i, i, 1, 1, false, gen_random_uuid(), now()" + rows
                + "; insert into sluice.work_items (partition_id, seq, queue_id, partition_name, lane,"
                + " message_id, transaction_id,"
                + " payload, created_at, available_at, closes) select i, 1, i, 'p', 2, gen_random_uuid(),"
                + " 't', '{}', now(), now(), false"
                + rows
                + "; insert into sluice.work_limits (queue_id, name, turn, due_at) select i, '=k', 0, now()" + rows
                + "; insert into sluice.work_limit_rules (queue, name, by_operator) select 'q' || i, '*', true" + rows
                + "; insert into sluice.work_lines (partition_id, queue_id, name, lane) select i, i, '=k', 2" + rows
                + "; insert into sluice.work_keys (queue_id, key, payload_hash, message_id)"
                + " select i, 'k', sha256('x'), gen_random_uuid()" + rows
                + "; insert into sluice.work_ends (queue_id, message_id) select i, gen_random_uuid()" + rows
                + "; insert into sluice.work_minutes select i, now(), gen_random_uuid(), 1, 0, 0, 1, 9, '{4}', '{1}'"
                + rows
                + "; insert into sluice.dead_letters (queue_id, partition_id, partition_name, seq, group_name,"
                + " message_id, transaction_id, payload, error, retries, created_at)"
                + " select i, i, 'p', 1, 'work', gen_random_uuid(), 't', '{}', 'e', 0, now()" + rows
                + "; insert into sluice.work_cancels (queue_id, message_id) select i, gen_random_uuid()" + rows
                + "; insert into sluice.work_progress (queue_id, message_id, report) select i, gen_random_uuid(), '{}'"
                + rows
                + "; insert into sluice.work_latest (queue_id, conflates, key, message_id, partition_id, first_at)"
                + " select i, i % 2 = 0, 'k', gen_random_uuid(), i, now()" + rows
                + "; insert into sluice.scheduled (partition_id, due_at, message_id, transaction_id, payload)"
                + " select i, now(), gen_random_uuid(), 't', '{}'" + rows);
    }

    private static TreeSet<String> faults(TestPostgres postgres) throws SQLException, IOException {
        var faults = new TreeSet<String>();
        try (Connection connection = postgres.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            PlanFaults.setUp(statement);
            for (Path file : files()) {
                String name = file.getFileName().toString();
                Statements statements = Statements.read(ClaimRows.class, name, "sluice");
                for (String sql : names(file)) {
                    for (String fault : PlanFaults.of(statement, statements.get(sql))) {
                        String accepted = ACCEPTED.get(name + " " + sql);
                        if (accepted == null
                                || !Pattern.compile(accepted).matcher(fault).find()) {
                            faults.add(name + " " + sql + ": " + fault);
                        }
                    }
                }
            }
        }
        return faults;
    }

    /** Returns the files, without the one whose statements read whole tables on purpose. */
    private static List<Path> files() throws IOException {
        try (Stream<Path> files = Files.list(FILES)) {
            return files.filter(file -> !file.endsWith("orphans.sql")).sorted().toList();
        }
    }

    private static List<String> names(Path file) throws IOException {
        return Files.readAllLines(file).stream()
                .filter(line -> line.startsWith("-- name: "))
                .map(line -> line.substring("-- name: ".length()).strip())
                .toList();
    }
}
