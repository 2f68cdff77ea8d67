package dev.sluice.connect.worker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.SourceRefusedException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.connect.errors.ConnectException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The sink on a real worker, as a user operates it: by REST. */
class SinkIT {
    private static final String SINK = "dev.sluice.connect.QueueSinkConnector";
    private static final Duration TIMEOUT = Duration.ofMinutes(2);
    /** Longest payload in a test with records on both sides of the limit. */
    private static final int MAX_BYTES = 2_000_000;

    private final KafkaBroker broker = SharedKafka.broker();
    private final ConnectWorker worker = SharedKafka.worker();

    private static Map<String, String> sink(TestPostgres database, String topic) {
        return Map.of(
                "connector.class",
                SINK,
                "topics",
                topic,
                "connection.url",
                database.url(),
                "connection.user",
                "postgres",
                "consumer.override.auto.offset.reset",
                "earliest");
    }

    private static Map<String, String> with(Map<String, String> configuration, Map<String, String> more) {
        var all = new HashMap<>(configuration);
        all.putAll(more);
        return all;
    }

    @Test
    void theWorkerKnowsThePluginAndItsVersion() throws Exception {
        assertThat(worker.ask("GET", "/connector-plugins", null)).anySatisfy(plugin -> {
            assertThat(plugin.get("class").asText()).isEqualTo(SINK);
            assertThat(plugin.get("type").asText()).isEqualTo("sink");
            assertThat(plugin.get("version").asText()).isEqualTo(System.getProperty("sluice.version"));
        });
    }

    @Test
    void recordsOfATopicArriveInAQueue() throws Exception {
        try (TestPostgres database = TestPostgres.withSchema();
                Producer<byte[], byte[]> producer = Records.producer(broker)) {
            broker.createTopic("orders", 2, Map.of());
            worker.configure("orders", sink(database, "orders"));
            try {
                var records = new ArrayList<ProducerRecord<byte[], byte[]>>();
                for (int i = 0; i < 100; i++) {
                    records.add(new ProducerRecord<>(
                            "orders", Records.bytes("customer-" + i % 5), Records.bytes("{\"n\":" + i + "}")));
                }
                Records.send(producer, records);
                await().atMost(TIMEOUT)
                        .untilAsserted(() -> assertThat(
                                        database.query("select count(*) from sluice.messages where queue = 'orders'"))
                                .containsExactly("100"));
                assertThat(database.query("select partition, string_agg(payload::json->>'n', ' ' order by seq)"
                                + " from sluice.messages where partition = 'customer-3' group by partition"))
                        .containsExactly("customer-3|3 8 13 18 23 28 33 38 43 48 53 58 63 68 73 78 83 88 93 98");
                await().atMost(TIMEOUT)
                        .untilAsserted(() -> assertThat(Records.lag(broker, "connect-orders", "orders"))
                                .isZero());
            } finally {
                worker.delete("orders");
            }
        }
    }

    @Test
    void validationBlamesThePropertyThatIsWrong() throws Exception {
        Map<String, String> right = Map.of(
                "connector.class", SINK,
                "name", "right",
                "topics", "orders",
                "connection.url", "jdbc:postgresql://localhost/queue");
        assertThat(worker.validate("QueueSinkConnector", right)).isEmpty();

        Map<String, String> wrong =
                Map.of("connection.url", "mysql://somewhere", "batch.size", "0", "partition.from", "nonsense");
        assertThat(worker.validate("QueueSinkConnector", with(right, wrong)))
                .containsOnlyKeys("connection.url", "batch.size", "partition.from")
                .hasEntrySatisfying("connection.url", text -> assertThat(text).contains("jdbc:postgresql:"))
                .hasEntrySatisfying("batch.size", text -> assertThat(text).contains("at least 1"));

        Map<String, String> conflicting = Map.of("retry.backoff.ms", "5000", "retry.backoff.max.ms", "1000");
        assertThat(worker.validate("QueueSinkConnector", with(right, conflicting)))
                .containsOnlyKeys("retry.backoff.max.ms")
                .hasEntrySatisfying(
                        "retry.backoff.max.ms", text -> assertThat(text).contains("at least retry.backoff.ms (5000)"));
    }

