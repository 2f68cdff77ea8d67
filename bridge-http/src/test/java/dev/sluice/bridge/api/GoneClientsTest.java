package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GoneClientsTest {
    @TempDir
    private Path directory;

    private static final String PUSH = "{\"items\":[{\"queue\":\"q\",\"payload\":1}]}";

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void takeNoMessages(boolean autoAck) throws IOException {
        try (var postgres = TestPostgres.empty();
                var bridge = RunningBridge.start(postgres.url(), directory)) {
            String query = "?wait=true&timeout=100000&autoAck=" + autoAck;
            try (var socket = new Socket(InetAddress.getLoopbackAddress(), bridge.port())) {
                socket.getOutputStream()
                        .write(("GET /api/v1/pop/queue/q" + query + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
                                .getBytes(StandardCharsets.US_ASCII));
                bridge.awaitParked(1);
                // Once a later pop has been served, the earlier one has been served once, in vain.
                assertThat(bridge.get("/api/v1/pop/queue/q").statusCode()).isEqualTo(204);
            }
            assertThat(bridge.push(PUSH).body()).contains("queued");
            assertThat(bridge.pop("q?wait=true&timeout=100000&autoAck=true").path("messages"))
                    .hasSize(1);
        }
    }

    @Test
    void losesNothingWhenAPopWithAutoAckIsHeldUpInTheDatabase() throws Exception {
        try (var postgres = TestPostgres.empty();
                var bridge =
                        RunningBridge.start(postgres.url(), directory, Map.of("pop.statement.timeout.ms", "3000"))) {
            assertThat(bridge.pop("q?autoAck=true")).isEmpty();
            bridge.push(PUSH);
            assertThat(bridge.pop("q?wait=true&timeout=100000&autoAck=true").path("messages"))
                    .hasSize(1);
            CompletableFuture<String> held;
            try (var other = DriverManager.getConnection(postgres.url(), "postgres", null);
                    var statement = other.createStatement()) {
                other.setAutoCommit(false);
                statement.execute("lock table sluice.cursors in access exclusive mode");
                held = CompletableFuture.supplyAsync(() -> bridge.pop("q?wait=true&timeout=200&autoAck=true")
                        .path("error")
                        .asText());
                await().until(held::isDone);
                assertThat(held.join())
                        .as("its statement was given up, so nothing was popped")
                        .isEqualTo("database_unavailable");
                other.rollback();
            }
            bridge.push(PUSH);
            assertThat(bridge.pop("q?wait=true&timeout=100000&autoAck=true").path("messages"))
                    .hasSize(1);
        }
    }
}
