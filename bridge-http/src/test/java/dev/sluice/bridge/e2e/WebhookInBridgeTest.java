package dev.sluice.bridge.e2e;

import static dev.sluice.bridge.outbound.FaultyTarget.answer;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.standardwebhooks.Webhook;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.outbound.FaultyTarget;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.io.Reader;
import java.net.http.HttpHeaders;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A bridge that forwards what is pushed, by its configuration alone: {@code config-examples/webhooks.properties}. */
class WebhookInBridgeTest {
    private static final Path EXAMPLE = Path.of("..", "config-examples", "webhooks.properties");
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final String SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    @TempDir
    private Path directory;

    private final FaultyTarget target = new FaultyTarget(answer(200, "thanks"));
    private TestPostgres postgres;

    @BeforeEach
    void open() {
        postgres = TestPostgres.empty();
    }

    @AfterEach
    void close() throws IOException {
        target.close();
        postgres.close();
    }

    /** Starts the example. Its targets are on this machine here. */
    private RunningBridge start(String... settings) throws IOException {
        var example = new Properties();
        try (Reader file = Files.newBufferedReader(EXAMPLE)) {
            example.load(file);
        }
        var all = new HashMap<String, String>();
        example.stringPropertyNames().forEach(name -> all.put(name, example.getProperty(name)));
        all.keySet().removeAll(List.of("data.dir", "http.port"));
        all.putAll(Map.of(
                "work.handlers.orders.config.url", target.url("/hooks/orders").toString(),
                "work.handlers.orders.config.secrets", SECRET,
                "work.handlers.calls.config.hosts", "127.0.0.1",
                "outbound.allow.cidrs", "127.0.0.1",
                "outbound.https.only", "false"));
        for (int i = 0; i < settings.length; i += 2) {
            all.put(settings[i], settings[i + 1]);
        }
        return RunningBridge.start(postgres.url(), directory.resolve("data"), all);
    }

    private static void push(RunningBridge bridge, String item) {
        assertThat(bridge.push("{\"items\":[" + item + "]}").statusCode()).isEqualTo(201);
    }

    private FaultyTarget.Request onlyRequest() {
        await().atMost(PATIENCE).until(() -> !target.requests().isEmpty());
        return target.requests().get(0);
    }

    @Test
    void theExampleForwardsAMessageSigned() throws Exception {
        try (RunningBridge bridge = start()) {
            push(bridge, "{\"queue\":\"work.orders\",\"payload\":{\"order\": 17.50}}");
            FaultyTarget.Request request = onlyRequest();
            Map<String, String> headers = request.headers();
            assertThat(request.line()).isEqualTo("POST /hooks/orders HTTP/1.1");
            assertThat(request.body()).isEqualTo("{\"order\": 17.50}");
            assertThat(headers).containsEntry("x-origin", "sluice");
            new Webhook(SECRET)
                    .verify(
                            request.body(),
                            HttpHeaders.of(
                                    Map.of(
                                            "webhook-id", List.of(headers.get("webhook-id")),
                                            "webhook-timestamp", List.of(headers.get("webhook-timestamp")),
                                            "webhook-signature", List.of(headers.get("webhook-signature"))),
                                    (name, value) -> true));
            push(bridge, "{\"queue\":\"work.audit\",\"payload\":{\"who\":\"me\"}}");
            await().atMost(PATIENCE)
                    .untilAsserted(
                            () -> assertThat(bridge.get("/metrics/prometheus").body())
                                    .contains("sluice_work_completed_total{type=\"audit\"} 1.0")
                                    .contains("sluice_work_completed_total{type=\"orders\"} 1.0"));
        }
    }

    @Test
    void aMessageNamesItsUrlWithinTheHostsAllowed() throws Exception {
        try (RunningBridge bridge = start()) {
            push(
                    bridge,
                    "{\"queue\":\"work.calls\",\"payload\":1,\"headers\":{\"url\":\"" + target.url("/call")
                            + "\",\"event-type\":\"call.made\"}}");
            push(bridge, "{\"queue\":\"work.calls\",\"payload\":2,\"headers\":{\"url\":\"http://evil.example/\"}}");
            push(bridge, "{\"queue\":\"work.calls\",\"payload\":3}");
            FaultyTarget.Request request = onlyRequest();
            assertThat(request.line()).isEqualTo("POST /call HTTP/1.1");
            assertThat(request.body()).isEqualTo("1");
            assertThat(request.headers())
                    .containsEntry("ce-type", "call.made")
                    .containsEntry("ce-id", request.headers().get("webhook-id"))
                    .doesNotContainKey("webhook-signature");
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(
                                    bridge.get("/api/v1/dlq?queue=work.calls").body())
                            .contains("the host evil.example is none of those that works of this type may name")
                            .contains("the work names no URL"));
            assertThat(target.requests()).hasSize(1);
        }
    }

    @Test
    void atGoneTheTypeIsPausedUntilSomebodyResumesIt() throws Exception {
        target.behave(answer(410, "moved"));
        try (RunningBridge bridge = start()) {
            push(bridge, "{\"queue\":\"work.orders\",\"payload\":1}");
            await().atMost(PATIENCE)
                    .untilAsserted(() ->
                            assertThat(bridge.get("/api/v1/work/types").body()).contains("\"paused\":true"));
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(
                                    bridge.get("/api/v1/dlq?queue=work.orders").body())
                            .contains("answered 410: moved"));
            target.behave(answer(200, ""));
            push(bridge, "{\"queue\":\"work.orders\",\"payload\":2}");
            assertThat(bridge.post("/api/v1/work/types/orders/resume", "").statusCode())
                    .isEqualTo(200);
            await().atMost(PATIENCE).until(() -> target.requests().size() == 2);
            assertThat(target.requests().get(1).body()).isEqualTo("2");
        }
    }

    @Test
    void aQueueIsForwardedWithTheHeadersAndTheOrderOfEachKey() throws Exception {
        try (RunningBridge bridge = start(
                "work.handlers", "orders,calls,audit,copy",
                "work.handlers.copy.type", "queue",
                "work.handlers.copy.config.queue", "copies")) {
            push(
                    bridge,
                    "{\"queue\":\"work.copy\",\"partition\":\"k\",\"payload\":{\"n\": 1.0},"
                            + "\"headers\":{\"x-a\":\"b\"}}");
            JsonNode messages =
                    bridge.pop("copies?batch=10&wait=true&timeout=30000").path("messages");
            assertThat(messages).hasSize(1);
            assertThat(messages.get(0).path("data").path("n").asDouble()).isEqualTo(1.0);
            assertThat(messages.get(0).path("partition").asText()).isEqualTo("k");
            assertThat(messages.get(0).path("headers").path("x-a").asText()).isEqualTo("b");
        }
    }

    @Test
    void aBatchIsOneRequest() throws Exception {
        try (RunningBridge bridge =
                start("work.handlers.orders.batch.size", "3", "work.handlers.orders.batch.linger.ms", "20000")) {
            for (int i = 0; i < 3; i++) {
                push(bridge, "{\"queue\":\"work.orders\",\"payload\":" + i + "}");
            }
            assertThat(onlyRequest().body()).isEqualTo("[0,1,2]");
        }
    }
}
