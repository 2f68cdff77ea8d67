package dev.sluice.bridge.api.work;

import static dev.sluice.bridge.security.TestTokens.SECRET;
import static dev.sluice.bridge.security.TestTokens.hs256;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.security.TestTokens;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** If authentication is on, a stream of events needs a token, like every other request. */
class WorkEventsTokenTest {
    private static final String EVENTS = "/api/v1/work/events";
    private static final String WORK = "/api/v1/work";

    private static TestPostgres postgres;
    private static RunningBridge bridge;

    @BeforeAll
    static void start(@TempDir Path directory) {
        postgres = TestPostgres.empty();
        bridge = RunningBridge.start(
                postgres.url(),
                directory,
                Map.of("auth.jwt.enabled", "true", "auth.jwt.secret", SECRET, "auth.jwt.clock.skew.ms", "0"));
    }

    @AfterAll
    static void stop() {
        bridge.close();
        postgres.close();
    }

    private static String token(String role, long seconds) {
        return hs256(
                TestTokens.claims()
                        .put("sub", "ann")
                        .put("role", role)
                        .put("exp", Instant.now().getEpochSecond() + seconds),
                SECRET);
    }

    private static int enqueue(String role) {
        return bridge.post(WORK, "{\"type\":\"t\"}", "Authorization", "Bearer " + token(role, 3600))
                .statusCode();
    }

    private static SseClient open(String token) {
        return new SseClient(bridge.port(), EVENTS, "Authorization: Bearer " + token);
    }

    @Test
    void aStreamWithoutAValidTokenIsRefused() {
        try (var none = new SseClient(bridge.port(), EVENTS);
                var wrong = open("x.y.z");
                var late = open(token("admin", -3600))) {
            assertThat(none.status()).isEqualTo(401);
            assertThat(wrong.status()).isEqualTo(401);
            assertThat(late.status()).isEqualTo(401);
        }
    }

    @Test
    void whoMayReadMayStreamAndMayNotEnqueue() {
        try (var stream = open(token("read-only", 3600))) {
            assertThat(stream.status()).isEqualTo(200);
            assertThat(enqueue("read-only")).isEqualTo(403);
            assertThat(enqueue("read-write")).isEqualTo(201);
            SseClient.Event first = Objects.requireNonNull(stream.next());
            assertThat(first.name()).isEqualTo("enqueued");
            assertThat(first.data()).contains("\"type\":\"t\"");
        }
    }

    @Test
    void aStreamGoesOnAfterTheEndOfItsToken() {
        String token = token("read-only", 1);
        try (var stream = open(token)) {
            assertThat(stream.status()).isEqualTo(200);
            WorkFixture.until(() -> bridge.post(WORK, "{\"type\":\"t\"}", "Authorization", "Bearer " + token)
                            .statusCode()
                    == 401); // 403 before: it may only read.
            assertThat(enqueue("admin")).isEqualTo(201);
            assertThat(Objects.requireNonNull(stream.next()).name()).isEqualTo("enqueued");
        }
    }
}
