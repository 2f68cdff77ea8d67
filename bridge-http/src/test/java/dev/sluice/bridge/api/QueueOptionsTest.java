package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.admin.Queues;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Options of queues that a service acts on before PostgreSQL does: encryptionEnabled and maxSize. */
class QueueOptionsTest {
    private static final String KEY_A = "a:" + "0a".repeat(32);
    private static final String KEY_B = "b:" + "0b".repeat(32);
    private static final String SECRET = "4111-1111";
    private static final String PLAIN = "no-secret";
    private static final Duration PATIENCE = Duration.ofSeconds(120);

    @TempDir
    private Path directory;

    private TestPostgres postgres;

    @BeforeEach
    void makeADatabase() {
        postgres = TestPostgres.withSchema();
    }

    @AfterEach
    void dropIt() {
        postgres.close();
    }

    private RunningBridge start(Map<String, String> settings) {
        return RunningBridge.start(postgres.url(), directory, settings);
    }

    private void configure(String queue, UnaryOperator<QueueOptions.Builder> change) {
        new Queues(postgres.dataSource(), "sluice", PayloadCipher.of(KEY_A, null), () -> {})
                .configure(
                        queue,
                        "",
                        "",
                        change.apply(QueueOptions.DEFAULTS.toBuilder()).build());
    }

    private static JsonNode door(RunningBridge bridge) {
        return RunningBridge.json(
                        bridge.get("/api/v1/status/buffers?detail=true").body())
                .path("door");
    }

    private static void awaitDoor(RunningBridge bridge, String field) {
        await(field).atMost(PATIENCE).until(() -> door(bridge).path(field).asInt() == 1);
    }

    private static String item(String queue, String text) {
        return "{\"queue\":\"" + queue + "\",\"payload\":{\"card\": \"" + text + "\"}}";
    }

    private static HttpResponse<String> push(RunningBridge bridge, String... items) {
        return bridge.push("{\"items\":[" + String.join(",", items) + "]}");
    }

    private static String popped(RunningBridge bridge, String queue, int count) {
        return bridge.get("/api/v1/pop/queue/" + queue + "?autoAck=true&wait=true&timeout=50000&batch=" + count)
                .body();
    }

    private boolean logHolds(String text) {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(Files::isRegularFile).anyMatch(file -> {
                try {
                    return new String(Files.readAllBytes(file), ISO_8859_1).contains(text);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private boolean databaseHolds(String text) {
        return postgres.query("select count(*) from sluice.segments s where s::text like '%" + text + "%'")
                .equals(java.util.List.of("1"));
    }

    @Test
    void anEncryptedQueueIsInClearNeitherInTheLogNorInTheDatabase() {
        configure("secret", options -> options.encryptionEnabled(true));
        try (var bridge = start(Map.of("encryption.keys", KEY_A))) {
            assertThat(door(bridge).path("encryptedQueues").asInt())
                    .as("known when it serves")
                    .isEqualTo(1);
            assertThat(push(bridge, item("secret", SECRET), item("plain", PLAIN))
                            .body())
                    .contains("queued")
                    .doesNotContain("failed");
            assertThat(bridge.push("{\"bufferMs\":1,\"items\":[" + item("secret", SECRET) + "]}")
                            .body())
                    .contains("buffered");
            assertThat(popped(bridge, "plain", 1)).contains("\"data\":{\"card\": \"" + PLAIN + "\"}");
            for (int i = 0; i < 2; i++) {
                assertThat(popped(bridge, "secret", 1)).contains("\"data\":{\"card\": \"" + SECRET + "\"}");
            }
            assertThat(logHolds(PLAIN)).as("the search finds what is there").isTrue();
            assertThat(databaseHolds(PLAIN)).isTrue();
        }
        assertThat(logHolds(SECRET)).isFalse();
        assertThat(databaseHolds(SECRET)).isFalse();
    }

    @Test
    void keysAreReplacedByARestart() {
        configure("secret", options -> options.encryptionEnabled(true));
        try (var bridge = start(Map.of("encryption.keys", KEY_A))) {
            push(bridge, item("secret", "old"));
        }
        try (var bridge = start(Map.of("encryption.keys", KEY_A + "," + KEY_B, "encryption.key.id", "b"))) {
            push(bridge, item("secret", "new"));
            assertThat(postgres.query("select payload::json ->> 'keyId' from sluice.messages order by created_at"))
                    .containsExactly("a", "b");
            assertThat(popped(bridge, "secret?consumerGroup=g&x=", 1)).contains("\"card\": \"old\"");
        }
        try (var bridge = start(Map.of())) {
            HttpResponse<String> refused = push(bridge, item("plain", PLAIN), item("secret", SECRET));
            assertThat(refused.statusCode()).isEqualTo(503);
            assertThat(refused.body()).contains("Queue secret is encrypted").contains("encryption.keys");
            assertThat(door(bridge).path("refusedNoKey").asInt()).isEqualTo(1);
            assertThat(bridge.get("/api/v1/pop/queue/plain").statusCode())
                    .as("nothing of it was taken")
                    .isEqualTo(204);
            assertThat(RunningBridge.json(popped(bridge, "secret", 1))
                            .path("messages")
                            .path(0)
                            .path("data")
                            .path("keyId")
                            .asText())
                    .as("as stored")
                    .isEqualTo("a");
        }
    }

    @Test
    void aFullQueueRefusesPushesUntilSomeAreConsumed() {
        configure("small", options -> options.maxSize(2));
        try (var bridge = start(Map.of())) {
            awaitDoor(bridge, "boundedQueues");
            assertThat(push(bridge, item("small", "1")).statusCode()).isEqualTo(201);
            // A message that commits while they are counted may be counted twice or not at all, until the next time.
            await().atMost(PATIENCE)
                    .until(() -> push(bridge, item("small", "2")).statusCode() == 429);
            HttpResponse<String> refused = push(bridge, item("large", "1"), item("small", "3"));
            assertThat(refused.statusCode()).isEqualTo(429);
            assertThat(refused.headers().firstValue("Retry-After")).contains("5");
            assertThat(refused.body())
                    .matches("\\{\"error\":\"Queue small is full: holds ([2-9]|\\d{2,}) messages, maxSize 2\\."
                            + " Nothing of the request was taken\"}");
            assertThat(bridge.get("/api/v1/pop/queue/large").statusCode()).isEqualTo(204);
            assertThat(door(bridge).path("refusedQueueFull").asInt()).isPositive();
            popped(bridge, "small", 1000);
            await().atMost(PATIENCE)
                    .until(() -> push(bridge, item("small", "4")).statusCode() == 201);
        }
    }
}
