package dev.sluice.bridge.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.connect.worker.BrokerTls;
import dev.sluice.connect.worker.KafkaBroker;
import dev.sluice.connect.worker.Records;
import dev.sluice.connect.worker.SharedKafka;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A bridge in front of a Kafka that speaks TLS and asks for a password. */
class KafkaTlsIT {
    private static final String TOPIC = "over-tls";
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private final KafkaBroker broker = SharedKafka.broker();

    @TempDir
    private Path directory;

    @Test
    void takesMessagesOnceTheBridgeTrustsItAndKnowsThePasswordAndLosesNoneBefore() throws Exception {
        assumeThat(broker.isOurs()).as("a broker with TLS").isTrue();
        broker.createTopic(TOPIC, 1, Map.of());
        BrokerTls stranger = BrokerTls.make(directory, "stranger");
        try (TestPostgres postgres = TestPostgres.withSchema()) {
            try (RunningBridge bridge = start(postgres, stranger.client())) {
                push(bridge, 1);
                awaitError(bridge, "SSL handshake failed", "unable to find valid certification path");
            }
            try (RunningBridge bridge = start(postgres, broker.tls().client("guessed"))) {
                push(bridge, 2);
                awaitError(bridge, "Authentication failed: Invalid username or password");
                assertThat(pending(bridge)).isEqualTo(2);
            }
            try (RunningBridge bridge = start(postgres, broker.tls().client())) {
                push(bridge, 3);
                assertThat(Records.read(broker, TOPIC, 3))
                        .extracting(record -> new String(record.value(), UTF_8))
                        .containsExactly("1", "2", "3");
                await().atMost(PATIENCE)
                        .untilAsserted(() -> assertThat(pending(bridge)).isZero());
            }
        }
    }

    private static void push(RunningBridge bridge, int payload) {
        String body = "{\"items\":[{\"queue\":\"orders\",\"partition\":\"p\",\"payload\":" + payload + "}]}";
        assertThat(bridge.push(body).body()).contains("\"buffered\"");
    }

    private static JsonNode lane(RunningBridge bridge) {
        return RunningBridge.json(
                        bridge.get("/api/v1/status/buffers?detail=true").body())
                .at("/lanes/0/drain");
    }

    private static long pending(RunningBridge bridge) {
        return RunningBridge.json(bridge.get("/api/v1/status/buffers").body())
                .get("pending")
                .asLong();
    }

    private static void awaitError(RunningBridge bridge, String... parts) {
        await().atMost(PATIENCE).untilAsserted(() -> {
            assertThat(lane(bridge).get("lastError").asText()).contains(parts);
            assertThat(lane(bridge).get("state").asText()).isEqualTo("down");
        });
    }

    private RunningBridge start(TestPostgres postgres, Map<String, String> client) {
        var settings = new HashMap<>(Map.of(
                "drain.mode",
                "kafka",
                "kafka.topic",
                TOPIC,
                "kafka.topic.partitions",
                "1",
                "kafka.bootstrap.servers",
                broker.secureBootstrapServers()));
        client.forEach((key, value) -> settings.put("kafka." + key, value));
        return RunningBridge.start(postgres.url(), directory.resolve("data"), settings);
    }
}
