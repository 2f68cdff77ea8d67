package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Push and pop maintenance over HTTP, with two bridges on one database. */
class MaintenanceRoutesTest {
    private static final String PUSHES = "/api/v1/system/maintenance";
    private static final String POPS = PUSHES + "/pop";
    private static final Duration PATIENCE = Duration.ofSeconds(120);

    @TempDir
    private static Path directory;

    private static TestPostgres postgres;
    private static RunningBridge bridge;
    private static RunningBridge other;

    @BeforeAll
    static void start() {
        postgres = TestPostgres.withSchema();
        bridge = RunningBridge.start(postgres.url(), directory.resolve("one"));
        // The service does not poll here, so only a wake-up can wake its pops.
        other = RunningBridge.start(
                postgres.url(), directory.resolve("two"), Map.of("pop.poll.interval.ms", "3600000"));
    }

    @AfterEach
    void endAll() {
        set(PUSHES, false);
        set(POPS, false);
        await().atMost(PATIENCE).until(() -> !isOn(other, PUSHES) && !isOn(other, POPS));
    }

    @AfterAll
    static void stop() {
        other.close();
        bridge.close();
        postgres.close();
    }

    private static JsonNode ok(HttpResponse<String> answer) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return RunningBridge.json(answer.body());
    }

    private static JsonNode set(String path, boolean on) {
        return ok(bridge.post(path, "{\"enabled\":" + on + "}"));
    }

    private static boolean isOn(RunningBridge asked, String path) {
        return ok(asked.get(path))
                .get(path.equals(POPS) ? "popMaintenanceMode" : "maintenanceMode")
                .booleanValue();
    }

    private static String push(RunningBridge at, String queue) {
        JsonNode answer = RunningBridge.json(at.push("{\"items\":[{\"queue\":\"" + queue + "\",\"payload\":1}]}")
                .body());
        return answer.at("/0/status").textValue();
    }

    private static void awaitOnAtTheOther(String path) {
        await().atMost(PATIENCE).until(() -> isOn(other, path));
    }

    @Test
    void answersHaveAllTheirFields() {
        assertThat(JsonShape.of(ok(bridge.get(PUSHES))))
                .isEqualTo(
                        "{bufferHealthy: bool, bufferStats: {dbHealthy: bool, failedCount: int, failedFiles: {count: int,"
                                + " failoverCount: int, qos0Count: int, totalBytes: int, totalMB: number}, pendingCount: int},"
                                + " bufferedMessages: int, maintenanceMode: bool, popMaintenanceMode: bool}");
        assertThat(JsonShape.of(set(PUSHES, false)))
                .isEqualTo("{bufferHealthy: bool, bufferedMessages: int, maintenanceMode: bool, message: text}");
        String pops = "{message: text, popMaintenanceMode: bool}";
        assertThat(JsonShape.of(ok(bridge.get(POPS)))).isEqualTo(pops);
        assertThat(JsonShape.of(set(POPS, false))).isEqualTo(pops);
        for (String path : new String[] {PUSHES, POPS}) {
            for (String wrong : new String[] {"{}", "{\"enabled\":\"yes\"}", "{\"enabled\":null}"}) {
                HttpResponse<String> answer = bridge.post(path, wrong);
                assertThat(answer.statusCode()).isEqualTo(400);
                assertThat(answer.body()).isEqualTo("{\"error\":\"enabled must be true or false\"}");
            }
        }
    }

    @Test
    void whatIsBufferedIsNamed() {
        set(PUSHES, true);
        JsonNode results = RunningBridge.json(bridge.push(
                        "{\"items\":[{\"queue\":\"named\",\"partition\":\"p\",\"transactionId\":\"t-1\",\"payload\":1},"
                                + "{\"queue\":\"named\",\"payload\":2}]}")
                .body());
        assertThat(results.get(0))
                .isEqualTo(RunningBridge.json(
                        "{\"index\":0,\"transaction_id\":\"t-1\",\"status\":\"buffered\",\"queue\":\"named\","
                                + "\"partition\":\"p\",\"transactionId\":\"t-1\",\"queueName\":\"named\"}"));
        assertThat(results.get(1).get("partition").textValue()).isEqualTo("Default");
        assertThat(results.get(1).has("transactionId")).isFalse();
    }

    @Test
    void pushesStayInTheLocalLogsUntilMaintenanceEnds() {
        assertThat(push(bridge, "held")).isEqualTo("queued");
        assertThat(set(PUSHES, true).get("maintenanceMode").booleanValue()).isTrue();
        for (int i = 0; i < 3; i++) {
            assertThat(push(bridge, "held")).isEqualTo("buffered");
        }
        awaitOnAtTheOther(PUSHES);
        assertThat(push(other, "held")).isEqualTo("buffered");
        assertThat(ok(bridge.get(PUSHES)).get("bufferedMessages").intValue()).isEqualTo(3);
        assertThat(ok(bridge.get("/api/v1/status/buffers")).get("drain").textValue())
                .isEqualTo("paused");
        assertThat(bridge.pop("held?batch=9&autoAck=true").get("messages")).hasSize(1);
        JsonNode direct = RunningBridge.json(
                bridge.post("/api/v1/push-legacy", "{\"items\":[{\"queue\":\"held\",\"payload\":2}]}")
                        .body());
        assertThat(direct.at("/0/status").textValue()).isEqualTo("queued");
        assertThat(postgres.query("select count(*) from sluice.messages where queue = 'held'"))
                .containsExactly("2");

        set(PUSHES, false);
        await().atMost(PATIENCE)
                .until(() -> postgres.query("select count(*) from sluice.messages where queue = 'held'")
                        .equals(List.of("6")));
        assertThat(push(bridge, "held")).isEqualTo("queued");
    }

    @Test
    void aStopLeavesWhatIsHeldInTheLog() {
        Path data = directory.resolve("stopped");
        set(PUSHES, true);
        RunningBridge third = RunningBridge.start(postgres.url(), data);
        try {
            assertThat(isOn(third, PUSHES)).isTrue();
            assertThat(push(third, "stopped")).isEqualTo("buffered");
            assertThat(push(third, "stopped")).isEqualTo("buffered");
        } finally {
            third.close();
        }
        assertThat(third.leftInLog()).isEqualTo(2);
        assertThat(postgres.query("select count(*) from sluice.messages where queue = 'stopped'"))
                .containsExactly("0");

        set(PUSHES, false);
        try (RunningBridge again = RunningBridge.start(postgres.url(), data)) {
            await().atMost(PATIENCE)
                    .until(() -> postgres.query("select count(*) from sluice.messages where queue = 'stopped'")
                            .equals(List.of("2")));
            assertThat(isOn(again, PUSHES)).isFalse();
        }
    }

    @Test
    void popsGetNothingUntilMaintenanceEnds() throws Exception {
        assertThat(push(bridge, "shut")).isEqualTo("queued");
        assertThat(set(POPS, true).get("popMaintenanceMode").booleanValue()).isTrue();
        assertThat(bridge.get("/api/v1/pop/queue/shut").statusCode()).isEqualTo(204);
        assertThat(bridge.get("/api/v1/pop/queue/shut?wait=true&timeout=50").statusCode())
                .isEqualTo(204);
        awaitOnAtTheOther(POPS);
        assertThat(other.get("/api/v1/pop/queue/shut").statusCode()).isEqualTo(204);
        CompletableFuture<JsonNode> waiting =
                CompletableFuture.supplyAsync(() -> other.pop("shut?wait=true&timeout=50000"));
        set(POPS, false);
        assertThat(waiting.get(55, TimeUnit.SECONDS).get("messages")).hasSize(1);
    }

    @Test
    void theSharedStateIsTheSameByAllItsNames() {
        String shape =
                "{enabled: bool, maintenance_mode: bool, pop_maintenance_mode: bool, queue_config_cache: {hit_rate: number,"
                        + " hits: int, misses: int, size: int}, running: bool, server_health: {heartbeats_received: int,"
                        + " restarts_detected: int, servers_alive: int, servers_dead: int, servers_tracked: int}, server_id: uuid}";
        for (String path : new String[] {
            "/api/v1/system/shared-state", "/internal/api/shared-state/stats", "/internal/api/inter-instance/stats"
        }) {
            assertThat(JsonShape.of(ok(bridge.get(path)))).isEqualTo(shape);
        }
    }

    @Test
    void aNotificationWakesWaitingPops() throws Exception {
        assertThat(push(bridge, "told")).isEqualTo("queued");
        JsonNode held = bridge.pop("told");
        CompletableFuture<JsonNode> waiting =
                CompletableFuture.supplyAsync(() -> other.pop("told?wait=true&timeout=50000"));
        // Ends the lease without a wake-up.
        postgres.execute("update sluice.cursors set available_at = now() where lease_id = '"
                + held.get("leaseId").textValue() + "'");
        await().atMost(PATIENCE).until(() -> {
            assertThat(other.post("/internal/api/notify", "{\"queue\":\"told\",\"partition\":\"Default\"}")
                            .body())
                    .isEqualTo("{\"status\":\"ok\"}");
            return waiting.isDone();
        });
        assertThat(waiting.get(5, TimeUnit.SECONDS).get("messages")).hasSize(1);
        HttpResponse<String> empty = bridge.post("/internal/api/notify", "{\"queue\":\"\"}");
        assertThat(empty.statusCode()).isEqualTo(400);
        assertThat(empty.body()).isEqualTo("{\"error\":\"queue is required\"}");
    }
}