    @Test
    void poisonGoesToTheDeadLetterTopicAndItsNeighboursArrive() throws Exception {
        try (TestPostgres database = TestPostgres.withSchema();
                Producer<byte[], byte[]> producer = Records.producer(broker)) {
            Map<String, String> large = Map.of("max.message.bytes", String.valueOf(16 << 20));
            broker.createTopic("mixed", 1, large);
            broker.createTopic("mixed-dead", 1, large);
            worker.configure(
                    "mixed",
                    with(
                            sink(database, "mixed"),
                            Map.of(
                                    "errors.tolerance", "all",
                                    "errors.deadletterqueue.topic.name", "mixed-dead",
                                    "errors.deadletterqueue.topic.replication.factor", "1",
                                    "errors.deadletterqueue.context.headers.enable", "true",
                                    // By default the worker's producer for that topic accepts at most a megabyte.
                                    "producer.override.max.request.size", String.valueOf(16 << 20),
                                    "message.max.bytes", String.valueOf(MAX_BYTES))));
            try {
                String tooLongName = "x".repeat(NewMessage.MAX_NAME_LENGTH + 1);
                List<ProducerRecord<byte[], byte[]>> records = List.of(
                        record("good", "1"),
                        record("good", "{\"not\": json"), // The converter refuses it.
                        record("good", "2"),
                        record(tooLongName, "\"a name that is too long\""), // The mapping refuses it.
                        record("good", "3"),
                        record("half \u0000 name", "\"a name PostgreSQL cannot hold\""),
                        record("good", text(MAX_BYTES)),
                        record("good", text(MAX_BYTES + 1)), // The record is too large for the sink.
                        record("good", "4"));
                Records.send(producer, records);
                await().atMost(TIMEOUT)
                        .untilAsserted(
                                () -> assertThat(database.query("select payload from sluice.messages order by seq"))
                                        .containsExactly("1", "2", "3", text(MAX_BYTES), "4"));
                List<ConsumerRecord<byte[], byte[]>> dead = Records.read(broker, "mixed-dead", 4);
                assertThatDeadLettersHaveTheirReasons(dead, tooLongName);
                assertThat(worker.runningTasks("mixed")).isEqualTo(1);
            } finally {
                worker.delete("mixed");
            }
        }
    }

    private static void assertThatDeadLettersHaveTheirReasons(
            List<ConsumerRecord<byte[], byte[]>> dead, String tooLongName) {
        assertThat(dead).hasSize(4);
        assertThat(dead)
                .extracting(each -> header(each, "__connect.errors.offset"))
                .containsExactlyInAnyOrder("1", "3", "5", "7");
        assertThat(dead).allSatisfy(each -> {
            assertThat(header(each, "__connect.errors.topic")).isEqualTo("mixed");
            assertThat(header(each, "__connect.errors.connector.name")).isEqualTo("mixed");
            assertThat(header(each, "__connect.errors.exception.message")).isNotEmpty();
        });
        assertThat(dead)
                .filteredOn(each -> header(each, "__connect.errors.offset").equals("3"))
                .allSatisfy(each -> {
                    assertThat(new String(each.key(), UTF_8)).isEqualTo(tooLongName);
                    assertThat(header(each, "__connect.errors.exception.message"))
                            .contains("at most " + NewMessage.MAX_NAME_LENGTH);
                });
        assertThat(dead)
                .filteredOn(each -> header(each, "__connect.errors.offset").equals("7"))
                .allSatisfy(each -> {
                    assertThat(each.value()).isEqualTo(Records.bytes(text(MAX_BYTES + 1)));
                    assertThat(header(each, "__connect.errors.exception.message"))
                            .contains("at most " + MAX_BYTES + " bytes (message.max.bytes), has " + (MAX_BYTES + 1));
                });
    }

