package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.api.RawRequest.Response;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.security.TestTokens;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** HEAD is GET without a body, and never pops. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HeadTest {
    private static final String ID = "00000000-0000-4000-8000-000000000001";
    private static final List<String> POPS =
            List.of("/api/v1/pop?namespace=n", "/api/v1/pop/queue/q", "/api/v1/pop/queue/q/partition/p");

    @AutoClose
    private final TestPostgres postgres = TestPostgres.empty();

    private RunningBridge bridge;
    private RunningBridge guarded;

    @BeforeAll
    void start(@TempDir Path directory) {
        bridge = RunningBridge.start(postgres.url(), directory.resolve("open"));
        guarded = RunningBridge.start(
                postgres.url(),
                directory.resolve("guarded"),
                Map.of("auth.jwt.enabled", "true", "auth.jwt.secret", TestTokens.SECRET));
    }

    @AfterAll
    void stop() {
        guarded.close();
        bridge.close();
    }

    private static Map<String, String> comparable(Response response, String path) {
        var headers = new TreeMap<>(response.headers());
        headers.remove("Date");
        if (path.startsWith("/metrics") || path.contains("buffers") || path.contains("postgres-stats")) {
            headers.remove("Content-Length"); // Figures change from one request to the next.
        }
        return headers;
    }

    @Test
    void answersLikeGetWhereverThereIsAGet() {
        assertThat(bridge.push("{\"items\":[{\"queue\":\"here\",\"payload\":1}]}")
                        .statusCode())
                .isEqualTo(201);
        var wrong = new ArrayList<String>();
        for (Route route : bridge.routes()) {
            if (!route.method().equals("GET") || route.path().startsWith("/api/v1/pop")) {
                continue;
            }
            for (String name : List.of("here", "nobody", "page.js")) {
                String path = route.path().replaceAll("\\{[^}]*[iI]d\\}", ID).replaceAll("\\{[^}]*}", name);
                Response get = RawRequest.send(bridge.port(), "GET", path, "");
                Response head = RawRequest.send(bridge.port(), "HEAD", path, "");
                if (get.status() != head.status()
                        || !comparable(get, path).equals(comparable(head, path))
                        || !head.body().isEmpty()) {
                    wrong.add(path + "\n  " + get.status() + comparable(get, path) + "\n  " + head.status()
                            + comparable(head, path) + head.body());
                }
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(RawRequest.send(bridge.port(), "HEAD", "/health", "").headers())
                .containsKey("Content-Length");
    }

    @Test
    void isNotFoundOrNotAllowedWhereGetIs() {
        for (String path : List.of("/none", "/api/v1/push", "/api/v1/stream/poll")) {
            Response get = RawRequest.send(bridge.port(), "GET", path, "");
            Response head = RawRequest.send(bridge.port(), "HEAD", path, "");
            assertThat(head.status()).as(path).isEqualTo(get.status());
            assertThat(head.headers().get("Allow")).isEqualTo(get.headers().get("Allow"));
            assertThat(head.body()).isEmpty();
        }
        assertThat(RawRequest.send(bridge.port(), "POST", "/health", "x")
                        .headers()
                        .get("Allow"))
                .contains("GET")
                .contains("HEAD");
    }

    @Test
    void isNotAllowedWhereGetPopsAndTouchesNothing() {
        bridge.push("{\"items\":[{\"queue\":\"q\",\"partition\":\"p\",\"payload\":1}]}");
        for (String path : POPS) {
            String query = path + (path.contains("?") ? "&" : "?") + "autoAck=true&consumerGroup=heads&wait=true";
            Response head = RawRequest.send(bridge.port(), "HEAD", query, "");
            assertThat(head.status()).as(path).isEqualTo(405);
            assertThat(head.headers()).containsEntry("Allow", "GET");
            assertThat(head.body()).isEmpty();
            assertThat(RawRequest.send(bridge.port(), "PUT", query, "").headers())
                    .containsEntry("Allow", "GET");
        }
        assertThat(bridge.get("/api/v1/consumer-groups").body()).doesNotContain("heads");
        assertThat(bridge.pop("q?autoAck=true&batch=10").path("messages")).hasSize(1);
    }

    @Test
    void isAuthenticatedAsGetIs() {
        String reader =
                "Authorization: " + TestTokens.hs256(TestTokens.claims().put("role", "read-only"), TestTokens.SECRET);
        String writer =
                "Authorization: " + TestTokens.hs256(TestTokens.claims().put("role", "read-write"), TestTokens.SECRET);
        for (String path : POPS) {
            assertThat(RawRequest.send(guarded.port(), "HEAD", path, "").status())
                    .isEqualTo(401);
            assertThat(RawRequest.send(guarded.port(), "HEAD", path, "", reader).status())
                    .isEqualTo(403);
            assertThat(RawRequest.send(guarded.port(), "HEAD", path, "", writer).status())
                    .isEqualTo(405);
        }
        for (Route route : guarded.routes()) {
            if (route.method().equals("GET") && route.needed() != null) {
                String path = route.path().replaceAll("\\{[^}]*}", ID);
                assertThat(RawRequest.send(guarded.port(), "HEAD", path, "").status())
                        .as(path)
                        .isEqualTo(401);
            }
        }
    }
}
