package dev.sluice.connect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.connect.sink.QueueSinkTask;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.connect.sink.SinkConnector;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class QueueSinkConnectorTest {
    private static Map<String, String> properties(String... more) {
        var properties = new HashMap<String, String>();
        properties.put("name", "sink");
        properties.put("topics", "orders");
        properties.put("connection.url", "jdbc:postgresql://127.0.0.1/sluice");
        properties.put("connection.password", "open sesame");
        for (int i = 0; i < more.length; i += 2) {
            properties.put(more[i], more[i + 1]);
        }
        return properties;
    }

    @Test
    void isFoundByTheServiceLoaderOfAWorker() {
        assertThat(ServiceLoader.load(SinkConnector.class)).hasAtLeastOneElementOfType(QueueSinkConnector.class);
    }

    @Test
    void hasTheVersionOfTheBuild() {
        String version = new QueueSinkConnector().version();
        assertThat(version).matches("\\d+\\.\\d+\\.\\d+.*");
        assertThat(new QueueSinkTask().version()).isEqualTo(version);
    }

    @Test
    void givesEveryTaskItsConfiguration() {
        var connector = new QueueSinkConnector();
        connector.start(properties());
        assertThat(connector.taskClass()).isEqualTo(QueueSinkTask.class);
        assertThat(connector.taskConfigs(3)).containsExactly(properties(), properties(), properties());
        connector.stop();
    }

    @Nested
    class Validation {
        private List<String> problems(Map<String, String> properties) {
            return new QueueSinkConnector()
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
                    "batch.size | 0 | Value must be at least 1",
                    "linger.ms | -1 | Value must be at least 0",
                    "partition.from | keys | partition.from must be key, timestamp",
                    "transaction.id.from | header: | transaction.id.from must be key",
                    "queue.schema | Queue | must be 1 to 63 lower-case letters",
                    "schema.apply | maybe | Expected value to be either true or false",
                    "dedup.window.ms | a week | Not a number of type LONG",
                    "queue.name.format | '' | queue.name.format must not be empty",
                    "queue.name.format | kafka.${table} | must not contain ${table}: its only placeholder is ${topic}",
                    "queue.name.format | ${topic}-${ topic } | must not contain ${ topic }: its only placeholder",
                    "queue.name.format | ${topic | must not contain ${topic: its only placeholder is ${topic}",
                    "created.from | constant:yesterday | created.from must be a time: RFC 3339 like",
                    "created.from | constant:2026-02-30 | created.from must be a time: RFC 3339 like",
                    "connection.validate | perhaps | Expected value to be either true or false",
                    "unknown.settings | accept | String must be one of: refuse, ignore",
                    "lane.from | low | lane.from must be key, timestamp",
                    "lane.from | constant:urgent | lane.from must be critical, high, normal or low, was urgent",
                    "lane.from | timestamp | lane.from must not be timestamp, which is never a lane",
                    "trace.id.from | constant:7 | trace.id.from must be a UUID, was 7",
                    "trace.id.from | topic-partition-offset | which is never a UUID",
                    "created.from | constant:soon | created.from must be a time: RFC 3339 like",
                    "created.from | topic-partition | which is never a time",
                    "created.from | constant:1599-12-31 | created.from must be between 1600-01-01T00:00:00Z and 9999-",
                    "partition.from | field:`a | partition.from has a back-tick that is not closed: `a",
                    "partition.from.missing | ignore | must be default, warn or fail, was ignore",
                    "headers | tenant,sluice.id | header sluice.id must not begin with sluice.",
                    "headers | a b | names of headers must consist of letters, digits and",
                    "headers | '' | names of headers must not be empty",
                    "headers.invalid | warn | String must be one of: drop, fail",
                    "message.headers.max.count | -1 | Value must be at least 0",
                    "message.headers.max.count | 1025 | Value must be no more than 1024",
                    "message.headers.max.bytes | 131073 | Value must be no more than 131072",
                    "message.max.bytes | 0 | Value must be at least 1",
                    "message.max.bytes | 268435457 | Value must be no more than 268435456",
                    "put.timeout.ms | 0 | Value must be at least 1",
                    "encryption.keys | a:0e0e | the key a must be 64 hexadecimal digits",
                    "encryption.key.id | a | has no use without encryption.keys"
                })
        void putsTheMessageOnTheRightProperty(String key, String value, String message) {
            assertThat(problems(properties(key, value)))
                    .allSatisfy(problem -> assertThat(problem).startsWith(key + ": "))
                    .anySatisfy(problem -> assertThat(problem).contains(message));
        }

        @Test
        void findsWhatDoesNotFitTogether() {
            assertThat(problems(properties("retry.backoff.ms", "5000", "retry.backoff.max.ms", "1000")))
                    .containsExactly(
                            "retry.backoff.max.ms: retry.backoff.max.ms must be at least retry.backoff.ms (5000), was 1000");
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                value = {
                    "partition.from | field:id | value.converter | org.apache.kafka.connect.storage.StringConverter",
                    "created.from | field:at | value.converter | ByteArrayConverter",
                    "lane.from | field:lane | value.converter | LongConverter",
                    "header.converter | SimpleHeaderConverter | message.headers | true",
                    "header.converter | org.apache.kafka.connect.converters.LongConverter | message.headers | true",
                    "transaction.id.from | constant:one | dedup.window.ms | 3600000",
                    "transaction.id.from | topic-partition | dedup.window.ms | 1",
                    "lane.from.missing | fail | message.headers | true",
                    "lane.from | key | key.converter | org.apache.kafka.connect.converters.LongConverter",
                    "trace.id.from | key | key.converter | IntegerConverter",
                    "lock.timeout.ms | 5000 | write.timeout.ms | 5000"
                })
        void refusesPairsThatCannotWorkAlsoAtStart(String key, String value, String other, String otherValue) {
            Map<String, String> properties = properties(key, value, other, otherValue);
            String named = key.endsWith(".missing") ? "lane.from" : other;
            assertThat(problems(properties))
                    .singleElement()
                    .asString()
                    .startsWith(key + ": ")
                    .contains(named);
            assertThatThrownBy(() -> new QueueSinkConnector().start(properties))
                    .isInstanceOf(ConfigException.class)
                    .hasMessageContaining(key)
                    .hasMessageContaining(named);
            assertThatThrownBy(() -> new QueueSinkTask().start(properties)).isInstanceOf(ConfigException.class);
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                value = {
                    "partition.from | field:id | value.converter | org.apache.kafka.connect.json.JsonConverter",
                    "partition.from | field:id | value.converter | com.example.AvroConverter",
                    "partition.from | key | value.converter | org.apache.kafka.connect.storage.StringConverter",
                    "header.converter | SimpleHeaderConverter | message.headers | false",
                    "header.converter | ByteArrayConverter | message.headers | true",
                    "transaction.id.from | constant:one | dedup.window.ms | 0",
                    "lane.from.missing | fail | lane.from | header:lane",
                    "lane.from | key | key.converter | org.apache.kafka.connect.storage.StringConverter",
                    "created.from | key | key.converter | org.apache.kafka.connect.converters.LongConverter",
                    "lock.timeout.ms | 4999 | write.timeout.ms | 5000",
                    "write.timeout.ms | 1000 | batch.size | 10",
                    "consumer.override.enable.auto.commit | false | batch.size | 10",
                    "headers | none | headers.invalid | fail",
                    "headers | Tenant, x-trace | message.headers.max.count | 1024",
                    "headers | all | message.headers.max.bytes | 131072",
                    "trace.id.from | constant:018f0000-0000-7000-8000-000000000001 | message.headers | true"
                })
        void takesPairsThatMayWork(String key, String value, String other, String otherValue) {
            assertThat(problems(properties(key, value, other, otherValue))).isEmpty();
        }

        @Test
        void refusesAConsumerThatCommitsByItself() {
            assertThat(problems(properties("consumer.override.enable.auto.commit", "true")))
                    .singleElement()
                    .asString()
                    .startsWith(
                            "consumer.override.enable.auto.commit: consumer.override.enable.auto.commit=true does not");
        }

        @Test
        void refusesASelectorOfHeadersThatTheConverterMakesNumbersOf() {
            Map<String, String> properties =
                    properties("transaction.id.from", "header:id", "header.converter", "SimpleHeaderConverter");
            properties.put("message.headers", "false");
            assertThat(problems(properties))
                    .singleElement()
                    .asString()
                    .startsWith(
                            "transaction.id.from: transaction.id.from=header:id does not go with header.converter=");
            assertThatThrownBy(() -> new QueueSinkConnector().start(properties)).isInstanceOf(ConfigException.class);
            properties.put("header.converter", "org.apache.kafka.connect.storage.StringConverter");
            assertThat(problems(properties)).isEmpty();
        }

        @Test
        void takesFieldsOfTextThatATransformMayMakeAStructOf() {
            assertThat(problems(properties(
                            "partition.from", "field:id",
                            "value.converter", "org.apache.kafka.connect.storage.StringConverter",
                            "transforms", "hoist")))
                    .isEmpty();
        }

        @ParameterizedTest
        @ValueSource(strings = {"StringConverter", "org.apache.kafka.connect.converters.ByteArrayConverter"})
        void takesFieldsOfTextAndBytesThatAreParsed(String converter) {
            Map<String, String> properties = properties("partition.from", "field:id", "value.converter", converter);
            assertThat(problems(properties))
                    .singleElement()
                    .asString()
                    .contains("value.converter=org.apache.kafka.connect.json.JsonConverter")
                    .contains("value.converter.schemas.enable=false")
                    .contains("field.parse.json=true");
            properties.put("field.parse.json", "true");
            assertThat(problems(properties)).isEmpty();
            properties.put("value.converter", "LongConverter");
            assertThat(problems(properties)).singleElement().asString().doesNotContain("field.parse.json");
        }

        @Test
        void checksTheQueuesOfTopicsThatAreNamed() {
            String topic = "t".repeat(249);
            assertThat(problems(properties("topics", "orders," + topic, "queue.name.format", "kafka-1.${topic}")))
                    .singleElement()
                    .asString()
                    .startsWith("queue.name.format: queue.name.format gives the topic ttt")
                    .contains("of topics");
            assertThat(problems(properties("topics", topic, "queue.name.format", "kafka.${topic}")))
                    .isEmpty();
        }

        @ParameterizedTest
        @CsvSource({"120001, 0", "120000, 1"})
        void asksForTimeToPollAgain(String pollInterval, int expected) {
            assertThat(problems(properties("consumer.override.max.poll.interval.ms", pollInterval)))
                    .hasSize(expected)
                    .allSatisfy(problem -> assertThat(problem)
                            .startsWith("put.timeout.ms: put.timeout.ms and write.timeout.ms must together be below"));
        }

        @Test
        void recommendsTheIdsOfTheKeys() {
            String keys = "old:" + "0e".repeat(32) + ",new:" + "0f".repeat(32);
            assertThat(recommended(properties("encryption.keys", keys), "encryption.key.id"))
                    .isEqualTo(List.of("old", "new"));
            assertThat(recommended(properties(), "partition.from")).isEqualTo(List.of("key", "topic-partition"));
        }

        private List<Object> recommended(Map<String, String> properties, String key) {
            return new QueueSinkConnector()
                    .validate(properties).configValues().stream()
                            .filter(value -> value.name().equals(key))
                            .findFirst()
                            .orElseThrow()
                            .recommendedValues();
        }

        @Test
        void asksForTheUrl() {
            Map<String, String> properties = properties();
            properties.remove("connection.url");
            assertThat(problems(properties)).singleElement().asString().startsWith("connection.url: Missing required");
        }
    }

    @Test
    void everyProblemOfAPropertyIsListedByItsName() {
        List<ConfigValue> values = new QueueSinkConnector()
                .validate(properties("batch.size", "0", "linger.ms", "-1"))
                .configValues();
        assertThat(values)
                .filteredOn(value -> !value.errorMessages().isEmpty())
                .extracting(ConfigValue::name)
                .containsExactlyInAnyOrder("batch.size", "linger.ms");
    }
}
