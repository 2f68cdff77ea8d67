package dev.sluice.connect.worker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.Messages;
import dev.sluice.queue.TestPostgres;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.Test;

/** Headers of records that other producers write, on a real worker with each of Connect's converters for headers. */
class HeadersIT {
    private static final Duration TIMEOUT = Duration.ofMinutes(2);
    private static final byte[] NOT_UTF8 = {'a', -1};

    private final KafkaBroker broker = SharedKafka.broker();
    private final ConnectWorker worker = SharedKafka.worker();

    private static ProducerRecord<byte[], byte[]> record(String topic) {
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, Records.bytes("k"), Records.bytes("1"));
        Messages.HEADERS.asMap().forEach((name, value) -> record.headers().add(name, value.getBytes(UTF_8)));
        return record;
    }

    /** Returns the headers of the only message of a queue. */
    private MessageHeaders stored(TestPostgres database, String topic, Map<String, String> more, long leftOut)
            throws Exception {
        var configuration = new HashMap<>(Map.of(
                "connector.class", "dev.sluice.connect.QueueSinkConnector",
                "topics", topic,
                "connection.url", database.url(),
                "connection.user", "postgres",
                "message.headers", "false",
                "consumer.override.auto.offset.reset", "earliest"));
        configuration.putAll(more);
        worker.configure(topic, configuration);
        try {
            String headers = "select headers from sluice.messages where queue = '" + topic + "'";
            await().atMost(TIMEOUT)
                    .untilAsserted(() -> assertThat(database.query(headers)).hasSize(1));
            assertThat(worker.sinkAttribute(topic, "headers-left-out-total")).isEqualTo(leftOut);
            return MessageHeaders.parse(database.query(headers).get(0));
        } finally {
            worker.delete(topic);
        }
    }

    @Test
    void textOfEveryKindStaysAsItIs() throws Exception {
        try (TestPostgres database = TestPostgres.withSchema();
                Producer<byte[], byte[]> producer = Records.producer(broker)) {
            for (String converter : List.of(
                    "org.apache.kafka.connect.storage.StringConverter",
                    "org.apache.kafka.connect.converters.ByteArrayConverter")) {
                String topic = "headers-" + converter.substring(converter.lastIndexOf('.') + 1);
                broker.createTopic(topic, 1, Map.of());
                Records.send(producer, List.of(record(topic)));
                MessageHeaders stored = stored(database, topic, Map.of("header.converter", converter), 0);
                assertThat(List.copyOf(stored.asMap().entrySet()))
                        .as(converter)
                        .isEqualTo(List.copyOf(Messages.HEADERS.asMap().entrySet()));
            }
        }
    }

    @Test
    void whatNoMessageCanHaveIsLeftOutAndCounted() throws Exception {
        try (TestPostgres database = TestPostgres.withSchema();
                Producer<byte[], byte[]> producer = Records.producer(broker)) {
            broker.createTopic("headers-foreign", 1, Map.of());
            ProducerRecord<byte[], byte[]> record = record("headers-foreign");
            record.headers()
                    .add("bytes", NOT_UTF8)
                    .add("a name", Records.bytes("1"))
                    .add("line", Records.bytes("a\nb"))
                    .add("null", null)
                    .add("twice", Records.bytes("1"))
                    .add("Twice", Records.bytes("2"))
                    .add("sluice.queue", Records.bytes("other"));
            Records.send(producer, List.of(record));
            var converter = Map.of("header.converter", "org.apache.kafka.connect.converters.ByteArrayConverter");
            MessageHeaders stored = stored(database, "headers-foreign", converter, 5);
            var expected = new HashMap<>(Messages.HEADERS.asMap());
            expected.put("Twice", "2");
            assertThat(stored.asMap()).isEqualTo(expected);
        }
    }

    @Test
    void onlyNamedHeadersAreTaken() throws Exception {
        try (TestPostgres database = TestPostgres.withSchema();
                Producer<byte[], byte[]> producer = Records.producer(broker)) {
            broker.createTopic("headers-named", 1, Map.of());
            Records.send(producer, List.of(record("headers-named")));
            assertThat(stored(database, "headers-named", Map.of("headers", "UNICODE, traceparent"), 0)
                            .asMap())
                    .containsOnlyKeys("unicode", "traceparent");
        }
    }

    @Test
    void theConverterThatGuessesTypesGivesTheTextOfWhatItGuessed() throws Exception {
        try (TestPostgres database = TestPostgres.withSchema();
                Producer<byte[], byte[]> producer = Records.producer(broker)) {
            broker.createTopic("headers-guessed", 1, Map.of());
            ProducerRecord<byte[], byte[]> record =
                    new ProducerRecord<>("headers-guessed", Records.bytes("k"), Records.bytes("1"));
            record.headers()
                    .add("number", Records.bytes("12"))
                    .add("flag", Records.bytes("true"))
                    .add("text", Records.bytes("acme"))
                    .add("changed", Records.bytes("007"));
            Records.send(producer, List.of(record));
            var converter = Map.of("header.converter", "org.apache.kafka.connect.storage.SimpleHeaderConverter");
            assertThat(stored(database, "headers-guessed", converter, 0).asMap())
                    .isEqualTo(Map.of("number", "12", "flag", "true", "text", "acme", "changed", "7"));
        }
    }
}
