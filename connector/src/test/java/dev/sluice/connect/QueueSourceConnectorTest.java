package dev.sluice.connect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.connect.source.QueueSourceTask;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.source.ExactlyOnceSupport;
import org.apache.kafka.connect.source.SourceConnector;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QueueSourceConnectorTest {
    private static Map<String, String> properties(String... more) {
        var properties = new HashMap<String, String>();
        properties.put("name", "source");
        properties.put("queues", "orders");
        properties.put("connection.url", "jdbc:postgresql://127.0.0.1/sluice");
        for (int i = 0; i < more.length; i += 2) {
            properties.put(more[i], more[i + 1]);
        }
        return properties;
    }

    @Test
    void isFoundByTheServiceLoaderOfAWorker() {
        assertThat(ServiceLoader.load(SourceConnector.class)).hasAtLeastOneElementOfType(QueueSourceConnector.class);
        assertThat(new QueueSourceConnector().version()).isEqualTo(new QueueSinkConnector().version());
        assertThat(new QueueSourceTask().version()).isEqualTo(new QueueSinkConnector().version());
    }

    @Test
    void givesEveryTaskItsShare() {
        var connector = new QueueSourceConnector();
        connector.start(properties());
        assertThat(connector.taskClass()).isEqualTo(QueueSourceTask.class);
        assertThat(connector.taskConfigs(2))
                .containsExactly(
                        properties("task.index", "0", "task.count", "2"),
                        properties("task.index", "1", "task.count", "2"));
        connector.stop();
    }

    @Test
    void supportsExactlyOnce() {
        assertThat(new QueueSourceConnector().exactlyOnceSupport(properties())).isEqualTo(ExactlyOnceSupport.SUPPORTED);
    }

    @Nested
    class Validation {
        private List<String> problems(Map<String, String> properties) {
            return new QueueSourceConnector()
                    .validate(properties).configValues().stream()
                            .flatMap(value ->
                                    value.errorMessages().stream().map(message -> value.name() + ": " + message))
                            .toList();
        }

        @Test
        void acceptsTheSmallestConfiguration() {
            assertThat(problems(properties())).isEmpty();
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                value = {
                    "connection.url | jdbc:mysql://host/db | must start with jdbc:postgresql:",
                    "queues.pattern | orders( | must be a regular expression",
                    "topic.format | a b | must be 1 to 249 letters",
                    "topic.format | .. | must be 1 to 249 letters",
                    "topic.format | . | must be 1 to 249 letters",
                    "topic.format | __consumer_offsets | Kafka reserves ., ..",
                    "topic.format | '' | must be 1 to 249 letters",
                    "topic.format | ${table} | must not contain ${table}: its only placeholder is ${queue}",
                    "topic.format | ${topic}-${queue} | must not contain ${topic}: its only placeholder is ${queue}",
                    "topic.format | ${queue | must not contain ${queue: its only placeholder is ${queue}",
                    "start.from | now | must be beginning, end or timestamp:TIME, was now",
                    "start.from | timestamp:now | must be a time: RFC 3339",
                    "value.type | xml | String must be one of: string, bytes, json",
                    "inexact.numbers | round | must be string, double or fail, was round",
                    "inexact.numbers | double | has no use without value.type=json",
                    "null.payload | delete | String must be one of: value, tombstone",
                    "batch.size | 0 | Value must be at least 1",
                    "poll.interval.ms | 9 | Value must be at least 10",
                    "encryption.keys | a:0e0e | the key a must be 64 hexadecimal digits",
                    "encryption.key.id | a | has no use without encryption.keys"
                })
        void putsTheMessageOnTheRightProperty(String key, String value, String message) {
            assertThat(problems(properties(key, value)))
                    .allSatisfy(problem -> assertThat(problem).startsWith(key + ": "))
                    .anySatisfy(problem -> assertThat(problem).contains(message));
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                value = {
                    "value.type | bytes | value.converter | org.apache.kafka.connect.storage.StringConverter",
                    "value.type | bytes | value.converter | StringConverter",
                    "value.type | bytes | value.converter | String",
                    "value.type | bytes | value.converter | org.apache.kafka.connect.converters.LongConverter",
                    "value.type | string | value.converter | org.apache.kafka.connect.converters.ByteArrayConverter",
                    "value.type | string | value.converter | org.apache.kafka.connect.converters.IntegerConverter",
                    "value.type | json | value.converter | org.apache.kafka.connect.storage.StringConverter",
                    "value.type | json | value.converter | org.apache.kafka.connect.converters.ByteArrayConverter",
                    "value.type | json | value.converter | org.apache.kafka.connect.converters.LongConverter",
                    "key.converter | ByteArrayConverter | connector.class | dev.sluice.connect.QueueSourceConnector",
                    "key.converter | org.apache.kafka.connect.converters.LongConverter | connector.class | it",
                    "header.converter | org.apache.kafka.connect.converters.ByteArrayConverter | connector.class | it",
                    "errors.tolerance | all | connector.class | dev.sluice.connect.QueueSourceConnector",
                    "producer.override.acks | 1 | exactly.once.support | required",
                    "transaction.boundary | connector | connector.class | dev.sluice.connect.QueueSourceConnector",
                    "producer.override.enable.idempotence | false | exactly.once.support | required",
                    "producer.override.max.in.flight.requests.per.connection | 6 | exactly.once.support | required"
                })
        void refusesPairsThatCannotWorkAlsoAtStart(String key, String value, String other, String otherValue) {
            Map<String, String> properties = properties(key, value, other, otherValue);
            assertThat(problems(properties))
                    .singleElement()
                    .asString()
                    .startsWith(key + ": ")
                    .contains(other);
            assertThatThrownBy(() -> new QueueSourceConnector().start(properties))
                    .isInstanceOf(ConfigException.class)
                    .hasMessageContaining(key)
                    .hasMessageContaining(other);
            assertThatThrownBy(() -> new QueueSourceTask().start(properties)).isInstanceOf(ConfigException.class);
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                value = {
                    "value.type | bytes | value.converter | org.apache.kafka.connect.converters.ByteArrayConverter",
                    "value.type | bytes | value.converter | org.apache.kafka.connect.json.JsonConverter",
                    "value.type | bytes | value.converter | com.example.StringConverter",
                    "value.type | string | value.converter | org.apache.kafka.connect.storage.StringConverter",
                    "value.type | string | value.converter | org.apache.kafka.connect.json.JsonConverter",
                    "value.type | json | value.converter | org.apache.kafka.connect.json.JsonConverter",
                    "value.type | json | value.converter | io.confluent.connect.avro.AvroConverter",
                    "header.converter | org.apache.kafka.connect.storage.SimpleHeaderConverter | value.type | string",
                    "producer.override.acks | all | exactly.once.support | required",
                    "producer.override.acks | 1 | exactly.once.support | requested",
                    "errors.tolerance | none | connector.class | dev.sluice.connect.QueueSourceConnector"
                })
        void takesPairsThatMayWork(String key, String value, String other, String otherValue) {
            assertThat(problems(properties(key, value, other, otherValue))).isEmpty();
        }

        @Test
        void asksForTheConverterOfBytesBecauseTheWorkersOwnCannotBeSeen() {
            assertThat(problems(properties("value.type", "bytes")))
                    .singleElement()
                    .asString()
                    .startsWith("value.type: value.type=bytes needs value.converter in this configuration");
            assertThatThrownBy(() -> new QueueSourceConnector().start(properties("value.type", "bytes")))
                    .isInstanceOf(ConfigException.class);
        }

        @Test
        void asksForTheConverterOfJsonToo() {
            assertThat(problems(properties("value.type", "json")))
                    .singleElement()
                    .asString()
                    .startsWith("value.type: value.type=json needs value.converter in this configuration")
                    .contains("JsonConverter");
        }

        /** A transform such as ExtractField may make a text of an object. */
        @Test
        void leavesTheConverterOfJsonOpenBehindTransforms() {
            assertThat(problems(properties(
                            "value.type", "json", "value.converter", "StringConverter", "transforms", "extract")))
                    .isEmpty();
        }

        @Test
        void tellsBytesInJsonFromTextOnlyByTheirSchema() {
            String json = "org.apache.kafka.connect.json.JsonConverter";
            assertThat(problems(properties(
                            "value.type", "bytes", "value.converter", json, "value.converter.schemas.enable", "false")))
                    .singleElement()
                    .asString()
                    .contains("value.converter.schemas.enable=false", "Base64");
        }

        @Test
        void checksTheTopicsOfQueuesThatAreNamed() {
            assertThat(problems(properties("queues", "a.b,a_b")))
                    .singleElement()
                    .asString()
                    .startsWith("topic.format: queues and topic.format do not fit");
            assertThat(problems(properties("queues", "a.b,a_b", "topic.format", "all")))
                    .isEmpty();
        }

        @Test
        void asksForQueuesInOneWay() {
            assertThat(problems(properties("queues.pattern", ".*")))
                    .containsExactly("queues: queues and queues.pattern must not both be set");
            Map<String, String> none = properties();
            none.remove("queues");
            assertThat(problems(properties("queues", "a,")))
                    .contains("queues: queues has an empty entry; queues.pattern=^$ selects the queue with the"
                            + " empty name");
            assertThat(problems(none)).containsExactly("queues: queues or queues.pattern must be set");
        }
    }

    /** This test has no database; {@code SourceOffsetsTest} has one. */
    @Test
    void offsetsAreRefusedForTheirFormBeforeTheDatabaseIsAsked() {
        var connector = new QueueSourceConnector();
        Map<String, Object> partition = new LinkedHashMap<>();
        partition.put("partition", 7);
        partition.put("queue", "orders");
        var reset = new HashMap<Map<String, ?>, Map<String, ?>>();
        reset.put(partition, null);
        reset.put(Map.of("of", "somebody else"), null);
        assertThat(connector.alterOffsets(properties(), reset)).isTrue();
        for (Object seq : new Object[] {-1, 1.0, 1.5, "1"}) {
            assertThatThrownBy(() -> connector.alterOffsets(properties(), Map.of(partition, Map.of("seq", seq))))
                    .isInstanceOf(ConnectException.class)
                    .hasMessageContaining("{\"seq\": n}");
        }
        assertThatThrownBy(
                        () -> connector.alterOffsets(properties(), Map.of(Map.of("queue", "orders"), Map.of("seq", 1))))
                .isInstanceOf(ConnectException.class)
                .hasMessageContaining("{\"partition\": id, \"queue\": name}");
        Map<String, Object> fraction = new LinkedHashMap<>();
        fraction.put("partition", 7.0);
        fraction.put("queue", "orders");
        assertThatThrownBy(() -> connector.alterOffsets(properties(), Map.of(fraction, Map.of("seq", 1))))
                .isInstanceOf(ConnectException.class);
        Map<String, Object> reversed = new LinkedHashMap<>();
        reversed.put("queue", "orders");
        reversed.put("partition", 7);
        assertThatThrownBy(() -> connector.alterOffsets(properties(), Map.of(reversed, Map.of("seq", 1))))
                .isInstanceOf(ConnectException.class)
                .hasMessageContaining("in this order");
    }
}
