package dev.sluice.bridge.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.connect.worker.ConnectWorker;
import dev.sluice.connect.worker.KafkaBroker;
import dev.sluice.connect.worker.SharedKafka;
import dev.sluice.queue.Messages;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * HTTP, bridge, Kafka, sink on a worker, PostgreSQL, HTTP: with Kafka away for a while, and the bridge killed twice.
 */
class KafkaDrainIT {
    private static final String QUEUE_OF_PLAIN = "plain";
    private static final int PLAIN_MESSAGES = 200;
    private static final String QUEUE_WITH_HEADERS = "headed";
    private static final Duration LIMIT = Duration.ofMinutes(2);

    private final KafkaBroker broker = SharedKafka.broker();
    private final ConnectWorker worker = SharedKafka.worker();

    @TempDir
    private Path directory;

    @Test
    void everyMessageArrivesOnceAndInOrder() throws Exception {
        try (TestPostgres postgres = TestPostgres.withSchema()) {
            var workload = new Workload(50, 100, 4, 5);
            int rounds = 100;
            try (BridgeProcess bridge = start(postgres)) {
                workload.push(bridge.client(), Duration.ZERO, 0, rounds / 4);
                pushWithoutTransactionIds(bridge, 0);
                push(bridge, item(QUEUE_WITH_HEADERS, "1", ",\"headers\":" + Messages.HEADERS.json()));
                bridge.kill(); // Kafka has more than the log knows of.
            }
            try (BridgeProcess bridge = start(postgres)) {
                worker.configure("from-bridge", sink(postgres));
                workload.push(bridge.client(), Duration.ZERO, rounds / 4, rounds / 2);
                broker.stop();
                workload.push(bridge.client(), Duration.ZERO, rounds / 2, 3 * rounds / 4);
                pushWithoutTransactionIds(bridge, PLAIN_MESSAGES);
                bridge.kill();
            }
            try (BridgeProcess bridge = start(postgres)) {
                workload.push(bridge.client(), Duration.ZERO, 3 * rounds / 4, rounds);
                broker.restart();
                assertThat(workload.answeredMessages()).isEqualTo(workload.messages());
                assertThat(workload.statuses()).containsOnlyKeys("buffered");

                workload.checkDelivered("billing", workload.consume(bridge.client(), "billing", 4, LIMIT), true);
                await().atMost(LIMIT)
                        .untilAsserted(() -> assertThat(plainMessages(postgres)).isEqualTo(2 * PLAIN_MESSAGES));
                await().atMost(LIMIT)
                        .until(() -> bridge.client()
                                        .get("/api/v1/status/buffers")
                                        .get("pending")
                                        .asLong()
                                == 0);
                assertThat(popped(bridge, QUEUE_WITH_HEADERS))
                        .contains(",\"headers\":" + Messages.HEADERS.json() + ",");
                assertThat(postgres.query("select count(*) from (select 1 from sluice.messages"
                                + " group by queue, partition, transaction_id having count(*) > 1) twice"))
                        .containsExactly("0");
                assertThat(postgres.query("select payload from sluice.messages where queue = '" + QUEUE_OF_PLAIN
                                + "' order by seq"))
                        .isEqualTo(List.copyOf(java.util.stream.IntStream.range(0, 2 * PLAIN_MESSAGES)
                                .mapToObj(String::valueOf)
                                .toList()));
            } finally {
                worker.delete("from-bridge");
            }
        }
    }

    private static int plainMessages(TestPostgres postgres) {
        return Integer.parseInt(
                postgres.query("select count(*) from sluice.messages where queue = '" + QUEUE_OF_PLAIN + "'")
                        .get(0));
    }

    /** What has no transaction id from its producer is known by the one the bridge makes. */
    private static void pushWithoutTransactionIds(BridgeProcess bridge, int from) throws Exception {
        for (int i = from; i < from + PLAIN_MESSAGES; i++) {
            push(bridge, item(QUEUE_OF_PLAIN, String.valueOf(i), ""));
        }
    }

    private static String item(String queue, String payload, String more) {
        return "{\"queue\":\"" + queue + "\",\"payload\":" + payload + more + "}";
    }

    private static void push(BridgeProcess bridge, String item) throws Exception {
        byte[] body = ("{\"items\":[" + item + "]}").getBytes(UTF_8);
        assertThat(bridge.client().send("POST", "/api/v1/push", body).statusCode())
                .isEqualTo(201);
    }

    private static String popped(BridgeProcess bridge, String queue) throws Exception {
        String path = "/api/v1/pop/queue/" + queue + "?wait=true&timeout=60000";
        return new String(bridge.client().send("GET", path, null).body(), UTF_8);
    }

    private BridgeProcess start(TestPostgres postgres) throws Exception {
        return BridgeProcess.start(
                directory.resolve("data"),
                Map.of(
                        "SLUICE_CONNECTION_URL",
                        postgres.url(),
                        "SLUICE_CONNECTION_USER",
                        "postgres",
                        "SLUICE_KAFKA_BOOTSTRAP_SERVERS",
                        broker.bootstrapServers(),
                        "SLUICE_KAFKA_TOPIC_PARTITIONS",
                        "4"),
                "--config",
                Path.of("..", "config-examples", "kafka.properties")
                        .toRealPath()
                        .toString());
    }

    private static Map<String, String> sink(TestPostgres postgres) {
        return Map.of(
                "connector.class", "dev.sluice.connect.QueueSinkConnector",
                "topics", "sluice.messages",
                "tasks.max", "2",
                "value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter",
                "header.converter", "org.apache.kafka.connect.storage.StringConverter",
                "connection.url", postgres.url(),
                "connection.user", "postgres",
                "consumer.override.auto.offset.reset", "earliest");
    }
}
