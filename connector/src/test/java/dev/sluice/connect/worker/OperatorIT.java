package dev.sluice.connect.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.connect.worker.ConnectWorker.Answer;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.Test;

/**
 * An operator makes mistakes on a real worker: wrong records, settings, offsets and names. No record is lost, and one
 * mistake does not stop the rest.
 */
class OperatorIT {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration TIMEOUT = Duration.ofMinutes(2);
    private static final String TOO_LONG = "x".repeat(NewMessage.MAX_NAME_LENGTH + 1);

    /** More bytes than the producer of a dead letter topic accepts by default. */
    private static final int TOO_LARGE = 1_200_000;

    private final KafkaBroker broker = SharedKafka.broker();
    private final ConnectWorker worker = SharedKafka.worker();

    private static Map<String, String> sink(TestPostgres database, String topics, String... more) {
        var configuration = new HashMap<String, String>();
        configuration.put("connector.class", "dev.sluice.connect.QueueSinkConnector");
        configuration.put("topics", topics);
        configuration.put("connection.url", database.url());
        configuration.put("connection.user", "postgres");
        configuration.put("consumer.override.auto.offset.reset", "earliest");
        return with(configuration, more);
    }

    private static Map<String, String> source(TestPostgres database, String... more) {
        var configuration = new HashMap<String, String>();
        configuration.put("connector.class", "dev.sluice.connect.QueueSourceConnector");
        configuration.put("connection.url", database.url());
        configuration.put("connection.user", "postgres");
        configuration.put("value.converter", "org.apache.kafka.connect.storage.StringConverter");
        configuration.put("topic.creation.default.partitions", "1");
        configuration.put("topic.creation.default.replication.factor", "1");
        return with(configuration, more);
    }

    private static Map<String, String> with(Map<String, String> configuration, String... more) {
        var all = new HashMap<>(configuration);
        for (int i = 0; i < more.length; i += 2) {
            all.put(more[i], more[i + 1]);
        }
        return all;
    }

    private static ProducerRecord<byte[], byte[]> record(String topic, int partition, String key, String value) {
        return new ProducerRecord<>(topic, partition, Records.bytes(key), Records.bytes(value));
    }

    private static List<String> payloads(TestPostgres database, String queue) {
        return database.query("select payload from sluice.messages where queue = '" + queue
                + "' order by payload::json #>> '{}' collate \"C\"");
    }

    private static List<String> offsets(TestPostgres database) {
        return database.query(
                "select topic, partition, next_offset from sluice.sink_offsets order by topic, partition");
    }

    private void awaitPayloads(TestPostgres database, String queue, String... expected) {
        await().atMost(TIMEOUT)
                .untilAsserted(() -> assertThat(payloads(database, queue)).containsExactly(expected));
    }

    /** Waits until the task has failed, and returns the reason. */
    private String awaitFailure(String connector) {
        var trace = new String[1];
        await().atMost(TIMEOUT).untilAsserted(() -> {
            var task = worker.ask("GET", "/connectors/" + connector + "/status", null)
                    .at("/tasks/0");
            assertThat(task.path("state").asText()).isEqualTo("FAILED");
            trace[0] = task.path("trace").asText();
        });
        return trace[0];
    }

    /** Stops a connector and changes offsets. It repeats the request until the consumers have left the group. */
    private Answer patch(String connector, String offsets) throws Exception {
        worker.ask("PUT", "/connectors/" + connector + "/stop", null);
        await().atMost(TIMEOUT).until(() -> worker.states(connector).equals(List.of("STOPPED")));
        var answer = new Answer[1];
        await().atMost(TIMEOUT).until(() -> {
            answer[0] =
                    worker.request("PATCH", "/connectors/" + connector + "/offsets", "{\"offsets\":[" + offsets + "]}");
            String message = answer[0].body().path("message").asText();
            return !message.contains("still") && !message.contains("active") && !message.contains("zombie");
        });
        return answer[0];
    }

    private static String at(String topic, int partition, long offset) {
        return "{\"partition\":{\"kafka_topic\":\"" + topic + "\",\"kafka_partition\":" + partition
                + "},\"offset\":{\"kafka_offset\":" + offset + "}}";
    }

