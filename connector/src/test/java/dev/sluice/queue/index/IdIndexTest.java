package dev.sluice.queue.index;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.Messages;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.IndexPlans;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.view.StoredMessages;
import dev.sluice.queue.view.Traces;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** The index of transaction ids finds what reading everything would find, and reads little for it. */
class IdIndexTest {
    private static final int BLOCK = IdIndexWriter.BLOCK_MESSAGES;
    private static final int ALL = Integer.MAX_VALUE;
    private static final Pattern BUFFERS = Pattern.compile("Buffers: shared (?:hit=(\\d+))? ?(?:read=(\\d+))?");

    @AutoClose
    private final AdministrationFixture sluice = new AdministrationFixture();

    private final IdIndex index = new IdIndex("sluice");
    private final IdIndexWriter writer = new IdIndexWriter(sluice.postgres.dataSource(), "sluice");

    private IdIndex.Segments find(long partition, String id) throws SQLException {
        try (Connection connection = sluice.postgres.dataSource().getConnection()) {
            return index.find(connection, partition, id);
        }
    }

    /** Pushes ids to partition p of queue q. */
    private void push(List<String> ids) {
        sluice.writer.write(ids.stream().map(id -> Messages.message("p", id)).toList(), List.of());
    }

    private void push(int first, int last) {
        List<NewMessage> messages = Messages.run(first, last);
        sluice.writer.write(messages, List.of());
    }

    /** Adds messages to partition p, each in a segment of its own, up to a seq. */
    private long fillOneByOne(int head) {
        push(1, 1);
        long partition = sluice.partition("p");
        sluice.postgres.execute("insert into sluice.segments (partition_id, first_seq, last_seq, ids, transaction_ids,"
                + " payloads, payload_bytes)"
                + " select " + partition
                + ", i, i, array[gen_random_uuid()], array['t' || i], array[repeat('x', 200)], 200"
                + " from generate_series(2, " + head + ") i;"
                + " update sluice.partitions set head = " + head);
        sluice.postgres.execute("vacuum analyze sluice.segments");
        return partition;
    }

    private List<Long> blocks() {
        return sluice
                .postgres
                .query("select distinct first_seq from sluice.transaction_id_hashes order by first_seq")
                .stream()
                .map(Long::valueOf)
                .toList();
    }

    private static List<Long> blocksFrom(int first, int count) {
        return LongStream.range(first, first + (long) count)
                .map(block -> block * BLOCK)
                .boxed()
                .toList();
    }

    @Test
    void aPartitionIsIndexedFromItsLeastNumberOfMessagesOn() {
        push(1, IdIndexWriter.LEAST_MESSAGES - 1);
        assertThat(writer.run(ALL)).isZero();
        push(IdIndexWriter.LEAST_MESSAGES, IdIndexWriter.LEAST_MESSAGES);
        assertThat(writer.run(ALL)).isEqualTo(2);
        assertThat(blocks()).isEqualTo(blocksFrom(0, 2));
        assertThat(writer.run(ALL)).as("nothing is left").isZero();
    }

    @Test
    void aRunEndsAtItsLimitAndTheNextOneGoesOn() {
        push(1, 5 * BLOCK);
        assertThat(writer.run(2)).isEqualTo(2);
        assertThat(writer.run(2)).isEqualTo(2);
        assertThat(writer.run(2)).isEqualTo(1);
        assertThat(blocks()).isEqualTo(blocksFrom(0, 5));
    }

    @Test
    void aLookUpReadsOneRowOfEachBlockAndNoSegmentThatIsIndexed() throws SQLException {
        int blocks = 6;
        long partition = fillOneByOne(blocks * BLOCK);
        assertThat(buffersOfFind(partition, "absent")).as("without an index").isLessThan(20);
        assertThat(find(partition, "absent").rest()).isEqualTo(1);
        assertThat(writer.run(ALL)).isEqualTo(blocks);
        sluice.postgres.execute("vacuum analyze sluice.transaction_id_hashes");
        for (String id : List.of("absent", "t1", "t" + 2 * BLOCK, "t" + (blocks * BLOCK - 1))) {
            assertThat(buffersOfFind(partition, id)).isLessThan(20 + 4L * blocks);
            IdIndex.Segments found = find(partition, id);
            assertThat(found.rest()).isEqualTo((long) blocks * BLOCK);
            assertThat(found.indexed())
                    .isEqualTo(id.equals("absent") ? List.of() : List.of(Long.valueOf(id.substring(1))));
        }
    }

    @Test
    void aDeletionOfOneMessageReadsNoOtherSegmentThatIsIndexed() throws SQLException {
        long partition = fillOneByOne(4 * BLOCK);
        long before = buffersOfDeletion(partition, "t1");
        writer.run(ALL);
        assertThat(buffersOfDeletion(partition, "t2")).isLessThan(before / 20).isLessThan(100);
        assertThat(sluice.queues.deleteMessage(partition, "t3")).isTrue();
        assertThat(sluice.queues.deleteMessage(partition, "t3")).isFalse();
        assertThat(sluice.postgres.query("select first_seq from sluice.segments where has_deletions order by 1"))
                .containsExactly("1", "2", "3");
    }

