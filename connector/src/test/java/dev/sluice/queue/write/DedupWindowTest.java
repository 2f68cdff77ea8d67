package dev.sluice.queue.write;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.DedupWindow.CachedIds;
import dev.sluice.queue.write.DedupWindow.Locked;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a writer caches of transaction ids if there are more than its bounds allow. The id at seq s is {@code t<s>}. */
class DedupWindowTest {
    private static final Duration HOUR = Duration.ofHours(1);
    private static final int MAX_IDS = 1000;

    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private Connection connection;
    private long now = 1;
    private DedupWindow window;

    @BeforeEach
    void open() throws SQLException {
        connection = postgres.dataSource().getConnection();
        connection.setAutoCommit(false);
        window = new DedupWindow(MAX_IDS, DedupWindow.partitionsFor(MAX_IDS), "sluice", () -> now);
    }

    @AfterEach
    void close() throws SQLException {
        connection.rollback();
        connection.close();
    }

    /** Inserts segments of ten messages, as another writer would. */
    private void segments(long partition, long from, long to) {
        postgres.execute(
                "insert into sluice.segments (partition_id, first_seq, last_seq, ids, transaction_ids, payloads, payload_bytes)"
                        + " select " + partition
                        + ", f, f + 9, array(select gen_random_uuid() from generate_series(0, 9)),"
                        + " array(select 't' || s from generate_series(f, f + 9) s), array_fill('{}'::text, array[10]), 20"
                        + " from generate_series(" + from + ", " + to + ", 10) f");
    }

    private CachedIds catchUp(long partition, long head) throws SQLException {
        return window.catchUp(connection, new Locked(partition, head, HOUR), SeenSegments.Ahead.NOTHING);
    }

    private void letPass(Duration time) {
        now += time.toNanos();
    }

    private static boolean knows(CachedIds known, long seq) {
        return LongStream.of(known.seqsOf(SeenIds.hash("t" + seq))).anyMatch(each -> each == seq);
    }

    @Test
    void keepsTheNewestIdsOfPartitionsInUseAndAllOfTheSmallOnes() throws SQLException {
        segments(1, 1, 20);
        catchUp(1, 20);
        for (long partition = 2; partition <= 5; partition++) {
            segments(partition, 1, 400);
            catchUp(partition, 400);
            assertThat(window.size()).isBetween(1L, (long) MAX_IDS);
        }
        postgres.execute("delete from sluice.segments"); // From here on, nothing can be read again.
        assertThat(knows(catchUp(1, 20), 1)).isTrue();
        for (long partition = 2; partition <= 5; partition++) {
            CachedIds known = catchUp(partition, 400);
            assertThat(knows(known, 400)).isTrue();
            assertThat(knows(known, 400 - 150)).isTrue();
            assertThat(knows(known, 1)).isFalse();
        }
    }

    @Test
    void readsOnlyAsManyIdsAsItHasRoomForWhileAllPartitionsAreInUse() throws SQLException {
        for (long partition = 1; partition <= 10; partition++) {
            segments(partition, 1, 400);
            catchUp(partition, 400);
        }
        segments(11, 1, 400);
        CachedIds known = catchUp(11, 400);
        assertThat(knows(known, 400)).isTrue();
        assertThat(knows(known, 1)).isFalse();
    }

    @Test
    void evictsUnusedPartitionsFirstAndReadsThemAgain() throws SQLException {
        segments(1, 1, 600);
        segments(2, 1, 600);
        catchUp(1, 600);
        letPass(HOUR.dividedBy(8).plusNanos(1));
        assertThat(knows(catchUp(2, 600), 1)).isTrue();
        assertThat(window.partitions()).isEqualTo(1);
        letPass(HOUR.dividedBy(8).plusNanos(1));
        assertThat(knows(catchUp(1, 600), 1)).isTrue();
        assertThat(window.size()).isEqualTo(600);
    }

    @Test
    void readsIdsOfOtherWritersAsFarAsThereIsRoomForACachedPartition() throws SQLException {
        for (long partition = 1; partition <= 10; partition++) {
            segments(partition, 1, 400);
            catchUp(partition, 400);
        }
        for (long partition = 2; partition <= 10; partition++) {
            window.forget(partition);
        }
        segments(1, 401, 900);
        assertThat(knows(catchUp(1, 900), 401)).isTrue();
    }

    @Test
    void readsAllIdsAgainIfTheBoundWasExceededLongAgo() throws SQLException {
        for (long partition = 1; partition <= 10; partition++) {
            segments(partition, 1, 400);
            catchUp(partition, 400);
        }
        letPass(HOUR.dividedBy(8).plusNanos(1));
        segments(11, 1, 400);
        assertThat(knows(catchUp(11, 400), 1)).isTrue();
        segments(12, 1, 400);
        assertThat(knows(catchUp(12, 400), 1))
                .as("others were idle, and were evicted")
                .isTrue();
    }

    @Test
    void readsCutIdsAgainOnceThereHasBeenRoomForAWhile() throws SQLException {
        for (long partition = 1; partition <= 10; partition++) {
            segments(partition, 1, 400);
            catchUp(partition, 400);
        }
        assertThat(knows(catchUp(1, 400), 1)).isFalse();
        letPass(HOUR.dividedBy(8).plusNanos(1));
        assertThat(knows(catchUp(1, 400), 1)).isTrue();
        assertThat(knows(catchUp(2, 400), 1)).isTrue();
        postgres.execute("delete from sluice.segments");
        assertThat(knows(catchUp(1, 400), 1)).as("once").isTrue();
    }

