package dev.sluice.queue.view;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.Messages;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Lists and counts show the state of the queue, and cost what they should. */
class StoredMessagesTest {
    private static final int SEGMENT = 500;
    private static final int SEGMENTS = 400;
    private static final int PARTITIONS = 25;

    @AutoClose
    private final AdministrationFixture sluice = new AdministrationFixture();

    private final StoredMessages messages =
            new StoredMessages(sluice.postgres.dataSource(), "sluice", PayloadCipher.NONE);

    private static MessageFilter filter(MessageState state) {
        return new MessageFilter(ResourceFilter.ofQueue("q"), null, state, null, null);
    }

    private List<String> ids(MessageState state) {
        return messages.list(filter(state), 100, 0, null).messages().stream()
                .map(ListedMessage::transactionId)
                .toList();
    }

    private MessageCounts counts() {
        return sluice.overview.queue("q").orElseThrow().counts();
    }

    @Test
    void countsAndListsAgreeWhateverHasBecomeOfAMessage() {
        sluice.pushOneByOne(1, 6);
        assertThat(ids(null)).containsExactly("t6", "t5", "t4", "t3", "t2", "t1");
        assertThat(ids(MessageState.PENDING)).hasSize(6);
        PopResult popped = sluice.pop(AdministrationFixture.GROUP, 4);
        assertThat(ids(MessageState.PROCESSING)).hasSize(6); // The lease is on the partition.
        assertThat(counts()).isEqualTo(new MessageCounts(6, 2, 4, 0, 0));
        sluice.acknowledge(AdministrationFixture.GROUP, popped, Verdict.COMPLETED, "t1", "t2");
        sluice.acknowledge(AdministrationFixture.GROUP, popped, Verdict.DLQ, "t3");
        sluice.acknowledge(AdministrationFixture.GROUP, popped, Verdict.COMPLETED, "t4");
        assertThat(counts()).isEqualTo(new MessageCounts(6, 2, 0, 4, 1));
        assertThat(ids(MessageState.COMPLETED)).containsExactly("t4", "t2", "t1");
        assertThat(ids(MessageState.DEAD_LETTER)).containsExactly("t3");
        assertThat(ids(MessageState.PENDING)).containsExactly("t6", "t5");
        sluice.queues.deleteMessage(sluice.partition("p"), "t5");
        assertThat(ids(null)).containsExactly("t6", "t4", "t3", "t2", "t1");
    }

    @Test
    void aPageOfLargeHeadersIsShortAndTheNextOneGoesOnBehindIt() {
        var ids = new MessageIds();
        for (int i = 0; i < 50; i++) {
            sluice.push(NewMessage.builder(ids.next(), "q", "p", "t" + i, "1".getBytes(UTF_8))
                    .headers(Messages.headers("n", String.valueOf(i), "filler", "x".repeat(100_000)))
                    .build());
        }
        var shown = new ArrayList<String>();
        StoredMessages.Key last = null;
        for (int pages = 0; pages < 2; pages++) {
            StoredMessages.Page page = messages.list(filter(null), 100, 0, last);
            assertThat(page.isCut()).isEqualTo(pages == 0);
            page.messages().forEach(message -> shown.add(message.headers().get("n")));
            ListedMessage end = page.messages().get(page.messages().size() - 1);
            last = new StoredMessages.Key(end.writtenAt(), end.partitionId(), end.seq());
        }
        assertThat(shown)
                .hasSize(50)
                .doesNotHaveDuplicates()
                .startsWith("49", "48")
                .endsWith("1", "0");
        assertThat(messages.list(filter(null), 41, 0, null).isCut()).isFalse();
        assertThat(messages.list(filter(null), 42, 0, null).messages())
                .as("the one that exceeds the limit is shown")
                .hasSize(42);
        assertThat(messages.list(filter(null), 43, 0, null).messages()).hasSize(42);
    }

