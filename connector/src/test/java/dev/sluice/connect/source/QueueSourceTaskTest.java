package dev.sluice.connect.source;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.connect.plugin.PostgresSettings;
import dev.sluice.connect.record.RecordHeaders;
import dev.sluice.connect.sink.FakeWorker;
import dev.sluice.connect.sink.QueueSinkTask;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.Messages;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.source.SourceRecord;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class QueueSourceTaskTest {
    private static final String KEYS = "k1:" + "0e".repeat(32);
    private static final MessageIds IDS = new MessageIds();

    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private QueueWriter writer;

    @BeforeEach
    void database() {
        writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
    }

    @AfterEach
    void close() {
        writer.close();
    }

    private static Map<String, String> properties(TestPostgres database, String... more) {
        var properties = new HashMap<String, String>();
        properties.put("name", "source");
        properties.put(PostgresSettings.CONNECTION_URL, database.url());
        properties.put(PostgresSettings.CONNECTION_USER, "postgres");
        properties.put(QueueSourceConfig.POLL_INTERVAL_MS, "10");
        properties.put(QueueSourceConfig.QUEUES_PATTERN, ".*");
        for (int i = 0; i < more.length; i += 2) {
            properties.put(more[i], more[i + 1]);
        }
        return properties;
    }

    private FakeSourceWorker worker(String... more) {
        return new FakeSourceWorker(properties(postgres, more));
    }

    private static NewMessage message(String queue, String partition, String payload) {
        UUID id = IDS.next();
        return NewMessage.of(id, queue, partition, id.toString(), payload.getBytes(UTF_8));
    }

    private void push(String queue, String partition, int from, int to) {
        writer.write(
                IntStream.range(from, to)
                        .mapToObj(i -> message(queue, partition, Integer.toString(i)))
                        .toList(),
                List.of());
    }

    private static List<String> numbers(int from, int to) {
        return IntStream.range(from, to).mapToObj(Integer::toString).toList();
    }

    private static @Nullable String header(SourceRecord record, String name) {
        var header = record.headers().lastWithName(name);
        return header == null ? null : String.valueOf(header.value());
    }

    @Test
    void aRecordIsTheMessageWithEverythingInHeaders() {
        push("orders", "customer 7", 0, 1);
        try (FakeSourceWorker worker = worker("topic.format", "sluice.${queue}")) {
            SourceRecord record = worker.pollUntil(1).records.get(0);
            assertThat(record.topic()).isEqualTo("sluice.orders");
            assertThat(record.key()).isEqualTo("orders/customer 7");
            assertThat(record.value()).isEqualTo("0");
            // Connect stores the text, so another order of the parts is another partition.
            Map<String, Object> readByConnect = new HashMap<>();
            record.sourcePartition()
                    .forEach(readByConnect::put); // A copied map may have another size, and so another order.
            assertThat(List.copyOf(record.sourcePartition().keySet()))
                    .as("as Connect writes it when it resets offsets")
                    .isEqualTo(List.copyOf(readByConnect.keySet()))
                    .isEqualTo(List.of("partition", "queue"));
            assertThat(record.sourcePartition().get("queue")).isEqualTo("orders");
            assertThat(record.sourcePartition().get("partition")).isInstanceOf(Long.class);
            assertThat(record.sourceOffset()).isEqualTo(Map.of("seq", 1L));
            assertThat(header(record, RecordHeaders.PARTITION)).isEqualTo("customer 7");
            assertThat(header(record, RecordHeaders.LANE)).isEqualTo("normal");
            assertThat(header(record, RecordHeaders.TRACE_ID)).isNull();
            assertThat(Instant.parse(String.valueOf(header(record, RecordHeaders.CREATED_AT))))
                    .isAfter(Instant.EPOCH);
        }
    }

    @Test
    void throughATopicAndBackIsTheIdentity() {
        var origin = new Origin(Instant.parse("2020-02-29T12:00:00.123456Z"), PriorityLane.CRITICAL);
        var messages = new ArrayList<NewMessage>();
        for (int i = 0; i < 100; i++) {
            messages.add(NewMessage.builder(
                            IDS.next(),
                            i % 2 == 0 ? "orders" : "Zahlungen/Ærø",
                            "customer-" + i % 7,
                            "t \"" + i + "\" ключ",
                            ("{ \"n\" :" + i + ".0 , \"s\": \"\\u0000\\u00e6é\" }").getBytes(UTF_8))
                    .headers(i % 3 == 1 ? Messages.HEADERS : MessageHeaders.NONE)
                    .traceId(i % 3 == 0 ? UUID.randomUUID() : null)
                    .producerSub(i % 5 == 0 ? "someone" : null)
                    .origin(i % 4 == 0 ? origin : i % 4 == 1 ? new Origin(null, PriorityLane.LOW) : Origin.NONE)
                    .build());
        }
        writer.write(messages, List.of());
        try (TestPostgres other = TestPostgres.withSchema();
                FakeSourceWorker source = worker("value.type", "bytes");
                FakeWorker sink = new FakeWorker(
                        new QueueSinkTask(), source.pollUntil(100).topics(), 30)) {
            sink.start(Map.of(
                    "name",
                    "sink",
                    PostgresSettings.CONNECTION_URL,
                    other.url(),
                    PostgresSettings.CONNECTION_USER,
                    "postgres"));
            sink.pollAll();
            assertThat(all(other)).hasSize(100).isEqualTo(all(postgres));
            assertThat(sink.reported).isEmpty();
        }
    }

    private static List<String> all(TestPostgres database) {
        return database.query("""
                select concat_ws('|', m.queue, m.partition, p.lane, m.seq, m.id, m.transaction_id, m.payload, m.headers, m.trace_id,
                                 m.producer_sub, m.created_at)
                from sluice.messages m join sluice.partitions p on p.id = m.partition_id
                order by m.queue, m.partition, m.seq
                """);
    }

    @Test
    void goesOnBehindWhatConnectHas() {
        push("orders", "p", 0, 10);
        try (FakeSourceWorker first = worker("batch.size", "4")) {
            assertThat(first.poll()).hasSize(4);
            first.close();
            push("orders", "p", 10, 20);
            try (FakeSourceWorker second = new FakeSourceWorker(properties(postgres), first.offsets)) {
                second.pollUntil(16).pollAll();
                assertThat(second.values()).isEqualTo(numbers(4, 20));
            }
        }
    }

    @Test
    void findsNewMessagesPartitionsAndQueuesWhileItRuns() {
        try (FakeSourceWorker worker = worker("queues.pattern", "orders\\..*")) {
            worker.pollAll();
            push("orders.eu", "a", 0, 1);
            worker.pollUntil(1);
            push("orders.eu", "a", 1, 2);
            push("payments", "a", 0, 1);
            push("orders.eu", "b", 2, 3);
            worker.pollUntil(3);
            push("orders.us", "a", 3, 4);
            worker.pollUntil(4).pollAll();
            assertThat(worker.records)
                    .extracting(SourceRecord::topic)
                    .containsExactly("orders.eu", "orders.eu", "orders.eu", "orders.us");
        }
    }

    @Test
    void aPatternForAllQueuesFindsThoseWithLineEndsInTheirNames() {
        push("a\nb", "p", 0, 1);
        push("\r\n\u2028", "p", 1, 2);
        try (FakeSourceWorker worker = worker("queues.pattern", ".*")) {
            worker.pollUntil(2);
            assertThat(worker.records).extracting(SourceRecord::topic).containsExactlyInAnyOrder("a_b", "___");
        }
    }

    @Test
    void readsTheQueuesNamed() {
        push("a", "p", 0, 1);
        push("b", "p", 1, 2);
        push("ab", "p", 2, 3);
        var properties = properties(postgres, "queues", "a,b");
        properties.remove("queues.pattern");
        try (FakeSourceWorker worker = new FakeSourceWorker(properties)) {
            assertThat(worker.pollUntil(2).pollAll().values()).containsExactlyInAnyOrder("0", "1");
        }
    }

    @Test
    void tasksShareThePartitions() {
        for (int p = 0; p < 10; p++) {
            push("orders", "p" + p, p, p + 1);
        }
        var found = new ArrayList<String>();
        for (int index = 0; index < 3; index++) {
            try (FakeSourceWorker worker = worker("task.index", "" + index, "task.count", "3")) {
                List<String> values = worker.pollAll().values();
                assertThat(values).hasSizeBetween(3, 4);
                found.addAll(values);
            }
        }
        assertThat(found).containsExactlyInAnyOrderElementsOf(numbers(0, 10));
    }

    @Test
    void aBatchHasAtMostSoManyMessagesAndAllPartitionsTakeTurns() {
        push("orders", "a", 0, 10);
        push("orders", "b", 10, 15);
        try (FakeSourceWorker worker = worker("batch.size", "5")) {
            assertThat(worker.poll()).extracting(SourceRecord::value).isEqualTo(numbers(0, 5));
            assertThat(worker.poll()).extracting(SourceRecord::value).isEqualTo(numbers(10, 15));
            assertThat(worker.poll()).extracting(SourceRecord::value).isEqualTo(numbers(5, 10));
        }
    }

    @Test
    void aBatchEndsWhenItHasTheBytes() {
        String kilobyte = '"' + "x".repeat(1022) + '"';
        for (int i = 0; i < 6; i++) {
            writer.write(List.of(message("orders", "p", kilobyte)), List.of());
        }
        try (FakeSourceWorker worker = worker("batch.bytes", "2048")) {
            assertThat(worker.poll()).hasSize(3);
            assertThat(worker.poll()).hasSize(3);
        }
        try (FakeSourceWorker worker = worker("batch.bytes", "2047")) {
            assertThat(worker.poll()).hasSize(2);
            worker.pollUntil(6).pollAll();
        }
    }

    @Nested
    class WhereItStarts {
        @Test
        void theEndIsWhereTheQueueStoodWhenTheConnectorFirstStarted() {
            push("orders", "old", 0, 5);
            try (FakeSourceWorker worker = worker("start.from", "end")) {
                assertThat(worker.pollAll().values()).isEmpty();
                push("orders", "old", 5, 6);
                push("orders", "new", 6, 7);
                push("payments", "new", 7, 8);
                assertThat(worker.pollUntil(3).pollAll().values()).containsExactlyInAnyOrder("5", "6", "7");
            }
        }

        @Test
        void andStaysThereWhileNothingCame() {
            push("orders", "old", 0, 5);
            try (FakeSourceWorker worker = worker("start.from", "end")) {
                worker.pollAll();
            }
            push("orders", "old", 5, 6);
            try (FakeSourceWorker worker = worker("start.from", "end")) {
                assertThat(worker.pollUntil(1).pollAll().values()).containsExactly("5");
            }
        }

        @Test
        void aTimeIsWithWhatWasWrittenFromThenOn() {
            push("orders", "p", 0, 5);
            push("orders", "p", 5, 8);
            postgres.execute("update sluice.segments set created_at = '2026-01-01T00:00:00Z' where first_seq = 1");
            postgres.execute("update sluice.segments set created_at = '2026-01-02T00:00:00Z' where first_seq = 6");
            try (FakeSourceWorker worker = worker("start.from", "timestamp:2026-01-02T01:00:00+01:00")) {
                assertThat(worker.pollUntil(3).pollAll().values()).isEqualTo(numbers(5, 8));
            }
            try (FakeSourceWorker worker = worker("start.from", "timestamp:2026-01-02T00:00:00.001Z")) {
                assertThat(worker.pollAll().values()).isEmpty();
            }
        }
    }

    @Nested
    class WhatIsGone {
        @Test
        void isPassedOver() {
            push("orders", "p", 0, 3);
            push("orders", "p", 3, 6);
            try (FakeSourceWorker worker = worker("batch.size", "2")) {
                worker.poll();
                worker.close();
                postgres.execute("delete from sluice.segments where first_seq = 1");
                postgres.execute("update sluice.partitions set tail = 4");
                try (FakeSourceWorker next = new FakeSourceWorker(properties(postgres), worker.offsets)) {
                    assertThat(next.pollUntil(3).pollAll().values()).isEqualTo(numbers(3, 6));
                }
            }
        }

        @Test
        void orWasDeletedByItselfIsNotARecord() {
            push("orders", "p", 0, 4);
            postgres.execute("update sluice.segments set payloads[2] = null, has_deletions = true");
            try (FakeSourceWorker worker = worker()) {
                assertThat(worker.pollUntil(3).pollAll().values()).containsExactly("0", "2", "3");
            }
        }

        @Test
        void isNotWaitedForAfterARestore() {
            push("orders", "p", 0, 2);
            try (FakeSourceWorker worker = worker()) {
                worker.pollUntil(2);
                worker.offsets.replaceAll((partition, offset) -> Map.of("seq", 100L));
                push("orders", "p", 2, 3);
                try (FakeSourceWorker next = new FakeSourceWorker(properties(postgres), worker.offsets)) {
                    next.pollAll();
                    push("orders", "p", 3, 4);
                    assertThat(next.pollUntil(1).values()).containsExactly("3");
                }
            }
        }
    }

    @Test
    void scheduledMessagesComeWhenTheyAreDue() {
        NewMessage later = message("orders", "p", "\"later\"");
        writer.write(
                List.of(NewMessage.builder(later.id(), "orders", "p", later.transactionId(), later.payload())
                        .delay(Duration.ofHours(1))
                        .build()),
                List.of());
        try (FakeSourceWorker worker = worker()) {
            assertThat(worker.pollAll().values()).isEmpty();
            postgres.execute("update sluice.scheduled set due_at = now()");
            writer.releaseDue(10);
            assertThat(worker.pollUntil(1).values()).containsExactly("\"later\"");
        }
    }

    @Test
    void encryptedPayloadsAreOpenedWithTheKeyAndLeftAloneWithout() {
        push("secrets", "p", 0, 1);
        postgres.execute("update sluice.queues set encryption_enabled = true");
        var config = new QueueWriterConfig("sluice", Duration.ZERO, 1, PayloadCipher.of(KEYS, null));
        try (QueueWriter sealing = new QueueWriter(postgres.dataSource(), config)) {
            sealing.write(List.of(message("secrets", "p", "\"open sesame\"")), List.of());
        }
        try (FakeSourceWorker worker = worker("encryption.keys", KEYS)) {
            assertThat(worker.pollUntil(2).values()).containsExactly("0", "\"open sesame\"");
        }
        try (FakeSourceWorker worker = worker()) {
            assertThat(worker.pollUntil(2).values().get(1))
                    .startsWith("{\"encrypted\":")
                    .doesNotContain("sesame");
        }
    }

    @Test
    void aQueueWhoseNameNoTopicMayHaveGetsUnderscores() {
        push("orders/Ærø 1", "p", 0, 1);
        try (FakeSourceWorker worker = worker()) {
            assertThat(worker.pollUntil(1).records.get(0).topic()).isEqualTo("orders__r__1");
        }
        assertThatThrownBy(() -> new TopicFormat("${queue}").topic(".."))
                .hasMessageStartingWith("queue .. has no topic");
        assertThat(new TopicFormat("${queue}").topic("q".repeat(249))).hasSize(249);
        assertThatThrownBy(() -> new TopicFormat("${queue}").topic("q".repeat(250)))
                .hasMessageContaining("has no topic");
    }

    @Test
    void aQueueThatCanHaveNoTopicHoldsUpNoOther() {
        push("before", "p", 0, 3);
        push("..", "p", 0, 3);
        push("q".repeat(250), "p", 0, 3);
        push("a.b", "p", 0, 3);
        push("a b", "p", 0, 3);
        push("a_b", "p", 0, 3);
        push("after", "p", 0, 3);
        try (FakeSourceWorker worker = worker()) {
            worker.pollAll();
            assertThat(worker.records)
                    .hasSize(9)
                    .extracting(SourceRecord::topic)
                    .containsOnly("before", "a.b", "after");
            push("after", "p", 3, 5);
            worker.pollUntil(11);
        }
        assertThat(postgres.query("select count(*) from sluice.messages")).containsExactly("23");
        try (FakeSourceWorker renamed = worker("topic.format", "all")) {
            assertThat(renamed.pollAll().records).hasSize(23);
        }
    }

    @Test
    void aStopFromAnotherThreadEndsTheWait() throws Exception {
        try (FakeSourceWorker worker = worker("poll.interval.ms", "60000")) {
            var polled = CompletableFuture.supplyAsync(worker::poll);
            worker.task().stop();
            assertThat(polled.get(120, TimeUnit.SECONDS)).isEmpty();
            assertThat(worker.poll()).isEmpty();
        }
    }

    @Test
    void waitsForADatabaseThatIsAway() {
        try (FakeSourceWorker worker = worker(
                PostgresSettings.CONNECTION_URL,
                "jdbc:postgresql://127.0.0.1:1/none",
                PostgresSettings.CONNECTION_TIMEOUT_MS,
                "1000",
                QueueSourceConfig.RETRY_BACKOFF_MS,
                "1")) {
            assertThat(worker.poll()).isEmpty();
        }
    }

    @Test
    void aSchemaThatIsNotThereEndsTheTask() {
        try (FakeSourceWorker worker = worker(PostgresSettings.QUEUE_SCHEMA, "other")) {
            assertThatThrownBy(worker::poll)
                    .isInstanceOf(ConnectException.class)
                    .hasMessageContaining("other");
        }
    }
}