    @Test
    void aBadRecordStopsTheTaskBehindWhatPrecedesItAndCanBePassedOver() throws Exception {
        try (TestPostgres database = TestPostgres.withSchema();
                Producer<byte[], byte[]> producer = Records.producer(broker)) {
            broker.createTopic("prefix", 2, Map.of());
            Records.send(
                    producer,
                    List.of(
                            record("prefix", 0, "k", "0"),
                            record("prefix", 0, "k", "1"),
                            record("prefix", 0, "k", "2"),
                            record("prefix", 0, TOO_LONG, "3"),
                            record("prefix", 0, "k", "4"),
                            record("prefix", 0, "k", "5"),
                            record("prefix", 1, "k", "6")));
            worker.configure("prefix", sink(database, "prefix"));
            try {
                assertThat(awaitFailure("prefix"))
                        .contains("record prefix-0 offset 3 cannot be written")
                        .contains("All records of prefix-0 before offset 3 are stored, none is from offset 3 on")
                        .contains("set the offset of the partition to 4");
                assertThat(payloads(database, "prefix")).contains("0", "1", "2").doesNotContain("3", "4", "5");

                assertThat(patch("prefix", at("prefix", 0, 4)).status()).isEqualTo(200);
                worker.ask("PUT", "/connectors/prefix/resume", null);
                awaitPayloads(database, "prefix", "0", "1", "2", "4", "5", "6");
            } finally {
                worker.delete("prefix");
            }
        }
    }

    @Test
    void aBadRecordThatTheDeadLetterTopicDoesNotTakeStopsTheTaskUntilItDoes() throws Exception {
        String large = "\"" + "x".repeat(TOO_LARGE) + "\"";
        bad("large", record("large", 0, "k", large), "record large-0 offset 1 cannot be written");
    }

    @Test
    void soDoesOneThatTheWorkersConverterRefuses() throws Exception {
        String noJson = "{\"no\": json" + "x".repeat(TOO_LARGE);
        bad("unreadable", record("unreadable", 0, "k", noJson), "converter or transform");
    }

    /** The producer accepts the record, and the broker rejects it later. */
    @Test
    void soDoesOneThatTheConverterRefusesAndTheDeadLetterTopicItself() throws Exception {
        try (TestPostgres database = TestPostgres.withSchema();
                Producer<byte[], byte[]> producer = Records.producer(broker)) {
            broker.createTopic("later", 1, Map.of("max.message.bytes", String.valueOf(16 << 20)));
            broker.createTopic("later-dead", 1, Map.of());
            String noJson = "{\"no\": json" + "x".repeat(TOO_LARGE);
            Records.send(
                    producer,
                    List.of(
                            record("later", 0, "k", "0"),
                            record("later", 0, "k", noJson),
                            record("later", 0, "k", "2")));
            worker.configure(
                    "later",
                    sink(
                            database,
                            "later",
                            "errors.tolerance",
                            "all",
                            "errors.deadletterqueue.topic.name",
                            "later-dead",
                            "producer.override.max.request.size",
                            String.valueOf(16 << 20)));
            try {
                assertThat(awaitFailure("later")).contains("converter or transform");
                assertThat(payloads(database, "later")).doesNotContain("2");
            } finally {
                worker.delete("later");
            }
        }
    }

    private void bad(String topic, ProducerRecord<byte[], byte[]> bad, String reason) throws Exception {
        try (TestPostgres database = TestPostgres.withSchema();
                Producer<byte[], byte[]> producer = Records.producer(broker)) {
            Map<String, String> roomy = Map.of("max.message.bytes", String.valueOf(16 << 20));
            broker.createTopic(topic, 1, roomy);
            broker.createTopic(topic + "-dead", 1, roomy);
            Map<String, String> tolerant = sink(
                    database,
                    topic,
                    "message.max.bytes",
                    "1000",
                    "errors.tolerance",
                    "all",
                    "errors.deadletterqueue.topic.name",
                    topic + "-dead",
                    "errors.deadletterqueue.topic.replication.factor",
                    "1");
            Records.send(producer, List.of(record(topic, 0, "k", "0"), bad, record(topic, 0, "k", "2")));
            worker.configure(topic, tolerant);
            try {
                assertThat(awaitFailure(topic)).contains(reason).contains("set producer.override.max.request.size");
                assertThat(payloads(database, topic)).doesNotContain("2");
                assertThat(Records.readAll(broker, topic + "-dead")).isEmpty();

                worker.configure(topic, with(tolerant, "producer.override.max.request.size", String.valueOf(16 << 20)));
                awaitPayloads(database, topic, "0", "2");
                assertThat(Records.read(broker, topic + "-dead", 1))
                        .singleElement()
                        .satisfies(dead -> assertThat(dead.value()).isEqualTo(bad.value()));
            } finally {
                worker.delete(topic);
            }
        }
    }

