package dev.sluice.bridge.api.subscribe;

import static dev.sluice.bridge.security.TestTokens.SECRET;
import static dev.sluice.bridge.security.TestTokens.hs256;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.api.work.SseClient;
import dev.sluice.bridge.api.work.SseClient.Event;
import dev.sluice.bridge.security.TestTokens;
import dev.sluice.queue.FaultyProxy;
import dev.sluice.queue.TestPostgres;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Subscriptions while the database is away, without memory, with encrypted queues, and with tokens. One bridge has
 * tokens, a key, and little memory. The other one has none of these, and its database goes away.
 */
class SubscribeFaultsTest {
    private static final String PATH = "/api/v1/subscribe/";
    private static final int MEMORY = 1 << 20;
    private static final String PADDING = ",\"" + "x".repeat(100_000) + "\"]";
    private static final AtomicInteger NAMES = new AtomicInteger();

    private static TestPostgres postgres;
    private static FaultyProxy proxy;
    private static RunningBridge strict;
    private static RunningBridge open;

    private final String queue = "q" + NAMES.incrementAndGet();

    @BeforeAll
    static void start(@TempDir Path first, @TempDir Path second) throws Exception {
        postgres = TestPostgres.empty();
        proxy = new FaultyProxy(postgres.url());
        strict = RunningBridge.start(
                postgres.url(),
                first,
                Map.of(
                        "auth.jwt.enabled",
                        "true",
                        "auth.jwt.secret",
                        SECRET,
                        "encryption.keys",
                        "k:" + "0123456789abcdef".repeat(4),
                        "subscribe.memory.bytes",
                        Integer.toString(MEMORY),
                        "subscribe.buffer.bytes",
                        Integer.toString(64 << 20)));
        open = RunningBridge.start(
                proxy.url(),
                second,
                Map.of(
                        "subscribe.heartbeat.ms", "100",
                        "subscribe.memory.bytes", Integer.toString(1 << 30),
                        "subscribe.buffer.bytes", Integer.toString(64 << 20)));
    }

    @AfterAll
    static void stop() {
        open.close();
        strict.close();
        proxy.close();
        postgres.close();
    }

    private static String bearer(String role) {
        return "Bearer "
                + hs256(
                        TestTokens.claims()
                                .put("sub", "ann")
                                .put("role", role)
                                .put("exp", Instant.now().getEpochSecond() + 3600),
                        SECRET);
    }

    private void pushStrictly(String payload) {
        assertThat(strict.post("/api/v1/push", item(payload), "Authorization", bearer("read-write"))
                        .statusCode())
                .isEqualTo(201);
    }

    private void pushOpenly(String payload) {
        assertThat(open.push(item(payload)).statusCode()).isEqualTo(201);
    }

    private String item(String payload) {
        return "{\"items\":[{\"queue\":\"" + queue + "\",\"payload\":" + payload + "}]}";
    }

    private SseClient subscribeStrictly() {
        var client = new SseClient(strict.port(), PATH + queue, "Authorization: " + bearer("read-write"));
        assertThat(client.status()).isEqualTo(200);
        client.until("state");
        return client;
    }

    private SseClient subscribeOpenly() {
        var client = new SseClient(open.port(), PATH + queue);
        client.until("state");
        return client;
    }

    private static JsonNode payload(Event event) {
        return RunningBridge.json(event.data()).get("data");
    }

    private static long dropped(RunningBridge bridge, String reason) {
        String name = "sluice_subscribers_dropped_total{reason=\"" + reason + "\"}";
        String page = bridge.get("/metrics/prometheus").body();
        Matcher line =
                Pattern.compile("(?m)^" + Pattern.quote(name) + " ([0-9.E]+)").matcher(page);
        return line.find() ? (long) Double.parseDouble(line.group(1)) : 0;
    }

