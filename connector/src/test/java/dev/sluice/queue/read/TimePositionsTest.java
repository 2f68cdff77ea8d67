package dev.sluice.queue.read;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Bisection finds the position of a time in a partition; compared with a linear search through all segments. */
class TimePositionsTest {
    private static final Instant BEGINNING = Instant.parse("2026-01-01T00:00:00Z");
    private static final int PARTITIONS = 12;
    private static final long SEED = 11;

    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private Connection connection;
    private final List<Instant> times = new ArrayList<>();

    @BeforeEach
    void open() throws SQLException {
        postgres.execute(
                "insert into sluice.queues (name) values ('q'); insert into sluice.consumer_groups"
                        + " (queue_id, name, subscription_mode) select id, g, 'all' from sluice.queues, unnest(array['g1', 'g2']) g");
        var random = new Random(SEED);
        for (int id = 1; id <= PARTITIONS; id++) {
            partition(id, random);
        }
        connection = postgres.dataSource().getConnection();
        connection.setAutoCommit(false);
    }

    @AfterEach
    void close() throws SQLException {
        connection.close();
    }

    /**
     * Makes partitions: the first is empty, the second was cleared, the others have up to 40 segments of up to 3
     * messages, some without their oldest segments.
     */
    private void partition(int id, Random random) {
        long head = 0;
        long tail = 1;
        int segments = id == 1 ? 0 : 1 + random.nextInt(40);
        int trimmed = id == 2 ? segments : id % 3 == 0 ? random.nextInt(segments) : 0;
        Instant at = BEGINNING.plusSeconds(random.nextInt(100));
        for (int i = 0; i < segments; i++) {
            int messages = 1 + random.nextInt(3);
            if (i < trimmed) {
                tail = head + messages + 1;
            } else {
                postgres.execute("insert into sluice.segments"
                        + " (partition_id, first_seq, last_seq, created_at, ids, transaction_ids, payloads, payload_bytes)"
                        + " select " + id + ", " + (head + 1) + ", " + (head + messages) + ", '" + at
                        + "'::timestamptz, array_agg(gen_random_uuid()), array_agg('t'::text), array_agg('1'::text), "
                        + messages
                        + " from generate_series(1, " + messages + ")");
                times.add(at);
            }
            head += messages;
            at = at.plusSeconds(random.nextInt(5)); // Several segments may have the same time.
        }
        postgres.execute("insert into sluice.partitions (id, queue_id, name, head, tail) overriding system value"
                + " select " + id + ", id, 'p" + id + "', " + head + ", " + tail + " from sluice.queues");
    }

    private Map<Long, Long> bySearchingAll(Instant time) throws SQLException {
        return positions("select p.id, coalesce((select min(s.first_seq) - 1 from sluice.segments s"
                + " where s.partition_id = p.id and s.created_at >= '" + time
                + "'), p.head) as position from sluice.partitions p");
    }

    private Map<Long, Long> positions(String query) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(query)) {
            return positions(row);
        }
    }

    private static Map<Long, Long> positions(ResultSet row) throws SQLException {
        var positions = new TreeMap<Long, Long>();
        while (row.next()) {
            assertThat(positions.put(row.getLong("id"), row.getLong("position")))
                    .as("another position of partition %d", row.getLong("id"))
                    .isNull();
        }
        return positions;
    }

    private Map<Long, Long> ofAReader(Instant time) throws SQLException {
        long[] ids = new long[PARTITIONS];
        for (int i = 0; i < PARTITIONS; i++) {
            ids[i] = i + 1;
        }
        try (var statement = new BoundStatement(
                                connection,
                                Statements.read("queue_reader.sql", "sluice").get("positions-at"))
                        .set("partitions", ids)
                        .set("time", time);
                ResultSet row = statement.query()) {
            return positions(row);
        }
    }

    private Map<Long, Long> ofGroup(String group) throws SQLException {
        return positions("select partition_id as id, position from sluice.cursors c join sluice.consumer_groups g"
                + " on g.id = c.group_id where g.name = '" + group + "'");
    }

    @Test
    void areThoseOfAPlainSearch() throws SQLException {
        var boundaries = new ArrayList<Instant>(List.of(BEGINNING.minusSeconds(1), BEGINNING.plusSeconds(1000)));
        for (Instant time : times) {
            boundaries.addAll(List.of(time.minusNanos(1000), time, time.plusNanos(1000)));
        }
        assertThat(times).hasSizeGreaterThan(100);
        Statements.Sql create = Statements.read("registration.sql", "sluice").get("create-cursors");
        for (Instant time : boundaries) {
            Map<Long, Long> expected = bySearchingAll(time);
            assertThat(expected).hasSize(PARTITIONS);
            assertThat(ofAReader(time)).as("reader from %s", time).isEqualTo(expected);
            new BoundStatement(connection, create)
                    .set("groups", new long[] {1, 2})
                    .set("mode", "from")
                    .set("from", time)
                    .execute();
            assertThat(ofGroup("g1")).as("group from %s", time).isEqualTo(expected);
            assertThat(ofGroup("g2")).as("group from %s", time).isEqualTo(expected);
            connection.rollback();
        }
    }
}