    @Test
    void aTopicThatIsMadeAgainEndsTheTaskAndIsReadOnceItsOffsetIsSet() throws Exception {
        try (TestPostgres database = TestPostgres.withSchema();
                Producer<byte[], byte[]> producer = Records.producer(broker)) {
            broker.createTopic("kept", 1, Map.of());
            broker.createTopic("remade", 1, Map.of());
            worker.configure("remade", with(sink(database, "kept"), Map.of("topics", "kept,remade")));
            try {
                Records.send(producer, numbered("kept", 0, 10));
                Records.send(producer, numbered("remade", 0, 20));
                awaitPayloads(database, "kept", 10);
                awaitPayloads(database, "remade", 20);
                worker.ask("PUT", "/connectors/remade/stop", null);
                broker.deleteTopic("remade");
                broker.createTopic("remade", 1, Map.of());
                Records.send(producer, numbered("remade", 20, 25));
                worker.ask("PUT", "/connectors/remade/resume", null);
                awaitRefusal(ConnectException.class);
                Records.send(producer, numbered("remade", 25, 45));
                worker.ask("POST", "/connectors/remade/restart?includeTasks=true&onlyFailed=true", null);
                awaitRefusal(SourceRefusedException.class);
                assertThat(payloads(database, "remade")).hasSize(20);

                setOffset("remade", "remade", 0);
                awaitPayloads(database, "remade", 45);
                assertThat(payloads(database, "kept")).hasSize(10);
            } finally {
                worker.delete("remade");
            }
        }
    }

    /** Waits until the task has failed: because of a record, or because an earlier task had failed. */
    private void awaitRefusal(Class<?> cause) {
        await().atMost(TIMEOUT)
                .untilAsserted(() -> assertThat(worker.ask("GET", "/connectors/remade/status", null)
                                .at("/tasks/0/trace")
                                .asText())
                        .contains(cause.getName()
                                + ": remade-0 was to continue at offset 20, but Kafka has delivered 0"));
    }

    @Test
    void connectsApiForOffsetsSaysWhereToContinue() throws Exception {
        try (TestPostgres database = TestPostgres.withSchema();
                Producer<byte[], byte[]> producer = Records.producer(broker)) {
            broker.createTopic("again", 1, Map.of());
            worker.configure("again", sink(database, "again"));
            try {
                Records.send(producer, numbered("again", 0, 20));
                awaitPayloads(database, "again", 20);
                setOffset("again", "again", 15);
                awaitPayloads(database, "again", 25);
                assertThat(payloads(database, "again").subList(20, 25)).containsExactly("15", "16", "17", "18", "19");

                stopAndAsk("again", "DELETE", null);
                assertThat(database.query("select * from sluice.sink_offsets")).isEmpty();
                worker.ask("PUT", "/connectors/again/resume", null);
                awaitPayloads(database, "again", 45);
            } finally {
                worker.delete("again");
            }
        }
    }

    /** Stops the connector, sets the offset of partition 0 of a topic, and resumes the connector. */
    private void setOffset(String connector, String topic, long offset) throws Exception {
        stopAndAsk(
                connector,
                "PATCH",
                "{\"offsets\": [{\"partition\": {\"kafka_topic\": \"" + topic
                        + "\", \"kafka_partition\": 0}, \"offset\": {\"kafka_offset\": " + offset + "}}]}");
        worker.ask("PUT", "/connectors/" + connector + "/resume", null);
    }

    /**
     * Stops the connector and repeats a request for its offsets until Kafka accepts it: once the members of the group
     * have left.
     */
    private void stopAndAsk(String connector, String method, @Nullable String body) throws Exception {
        worker.ask("PUT", "/connectors/" + connector + "/stop", null);
        await().atMost(TIMEOUT)
                .until(() -> worker.request(method, "/connectors/" + connector + "/offsets", body)
                                .status()
                        == 200);
    }

    private static List<ProducerRecord<byte[], byte[]>> numbered(String topic, int from, int to) {
        var records = new ArrayList<ProducerRecord<byte[], byte[]>>();
        for (int i = from; i < to; i++) {
            records.add(new ProducerRecord<>(topic, Records.bytes("key"), Records.bytes(String.valueOf(i))));
        }
        return records;
    }

    private static List<String> payloads(TestPostgres database, String queue) {
        return database.query("select payload from sluice.messages where queue = '" + queue + "' order by seq");
    }

    private static void awaitPayloads(TestPostgres database, String queue, int count) {
        await().atMost(TIMEOUT)
                .untilAsserted(() -> assertThat(payloads(database, queue)).hasSize(count));
    }

    /** Returns a JSON string of a number of bytes. */
    private static String text(int bytes) {
        return '"' + "x".repeat(bytes - 2) + '"';
    }

    private static ProducerRecord<byte[], byte[]> record(String key, String value) {
        return new ProducerRecord<>("mixed", Records.bytes(key), Records.bytes(value));
    }

    private static String header(ConsumerRecord<?, ?> record, String name) {
        return new String(record.headers().lastHeader(name).value(), UTF_8);
    }
}