    @Test
    void readsAtMostTheBoundOfIdsOfOtherWriters() throws SQLException {
        segments(1, 1, 10);
        catchUp(1, 10);
        segments(1, 11, 5000);
        CachedIds known = catchUp(1, 5000);
        assertThat(window.size()).isLessThanOrEqualTo(MAX_IDS);
        assertThat(knows(known, 5000)).isTrue();
        assertThat(knows(known, 4100)).isTrue();
        assertThat(knows(known, 1)).isFalse();
        postgres.execute("delete from sluice.segments");
        letPass(HOUR.dividedBy(9));
        assertThat(knows(catchUp(1, 5000), 5000))
                .as("it is not read again at every use, although there is more of it")
                .isTrue();
    }

    @Test
    void readsIdsOfOtherWritersWithinTheWindow() throws SQLException {
        segments(1, 1, 10);
        CachedIds before = catchUp(1, 10);
        assertThat(knows(before, 10)).isTrue();
        segments(1, 11, 20);
        postgres.execute("update sluice.segments set created_at = now() - interval '61 minutes'");
        segments(1, 21, 30);
        CachedIds known = catchUp(1, 30);
        assertThat(knows(known, 30)).isTrue();
        assertThat(knows(known, 20)).isFalse();
        assertThat(window.size()).isEqualTo(10);
    }

    @Test
    void cachesAtMostTheBoundOfPartitionsEvenWithoutIds() throws SQLException {
        int most = MAX_IDS / DedupWindow.IDS_PER_PARTITION;
        for (long partition = 1; partition <= most; partition++) {
            catchUp(partition, 0);
            now++;
        }
        assertThat(window.partitions()).isEqualTo(most);
        catchUp(most + 1L, 0);
        assertThat(window.partitions()).isBetween(most / 2, most - 1);
        segments(1, 1, 10);
        assertThat(knows(catchUp(1, 10), 1))
                .as("the first to be evicted is read again")
                .isTrue();
    }

    @Test
    void findsMostPartitionsOfALoadThatGoesThroughAFewTooManyInTurns() throws SQLException {
        int partitions = DedupWindow.partitionsFor(MAX_IDS) * 106 / 100;
        int rounds = 20;
        int missed = 0;
        for (int round = 1; round <= rounds; round++) {
            for (long partition = 1; partition <= partitions; partition++) {
                missed += round > rounds / 2 && window.knownOf(partition) == null ? 1 : 0;
                catchUp(partition, 0);
            }
        }
        assertThat(missed).isPositive().isLessThan(partitions * (rounds - rounds / 2) / 3);
    }

    @Test
    void removesIdsThatHaveLeftTheWindow() throws SQLException {
        window.committed(catchUp(1, 0), 0, 1, new long[] {SeenIds.hash("t1")}, new long[] {1}, 1);
        letPass(HOUR.plus(HOUR.dividedBy(4)));
        window.committed(catchUp(1, 1), 1, 2, new long[] {SeenIds.hash("t2")}, new long[] {2}, 1);
        CachedIds known = catchUp(1, 2);
        assertThat(knows(known, 1)).isFalse();
        assertThat(knows(known, 2)).isTrue();
        assertThat(window.size()).isEqualTo(1);
    }

    @Test
    void staysWithinTheBoundAfterAFlush() throws SQLException {
        CachedIds known = catchUp(1, 0);
        long[] seqs = LongStream.rangeClosed(1, 3000).toArray();
        window.committed(
                known,
                0,
                3000,
                LongStream.of(seqs).map(seq -> SeenIds.hash("t" + seq)).toArray(),
                seqs,
                3000);
        assertThat(window.size()).isBetween(MAX_IDS / 2L, (long) MAX_IDS);
        assertThat(knows(catchUp(1, 3000), 3000)).isTrue();
    }

    @Test
    void keepsItsHeadIfAFlushStartedFromALaterOne() throws SQLException {
        segments(1, 1, 10);
        CachedIds known = catchUp(1, 10);
        segments(1, 11, 30);
        window.committed(known, 20, 30, new long[0], new long[0], 0);
        assertThat(knows(catchUp(1, 30), 11)).isTrue();
        assertThat(window.size()).isEqualTo(30);
        postgres.execute("delete from sluice.segments"); // From here on, nothing can be read again.
        window.committed(known, 30, 40, new long[0], new long[0], 0);
        assertThat(knows(catchUp(1, 40), 11)).as("no id was added").isTrue();
    }

    @Test
    void doesNotCountIdsOfAPartitionThatWasEvictedDuringTheFlush() throws SQLException {
        CachedIds known = catchUp(1, 0);
        window.forget(1);
        window.committed(known, 0, 1, new long[] {SeenIds.hash("t1")}, new long[] {1}, 1);
        assertThat(window.size()).isZero();
        segments(1, 1, 1);
        assertThat(knows(catchUp(1, 1), 1)).as("it is read again").isTrue();
        known = catchUp(1, 1);
        window.forgetAll();
        window.committed(known, 1, 2, new long[] {SeenIds.hash("t2")}, new long[] {2}, 1);
        assertThat(window.size()).isZero();
    }

    @Test
    void isUnchangedIfReadingFails() throws SQLException {
        segments(1, 1, 10);
        catchUp(1, 10);
        segments(1, 11, 20);
        Connection broken = postgres.dataSource().getConnection();
        broken.close();
        assertThatThrownBy(() -> window.catchUp(broken, new Locked(1, 20, HOUR), SeenSegments.Ahead.NOTHING))
                .isInstanceOf(SQLException.class);
        assertThat(window.size()).isEqualTo(10);
        assertThat(knows(catchUp(1, 20), 11)).isTrue();
        assertThat(window.size()).isEqualTo(20);
    }
}
