package dev.sluice.bridge;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.queue.TestPostgres;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.Socket;
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

/** A stop answers waiting pops, drains or keeps accepted messages, and reports how many remain. */
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
    void aRequestThatIsStillComingIsAnswered() throws Exception {
        String body = "{\"items\":[{\"queue\":\"q\",\"payload\":\"slow\"}]}";
        String head = "POST /api/v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + body.length() + "\r\n\r\n";
        try (var postgres = TestPostgres.empty()) {
            RunningBridge bridge =
                    RunningBridge.start(postgres.url(), directory, Map.of("shutdown.timeout.ms", "100000"));
            int port = bridge.port();
            bridge.push("{\"items\":[{\"queue\":\"q\",\"payload\":\"first\"}]}");
            try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
                send(socket, head + body.substring(0, 20));
                await().until(() -> bridge.get("/live").statusCode() == 200); // So the head has arrived.
                var stopping = new Thread(bridge::close);
                stopping.start();
                await().atMost(Duration.ofSeconds(60)).until(() -> isRefused(port));
                Thread.sleep(200); // Much longer than the server keeps connections without a request.
                send(socket, body.substring(20));
                var answer = new BufferedReader(new InputStreamReader(socket.getInputStream(), UTF_8));
                assertThat(answer.readLine()).startsWith("HTTP/1.1 201");
                stopping.join(100_000);
            } finally {
                bridge.close();
            }
            assertThat(postgres.query("select payload from sluice.messages order by seq"))
                    .containsExactly("\"first\"", "\"slow\"");
        }
    }

    private static void send(Socket socket, String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(UTF_8));
        socket.getOutputStream().flush();
    }

    private static boolean isRefused(int port) throws IOException {
        try (var unused = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return false;
        } catch (ConnectException refused) {
            return true;
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
                    .as("requests that a load balancer still sends are served")
                    .isEqualTo(201);
            assertThat(bridge.pop("q?wait=true&timeout=50000").path("messages")).hasSize(1);
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
