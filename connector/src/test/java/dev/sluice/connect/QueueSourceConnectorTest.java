package dev.sluice.connect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import org.apache.kafka.common.config.ConfigDef;
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
                    "start.from | now | must be beginning, end or timestamp:TIME, was now",
                    "start.from | timestamp:now | must be a time like",
                    "value.type | json | String must be one of: string, bytes",
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

        @Test
        void asksForQueuesInOneWay() {
            assertThat(problems(properties("queues.pattern", ".*")))
                    .containsExactly("queues: queues and queues.pattern must not both be set");
            Map<String, String> none = properties();
            none.remove("queues");
            assertThat(problems(none)).containsExactly("queues: queues or queues.pattern must be set");
        }
    }

    @Test
    void describesEveryPropertyWithGroupNameAndSentence() {
        assertThat(QueueSourceConfig.DEFINITION.configKeys().values()).allSatisfy(key -> {
            assertThat(key.group).as(key.name).isNotBlank();
            assertThat(key.displayName).as(key.name).isNotBlank().isNotEqualTo(key.name);
            assertThat(key.documentation).as(key.name).endsWith(".");
        });
        assertThat(QueueSourceConfig.DEFINITION.configKeys().get("connection.password").type)
                .isEqualTo(ConfigDef.Type.PASSWORD);
    }

    @Test
    void offsetsMayBeChangedByHandIfTheyAreSome() {
        var connector = new QueueSourceConnector();
        Map<String, Object> partition = new LinkedHashMap<>();
        partition.put("partition", 7);
        partition.put("queue", "orders");
        assertThat(connector.alterOffsets(properties(), Map.of(partition, Map.of("seq", 0))))
                .isTrue();
        var reset = new HashMap<Map<String, ?>, Map<String, ?>>();
        reset.put(partition, null);
        assertThatCode(() -> connector.alterOffsets(properties(), reset)).doesNotThrowAnyException();
        assertThatThrownBy(() -> connector.alterOffsets(properties(), Map.of(partition, Map.of("seq", -1))))
                .isInstanceOf(ConnectException.class)
                .hasMessageContaining("{\"seq\": n}");
        assertThatThrownBy(
                        () -> connector.alterOffsets(properties(), Map.of(Map.of("queue", "orders"), Map.of("seq", 1))))
                .isInstanceOf(ConnectException.class)
                .hasMessageContaining("{\"partition\": id, \"queue\": name}");
        Map<String, Object> reversed = new LinkedHashMap<>();
        reversed.put("queue", "orders");
        reversed.put("partition", 7);
        assertThatThrownBy(() -> connector.alterOffsets(properties(), Map.of(reversed, Map.of("seq", 1))))
                .isInstanceOf(ConnectException.class)
                .hasMessageContaining("in this order");
    }
}
