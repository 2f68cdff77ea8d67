package dev.sluice.bridge.drain.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.drain.Destination;
import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.ingest.IngestFixture;
import dev.sluice.connect.worker.KafkaBroker;
import dev.sluice.connect.worker.Records;
import dev.sluice.connect.worker.SharedKafka;
import dev.sluice.queue.NewMessage;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The checks of a drain on its topic, and the limits of the topic on messages, with a real broker. */
class KafkaTopicIT {
    private static final int SMALL = 2_000;
    private static final int MANY = 50;

    private final KafkaBroker broker = SharedKafka.broker();

    @TempDir
    private Path directory;

    private KafkaConfig config(String topic, boolean create) {
        return new KafkaConfig(topic, 3, 0, create, Map.of("bootstrap.servers", broker.bootstrapServers()));
    }

    @Test
    void isMadeWhenItIsMissing() throws Exception {
        var topic = new KafkaTopic(config("made", true));
        await().atMost(Duration.ofMinutes(1))
                .ignoreExceptionsInstanceOf(RetriableException.class) // The broker may not know the new topic yet.
                .until(() -> topic.ensure().isPresent());
        try (Admin admin = broker.admin()) {
            TopicDescription made =
                    admin.describeTopics(List.of("made")).allTopicNames().get().get("made");
            assertThat(made.partitions())
                    .hasSize(3)
                    .allSatisfy(partition -> assertThat(partition.replicas())
                            .as("one broker, one copy")
                            .hasSize(1));
        }
        assertThat(new KafkaTopic(config("made", false)).ensure())
                .as("max.message.bytes of the broker")
                .hasValue(1_048_588);
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
    void isRefusedWhenItAsksForMoreCopiesThanThereAre() throws Exception {
        broker.createTopic("as-many", 1, Map.of("min.insync.replicas", "1"));
        new KafkaTopic(config("as-many", true)).ensure();
        broker.createTopic("too-many", 1, Map.of("min.insync.replicas", "2"));
        assertThatThrownBy(() -> new KafkaTopic(config("too-many", true)).ensure())
                .isInstanceOf(ConnectException.class)
                .isNotInstanceOf(RetriableException.class)
                .hasMessageContaining("topic too-many has min.insync.replicas=2 and only 1 replicas");
    }

    @Test
    void isCheckedWhenSomebodyElseMakesItAtTheSameMoment() {
        var topic = new KafkaTopic(config("contended", true), () -> lateToMake("contended"));
        await().atMost(Duration.ofMinutes(1))
                .untilAsserted(() -> assertThatThrownBy(topic::ensure)
                        .isInstanceOf(ConnectException.class)
                        .isNotInstanceOf(RetriableException.class)
                        .hasMessageContaining("topic contended has cleanup.policy=compact"));
    }

    /** Returns a client to which another client creates the topic differently at the same moment. */
    private Admin lateToMake(String topic) {
        Admin admin = broker.admin();
        return (Admin) Proxy.newProxyInstance(
                Admin.class.getClassLoader(), new Class<?>[] {Admin.class}, (proxy, call, args) -> {
                    if (call.getName().equals("createTopics")) {
                        broker.createTopic(topic, 1, Map.of("cleanup.policy", "compact"));
                    }
                    try {
                        return call.invoke(admin, args);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
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

    /** The service brings compression libraries of its own. The broker reads with the libraries of Kafka. */
    @ParameterizedTest
    @ValueSource(strings = {"gzip", "lz4", "snappy", "zstd"})
    void takesMessagesInEveryCompression(String compression) throws Exception {
        var settings = Map.of("bootstrap.servers", broker.bootstrapServers(), "compression.type", compression);
        var config = new KafkaConfig("in-" + compression, 1, 0, false, settings);
        broker.createTopic(config.topic(), 1, Map.of());
        var setup = IngestFixture.Setup.at(directory);
        try (var fixture = new IngestFixture(setup, Destination.kafka(config)).start()) {
            fixture.pushed(Durability.BUFFERED, IngestFixture.messages("p", 0, MANY));
            assertThat(Records.read(broker, config.topic(), MANY))
                    .extracting(record -> new String(
                            record.headers().lastHeader("sluice.transaction-id").value(), UTF_8))
                    .containsExactlyElementsOf(IngestFixture.ids("p", 0, MANY));
        }
    }

    @Test
    void whatIsTooLargeForItIsKeptAsideAndItsNeighboursArrive() throws Exception {
        broker.createTopic("small", 1, Map.of("max.message.bytes", String.valueOf(SMALL)));
        var setup = IngestFixture.Setup.at(directory);
        try (var fixture = new IngestFixture(setup, Destination.kafka(config("small", true))).start()) {
            NewMessage fits = IngestFixture.message("t-1");
            NewMessage large = NewMessage.of(
                    IngestFixture.message("x").id(),
                    "orders",
                    "p",
                    "t-2",
                    ("\"" + "x".repeat(SMALL) + "\"").getBytes(UTF_8));
            fixture.pushed(Durability.BUFFERED, fits, large, IngestFixture.message("t-3"));
            fixture.pushed(Durability.BUFFERED, IngestFixture.messages("p", 0, MANY)); // Too large as one batch.
            await().atMost(Duration.ofMinutes(2))
                    .untilAsserted(
                            () -> assertThat(fixture.drain.status().undrained()).isZero());
            assertThat(fixture.failed.count()).isEqualTo(1);
            assertThat(fixture.drain.status().lanes().get(0).refused()).isEqualTo(1);
            var expected = new ArrayList<>(List.of("t-1", "t-3"));
            expected.addAll(IngestFixture.ids("p", 0, MANY));
            assertThat(Records.read(broker, "small", expected.size()))
                    .extracting(record -> new String(
                            record.headers().lastHeader("sluice.transaction-id").value(), UTF_8))
                    .containsExactlyElementsOf(expected);
        }
    }
}
