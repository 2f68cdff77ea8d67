package dev.sluice.queue.write;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.queue.AnswerCounter;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.write.DedupWindow.CachedIds;
import dev.sluice.queue.write.DedupWindow.Locked;
import dev.sluice.queue.write.SeenSegments.Ahead;
import dev.sluice.queue.write.SeenSegments.Wanted;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How a writer reads the transaction ids that it does not remember. */
class SeenSegmentsTest extends WriterFixture {
    private static final Duration HOUR = Duration.ofHours(1);

    private static List<NewMessage> toPartitions(int from, int to, String transactionId) {
        return IntStream.range(from, to)
                .mapToObj(p -> message("p" + p, transactionId))
                .toList();
    }

    private HikariDataSource through(AnswerCounter counter) {
        var pool = new HikariDataSource();
        pool.setJdbcUrl(counter.url());
        pool.setUsername("postgres");
        pool.setMaximumPoolSize(1);
        return pool;
    }

    /** Four waits without ids to read (see FlushOpeningTest), and one more for each 256 rows. */
    @ParameterizedTest
    @CsvSource({"1, 5", "2, 5", "250, 5", "1000, 8"})
    void aBatchAsksOnceForTheIdsOfAllItsPartitions(int partitions, int waits) {
        try (var counter = new AnswerCounter(postgres.url());
                var pool = through(counter);
                var counted = new QueueWriter(pool, QueueWriterConfig.DEFAULTS)) {
            counted.write(toPartitions(0, partitions, "first"), List.of());
            for (int i = 0; i < 7; i++) {
                writer.write(toPartitions(0, partitions, "other" + i), List.of());
                counter.take();
                counted.write(toPartitions(0, partitions, "t" + i), List.of());
            }
            assertThat(counter.take()).isEqualTo(waits);
        }
    }