    @Test
    void aMessageThatIsInvisibleAndStillStoredCanBeDeleted() throws SQLException {
        push(1, 3 * BLOCK);
        long partition = sluice.partition("p");
        sluice.queues.clear("q", null);
        push(3 * BLOCK + 1, 6 * BLOCK + 10);
        writer.run(ALL);
        assertThat(blocks()).isEqualTo(blocksFrom(3, 3));
        sluice.queues.clear("q", null);
        var traces = new Traces(sluice.postgres.dataSource(), "sluice", PayloadCipher.NONE);
        for (int seq : List.of(1, 3 * BLOCK, 3 * BLOCK + 1, 5 * BLOCK, 6 * BLOCK, 6 * BLOCK + 10)) {
            assertThat(find(partition, "t" + seq).indexed()).isEmpty();
            assertThat(traces.add(partition, "t" + seq, "g", "info", "1", List.of()))
                    .isEmpty();
            assertThat(sluice.queues.deleteMessage(partition, "t" + seq)).isTrue();
            assertThat(sluice.queues.deleteMessage(partition, "t" + seq)).isFalse();
        }
    }

    private long buffersOfFind(long partition, String id) throws SQLException {
        int hash = IdHash.of(id);
        try (Connection connection = sluice.postgres.dataSource().getConnection()) {
            return buffers(explained(connection, "id_index.sql", "find")
                    .set("partition", partition)
                    .set("transaction_id", id)
                    .set("hash", hash)
                    .set("bucket", IdHash.bucket(hash)));
        }
    }

    private long buffersOfDeletion(long partition, String id) throws SQLException {
        List<IdIndex.Range> ranges = find(partition, id).stored();
        try (Connection connection = sluice.postgres.dataSource().getConnection()) {
            return buffers(explained(connection, "queues.sql", "delete-message")
                    .set("partition", partition)
                    .set("transaction_id", id)
                    .set("firsts", ranges, IdIndex.Range::first)
                    .set("lasts", ranges, IdIndex.Range::last));
        }
    }

    private static BoundStatement explained(Connection connection, String file, String name) throws SQLException {
        IndexPlans.on(connection);
        Statements.Sql sql = Statements.read(file, "sluice").get(name);
        return new BoundStatement(
                connection,
                new Statements.Sql("explain (analyze, buffers, timing off) " + sql.text(), sql.parameters()));
    }

    /** Returns the buffers of the whole plan, which its first line of buffers has. */
    private static long buffers(BoundStatement statement) throws SQLException {
        var plan = new StringBuilder();
        try (statement;
                ResultSet row = statement.query()) {
            while (row.next()) {
                plan.append(row.getString(1)).append('\n');
            }
        }
        Matcher matcher = BUFFERS.matcher(plan);
        assertThat(matcher.find()).as(plan.toString()).isTrue();
        return number(matcher.group(1)) + number(matcher.group(2));
    }

    private static long number(String digits) {
        return digits == null ? 0 : Long.parseLong(digits);
    }

    @Test
    void idsAreFoundWhateverHappensToTheirPartition() throws SQLException {
        sluice.configure(QueueOptions.DEFAULTS.toBuilder().dedupWindow(Duration.ZERO));
        var random = new SplittableRandom(17);
        List<String> colliding = colliding();
        var ids = new ArrayList<>(colliding);
        for (int i = 0; i < 3 * BLOCK; i++) {
            ids.add("r" + random.nextInt(2 * BLOCK));
        }
        Collections.shuffle(ids, new Random(17));
        push(ids);
        long partition = sluice.partition("p");
        requireFound(partition, random, colliding);
        writer.run(1);
        requireFound(partition, random, colliding);
        writer.run(ALL);
        requireFound(partition, random, colliding);
        sluice.queues.deleteMessage(partition, colliding.get(0));
        push(ids.subList(0, BLOCK + 100));
        requireFound(partition, random, colliding);
        sluice.age(Duration.ofHours(2), BLOCK + 5_000);
        sluice.configure(QueueOptions.DEFAULTS.toBuilder()
                .dedupWindow(Duration.ZERO)
                .retentionEnabled(true)
                .retention(Duration.ofHours(1)));
        sluice.retention.sweep();
        assertThat(Long.parseLong(sluice.one("select tail from sluice.partitions where id = " + partition)))
                .isGreaterThan(BLOCK);
        assertThat(blocks().get(0)).as("blocks of visible messages stay").isEqualTo(BLOCK);
        requireFound(partition, random, colliding);
        writer.run(ALL);
        requireFound(partition, random, colliding);
        sluice.queues.clear("q", null);
        push(colliding);
        requireFound(partition, random, colliding);
        sluice.retention.sweep();
        requireFound(partition, random, colliding);
        assertThat(sluice.broken()).isEmpty();
    }

