package dev.sluice.bridge.ingest;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.sluice.connect.worker.KafkaBroker;
import dev.sluice.connect.worker.Records;
import dev.sluice.connect.worker.SharedKafka;
import dev.sluice.queue.NewMessage;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a drain asks of its topic, and what the topic asks of messages, with a real broker. */
class KafkaTopicIT {
    private static final int SMALL = 2_000;

    private final KafkaBroker broker = SharedKafka.broker();

    @TempDir
    private Path directory;

    private KafkaConfig config(String topic, boolean create) {
        return new KafkaConfig(topic, 3, 0, create, Map.of("bootstrap.servers", broker.bootstrapServers()));
    }

    @Test
    void isMadeWhenItIsMissing() throws Exception {
        new KafkaTopic(config("made", true)).ensure();
        try (Admin admin = broker.admin()) {
            TopicDescription made =
                    admin.describeTopics(List.of("made")).allTopicNames().get().get("made");
            assertThat(made.partitions())
                    .hasSize(3)
                    .allSatisfy(partition -> assertThat(partition.replicas())
                            .as("one broker, one copy")
                            .hasSize(1));
        }
        new KafkaTopic(config("made", false)).ensure();
    }

    @Test
    void isRefusedWhenItIsMissingAndNotToBeMade() {
        assertThatThrownBy(() -> new KafkaTopic(config("missing", false)).ensure())
                .isInstanceOf(ConnectException.class)
                .isNotInstanceOf(RetriableException.class)
                .hasMessageContaining("topic missing does not exist, and kafka.topic.create=false");
    }

    @Test
    void isRefusedWhenItWouldLoseMessages() throws Exception {
        broker.createTopic("compacted", 1, Map.of("cleanup.policy", "compact,delete"));
        assertThatThrownBy(() -> new KafkaTopic(config("compacted", true)).ensure())
                .isInstanceOf(ConnectException.class)
                .hasMessageContaining("cleanup.policy");
    }

    @Test
    void isAskedForAgainWhileKafkaIsAway() {
        var away = new KafkaConfig(
                "any",
                1,
                0,
                true,
                Map.of(
                        "bootstrap.servers", "127.0.0.1:1",
                        "default.api.timeout.ms", "300",
                        "request.timeout.ms", "200"));
        assertThatThrownBy(() -> new KafkaTopic(away).ensure()).isInstanceOf(RetriableException.class);
    }

    @Test
    void whatIsTooLargeForItIsKeptAsideAndItsNeighboursArrive() throws Exception {
        broker.createTopic("small", 1, Map.of("max.message.bytes", String.valueOf(SMALL)));
        var setup = IngestFixture.Setup.at(directory);
        try (var fixture = new IngestFixture(setup, Destination.kafka(config("small", true))).start()) {
            NewMessage fits = IngestFixture.message("t-1");
            NewMessage large = new NewMessage(
                    IngestFixture.message("x").id(),
                    "orders",
                    "p",
                    "t-2",
                    false,
                    ("\"" + "x".repeat(SMALL) + "\"").getBytes(UTF_8),
                    null,
                    null);
            fixture.pushed(Durability.BUFFERED, fits, large, IngestFixture.message("t-3"));
            await().atMost(Duration.ofMinutes(2))
                    .untilAsserted(
                            () -> assertThat(fixture.drain.status().undrained()).isZero());
            assertThat(fixture.failed.count()).isEqualTo(1);
            assertThat(fixture.drain.status().lanes().get(0).refused()).isEqualTo(1);
            assertThat(Records.read(broker, "small", 2))
                    .extracting(record -> new String(record.value(), UTF_8))
                    .containsExactly("\"t-1\"", "\"t-3\"");
        }
    }
}