    /**
     * Partitions of every kind: with many segments of one message, with few large segments, with old messages, with
     * deleted messages.
     */
    @Test
    void aPageShowsWhatReadingEverythingWould() {
        var random = new SplittableRandom(7);
        for (int p = 1; p <= PARTITIONS; p++) {
            sluice.push(Messages.message("p" + p, "first"));
        }
        sluice.readAll(AdministrationFixture.GROUP);
        sluice.postgres.execute("truncate sluice.segments; update sluice.partitions set created_at = '2026-01-01Z'");
        for (int p = 1; p <= PARTITIONS; p++) {
            int segments = p == 1 ? 3000 : 1 + random.nextInt(60);
            int size = p == 1 ? 1 : 1 + random.nextInt(40);
            int step = p == 1 ? 1 : 1 + random.nextInt(100);
            sluice.postgres.execute("""
                    insert into sluice.segments (partition_id, first_seq, last_seq, created_at, ids, transaction_ids, payloads, payload_bytes)
                    select p.id, (s - 1) * %2$d + 1, s * %2$d, timestamptz '2026-01-02Z' - (%1$d - s) * %3$d * interval '1 second',
                           (select array_agg(gen_random_uuid()) from generate_series(1, %2$d)),
                           (select array_agg(p.name || '-' || s || '-' || i order by i) from generate_series(1, %2$d) i),
                           (select array_agg('1'::text) from generate_series(1, %2$d)), %2$d
                    from sluice.partitions p, generate_series(1, %1$d) s where p.name = '%4$s';
                    update sluice.partitions set head = %1$d * %2$d where name = '%4$s';
                    """.formatted(segments, size, step, "p" + p));
        }
        sluice.postgres.execute("""
                update sluice.segments set payloads[1] = null, has_deletions = true where first_seq % 7 = 0;
                update sluice.cursors c set position = p.head / 2 from sluice.partitions p where p.id = c.partition_id;""");
        Instant end = Instant.parse("2026-01-02T00:00:00Z");
        for (int i = 0; i < 60; i++) {
            Instant to = random.nextInt(3) == 0 ? end : end.minusSeconds(random.nextInt(4000));
            Instant from = random.nextInt(3) == 0 ? Instant.EPOCH : to.minusSeconds(random.nextInt(1000));
            String state = List.of("", "pending", "completed").get(random.nextInt(3));
            var filter = new MessageFilter(
                    ResourceFilter.ofQueue("q"), null, state.isEmpty() ? null : MessageState.of(state), from, to);
            int limit = random.nextInt(200);
            int offset = random.nextInt(10) == 0 ? 3000 : random.nextInt(100);
            assertThat(messages.list(filter, limit, offset, null).messages())
                    .as("%s from %s to %s, %s of %s", state, from, to, limit, offset)
                    .extracting(ListedMessage::transactionId)
                    .isEqualTo(sluice.postgres.query("""
                            select m.transaction_id from sluice.messages m
                            join sluice.partitions p on p.id = m.partition_id
                            where m.created_at between '%s' and '%s'
                              and ('%s' in ('', case when m.seq <= p.head / 2 then 'completed' else 'pending' end))
                            order by m.created_at desc, m.partition_id desc, m.seq desc limit %d offset %d""".formatted(from, to, state, limit, offset)));
        }
    }

    @Test
    void aListSaysWhetherItLeavesPartitionsOut() {
        var wide = new ArrayList<NewMessage>();
        for (int i = 0; i < StoredMessages.MAX_PARTITIONS; i++) {
            wide.add(Messages.message("q", "p" + i, "t" + i, "1"));
        }
        sluice.writer.write(wide, List.of());
        assertThat(messages.list(filter(null), 10, 0, null).leavesOutPartitions())
                .isFalse();
        sluice.writer.write(List.of(Messages.message("q", "one more", "t", "1")), List.of());
        assertThat(messages.list(filter(null), 10, 0, null).leavesOutPartitions())
                .isTrue();
        assertThat(messages.list(new MessageFilter(ResourceFilter.ofQueue("q"), "p1", null, null, null), 10, 0, null)
                        .leavesOutPartitions())
                .isFalse();
        assertThat(messages.list(filter(MessageState.DEAD_LETTER), 10, 0, null).leavesOutPartitions())
                .isFalse();
    }

