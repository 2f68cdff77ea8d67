package dev.sluice.connect;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.connect.connector.Connector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each file of {@code config-examples/connect} is a valid configuration of a worker or a connector. */
class ConnectExamplesTest {
    private static final Path EXAMPLES = Path.of("..", "config-examples", "connect");
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    /** The properties of a connector that Connect itself defines. All others are ours. */
    private static final Pattern OF_CONNECT = Pattern.compile("name|connector\\.class|tasks\\.max|topics|topics\\.regex"
            + "|(key|value|header)\\.converter(\\..*)?|errors\\..*|consumer\\.override\\..*|exactly\\.once\\.support"
            + "|transaction\\.boundary|topic\\.creation\\..*|(transforms|predicates)(\\..*)?");

    private static final String STRING = "org.apache.kafka.connect.storage.StringConverter";

    private static List<Path> files(String pattern) throws IOException {
        try (Stream<Path> files = Files.list(EXAMPLES)) {
            return files.filter(file -> file.getFileName().toString().matches(pattern))
                    .sorted()
                    .toList();
        }
    }

    static List<Path> connectors() throws IOException {
        return files("(sink|source)-.*");
    }

    static List<Path> workers() throws IOException {
        return files("worker-.*");
    }

    /** Reads a connector's configuration. Like Connect, it adds the connector's name. */
    private static Map<String, String> configuration(Path file) throws IOException {
        String text = Files.readString(file);
        return file.toString().endsWith(".json") ? ofJson(text) : ofProperties(text);
    }

    private static Map<String, String> ofJson(String text) throws IOException {
        JsonNode root = JSON.readTree(text);
        assertThat(root.fieldNames()).toIterable().containsExactly("name", "config");
        var configuration = new HashMap<String, String>();
        configuration.put("name", root.get("name").textValue());
        root.get("config").properties().forEach(entry -> {
            assertThat(entry.getValue().isTextual()).as(entry.getKey()).isTrue();
            configuration.put(entry.getKey(), entry.getValue().textValue());
        });
        return configuration;
    }

    private static Map<String, String> ofProperties(String text) throws IOException {
        assertThat(text).startsWith("#");
        var properties = new Properties();
        properties.load(new StringReader(text));
        var configuration = new HashMap<String, String>();
        properties.stringPropertyNames().forEach(key -> configuration.put(key, properties.getProperty(key)));
        return configuration;
    }

    @ParameterizedTest
    @MethodSource("connectors")
    void aConnectorIsValidAndHasNoPropertyNobodyKnows(Path file) throws IOException {
        Map<String, String> configuration = configuration(file);
        boolean isSink = file.getFileName().toString().startsWith("sink-");
        Connector connector = isSink ? new QueueSinkConnector() : new QueueSourceConnector();
        assertThat(configuration)
                .containsEntry("connector.class", connector.getClass().getName());
        assertThat(connector.validate(configuration).configValues())
                .flatExtracting(ConfigValue::errorMessages)
                .isEmpty();
        assertThat(configuration.keySet())
                .allMatch(key -> OF_CONNECT.matcher(key).matches()
                        || connector.config().names().contains(key));
        connector.start(configuration);
        assertThat(connector.taskConfigs(2)).hasSize(2);
        connector.stop();
    }

    @ParameterizedTest
    @MethodSource("workers")
    void aWorkerFindsThePluginAndSharesItsState(Path file) throws IOException {
        boolean isStandalone = file.getFileName().toString().contains("standalone");
        assertThat(ofProperties(Files.readString(file)))
                .containsKeys("bootstrap.servers", "plugin.path")
                .containsKeys(
                        isStandalone
                                ? new String[] {"offset.storage.file.filename"}
                                : new String[] {
                                    "group.id", "config.storage.topic", "offset.storage.topic", "status.storage.topic"
                                })
                .containsEntry("key.converter", STRING)
                .containsEntry("value.converter", STRING)
                .containsEntry("header.converter", STRING)
                .containsEntry("consumer.isolation.level", "read_committed");
    }

    @Test
    void aStandaloneWorkerIsAmongThem() throws IOException {
        assertThat(workers())
                .extracting(file -> file.getFileName().toString())
                .contains("worker-standalone.properties");
    }

    /** The console producer sends text. A text that is not JSON becomes Base64 behind a converter for bytes. */
    @Test
    void onlyTheSinkOfMessagesTakesBytes() throws IOException {
        for (Path file : files("sink-.*")) {
            boolean takesBytes =
                    String.valueOf(configuration(file).get("value.converter")).contains("ByteArrayConverter");
            assertThat(takesBytes).as(file.toString()).isEqualTo(file.endsWith("sink-from-bridge.json"));
        }
    }

    /** A source with exactly once leaves records of aborted transactions in its topics. */
    @Test
    void sinksOfTopicsThatASourceWritesReadCommittedRecords() throws IOException {
        for (String sink : List.of("sink-from-bridge.json", "sink-topics-regex.json")) {
            assertThat(configuration(EXAMPLES.resolve(sink)))
                    .as(sink)
                    .containsEntry("consumer.override.isolation.level", "read_committed");
        }
    }

    @Test
    void everyFileIsInTheTable() throws IOException {
        String table = Files.readString(EXAMPLES.resolve("README.md"));
        assertThat(files("(?!README).*"))
                .hasSizeGreaterThanOrEqualTo(10)
                .allSatisfy(file -> assertThat(table).contains("`" + file.getFileName() + "`"));
    }
}
