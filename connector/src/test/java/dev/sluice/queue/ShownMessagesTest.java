package dev.sluice.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.MinuteCounters.Increment;
import dev.sluice.queue.MinuteCounters.Point;
import dev.sluice.queue.MinuteCounters.Range;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What is shown of the queue is so, and costs what it should. */
class ShownMessagesTest {
    private static final int SEGMENT = 500;
    private static final int SEGMENTS = 400;

    private AdministrationFixture sluice;
    private StoredMessages messages;
    private Resources resources;
    private Traces traces;
    private MinuteCounters counters;

    @BeforeEach
    void open() {
        sluice = new AdministrationFixture();
        messages = new StoredMessages(sluice.postgres.dataSource(), "sluice", PayloadCipher.NONE);
        resources = new Resources(sluice.postgres.dataSource(), "sluice");
        traces = new Traces(sluice.postgres.dataSource(), "sluice", PayloadCipher.NONE);
        counters = new MinuteCounters(sluice.postgres.dataSource(), "sluice");
    }

    @AfterEach
    void close() {
        sluice.close();
    }

    private static MessageFilter filter(MessageState state) {
        return new MessageFilter(ResourceFilter.ofQueue("q"), null, state, null, null);
    }

    private List<String> ids(MessageState state) {
        return messages.list(filter(state), 100, 0).messages().stream()
                .map(ListedMessage::transactionId)
                .toList();
    }

    private MessageCounts counts() {
        return resources.queue("q").orElseThrow().counts();
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
        ListedMessage newest = messages.list(filter(null), 1, 0).messages().get(0);
        assertThat(List.of(newest.groups(), newest.consumedBy())).containsExactly(2, 1);
        assertThat(messages.list(filter(null), 1, 0).readers()).isEqualTo(new StoredMessages.Readers(false, 2));
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
        // The partition is older than what is said of its messages.
        sluice.postgres.execute("update sluice.partitions set created_at = '2026-01-01Z'");
        assertThat(messages.list(between, 10, 0).messages())
                .extracting(ListedMessage::transactionId)
                .containsExactly("t3", "t2");
        assertThat(messages.list(between, 1, 1).messages())
                .extracting(ListedMessage::transactionId)
                .containsExactly("t2");
        assertThat(messages.list(between, 1, StoredMessages.MAX_DEPTH - 1).messages())
                .isEmpty();
        assertThatThrownBy(() -> messages.list(between, 1, StoredMessages.MAX_DEPTH))
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
        assertThat(messages.find(partition, "t1").orElseThrow().payload()).isEqualTo("{\"tx\":\"t1\"}");
        assertThat(messages.find(partition, "t3")).isEmpty();
    }

    @Test
    void aPageOfAFullQueueReadsNoSegmentItDoesNotNeed() throws SQLException {
        long partition = fill();
        String page = plan("messages", "limit", 200, "offset", 0);
        assertThat(page).contains("segments_pkey").doesNotContain("Seq Scan on segments");
        assertThat(plan("queues", "limit", 100, "offset", 0)).doesNotContain("segments");
        assertThat(plan("lag")).contains("segments_pkey").doesNotContain("Seq Scan on segments");
        assertThat(messages.list(filter(null), 200, 0).messages()).hasSize(200);
        assertThat(buffers("messages", "limit", 200, "offset", 0)).isLessThan(buffersOfAllSegments() / 2);
        assertThat(resources.partitions(
                        resources.queue("q").orElseThrow().queue().id()))
                .extracting(PartitionStatus::id)
                .containsExactly(partition);
    }