    @Test
    void aMessageIsLookedForFirstAroundTheTimeInItsTransactionId() {
        Instant then = Instant.parse("2026-01-02T00:00:00Z");
        var ids = new MessageIds(() -> then);
        String inTime = ids.next().toString();
        String late = ids.next().toString();
        sluice.pushOneByOne(1, 3);
        sluice.push(Messages.message("p", inTime));
        sluice.push(Messages.message("p", late));
        sluice.push(Messages.message("p", inTime.toUpperCase(Locale.ROOT)));
        for (int seq = 1; seq <= 6; seq++) {
            sluice.postgres.execute("update sluice.segments set created_at = '"
                    + then.plusSeconds(seq < 4 ? seq - 3600 : seq == 4 ? 5 : 7200 + seq) + "' where first_seq = "
                    + seq);
        }
        long partition = sluice.partition("p");
        for (String id : List.of(inTime, late, inTime.toUpperCase(Locale.ROOT), "t1", "t3")) {
            assertThat(messages.find(partition, id).orElseThrow().transactionId())
                    .isEqualTo(id);
        }
        assertThat(messages.find(partition, ids.next().toString())).isEmpty();
        assertThat(messages.find(partition + 1, inTime)).isEmpty();
        sluice.postgres.execute(
                "update sluice.segments set transaction_ids = array['" + inTime + "'] where first_seq = 6");
        assertThat(messages.find(partition, inTime).orElseThrow().createdAt())
                .as("what is newer has not been read")
                .isEqualTo(then.plusSeconds(5));
    }

    @Test
    void acksOutOfOrderCount() {
        sluice.push(Messages.run(1, 6).toArray(NewMessage[]::new));
        PopResult popped = sluice.pop(AdministrationFixture.GROUP, 4);
        sluice.acknowledge(AdministrationFixture.GROUP, popped, Verdict.COMPLETED, "t3");
        assertThat(counts()).isEqualTo(new MessageCounts(6, 2, 3, 1, 0));
        assertThat(ids(MessageState.COMPLETED)).containsExactly("t3");
        assertThat(ids(null)).hasSize(6);
    }

    @Test
    void aQueueOfNamedGroupsIsCompletedWhenAllHavePassed() {
        sluice.pushOneByOne(1, 3);
        sluice.readAll("two");
        sluice.acknowledge("one", sluice.pop("one", 2), Verdict.COMPLETED);
        assertThat(counts()).isEqualTo(new MessageCounts(3, 1, 0, 2, 0));
        ListedMessage newest =
                messages.list(filter(null), 1, 0, null).messages().get(0);
        assertThat(List.of(newest.groups(), newest.consumedBy())).containsExactly(2, 1);
        assertThat(messages.list(filter(null), 1, 0, null).readers()).isEqualTo(new StoredMessages.Readers(false, 2));
    }

