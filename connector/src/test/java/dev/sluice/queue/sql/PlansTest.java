package dev.sluice.queue.sql;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The plans of the statements do not depend on the statistics of the server. The test plans every statement of every
 * file for unknown parameters and for lists of one and of thousands, on tables of {@value #QUEUES} queues whose
 * statistics are missing or wrong.
 */
class PlansTest {
    private static final int QUEUES = 4_000;

    /** Statements that read whole tables, or all of a queue or group, on purpose; by file. */
    private static final Map<String, Set<String>> READ_ALL = Map.ofEntries(
            Map.entry("queues.sql", Set.of("partitions")),
            Map.entry("consumer_groups.sql", Set.of("groups", "group-partitions", "lagging")),
            Map.entry("dead_letters.sql", Set.of("dead-letters", "count-dead-letters", "newest-dead-letter")),
            Map.entry("error_groups.sql", Set.of("groups", "count-without-shape")),
            Map.entry("dead_letter_jobs.sql", Set.of("one-snapshot", "claim")), // All jobs that are open.
            Map.entry("retention.sql", Set.of("queues-with-limits")),
            Map.entry("unused_rows.sql", Set.of("delete-offsets-of-old-epochs", "delete-pending-subscriptions")),
            Map.entry("shared_switches.sql", Set.of("switches-on")),
            Map.entry(
                    "queue_overview.sql",
                    Set.of(
                            "queues",
                            "consumed-by-queue",
                            "lag",
                            "leases",
                            "dead-letter-errors",
                            "dead-letter-count",
                            "partition-numbers",
                            "partitions",
                            "sums",
                            "totals")),
            Map.entry(
                    "stored_messages.sql",
                    Set.of(
                            "leaves-out-partitions",
                            "messages",
                            "dead-messages",
                            "named-groups",
                            "message",
                            "groups-of-message")), // Of one message, in all groups.
            Map.entry("queue_reader.sql", Set.of("queues", "partitions")),
            Map.entry("traces.sql", Set.of("names", "count-names", "prune")),
            Map.entry("minute_counters.sql", Set.of("partitions-created", "prune", "prune-samples")));

    /** The statements of these files read the server's own tables and views, or whole tables of the queue. */
    private static final Set<String> NOT_BY_INDEX = Set.of(
            "outcomes.sql",
            "queue_schema.sql",
            "schema_copy.sql",
            "schema_rights.sql",
            "server_statistics.sql",
            "write_test.sql");

    /** Accepted faults, as a part of their text, of statements that work on whole queues, groups or sources. */
    private static final Map<String, String> ACCEPTED = Map.ofEntries(
            Map.entry("dead_letters.sql next-dead-letters", "of queues"), // Once for ten thousand letters.
            Map.entry("queue_tail.sql heads", "without name"), // All partitions of a queue.
            Map.entry("queues.sql change-lanes", "without name"),
            Map.entry("queues.sql change-lanes-of-cursors", "without partition_id"),
            Map.entry("queues.sql delete-cursors", "without name"),
            Map.entry("queues.sql delete-partitions", "without name"),
            Map.entry("consumer_groups.sql delete-group-cursors", "without partition_id"),
            Map.entry("queues.sql lock-partitions-for-deletion", "without name"),
            Map.entry("stored_offsets.sql forget-offsets", "without"),
            Map.entry("push_rules.sql push-rules", "Seq Scan of queues|without name"),
            Map.entry("retention.sql expired", "compares pairs: \\(s.created_at <= GREATEST"), // Of one row each.
            Map.entry("registration.sql create-cursors", "without name"),
            Map.entry("registration.sql lock-partitions-of-groups", "without name"),
            Map.entry("ready_cursors.sql ready-across", "of queues"),
            Map.entry("ready_cursors.sql next-ready-across", "of queues"),
            Map.entry("registration.sql unregistered-across", "of queues"),
            Map.entry("item_lanes.sql raise-items", "work_items_pkey without seq"), // At most one lets nothing pass.
            Map.entry(
                    "partition_creation.sql register-pending", "without name|pending_subscriptions_across|w.namespace"),
            Map.entry("parking.sql parked-queues", "reads all of parked_pkey"), // Until the first row.
            Map.entry("traces.sql by-name", "of trace_names"), // In the order of time, until the page is full.
            Map.entry("streams.sql drop-state", "of stream_state"));

    /** The statistics that the server has of its tables. */
    enum Statistics {
        NEVER_ANALYZED {
            @Override
            void make(TestPostgres postgres) {
                fill(postgres, 1, QUEUES, QUEUES);
            }
        },
        ANALYZED_WHEN_EMPTY {
            @Override
            void make(TestPostgres postgres) {
                postgres.execute("analyze");
                fill(postgres, 1, QUEUES, QUEUES);
            }
        },
        ANALYZED_WHEN_EMPTIED {
            @Override
            void make(TestPostgres postgres) {
                fill(postgres, 1, 3, 3);
                postgres.execute(
                        "delete from sluice.cursors; delete from sluice.consumer_groups; delete from sluice.queues;"
                                + " delete from sluice.partitions; delete from sluice.segments; delete from sluice.scheduled;"
                                + " delete from sluice.dead_letters; delete from sluice.deletions; analyze");
                fill(postgres, 10, QUEUES, QUEUES);
            }
        },
        ANALYZED_WITH_ONE_PARTITION_A_QUEUE {
            @Override
            void make(TestPostgres postgres) {
                fill(postgres, 1, QUEUES, 0);
                postgres.execute("analyze");
                partitions(postgres, 1, 3 * QUEUES);
            }
        },
        ANALYZED_WITH_ONE_HUGE_QUEUE {
            @Override
            void make(TestPostgres postgres) {
                fill(postgres, 1, QUEUES, 3 * QUEUES);
                postgres.execute("analyze");
            }
        };

        abstract void make(TestPostgres postgres);
    }

    private static void fill(TestPostgres postgres, int firstQueue, int queues, int inFirst) {
        postgres.execute("insert into sluice.queues (id, name) overriding system value"
                + " select i, 'q' || i from generate_series(" + firstQueue + ", " + (firstQueue + queues - 1) + ") i;"
                + " insert into sluice.consumer_groups (id, queue_id, name, subscription_mode) overriding system value"
                + " select id, id, '__QUEUE_MODE__', 'all' from sluice.queues;"
                + " insert into sluice.partitions (queue_id, name) select id, 'Default' from sluice.queues;"
                + " insert into sluice.pending_subscriptions (queue_name, group_name) select 'p' || i, 'g' from generate_series(1, "
                + queues + ") i on conflict do nothing;");
        rest(postgres);
        if (inFirst > 0) {
            partitions(postgres, firstQueue, inFirst);
        }
    }

    private static void partitions(TestPostgres postgres, int queue, int count) {
        postgres.execute("insert into sluice.partitions (queue_id, name) select " + queue
                + ", 'p' || i from generate_series(1, " + count + ") i");
        rest(postgres);
    }

    private static void rest(TestPostgres postgres) {
        postgres.execute("insert into sluice.cursors (group_id, partition_id, lane, position, available_at)"
                + " select p.queue_id, p.id, 2, 0, case when p.id % 2 = 0 then now() end from sluice.partitions p"
                + " on conflict do nothing;"
                + " insert into sluice.segments (partition_id, first_seq, last_seq, ids, transaction_ids, payloads, payload_bytes)"
                + " select p.id, 1, 1, array[gen_random_uuid()], array['t'], array['{}'], 2 from sluice.partitions p"
                + " on conflict do nothing;"
                + " insert into sluice.scheduled (partition_id, due_at, message_id, transaction_id, payload)"
                + " select p.id, now(), gen_random_uuid(), 't', '{}' from sluice.partitions p where p.id % 5 = 0;"
                + " insert into sluice.dead_letters (queue_id, partition_id, partition_name, seq, group_name, message_id,"
                + " transaction_id, payload, error, retries, created_at) select p.queue_id, p.id, p.name, 1, 'g',"
                + " gen_random_uuid(), 't', '{}', '', 0, now() from sluice.partitions p where p.id % 5 = 0;"
                + " insert into sluice.deletions (partition_id) select p.id from sluice.partitions p where p.id % 5 = 0"
                + " on conflict do nothing");
    }

    @ParameterizedTest
    @EnumSource(Statistics.class)
    void useIndexesWhateverTheStatistics(Statistics statistics) throws SQLException, IOException {
        try (TestPostgres postgres = TestPostgres.withSchema().withoutSyncs()) {
            requireIndexes(postgres, statistics);
        }
    }

    /** The planner of the oldest server knows less. */
    @ParameterizedTest
    @EnumSource(names = {"ANALYZED_WHEN_EMPTIED", "ANALYZED_WITH_ONE_PARTITION_A_QUEUE"})
    void useIndexesOnTheOldestServerToo(Statistics statistics) throws SQLException, IOException {
        try (TestPostgres postgres = TestPostgres.emptyOnOldest().withoutSyncs()) {
            QueueSchema.apply(postgres.dataSource(), "sluice");
            requireIndexes(postgres, statistics);
        }
    }

    private static void requireIndexes(TestPostgres postgres, Statistics statistics) throws SQLException, IOException {
        postgres.execute(
                "do $$ declare r record; begin for r in select tablename from pg_tables where schemaname = 'sluice'"
                        + " loop execute format('alter table sluice.%I set (autovacuum_enabled = off)', r.tablename); end loop; end $$");
        statistics.make(postgres);
        var faults = new TreeSet<String>();
        try (Connection connection = postgres.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            PlanFaults.setUp(statement);
            for (String file : files()) {
                Statements statements = Statements.read(file, "sluice");
                for (String name : statements.names()) {
                    if (READ_ALL.getOrDefault(file, Set.of()).contains(name)) {
                        continue;
                    }
                    try {
                        for (String fault : PlanFaults.of(statement, statements.get(name))) {
                            String accepted = ACCEPTED.get(file + " " + name);
                            if (accepted == null
                                    || !Pattern.compile(accepted).matcher(fault).find()) {
                                faults.add(file + " " + name + ": " + fault);
                            }
                        }
                    } catch (SQLException e) {
                        throw new SQLException("could not plan " + file + " " + name, e);
                    }
                }
            }
        }
        assertThat(faults).isEmpty();
    }

    private static List<String> files() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("src/main/resources/dev/sluice/queue/sql"))) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".sql") && !NOT_BY_INDEX.contains(name))
                    .sorted()
                    .toList();
        }
    }
}