    @Test
    void settingsThatCannotWorkTogetherAreRefused() throws Exception {
        try (TestPostgres database = TestPostgres.withSchema()) {
            Map<String, String> pair =
                    with(source(database, "queues", "orders", "value.type", "bytes"), "name", "pair");
            assertThat(worker.validate("QueueSourceConnector", pair))
                    .containsOnlyKeys("value.type")
                    .hasEntrySatisfying(
                            "value.type",
                            text -> assertThat(text)
                                    .contains("value.type=bytes")
                                    .contains("value.converter=org.apache.kafka.connect.storage.StringConverter"));
            Answer refused = worker.request("PUT", "/connectors/pair/config", JSON.writeValueAsString(pair));
            assertThat(refused.status()).isEqualTo(400);
            Map<String, String> keys = with(
                    pair,
                    "value.type",
                    "string",
                    "key.converter",
                    "org.apache.kafka.connect.converters.ByteArrayConverter");
            assertThat(worker.validate("QueueSourceConnector", keys))
                    .containsOnlyKeys("key.converter")
                    .hasEntrySatisfying(
                            "key.converter", text -> assertThat(text).contains("connector.class"));
            Map<String, String> fields = with(
                    sink(database, "orders", "partition.from", "field:id"),
                    "name",
                    "pair",
                    "value.converter",
                    "org.apache.kafka.connect.storage.StringConverter");
            assertThat(worker.validate("QueueSinkConnector", fields)).containsOnlyKeys("partition.from");
        }
    }

    @Test
    void offsetsOfASinkThatCannotBeAreRefusedBeforeOneIsStored() throws Exception {
        try (TestPostgres database = TestPostgres.withSchema();
                Producer<byte[], byte[]> producer = Records.producer(broker)) {
            broker.createTopic("offsets", 2, Map.of());
            Records.send(producer, List.of(record("offsets", 0, "k", "0"), record("offsets", 0, "k", "1")));
            worker.configure("offsets", sink(database, "offsets"));
            try {
                awaitPayloads(database, "offsets", "0", "1");
                for (String impossible : List.of(
                        at("offsets", 2, 0),
                        at("offsets", 0, 0) + "," + at("offsets", 2, 0),
                        at("unread", 0, 0),
                        at("offsets", 0, -1))) {
                    Answer answer = patch("offsets", impossible);
                    assertThat(answer.status()).as(answer.toString()).isGreaterThanOrEqualTo(400);
                    assertThat(offsets(database)).as(impossible).containsExactly("offsets|0|2");
                }
                assertThat(patch("offsets", at("offsets", 1, 0)).status()).isEqualTo(200);

                worker.configure(
                        "offsets",
                        sink(database, "offsets", "admin.override.bootstrap.servers", broker.bootstrapServers()));
                assertThat(patch("offsets", at("offsets", 0, 3)).body().toString())
                        .contains("offset 3 of offsets-0 is beyond its end, which is 2");
                assertThat(offsets(database)).containsExactly("offsets|0|2", "offsets|1|0");
                assertThat(patch("offsets", at("offsets", 0, 2)).status()).isEqualTo(200);
            } finally {
                worker.delete("offsets");
            }
        }
    }

    /** Waits until a topic exists and has a record. */
    private void awaitRecord(String topic) {
        await(topic)
                .atMost(TIMEOUT)
                .ignoreExceptions()
                .until(() -> Records.read(broker, topic, 1).size() == 1);
    }

    private static void push(TestPostgres database, String... queues) {
        try (var writer = new QueueWriter(database.dataSource(), QueueWriterConfig.DEFAULTS)) {
            for (String queue : queues) {
                var id = new MessageIds().next();
                var unused = writer.write(
                        List.of(NewMessage.of(id, queue, "p", id.toString(), Records.bytes("1"))), List.of());
            }
        }
    }