    @Test
    void pagesMeetWithoutAGapAndTimesAreInclusive() {
        sluice.pushOneByOne(1, 4);
        for (int i = 1; i <= 4; i++) {
            sluice.postgres.execute(
                    "update sluice.segments set created_at = '2026-01-01 00:00:0" + i + "Z' where first_seq = " + i);
        }
        var between = new MessageFilter(
                ResourceFilter.ofQueue("q"),
                "p",
                null,
                Instant.parse("2026-01-01T00:00:02Z"),
                Instant.parse("2026-01-01T00:00:03Z"));
        // A partition must be older than its messages.
        sluice.postgres.execute("update sluice.partitions set created_at = '2026-01-01Z'");
        assertThat(messages.list(between, 10, 0, null).messages())
                .extracting(ListedMessage::transactionId)
                .containsExactly("t3", "t2");
        assertThat(messages.list(between, 1, 1, null).messages())
                .extracting(ListedMessage::transactionId)
                .containsExactly("t2");
        assertThat(messages.list(between, 1, StoredMessages.MAX_DEPTH - 1, null).messages())
                .isEmpty();
        assertThatThrownBy(() -> messages.list(between, 1, StoredMessages.MAX_DEPTH, null))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void oneMessageIsFoundWhereverItIs() {
        sluice.pushOneByOne(1, 3);
        long partition = sluice.partition("p");
        sluice.acknowledge("g", sluice.pop("g", 1), Verdict.DLQ);
        MessageDetail dead = messages.find(partition, "t1").orElseThrow();
        assertThat(dead.state()).isEqualTo(MessageState.DEAD_LETTER);
        assertThat(dead.error()).isEqualTo("broken");
        assertThat(dead.groups()).containsExactly(new MessageDetail.Reader("g", true, null));
        assertThat(messages.find(partition, "t3").orElseThrow().state()).isEqualTo(MessageState.PENDING);
        sluice.queues.clear("q", null);
        assertThat(messages.find(partition, "t1").orElseThrow().payload())
                .asString(UTF_8)
                .isEqualTo("{\"tx\":\"t1\"}");
        assertThat(messages.find(partition, "t3")).isEmpty();
    }

    @Test
    void aPageOfAFullQueueReadsNoSegmentItDoesNotNeed() throws SQLException {
        long partition = fill();
        String page = plan("messages", "limit", 200, "offset", 0);
        assertThat(page).contains("segments_pkey").doesNotContain("Seq Scan on segments");
        assertThat(plan("queues", "limit", 100, "offset", 0)).doesNotContain("segments");
        assertThat(plan("lag")).contains("segments_pkey").doesNotContain("Seq Scan on segments");
        assertThat(messages.list(filter(null), 200, 0, null).messages()).hasSize(200);
        assertThat(buffers("messages", "limit", 200, "offset", 0)).isLessThan(buffersOfAllSegments() / 2);
        assertThat(sluice.overview.partitions(
                        sluice.overview.queue("q").orElseThrow().queue().id(), "", 100))
                .extracting(PartitionStatus::id)
                .containsExactly(partition);
    }

    /** Writes 200,000 messages in compressed segments of 500, and returns the id of the partition. */
    private long fill() {
        sluice.postgres.execute("alter table sluice.segments alter column payloads set storage extended");
        for (int i = 0; i < SEGMENTS / 20; i++) {
            var many = new ArrayList<NewMessage>();
            for (int n = 1; n <= 20 * SEGMENT; n++) {
                many.add(Messages.message("p", "t" + (i * 20 * SEGMENT + n)));
            }
            sluice.writer.write(many, List.of());
        }
        sluice.postgres.execute("analyze");
        assertThat(sluice.one("select count(*) from sluice.segments")).isEqualTo(String.valueOf(SEGMENTS));
        assertThat(counts().total()).isEqualTo(SEGMENTS * SEGMENT);
        return sluice.partition("p");
    }

    private String plan(String name, Object... parameters) throws SQLException {
        return explain("explain ", name, parameters);
    }

    private long buffers(String name, Object... parameters) throws SQLException {
        String[] parts = explain("explain (analyze, buffers, timing off) ", name, parameters)
                .split("shared hit=", -1);
        return Long.parseLong(parts[1].split("\\D", -1)[0]);
    }

    private long buffersOfAllSegments() {
        return Long.parseLong(sluice.one("select pg_table_size('sluice.segments') / 8192"));
    }

    private String explain(String how, String name, Object... parameters) throws SQLException {
        Statements.Sql sql = Statements.read(
                        name.equals("messages") ? "stored_messages.sql" : "queue_overview.sql", "sluice")
                .get(name);
        var values = new HashMap<String, String>(Map.of(
                "queue",
                "'q'",
                "from",
                "timestamptz '-infinity'",
                "to",
                "timestamptz 'infinity'",
                "partitions",
                "1000"));
        values.put("scanned", "1200");
        for (int i = 0; i < parameters.length; i += 2) {
            values.put(String.valueOf(parameters[i]), String.valueOf(parameters[i + 1]));
        }
        var text = new StringBuilder();
        String[] pieces = sql.text().split("\\?", -1);
        for (int i = 0; i < pieces.length; i++) {
            text.append(pieces[i]);
            if (i < sql.parameters().size()) {
                text.append(values.getOrDefault(sql.parameters().get(i), "null"));
            }
        }
        try (Connection connection = sluice.postgres.dataSource().getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(how + text)) {
            var plan = new StringBuilder();
            while (row.next()) {
                plan.append(row.getString(1)).append('\n');
            }
            return plan.toString();
        }
    }
}
