package dev.sluice.bridge.drain.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KafkaConfigTest {
    @TempDir
    Path directory;

    private static List<String> problems(String... keysAndValues) {
        var clients = new java.util.HashMap<String, String>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            clients.put(keysAndValues[i], keysAndValues[i + 1]);
        }
        return List.copyOf(KafkaConfig.problems(clients));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "broker:9092",
                "a:1, b-2.example_x:65535",
                "SASL_SSL://a:9092,PLAINTEXT://127.0.0.1:1",
                "[::1]:9092",
                "::1:9092",
                "[fe80::1%eth0]:9092"
            })
    void serversAsKafkaReadsThemAreTaken(String servers) {
        assertThat(problems("bootstrap.servers", servers)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "s3cret",
                "u:s3cret@h:9092",
                "h:0",
                "h:65536",
                "h:9092x",
                "h:",
                ":9092",
                "h 1:9092",
                "ok:1,s3cret"
            })
    void malformedServersAreRefusedWithoutBeingShown(String servers) {
        assertThat(problems("bootstrap.servers", servers))
                .singleElement()
                .asString()
                .startsWith("kafka.bootstrap.servers must be host:port entries")
                .doesNotContain("s3cret");
    }

    @Test
    void noServersAreRefusedUnderTheWholeKey() {
        assertThat(problems("bootstrap.servers", ""))
                .singleElement()
                .asString()
                .contains("kafka.bootstrap.servers must not be empty");
    }

    @Test
    void everyProblemIsReportedUnderItsWholeKey() throws Exception {
        Path file = Files.writeString(directory.resolve("store"), "");
        assertThat(problems(
                        "linger.ms", "soon",
                        "ssl.truststore.location", file.resolve("x").toString(),
                        "ssl.keystore.location", file.toString(),
                        "security.protocol", "TELEPATHY",
                        "bootstrap.servers", "x"))
                .hasSize(4)
                .anySatisfy(problem -> assertThat(problem).contains("configuration kafka.linger.ms"))
                .anySatisfy(problem -> assertThat(problem).contains("kafka.security.protocol"))
                .anySatisfy(problem -> assertThat(problem).startsWith("kafka.bootstrap.servers"))
                .contains("kafka.ssl.truststore.location is " + file.resolve("x")
                        + ", which is not a file that this user may read");
    }

    /** Exceptions of Kafka repeat words of a login configuration that it cannot parse. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "org.apache.kafka.common.security.plain.PlainLoginModule s3cret;",
                "org.apache.kafka.common.security.plain.PlainLoginModule required password=\"x\" s3cret;",
                "s3cret"
            })
    void aMalformedLoginConfigurationIsNotShown(String jaas) {
        var config = new KafkaConfig(
                "t",
                1,
                0,
                true,
                Map.of(
                        "bootstrap.servers", "127.0.0.1:1",
                        "security.protocol", "SASL_PLAINTEXT",
                        "sasl.mechanism", "PLAIN",
                        "sasl.jaas.config", jaas));
        var listener = new KafkaTask.Listener() {
            @Override
            public void acknowledged(int messages) {}

            @Override
            public void refused(SinkRecord record, String reason) {}
        };
        var task = new KafkaTask(
                batch -> new KafkaProducer<>(config.producer(batch)), () -> OptionalInt.of(1000), "t", listener);
        var record = new SinkRecord("lane", 0, null, "k", null, "v", 0, 0L, TimestampType.CREATE_TIME);
        task.open(List.of(new TopicPartition("lane", 0)));
        for (org.assertj.core.api.ThrowableAssert.ThrowingCallable call :
                new org.assertj.core.api.ThrowableAssert.ThrowingCallable[] {
                    () -> task.put(List.of(record)), () -> new KafkaTopic(config).ensure()
                }) {
            assertThatThrownBy(call)
                    .isInstanceOf(ConnectException.class)
                    .hasMessageContaining("kafka.sasl.jaas.config is not a login configuration")
                    .satisfies(e -> {
                        var trace = new StringWriter();
                        e.printStackTrace(new PrintWriter(trace));
                        assertThat(trace.toString()).doesNotContain("s3cret");
                    });
        }
    }
}
