package dev.sluice.connect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.connector.Connector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A setting that neither a connector nor Connect knows is refused, with the setting that was most likely meant. */
class UnknownSettingsTest {
    private static Map<String, String> sink(String... more) {
        return properties(Map.of("name", "sink", "topics", "orders"), more);
    }

    private static Map<String, String> source(String... more) {
        return properties(Map.of("name", "source", "queues", "orders"), more);
    }

    private static Map<String, String> properties(Map<String, String> start, String... more) {
        var properties = new HashMap<>(start);
        properties.put("connection.url", "jdbc:postgresql://127.0.0.1/sluice");
        for (int i = 0; i < more.length; i += 2) {
            properties.put(more[i], more[i + 1]);
        }
        return properties;
    }

    private static Map<String, String> problems(Connector connector, Map<String, String> properties) {
        var problems = new LinkedHashMap<String, String>();
        connector.validate(properties).configValues().stream()
                .filter(value -> !value.errorMessages().isEmpty())
                .forEach(value -> problems.put(value.name(), String.join("; ", value.errorMessages())));
        return problems;
    }

    private static void isRefusedByValidationAndStart(Connector connector, Map<String, String> properties, String key) {
        Map<String, String> problems = problems(connector, properties);
        assertThat(problems).containsOnlyKeys(key);
        assertThatThrownBy(() -> connector.start(properties))
                .isInstanceOf(ConfigException.class)
                .hasMessage(problems.get(key));
    }

    @ParameterizedTest
    @CsvSource({
        "partition.form, partition.from",
        "partitions.from, partition.from",
        "batchSize, batch.size",
        "BATCH_SIZE, batch.size",
        "transaction.id.from.mising, transaction.id.from.missing",
        "queue.name.fromat, queue.name.format",
        "conection.url, connection.url",
        "connection.pasword, connection.password",
        "topic, topics",
        "task.max, tasks.max",
        "value.convertor, value.converter",
        "errors.deadletterqueue.topic.nam, errors.deadletterqueue.topic.name",
        "error.tolerance, errors.tolerance"
    })
    void theNearestSettingOfTheSinkIsNamed(String key, String nearest) {
        isRefusedByValidationAndStart(new QueueSinkConnector(), sink(key, "s3cret"), key);
        assertThat(problems(new QueueSinkConnector(), sink(key, "s3cret")).get(key))
                .startsWith(key + " is not a setting of this connector or of Connect; did you mean " + nearest + "?")
                .doesNotContain("s3cret");
    }

    @ParameterizedTest
    @CsvSource({
        "topics.format, topic.format",
        "poll.interval, poll.interval.ms",
        "queue, queues",
        "start.form, start.from"
    })
    void soIsThatOfTheSource(String key, String nearest) {
        isRefusedByValidationAndStart(new QueueSourceConnector(), source(key, "x"), key);
        assertThat(problems(new QueueSourceConnector(), source(key, "x")).get(key))
                .contains("did you mean " + nearest + "?");
    }

    @Test
    void aSettingThatResemblesNoneIsRefusedWithoutAGuess() {
        isRefusedByValidationAndStart(new QueueSinkConnector(), sink("department", "sales"), "department");
        assertThat(problems(new QueueSinkConnector(), sink("department", "sales"))
                        .get("department"))
                .isEqualTo("department is not a setting of this connector or of Connect. Remove it, or set"
                        + " unknown.settings=ignore");
    }

    @Test
    void anUnknownSettingIsFoundBesideAValueThatIsNotValid() {
        assertThat(problems(new QueueSinkConnector(), sink("partition.form", "key", "batch.size", "0")))
                .containsOnlyKeys("partition.form", "batch.size");
    }

    @Test
    void unknownSettingsCanBeIgnored() {
        Map<String, String> lenient = sink("partition.form", "key", "unknown.settings", "ignore");
        assertThat(problems(new QueueSinkConnector(), lenient)).isEmpty();
        new QueueSinkConnector().start(lenient);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "config.action.reload",
                "connector.class",
                "connector.plugin.version",
                "errors.deadletterqueue.context.headers.enable",
                "errors.deadletterqueue.topic.name",
                "errors.deadletterqueue.topic.replication.factor",
                "errors.log.enable",
                "errors.log.include.messages",
                "errors.retry.delay.max.ms",
                "errors.retry.timeout",
                "errors.tolerance",
                "exactly.once.support",
                "header.converter",
                "header.converter.plugin.version",
                "key.converter",
                "key.converter.plugin.version",
                "name",
                "offsets.storage.topic",
                "predicates",
                "tasks.max",
                "tasks.max.enforce",
                "topic.creation.groups",
                "topics",
                "topics.regex",
                "transaction.boundary",
                "transaction.boundary.interval.ms",
                "transforms",
                "value.converter",
                "value.converter.plugin.version"
            })
    void everySettingThatConnectDefinesForASinkOrASourcePasses(String key) {
        assertThat(problems(new QueueSinkConnector(), sink(key, "x"))).doesNotContainKey(key);
        assertThat(problems(new QueueSourceConnector(), source(key, "x"))).doesNotContainKey(key);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "transforms.drop.type",
                "predicates.isTombstone.type",
                "value.converter.schemas.enable",
                "key.converter.schema.registry.url",
                "header.converter.encoding",
                "consumer.override.max.poll.records",
                "producer.override.linger.ms",
                "admin.override.sasl.jaas.config",
                "topic.creation.default.partitions",
                "task.class",
                "task.index",
                "task.count"
            })
    void soDoSettingsOfThePartsOfConnect(String key) {
        assertThat(problems(new QueueSinkConnector(), sink(key, "1"))).doesNotContainKey(key);
        assertThat(problems(new QueueSourceConnector(), source(key, "1"))).doesNotContainKey(key);
    }
}