    /** Compares look-ups with a reading of all segments. */
    private void requireFound(long partition, SplittableRandom random, List<String> others) throws SQLException {
        var expected = new HashMap<String, List<Long>>();
        for (String row : sluice.postgres.query(
                "select distinct t.id, s.first_seq from sluice.segments s join sluice.partitions p on p.id ="
                        + " s.partition_id"
                        + " cross join lateral unnest(s.transaction_ids) as t (id) where s.last_seq >= p.tail"
                        + " order by 2 desc")) {
            String[] columns = row.split("\\|", -1);
            expected.computeIfAbsent(columns[0], id -> new ArrayList<>()).add(Long.valueOf(columns[1]));
        }
        var looked = new ArrayList<>(others);
        for (int i = 0; i < 200; i++) {
            looked.add("r" + random.nextInt(2 * BLOCK));
        }
        looked.add("absent");
        for (String id : looked) {
            IdIndex.Segments found = find(partition, id);
            List<Long> segments = expected.getOrDefault(id, List.of());
            List<Long> seen = segments.stream()
                    .filter(seq -> seq >= found.rest() || found.indexed().contains(seq))
                    .toList();
            assertThat(seen).as(id).isEqualTo(segments);
            assertThat(segments).as(id).containsAll(found.indexed());
        }
    }

    /** Returns two ids with the same hash. */
    private static List<String> colliding() {
        var random = new SplittableRandom(4);
        var byHash = new HashMap<Integer, String>();
        while (true) {
            String id = Long.toHexString(random.nextLong());
            String other = byHash.put(IdHash.of(id), id);
            if (other != null && !other.equals(id)) {
                return List.of(id, other);
            }
        }
    }

    @Test
    void detailsTracesAndDeletionsFindIndexedMessages() {
        push(1, 3 * BLOCK);
        long partition = sluice.partition("p");
        writer.run(ALL);
        var messages = new StoredMessages(sluice.postgres.dataSource(), "sluice", PayloadCipher.NONE);
        var traces = new Traces(sluice.postgres.dataSource(), "sluice", PayloadCipher.NONE);
        for (String id : List.of("t1", "t" + BLOCK, "t" + (3 * BLOCK - 1), "t" + 3 * BLOCK)) {
            assertThat(messages.find(partition, id).orElseThrow().transactionId())
                    .isEqualTo(id);
            assertThat(traces.add(partition, id, "g", "info", "1", List.of())).isPresent();
            assertThat(sluice.queues.deleteMessage(partition, id)).isTrue();
            assertThat(messages.find(partition, id)).isEmpty();
        }
        assertThat(traces.add(partition, "absent", "g", "info", "1", List.of())).isEmpty();
        assertThat(messages.find(partition, "absent")).isEmpty();
        sluice.acknowledge("g", sluice.pop("g", 1), Verdict.DLQ);
        assertThat(sluice.queues.deleteMessage(partition, "t2"))
                .as("a dead letter and its message")
                .isTrue();
        assertThat(messages.find(partition, "t2")).isEmpty();
    }

    @Test
    void theNewestOfSeveralMessagesWithOneIdIsShown() {
        sluice.configure(QueueOptions.DEFAULTS.toBuilder().dedupWindow(Duration.ZERO));
        push(1, 2 * BLOCK);
        long partition = sluice.partition("p");
        writer.run(ALL);
        var messages = new StoredMessages(sluice.postgres.dataSource(), "sluice", PayloadCipher.NONE);
        assertThat(messages.find(partition, "t5")).isPresent();
        sluice.push(Messages.message("q", "p", "t5", "\"newest\""));
        assertThat(messages.find(partition, "t5").orElseThrow().payload())
                .asString()
                .isEqualTo("\"newest\"");
        assertThat(sluice.queues.deleteMessage(partition, "t5"))
                .as("deletes both")
                .isTrue();
        assertThat(messages.find(partition, "t5")).isEmpty();
    }

    @Test
    void aDeletedPartitionLeavesNoRowBehind() {
        push(1, 2 * BLOCK);
        writer.run(ALL);
        sluice.queues.delete("q");
        assertThat(blocks()).hasSize(2);
        sluice.retention.sweep();
        assertThat(blocks()).isEmpty();
        assertThat(sluice.postgres.query("select * from sluice.deletions")).isEmpty();
    }

    @Test
    void severalProcessesWriteEachBlockOnce() throws Exception {
        var work = new ArrayList<Callable<Integer>>();
        for (int i = 0; i < 4; i++) {
            var each = new IdIndexWriter(sluice.postgres.dataSource(), "sluice");
            work.add(() -> {
                int written = 0;
                for (int round = 0; round < 20; round++) {
                    written += each.run(ALL);
                }
                return written;
            });
        }
        work.add(() -> {
            for (int i = 0; i < 8; i++) {
                push(1 + i * BLOCK, BLOCK + i * BLOCK);
            }
            return 0;
        });
        int written = AdministrationFixture.inParallel(work).stream()
                .mapToInt(Integer::intValue)
                .sum();
        written += writer.run(ALL);
        assertThat(written).isEqualTo(8);
        assertThat(blocks()).isEqualTo(blocksFrom(0, 8));
        assertThat(sluice.one("select count(*) from sluice.transaction_id_hashes"))
                .isEqualTo(String.valueOf(8 * 64));
    }
}
