package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.api.EveryRequest;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An administrator drops the schema or revokes a right while the service runs, and restores it. */
class LostRightsTest {
    private static final Duration SECONDS = Duration.ofSeconds(10);
    private static final String ITEMS = "{\"items\":[{\"queue\":\"orders\",\"payload\":1}]}";

    private final String role = "lost_" + UUID.randomUUID().toString().replace("-", "");

    @AutoClose
    private final TestPostgres postgres = TestPostgres.empty();

    private RunningBridge bridge;

    @BeforeEach
    void start(@TempDir Path data) {
        postgres.execute("create role " + role
                + " login; create schema sluice; grant usage, create on schema sluice to " + role);
        bridge = RunningBridge.start(
                postgres.url(), data, Map.of("connection.user", role, "push.stored.timeout.ms", "500"));
        assertThat(EveryRequest.wrong(bridge)).isEmpty();
    }

    @AfterEach
    void stop() {
        bridge.close();
        postgres.execute("drop owned by " + role + " cascade; drop role " + role);
    }

    @Test
    void aRightThatIsTakenAwayIsAnOutageThatHealthNames() {
        postgres.execute("revoke insert on sluice.segments from " + role);
        assertThatTheDatabaseIsAway("lacks a right on table sluice.segments");
        postgres.execute("grant insert on sluice.segments to " + role);
        assertThat(EveryRequest.awaitRight(bridge, SECONDS)).isLessThan(SECONDS);
        await().atMost(SECONDS).until(() -> bridge.get("/health").statusCode() == 200);
    }

    @Test
    void aSchemaThatIsTakenAwayIsAnOutageThatHealthNames() {
        postgres.execute("alter schema sluice rename to away");
        assertThatTheDatabaseIsAway("does not exist");
        postgres.execute("alter schema away rename to sluice");
        assertThat(EveryRequest.awaitRight(bridge, SECONDS)).isLessThan(SECONDS);
        await().atMost(SECONDS).until(() -> bridge.get("/health").statusCode() == 200);
    }

    /** The answers are the same from the first request on, also before health has noticed. */
    private void assertThatTheDatabaseIsAway(String reason) {
        long end = System.nanoTime() + SECONDS.toNanos();
        HttpResponse<String> health;
        do {
            assertThat(bridge.post("/api/v1/push-legacy", ITEMS).statusCode()).isEqualTo(503);
            assertThat(bridge.post(
                                    "/api/v1/transaction",
                                    "{\"operations\":[{\"type\":\"push\"," + ITEMS.substring(1) + "]}")
                            .statusCode())
                    .isEqualTo(503);
            HttpResponse<String> popped = bridge.get("/api/v1/pop/queue/orders");
            assertThat(popped.statusCode()).isIn(200, 204);
            health = bridge.get("/health");
        } while (health.statusCode() == 200 && System.nanoTime() - end < 0);
        assertThat(health.statusCode()).isEqualTo(503);
        assertThat(health.body()).contains(reason);
        assertThat(bridge.get("/api/v1/pop/queue/orders").body()).contains("\"database_unavailable\"");
        assertThat(bridge.get("/api/v1/status/buffers").body()).contains("\"dbHealthy\":false");
        assertThat(bridge.push(ITEMS).body()).contains("\"buffered\"");
    }
}
