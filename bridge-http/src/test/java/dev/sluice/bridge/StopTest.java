package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.queue.TestPostgres;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A stop asked for: those who wait are answered, what was taken is drained or kept, and what remains is said. */
class StopTest {
    private static final String NOBODY = "jdbc:postgresql://127.0.0.1:1/nothing";
    private static final int MESSAGES = 100;

    @TempDir
    private Path directory;

    private static String hundredItems(String queue) {
        return "{\"items\":[" + ("{\"queue\":\"" + queue + "\"},").repeat(MESSAGES - 1) + "{\"queue\":\"" + queue
                + "\"}],\"bufferMs\":1}";
    }

    @Test
    void whoWaitsForMessagesIsAnsweredThatThereAreNone() throws Exception {
        try (var postgres = TestPostgres.empty()) {
            RunningBridge bridge = RunningBridge.start(postgres.url(), directory);
            var waiting = new ArrayList<CompletableFuture<HttpResponse<String>>>();
            var client = HttpClient.newHttpClient();
            for (int i = 0; i < 20; i++) {
                waiting.add(client.sendAsync(
                        HttpRequest.newBuilder(
                                        URI.create(bridge.url() + "/api/v1/pop/queue/quiet?wait=true&timeout=300000"))
                                .build(),
                        BodyHandlers.ofString()));
            }
            bridge.awaitParked(20);
            var ready =
                    HttpRequest.newBuilder(URI.create(bridge.url() + "/ready")).build();
            bridge.close();
            for (CompletableFuture<HttpResponse<String>> each : waiting) {
                assertThat(each.get(120, TimeUnit.SECONDS).statusCode()).isEqualTo(204);
            }
            assertThatThrownBy(() -> HttpClient.newHttpClient().send(ready, BodyHandlers.ofString()))
                    .isInstanceOf(ConnectException.class);
        }
    }

    @Test
    void aLoadBalancerSeesThatItIsNotReadyBeforeConnectionsAreRefused() throws Exception {
        try (var postgres = TestPostgres.empty()) {
            RunningBridge bridge =
                    RunningBridge.start(postgres.url(), directory, Map.of("shutdown.grace.ms", "3600000"));
            var ready =
                    HttpRequest.newBuilder(URI.create(bridge.url() + "/ready")).build();
            assertThat(bridge.get("/ready").statusCode()).isEqualTo(200);
            var stopping = new Thread(bridge::close);
            stopping.start();
            await().atMost(Duration.ofSeconds(60))
                    .until(() -> bridge.get("/ready").statusCode() == 503);
            assertThat(bridge.get("/ready").body()).contains("\"reason\":\"stopping\"");
            assertThat(bridge.get("/live").statusCode()).isEqualTo(200);
            assertThat(bridge.push("{\"items\":[{\"queue\":\"q\"}]}").statusCode())
                    .as("what a balancer still sends is taken")
                    .isEqualTo(201);
            assertThat(bridge.pop("q").path("messages")).hasSize(1);
            stopping.interrupt(); // Ends the grace.
            stopping.join(60_000);
            assertThat(stopping.isAlive()).isFalse();
            assertThat(bridge.leftInLog()).isZero();
            assertThatThrownBy(() -> HttpClient.newHttpClient().send(ready, BodyHandlers.ofString()))
                    .isInstanceOf(ConnectException.class);
        }
    }

    @Test
    void whatWasTakenIsDrained() {
        try (var postgres = TestPostgres.empty()) {
            RunningBridge bridge = RunningBridge.start(
                    postgres.url(), directory, Map.of("drain.linger.ms", "1000", "shutdown.timeout.ms", "60000"));
            assertThat(bridge.push(hundredItems("q")).statusCode()).isEqualTo(201);
            bridge.close();
            assertThat(bridge.leftInLog()).isZero();
            try (var again = RunningBridge.start(postgres.url(), directory.resolve("another"))) {
                assertThat(again.pop("q?batch=1000").path("messages")).hasSize(MESSAGES);
            }
        }
    }

    @Test
    void whatCannotBeDrainedIsCountedAndKeptWithinTheDeadline() {
        RunningBridge bridge = RunningBridge.start(
                NOBODY, directory, Map.of("shutdown.timeout.ms", "500", "push.durability", "buffered"));
        JsonNode results = RunningBridge.json(bridge.push(hundredItems("q")).body());
        assertThat(results.findValuesAsText("status")).hasSize(MESSAGES).containsOnly("buffered");
        long before = System.nanoTime();
        bridge.close();
        assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(60));
        assertThat(bridge.leftInLog()).isEqualTo(MESSAGES);
        try (var postgres = TestPostgres.empty();
                var again = RunningBridge.start(postgres.url(), directory)) {
            JsonNode first = again.pop("q?batch=1000&wait=true&timeout=60000");
            assertThat(first.at("/messages/0/transactionId").asText())
                    .isEqualTo(results.at("/0/transaction_id").asText());
        }
    }
}