    @Test
    void aQueueThatCanBeNoTopicAndATopicThatCanBeNoQueueStopNoOther() throws Exception {
        try (TestPostgres database = TestPostgres.withSchema();
                Producer<byte[], byte[]> producer = Records.producer(broker)) {
            push(database, "pass-first", "pass-" + "q".repeat(245), "pass-a.b", "pass-a_b", "pass-last");
            worker.configure("pass", source(database, "queues.pattern", "pass-.*"));
            try {
                for (String topic : List.of("pass-first", "pass-a.b", "pass-last")) {
                    awaitRecord(topic);
                }
                assertThat(worker.states("pass")).containsOnly("RUNNING");
                assertThat(worker.metric("pass", "topic.format", "queues-without-topic"))
                        .isEqualTo(2L);

                String partition = database.query("select p.id from sluice.partitions p join sluice.queues q"
                                + " on q.id = p.queue_id where q.name = 'pass-first'")
                        .get(0);
                String known = "{\"partition\":{\"partition\":" + partition
                        + ",\"queue\":\"pass-first\"},\"offset\":{\"seq\":0}}";
                for (String impossible : List.of(
                        known.replace(":" + partition + ",", ":999999,"),
                        known.replace("pass-first", "pass-none"),
                        known.replace("\"seq\":0", "\"seq\":2"),
                        known + "," + known.replace(":" + partition + ",", ":999999,"))) {
                    Answer answer = patch("pass", impossible);
                    assertThat(answer.status()).as(answer.toString()).isGreaterThanOrEqualTo(400);
                }
                assertThat(worker.ask("GET", "/connectors/pass/offsets", null).toString())
                        .contains("{\"seq\":1}")
                        .doesNotContain("{\"seq\":0}", "{\"seq\":2}", "999999", "pass-none");
                assertThat(patch("pass", known).status()).isEqualTo(200);
                worker.ask("PUT", "/connectors/pass/resume", null);
                assertThat(Records.read(broker, "pass-first", 2)).hasSize(2);
            } finally {
                worker.delete("pass");
            }

            String unnameable = "unnamed-" + "t".repeat(241);
            broker.createTopic(unnameable, 1, Map.of());
            broker.createTopic("unnamed-not", 1, Map.of());
            Records.send(producer, List.of(record(unnameable, 0, "k", "0"), record("unnamed-not", 0, "k", "1")));
            Map<String, String> regex = sink(database, "", "queue.name.format", "kafka-1.${topic}");
            regex.remove("topics");
            worker.configure("unnamed", with(regex, "topics.regex", "unnamed-.*"));
            try {
                awaitPayloads(database, "kafka-1.unnamed-not", "1");
                assertThat(worker.states("unnamed")).containsOnly("RUNNING");
                assertThat(worker.metric("unnamed", "queue.name.format", "topics-without-queue"))
                        .isEqualTo(1L);
                assertThat(offsets(database)).containsExactly("unnamed-not|0|1");
            } finally {
                worker.delete("unnamed");
            }
        }
    }

    @Test
    void aFieldIsFoundBehindFlattenAndOneThatIsMissingIsAnErrorWhereItMustBeThere() throws Exception {
        try (TestPostgres database = TestPostgres.withSchema();
                Producer<byte[], byte[]> producer = Records.producer(broker)) {
            broker.createTopic("flat", 1, Map.of());
            var records = new ArrayList<ProducerRecord<byte[], byte[]>>();
            for (int i = 0; i < 3; i++) {
                records.add(record("flat", 0, "k", "{\"customer\": {\"id\": \"c" + i + "\"}, \"n\": " + i + "}"));
            }
            records.add(record("flat", 0, "k", "{\"n\": 3}"));
            Records.send(producer, records);
            worker.configure(
                    "flat",
                    sink(
                            database,
                            "flat",
                            "transforms",
                            "flatten",
                            "transforms.flatten.type",
                            "org.apache.kafka.connect.transforms.Flatten$Value",
                            "partition.from",
                            "field:customer.id",
                            "partition.from.missing",
                            "fail"));
            try {
                assertThat(awaitFailure("flat"))
                        .contains("partition.from=field:customer.id finds nothing in the record");
                assertThat(database.query("select partition from sluice.messages order by partition"))
                        .containsExactly("c0", "c1", "c2");
            } finally {
                worker.delete("flat");
            }
        }
    }
}
