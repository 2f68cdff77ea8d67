package dev.sluice.connect.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Each connector of {@code config-examples/connect} starts on a worker. The test changes only the address of
 * PostgreSQL.
 */
class ExamplesIT {
    private static final Path EXAMPLES = Path.of("..", "config-examples", "connect");
    private static final Duration TIMEOUT = Duration.ofMinutes(2);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final ConnectWorker worker = SharedKafka.worker();

    @Test
    void startOnAWorker() throws Exception {
        List<Path> files;
        try (Stream<Path> all = Files.list(EXAMPLES)) {
            files = all.filter(file -> file.getFileName().toString().endsWith(".json"))
                    .sorted()
                    .toList();
        }
        assertThat(files).hasSizeGreaterThan(5);
        var names = new ArrayList<String>();
        try (TestPostgres database = TestPostgres.withSchema()) {
            for (Path file : files) {
                JsonNode example = JSON.readTree(file.toFile());
                names.add(example.get("name").asText());
                worker.configure(names.get(names.size() - 1), on(database, example.get("config")));
            }
            for (String name : names) {
                await().atMost(TIMEOUT)
                        .untilAsserted(() -> assertThat(worker.states(name))
                                .as(name)
                                .hasSizeGreaterThan(1)
                                .containsOnly("RUNNING"));
            }
        } finally {
            for (String name : names) {
                worker.delete(name);
            }
        }
    }

    private static Map<String, String> on(TestPostgres database, JsonNode example) {
        var configuration = new HashMap<String, String>();
        example.properties()
                .forEach(
                        each -> configuration.put(each.getKey(), each.getValue().asText()));
        configuration.put("connection.url", database.url());
        configuration.put("connection.user", "postgres");
        configuration.remove("connection.password"); // The password is in a file that this machine does not have.
        return configuration;
    }
}