    /** Writes 200,000 messages in segments of 500 and returns the partition. */
    private long fill() {
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
        Statements.Sql sql = Statements.read("reads.sql", "sluice").get(name);
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

    @Test
    void tracesGoWithTheirMessageAndTheirPartition() {
        sluice.pushOneByOne(1, 2);
        long partition = sluice.partition("p");
        assertThat(traces.add(partition, "nobody", "g", "info", "1", List.of())).isEmpty();
        traces.add(partition, "t1", "g", "info", "{\"a\": 1.50}", List.of("n", "m"));
        traces.add(partition, "t2", "g", "warn", "2", List.of("n"));
        assertThat(traces.ofMessage(partition, "t1")).extracting(Trace::data).containsExactly("{\"a\": 1.50}");
        assertThat(traces.byName("n", 1, 0).entries())
                .extracting(found -> found.trace().transactionId() + " " + found.queue() + " " + found.payload())
                .containsExactly("t2 q {\"tx\":\"t2\"}");
        assertThat(traces.byName("n", 1, 1).entries())
                .extracting(found -> found.trace().names())
                .containsExactly(List.of("m", "n"));
        assertThat(traces.byName("n", 1, 1).total()).isEqualTo(2);
        assertThat(traces.names(10, 0).entries())
                .extracting(name -> name.name() + name.traces() + name.messages())
                .containsExactly("m11", "n22");
        assertThat(traces.names(1, 1).total()).isEqualTo(2);
        sluice.queues.deleteMessage(partition, "t1");
        assertThat(traces.ofMessage(partition, "t1")).isEmpty();
        assertThat(traces.names(10, 0).total()).isEqualTo(1);
        sluice.queues.delete("q");
        sluice.retention.deleteRemains();
        assertThat(sluice.one("select count(*) from sluice.traces")).isEqualTo("0");
        assertThat(sluice.one("select count(*) from sluice.deletions")).isEqualTo("0");
    }

    @Test
    void whatIsOldIsPrunedAndNothingElse() {
        sluice.pushOneByOne(1, 1);
        long partition = sluice.partition("p");
        traces.add(partition, "t1", "g", "info", "1", List.of("n"));
        traces.add(partition, "t1", "g", "info", "2", List.of("n"));
        sluice.postgres.execute("update sluice.traces set created_at = now() - interval '91 days' where data = '1'");
        counters.add("h:1", List.of(new Increment("q", Map.of(Counter.PUSH_MESSAGES, 1L))));
        counters.addSamples(
                "h:1", 1, List.of("a"), new double[] {1}, new double[] {1}, new double[] {1}, new double[] {1});
        assertThat(counters.prune(90)).isZero();
        sluice.postgres.execute("update sluice.minute_counters set bucket = bucket - interval '91 days'");
        sluice.postgres.execute("update sluice.minute_samples set bucket = bucket - interval '91 days'");
        assertThat(counters.prune(90)).isEqualTo(2);
        assertThat(traces.prune(90)).isEqualTo(1);
        assertThat(traces.ofMessage(partition, "t1")).extracting(Trace::data).containsExactly("2");
    }

    @Test
    void countersAddUpAndGreatestStayGreatest() {
        counters.add("h:1", List.of(new Increment("q", Map.of(Counter.PUSH_MESSAGES, 3L, Counter.LAG_MAX_MS, 9L))));
        counters.add("h:1", List.of(new Increment("q", Map.of(Counter.PUSH_MESSAGES, 4L, Counter.LAG_MAX_MS, 5L))));
        counters.add("i:1", List.of(new Increment("r", Map.of(Counter.PUSH_MESSAGES, 5L))));
        assertThat(series(null, null, false))
                .extracting(point -> point.get(Counter.PUSH_MESSAGES))
                .containsExactly(12L);
        assertThat(series("q", null, true))
                .extracting(
                        point -> point.queue() + point.get(Counter.PUSH_MESSAGES) + " " + point.get(Counter.LAG_MAX_MS))
                .containsExactly("q7 9");
        assertThat(series(null, "i", true)).extracting(Point::queue).containsExactly("r");
        assertThat(series(null, "_", true)).isEmpty();
    }

    /** Of a day, so that it does not matter when a minute or an hour ends. */
    private List<Point> series(String queue, String host, boolean byQueue) {
        Instant now = Instant.now();
        var range = new Range(
                now.minus(Duration.ofHours(12)),
                now.plus(Duration.ofHours(12)),
                Duration.ofDays(3650),
                new ResourceFilter(queue, null, null),
                host);
        return counters.series(range, byQueue, false);
    }
}