    @Test
    void aBatchAsksOnceForTheIdsOfPartitionsThatWereEvicted() {
        try (var counter = new AnswerCounter(postgres.url());
                var pool = through(counter);
                var counted = new QueueWriter(pool, QueueWriterConfig.DEFAULTS, 64)) {
            int waits = 0;
            for (int round = 0; round < 5; round++) {
                for (int from = 0; from < 200; from += 50) {
                    counter.take();
                    counted.write(toPartitions(from, from + 50, "t" + round), List.of());
                    waits = counter.take();
                }
            }
            assertThat(waits).isEqualTo(5);
            assertThat(counted.write(toPartitions(0, 200, "t0"), List.of()))
                    .hasOnlyElementsOfType(PushOutcome.Duplicate.class);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {SeenSegments.MAX_PARTITIONS, SeenSegments.MAX_PARTITIONS + 1})
    void aWriterThatRemembersNothingFindsEachDuplicateOfALargeBatch(int partitions) {
        for (int i = 0; i < 3; i++) {
            writer.write(toPartitions(0, partitions, "t" + i), List.of());
        }
        for (int i = 0; i < 3; i++) {
            try (var another = writer()) {
                assertThat(another.write(toPartitions(0, partitions, "t" + i), List.of()))
                        .hasOnlyElementsOfType(PushOutcome.Duplicate.class);
            }
        }
    }

    /** Inserts a segment, as another writer would. The id at seq s is {@code t<s>}. */
    private void segment(long partition, long first, long last, String age) {
        postgres.execute("insert into sluice.segments (partition_id, first_seq, last_seq, created_at, ids,"
                + " transaction_ids, payloads, payload_bytes) select " + partition + ", " + first + ", " + last
                + ", now() - interval '" + age + "', array_agg(gen_random_uuid()), array_agg('t' || s order by s),"
                + " array_agg('{}'::text), 2 from generate_series(" + first + ", " + last + ") s");
    }

    @Test
    void readsAPartitionByItselfIfItHasMoreIdsThanItsPartOfTheBound() throws SQLException {
        int part = SeenSegments.IDS_AHEAD / 2;
        segment(1, 1, part, "0");
        segment(2, 1, 1, "0");
        segment(2, 2, part + 1, "0");
        var segments = new SeenSegments("sluice");
        var whole = new Wanted(1, 0, Long.MAX_VALUE, HOUR);
        var tooMany = new Wanted(2, 0, Long.MAX_VALUE, HOUR);
        try (Connection connection = postgres.dataSource().getConnection()) {
            connection.setAutoCommit(false);
            Ahead ahead = segments.readAhead(connection, List.of(whole, tooMany));
            postgres.execute("delete from sluice.segments where first_seq > 1 or partition_id = 1");
            assertThat(segments.read(connection, whole, ahead).ids()).isEqualTo(part);
            assertThat(segments.read(connection, tooMany, ahead).ids())
                    .as("what is left in the table")
                    .isEqualTo(1);
            connection.rollback();
        }
    }

    @Test
    void readsAheadForABoundedNumberOfPartitions() throws SQLException {
        var segments = new SeenSegments("sluice");
        var wanted = new ArrayList<Wanted>();
        for (int p = 1; p <= SeenSegments.MAX_PARTITIONS; p++) {
            wanted.add(new Wanted(p, 0, 10, HOUR));
        }
        try (Connection connection = postgres.dataSource().getConnection()) {
            connection.setAutoCommit(false);
            segment(7, 1, 3, "0");
            Ahead ahead = segments.readAhead(connection, wanted);
            assertThat(segments.read(connection, wanted.get(6), ahead).ids()).isEqualTo(3);
            wanted.add(new Wanted(wanted.size() + 1L, 0, 10, HOUR));
            assertThatThrownBy(() -> segments.readAhead(connection, wanted))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("1001 partitions, of at most 1000");
            connection.rollback();
        }
    }

    /** Two caches with the same bounds and the same clock: one reads ahead, one reads each partition by itself. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void whatIsReadAheadIsWhatWouldBeReadOneByOne(long seed) throws SQLException {
        var random = new Random(seed);
        var now = new long[] {1};
        int maxIds = 40 + random.nextInt(400);
        var together = new DedupWindow(maxIds, 12, "sluice", () -> now[0], new Random(seed));
        var oneByOne = new DedupWindow(maxIds, 12, "sluice", () -> now[0], new Random(seed));
        Map<Long, Long> heads = new HashMap<>();
        try (Connection connection = postgres.dataSource().getConnection()) {
            connection.setAutoCommit(false);
            for (int step = 0; step < 60; step++) {
                now[0] += random.nextBoolean() ? HOUR.toNanos() / 20 : 1;
                var ids = new ArrayList<>(LongStream.rangeClosed(1, 15).boxed().toList());
                Collections.shuffle(ids, random);
                var locked = new ArrayList<Locked>();
                for (long partition : ids.subList(0, 2 + random.nextInt(8))) {
                    locked.add(new Locked(partition, extend(random, heads, partition), HOUR));
                }
                Ahead ahead = together.readAhead(connection, locked);
                oneByOne.readAhead(connection, locked); // Begins the flush; what it reads is not used.
                for (Locked each : locked) {
                    CachedIds known = together.catchUp(connection, each, ahead);
                    CachedIds expected = oneByOne.catchUp(connection, each, Ahead.NOTHING);
                    for (long seq = 1; seq <= each.head(); seq++) {
                        long hash = SeenIds.hash("t" + seq);
                        assertThat(known.seqsOf(hash))
                                .as("seed %s, step %s, partition %s, seq %s", seed, step, each.partitionId(), seq)
                                .containsExactly(expected.seqsOf(hash));
                    }
                }
                assertThat(together.size()).isEqualTo(oneByOne.size()).isLessThanOrEqualTo(maxIds);
                connection.rollback();
            }
        }
    }

    /** Adds up to three segments to a partition, and returns its head. */
    private long extend(Random random, Map<Long, Long> heads, long partition) {
        long head = heads.getOrDefault(partition, 0L);
        if (random.nextInt(10) == 0) {
            postgres.execute("update sluice.segments set created_at = created_at - interval '2 hours'"
                    + " where partition_id = " + partition);
        }
        for (int i = random.nextInt(4); i > 0; i--) {
            int size = 1 + random.nextInt(random.nextInt(5) == 0 ? 60 : 5);
            segment(partition, head + 1, head + size, "0");
            head += size;
        }
        heads.put(partition, head);
        return head;
    }
}