    @Test
    void aSubscriberIsToldThatTheDatabaseIsAwayAndGetsWhatCameMeanwhile() {
        try (SseClient client = subscribeOpenly()) {
            pushOpenly("0");
            assertThat(payload(client.until("message")).intValue()).isZero();
            proxy.down(true);
            assertThat(client.until("state").data()).isEqualTo("{\"state\":\"database_away\"}");
            try (var late = new SseClient(open.port(), PATH + queue + "?from=beginning")) {
                assertThat(late.until("state").data()).isEqualTo("{\"state\":\"database_away\"}");
                pushStrictly("1");
                proxy.down(false);
                assertThat(client.until("state").data()).isEqualTo("{\"state\":\"open\"}");
                assertThat(payload(client.until("message")).intValue()).isEqualTo(1);
                assertThat(late.until("state").data()).isEqualTo("{\"state\":\"open\"}");
                assertThat(payload(late.until("message")).intValue()).isZero();
                assertThat(payload(late.until("message")).intValue()).isEqualTo(1);
            }
        } finally {
            proxy.down(false);
        }
    }

    @Test
    void ifTheMemoryIsFullWhoDoesNotReadIsDroppedAndTheOthersGetEverything() {
        try (SseClient reads = subscribeStrictly();
                SseClient stuck = subscribeStrictly();
                SseClient readsToo = subscribeStrictly()) {
            long before = dropped(strict, "memory");
            int messages = 0;
            while (dropped(strict, "memory") == before) {
                pushStrictly("[" + messages + PADDING);
                assertThat(payload(reads.until("message")).get(0).intValue()).isEqualTo(messages);
                assertThat(payload(readsToo.until("message")).get(0).intValue()).isEqualTo(messages++);
            }
            assertThat(dropped(strict, "memory") - before).isEqualTo(1);
            assertThat(stuck.until("dropped").data()).isEqualTo("{\"reason\":\"memory\"}");
            assertThat(stuck.next()).isNull();
            pushStrictly("[-1]");
            assertThat(payload(reads.until("message")).get(0).intValue()).isEqualTo(-1);
        }
    }

    @Test
    void messagesOfAnEncryptedQueueComeInClearIfTheServiceHasTheKey() {
        assertThat(strict.post(
                                "/api/v1/configure",
                                "{\"queue\":\"" + queue + "\",\"options\":{\"encryptionEnabled\":true}}",
                                "Authorization",
                                bearer("admin"))
                        .statusCode())
                .isBetween(200, 201);
        try (SseClient withKey = subscribeStrictly();
                SseClient without = subscribeOpenly()) {
            pushStrictly("{\"card\":\"4111\"}");
            assertThat(payload(withKey.until("message")).get("card").textValue())
                    .isEqualTo("4111");
            assertThat(payload(without.until("message")).toString())
                    .contains("encrypted")
                    .doesNotContain("4111");
        }
    }

    @Test
    void aSubscriptionNeedsATokenThatMayPop() {
        try (var none = new SseClient(strict.port(), PATH + queue);
                var wrong = new SseClient(strict.port(), PATH + queue, "Authorization: Bearer x.y.z");
                var reader = new SseClient(strict.port(), PATH + queue, "Authorization: " + bearer("read-only"));
                SseClient client = subscribeStrictly()) {
            assertThat(none.status()).isEqualTo(401);
            assertThat(wrong.status()).isEqualTo(401);
            assertThat(reader.status()).isEqualTo(403);
            pushStrictly("7");
            assertThat(payload(client.until("message")).intValue()).isEqualTo(7);
        }
    }

    @Test
    void soDoesAWebSocket() {
        pushStrictly("0");
        var message = new CompletableFuture<String>();
        assertThatThrownBy(() -> connect(null, message))
                .isInstanceOf(CompletionException.class)
                .hasStackTraceContaining("401");
        assertThatThrownBy(() -> connect(bearer("read-only"), message))
                .isInstanceOf(CompletionException.class)
                .hasStackTraceContaining("403");
        WebSocket socket = connect(bearer("read-write"), message);
        assertThat(message.orTimeout(60, TimeUnit.SECONDS).join()).contains("\"data\":0");
        socket.abort();
    }

    private WebSocket connect(String authorization, CompletableFuture<String> message) {
        WebSocket.Builder builder = HttpClient.newHttpClient().newWebSocketBuilder();
        if (authorization != null) {
            builder.header("Authorization", authorization);
        }
        return builder.buildAsync(
                        URI.create("ws://127.0.0.1:" + strict.port() + PATH + queue + "?from=beginning"),
                        new WebSocket.Listener() {
                            @Override
                            public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
                                if (data.toString().contains("\"event\":\"message\"")) {
                                    message.complete(data.toString());
                                }
                                socket.request(1);
                                return null;
                            }
                        })
                .join();
    }
}
