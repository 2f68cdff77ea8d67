package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Showing thousands of queues costs the same each time. */
class ManyQueuesTest {
    private static final int QUEUES = 2_000;
    private static final int PARTITIONS = 2;

    /**
     * The driver names a statement at its fifth execution, and the server considers a generic plan five executions
     * later.
     */
    private static final int EXECUTIONS = 14;

    private static final Duration BOUND = Duration.ofSeconds(4);

    @AutoClose
    private static final TestPostgres postgres = TestPostgres.empty();

    private static RunningBridge bridge;

    @BeforeAll
    static void start(@TempDir Path directory) throws SQLException {
        bridge = RunningBridge.start(postgres.url(), directory, Map.of("administration.readers", "1"));
        try (Connection connection = DriverManager.getConnection(postgres.url(), "postgres", "");
                Statement statement = connection.createStatement()) {
            statement.execute(
                    "insert into sluice.queues (name, namespace, task) select 'q' || i, 'n' || i % 50, 't' || i"
                            + " from generate_series(1, " + QUEUES + ") i");
            statement.execute(
                    "insert into sluice.partitions (queue_id, name) select q.id, 'p' || i from sluice.queues q,"
                            + " generate_series(1, " + PARTITIONS + ") i");
            statement.execute("analyze");
        }
    }

    @AfterAll
    static void stop() {
        bridge.close();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/api/v1/resources/overview",
                "/api/v1/status?limit=1",
                "/api/v1/analytics/worker-metrics?limit=1",
                "/api/v1/resources/queues?limit=1",
                "/api/v1/resources/namespaces?limit=1",
                "/api/v1/resources/tasks?limit=1",
                "/api/v1/consumer-groups?limit=1",
                "/api/v1/messages?limit=1"
            })
    void whatIsReadOftenIsAnsweredAsSoonAsAtFirst(String path) {
        for (int i = 0; i < EXECUTIONS; i++) {
            long began = System.nanoTime();
            var response = bridge.get(path);
            assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
            assertThat(Duration.ofNanos(System.nanoTime() - began))
                    .as("execution " + i)
                    .isLessThan(BOUND);
        }
    }
}
