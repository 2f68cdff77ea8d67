package dev.sluice.connect.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.TestPostgres;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.Test;

/** The plug-in on the oldest worker that it supports, with that worker's default discovery of plug-ins. */
class OldestWorkerIT {
    private static final Duration TIMEOUT = Duration.ofMinutes(2);

    private final KafkaBroker broker = SharedKafka.broker();

    @Test
    void recordsOfATopicArriveInAQueueAndThoseOfTheQueueInATopic() throws Exception {
        broker.createTopic("old", 2, Map.of());
        try (TestPostgres database = TestPostgres.withSchema();
                Producer<byte[], byte[]> producer = Records.producer(broker);
                ConnectWorker worker =
                        ConnectWorker.start("oldest-worker", "oldest", broker, "oldest-workers", Map.of())) {
            worker.configure(
                    "old",
                    Map.of(
                            "connector.class", "dev.sluice.connect.QueueSinkConnector",
                            "topics", "old",
                            "connection.url", database.url(),
                            "connection.user", "postgres",
                            "consumer.override.auto.offset.reset", "earliest"));
            var records = new ArrayList<ProducerRecord<byte[], byte[]>>();
            for (int i = 0; i < 100; i++) {
                records.add(new ProducerRecord<>("old", Records.bytes("key"), Records.bytes("{\"n\":" + i + "}")));
            }
            Records.send(producer, records);
            await().atMost(TIMEOUT)
                    .untilAsserted(
                            () -> assertThat(database.query("select count(*), max(seq), max((payload::json->>'n')::int)"
                                            + " from sluice.messages where queue = 'old'"))
                                    .containsExactly("100|100|99"));
            worker.configure(
                    "older",
                    Map.of(
                            "connector.class", "dev.sluice.connect.QueueSourceConnector",
                            "queues", "old",
                            "topic.format", "copy.${queue}",
                            "topic.creation.default.partitions", "1",
                            "topic.creation.default.replication.factor", "1",
                            "value.converter", "org.apache.kafka.connect.storage.StringConverter",
                            "connection.url", database.url(),
                            "connection.user", "postgres"));
            await().atMost(TIMEOUT)
                    .ignoreExceptions()
                    .until(() -> Records.read(broker, "copy.old", 100).size() == 100);
            beginAgainWithFields(worker, database);
        }
    }

    /** The order of the parts of an offset is free, and a value has fields. */
    private void beginAgainWithFields(ConnectWorker worker, TestPostgres database) throws Exception {
        worker.ask("PUT", "/connectors/older/stop", null);
        await().atMost(TIMEOUT).until(() -> worker.states("older").equals(List.of("STOPPED")));
        String id = database.query("select id from sluice.partitions").get(0);
        String offset =
                "{\"offsets\":[{\"partition\":{\"queue\":\"old\",\"partition\":" + id + "},\"offset\":{\"seq\":99}}]}";
        await().atMost(TIMEOUT)
                .until(() -> worker.request("PATCH", "/connectors/older/offsets", offset)
                                .status()
                        == 200);
        var fields = new HashMap<String, String>();
        worker.ask("GET", "/connectors/older/config", null)
                .properties()
                .forEach(each -> fields.put(each.getKey(), each.getValue().asText()));
        fields.put("value.type", "json");
        fields.put("value.converter", "org.apache.kafka.connect.json.JsonConverter");
        fields.put("value.converter.schemas.enable", "false");
        fields.put("transforms", "extract");
        fields.put("transforms.extract.type", "org.apache.kafka.connect.transforms.ExtractField$Value");
        fields.put("transforms.extract.field", "n");
        worker.configure("older", fields);
        worker.ask("PUT", "/connectors/older/resume", null);
        assertThat(Records.read(broker, "copy.old", 101).get(100).value()).isEqualTo(Records.bytes("99"));
    }
}
