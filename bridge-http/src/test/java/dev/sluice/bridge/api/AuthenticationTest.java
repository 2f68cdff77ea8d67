package dev.sluice.bridge.api;

import static dev.sluice.bridge.security.TestTokens.SECRET;
import static dev.sluice.bridge.security.TestTokens.claims;
import static dev.sluice.bridge.security.TestTokens.hs256;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.api.messages.WebhookEndpoint;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.security.Role;
import dev.sluice.bridge.security.TestTokens;
import dev.sluice.connect.worker.Ports;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The roles that the routes need, over HTTP. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AuthenticationTest {
    private static final long HOUR_SECONDS = 3600;

    private final HttpClient client = HttpClient.newHttpClient();

    private Path directory;
    private TestPostgres postgres;
    private RunningBridge bridge;

    @BeforeAll
    void start(@TempDir Path temporary) {
        directory = temporary;
        postgres = TestPostgres.empty();
        bridge = RunningBridge.start(
                postgres.url(),
                directory.resolve("data"),
                Map.of(
                        "auth.jwt.enabled", "true",
                        "auth.jwt.secret", SECRET,
                        "auth.jwt.issuer", "issuer",
                        "auth.jwt.audience", "sluice",
                        "cors.origins", "https://app.example.com",
                        "migration.enabled", "true",
                        "webhook.origins", "*",
                        "auth.skip.paths", "/health,/api/v1/status/buffers,/api/v1/pop/queue/open/"));
    }

    @AfterAll
    void stop() {
        bridge.close();
        postgres.close();
    }

    private static ObjectNode good(@Nullable String role) {
        ObjectNode claims = claims().put("iss", "issuer")
                .put("aud", "sluice")
                .put("sub", "ann")
                .put("exp", Instant.now().getEpochSecond() + HOUR_SECONDS);
        return role == null ? claims : claims.put("role", role);
    }

    private HttpResponse<String> send(String method, String path, @Nullable String authorization, String... headers) {
        return send(bridge, method, path, "{}", authorization, headers);
    }

    private HttpResponse<String> send(
            RunningBridge to,
            String method,
            String path,
            String body,
            @Nullable String authorization,
            String... headers) {
        var request = HttpRequest.newBuilder(URI.create(to.url() + path));
        request.method(method, method.equals("GET") ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
        if (authorization != null) {
            request.header("Authorization", authorization);
        }
        if (headers.length > 0) {
            request.headers(headers);
        } else if (method.equals(Route.OPTIONS)) {
            request.header(WebhookEndpoint.REQUEST_ORIGIN, "emitter.example.com"); // Otherwise it is a preflight.
        }
        try {
            return client.send(request.build(), BodyHandlers.ofString());
        } catch (IOException e) {
            throw new AssertionError(method + " " + path, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    private static String error(HttpResponse<String> response) {
        return RunningBridge.json(response.body()).path("error").asText();
    }

    @Test
    void everyRouteLetsThroughOnlyWhoMayUseIt() {
        long now = Instant.now().getEpochSecond();
        var refused = new LinkedHashMap<String, @Nullable String>();
        refused.put("Authentication required", null);
        refused.put("Invalid token signature", hs256(good("admin"), SECRET + "!"));
        refused.put("Token has expired", hs256(good("admin").put("exp", now - HOUR_SECONDS), SECRET));
        refused.put("Token is not valid yet", hs256(good("admin").put("nbf", now + HOUR_SECONDS), SECRET));
        refused.put("Invalid token audience", hs256(good("admin").put("aud", "other"), SECRET));
        refused.put("Invalid token issuer", hs256(good("admin").put("iss", "other"), SECRET));
        Map<String, Role> roles =
                Map.of("read-only", Role.READ_ONLY, "read-write", Role.READ_WRITE, "admin", Role.ADMIN);

        var wrong = new ArrayList<String>();
        for (Route route : bridge.routes()) {
            String path = withDummies(route.path());
            boolean open = path.equals("/health") || path.equals("/api/v1/status/buffers");
            Role needed = route.needed() == null ? Role.READ_ONLY : route.needed();
            refused.forEach((reason, token) -> {
                HttpResponse<String> response = send(route.method(), path, token == null ? null : "Bearer " + token);
                boolean stopped =
                        response.statusCode() == 401 && error(response).equals(reason);
                check(wrong, open ? isLetThrough(response) : stopped, route, reason, response);
            });
            roles.forEach((name, role) -> {
                HttpResponse<String> response = send(route.method(), path, "Bearer " + hs256(good(name), SECRET));
                boolean may = open || role.includes(needed);
                check(wrong, may ? isLetThrough(response) : isForbidden(response), route, name, response);
            });
            for (String noRole : new String[] {null, "Admin", "guest"}) {
                HttpResponse<String> response = send(route.method(), path, "Bearer " + hs256(good(noRole), SECRET));
                check(wrong, open ? isLetThrough(response) : isForbidden(response), route, noRole, response);
            }
        }
        assertThat(bridge.routes()).hasSizeGreaterThan(10);
        assertThat(bridge.routes().stream().map(Route::needed)).contains(null, Role.ADMIN);
        assertThat(wrong).isEmpty();
    }

    private static void check(
            List<String> wrong, boolean right, Route route, String caller, HttpResponse<String> response) {
        if (!right) {
            wrong.add(route + " with " + caller + ": " + response.statusCode() + " " + response.body());
        }
    }

    private static boolean isLetThrough(HttpResponse<String> response) {
        return response.statusCode() != 401 && response.statusCode() != 403;
    }

    private static boolean isForbidden(HttpResponse<String> response) {
        return response.statusCode() == 403 && error(response).equals("Insufficient permissions");
    }

    /** Returns a path of the route with names that do not exist. */
    private static String withDummies(String path) {
        return path.replaceAll("\\{[^}]*[iI]d\\}", "00000000-0000-4000-8000-000000000001")
                .replaceAll("[{<][^}>]*[}>]", "nobody")
                .replace("*", "nothing");
    }

    @Test
    void aRefusalSaysWhatToComeWith() {
        HttpResponse<String> none = send("POST", "/api/v1/push", null);
        assertThat(none.body()).isEqualTo("{\"error\":\"Authentication required\"}");
        assertThat(none.headers().firstValue("WWW-Authenticate")).contains("Bearer realm=\"sluice\"");

        HttpResponse<String> bad = send("POST", "/api/v1/push", "Bearer x", "Accept", "application/problem+json");
        assertThat(bad.statusCode()).isEqualTo(401);
        assertThat(bad.headers().firstValue("Content-Type")).contains("application/problem+json");
        assertThat(RunningBridge.json(bad.body()))
                .isEqualTo(RunningBridge.json("{\"type\":\"about:blank\",\"title\":\"Unauthorized\",\"status\":401,"
                        + "\"detail\":\"Malformed token\",\"error\":\"Malformed token\"}"));
        assertThat(bad.headers().firstValue("WWW-Authenticate"))
                .contains("Bearer realm=\"sluice\", error=\"invalid_token\", error_description=\"Malformed token\"");

        HttpResponse<String> little = send("POST", "/api/v1/push", "Bearer " + hs256(good("read-only"), SECRET));
        assertThat(little.body()).isEqualTo("{\"error\":\"Insufficient permissions\"}");
        assertThat(little.headers().firstValue("WWW-Authenticate"))
                .contains("Bearer realm=\"sluice\", error=\"insufficient_scope\"");
    }

    @Test
    void aRefusalReachesAClientThatIsStillSending() {
        String large = "x".repeat(2 << 20);
        for (int i = 0; i < 20; i++) {
            assertThat(send(bridge, "POST", "/api/v1/push", large, null).statusCode())
                    .isEqualTo(401);
            assertThat(send(bridge, "POST", "/api/v1/push", large, hs256(good("read-only"), SECRET))
                            .statusCode())
                    .isEqualTo(403);
        }
    }

    @Test
    void theSchemeMayBeWrittenAnyHowOrLeftOut() {
        String token = hs256(good("admin"), SECRET);
        for (String header : List.of("Bearer " + token, "bearer  " + token, "BEARER " + token, token)) {
            assertThat(send("GET", "/api/v1/buffers/failed", header).statusCode())
                    .as(header)
                    .isEqualTo(200);
        }
        for (String header : List.of("", "Bearer", "Bearer ")) {
            assertThat(error(send("GET", "/api/v1/buffers/failed", header)))
                    .as(header)
                    .isEqualTo("Authentication required");
        }
        assertThat(error(send("GET", "/api/v1/buffers/failed", "Basic YTpi"))).isEqualTo("Malformed token");
    }

    @Test
    void pathsToSkipAreExactOrPrefixesThatEndInASlash() {
        assertThat(send("GET", "/api/v1/status/buffers", null).statusCode()).isEqualTo(200);
        assertThat(send("GET", "/api/v1/pop/queue/open/partition/a", null).statusCode())
                .isEqualTo(204);
        for (String path : List.of(
                "/api/v1/status/buffers/",
                "/api/v1/pop/queue/open",
                "/api/v1/pop/queue/opened/partition/a",
                "/api/v1/pop/queue/shut/partition/open")) {
            assertThat(send("GET", path, null).statusCode()).as(path).isEqualTo(401);
        }
    }

    @Test
    void withoutAListAllRoutesThatNeedNoRoleAreOpenAndNoOthers() {
        try (var usual = RunningBridge.start(
                postgres.url(),
                directory.resolve("usual"),
                Map.of("auth.jwt.enabled", "true", "auth.jwt.secret", SECRET))) {
            for (Route route : usual.routes()) {
                String path = withDummies(route.path());
                HttpResponse<String> answer = send(usual, route.method(), path, "{}", null);
                assertThat(answer.statusCode() == 401).as(route.toString()).isEqualTo(route.needed() != null);
            }
        }
    }

    @Test
    void anEmptyListLeavesNoPathOpen() {
        try (var closed = RunningBridge.start(
                postgres.url(),
                directory.resolve("closed"),
                Map.of("auth.jwt.enabled", "true", "auth.jwt.secret", SECRET, "auth.skip.paths", ""))) {
            for (Route route : closed.routes()) {
                String path = withDummies(route.path());
                assertThat(send(closed, route.method(), path, "{}", null).statusCode())
                        .as(route.toString())
                        .isEqualTo(401);
            }
            assertThat(send(closed, "GET", "/metrics", "", hs256(claims().put("role", "read-only"), SECRET))
                            .statusCode())
                    .isEqualTo(200);
        }
    }

    @Test
    void theHealthOfAServiceShowsTheContractsFieldsAndToCallersWithARoleAll() {
        var contract = List.of("status", "database", "server", "worker_id", "version", "shared_state", "queen");
        var all = new ArrayList<>(contract);
        all.addAll(List.of("database_error", "accepting_pushes", "drain"));
        for (String token : new String[] {null, "Bearer x", hs256(good(null), SECRET), hs256(good("guest"), SECRET)}) {
            HttpResponse<String> answer = send("GET", "/health", token);
            assertThat(answer.statusCode()).as(token).isEqualTo(200);
            assertThat(RunningBridge.json(answer.body()).fieldNames())
                    .toIterable()
                    .as(token)
                    .containsExactlyElementsOf(contract);
        }
        for (String role : List.of("read-only", "read-write", "admin")) {
            assertThat(RunningBridge.json(send("GET", "/health", hs256(good(role), SECRET))
                                    .body())
                            .fieldNames())
                    .toIterable()
                    .as(role)
                    .containsExactlyElementsOf(all);
        }
    }

    @Test
    void browsersMayAskWhatTheyMayDoWithoutAToken() {
        HttpResponse<String> preflight = send("OPTIONS", "/api/v1/push", null, "Origin", "https://app.example.com");
        assertThat(preflight.statusCode()).isEqualTo(204);
        assertThat(preflight
                        .headers()
                        .firstValue("Access-Control-Allow-Headers")
                        .orElse(""))
                .contains("Authorization");
    }

    @Test
    void theSubjectOfTheTokenComesWithTheMessageAndCannotBeClaimed() {
        String body = "{\"items\":[{\"queue\":\"signed\",\"payload\":1,\"producerSub\":\"eve\"}]}";
        assertThat(send(bridge, "POST", "/api/v1/push", body, "Bearer " + hs256(good("read-write"), SECRET))
                        .statusCode())
                .isEqualTo(201);
        JsonNode popped = RunningBridge.json(
                send("GET", "/api/v1/pop/queue/signed?wait=true&timeout=30000", hs256(good("read-write"), SECRET))
                        .body());
        assertThat(popped.at("/messages/0/producerSub").asText()).isEqualTo("ann");
    }

    @Test
    void keysOfAnEndpointAreFetchedWhenTheyAreNeededAndAnswer503WhileTheyCannotBe() throws IOException {
        int port = Ports.free();
        try (var keys = new TestTokens.Issuer();
                var other = RunningBridge.start(
                        postgres.url(),
                        directory.resolve("jwks"),
                        Map.of(
                                "auth.jwt.enabled", "true",
                                "auth.jwt.algorithm", "auto",
                                "auth.jwt.jwks.refresh.ms", "1",
                                "auth.jwt.jwks.url", "http://127.0.0.1:" + port + "/keys"))) {
            String token = keys.token(good("admin"));
            HttpResponse<String> away = send(other, "POST", "/api/v1/push", "{\"items\":[]}", "Bearer " + token);
            assertThat(away.statusCode()).isEqualTo(503);
            assertThat(away.headers().firstValue("Retry-After")).contains("1");
            assertThat(error(away)).isEqualTo("The keys of the token's issuer cannot be fetched");

            keys.publish(port);
            HttpResponse<String> answered = send(other, "POST", "/api/v1/push", "{\"items\":[]}", "Bearer " + token);
            assertThat(answered.statusCode()).as(answered.body()).isEqualTo(201);
            assertThat(error(send(other, "GET", "/api/v1/buffers/failed", "", keys.token(good("read-write")))))
                    .isEqualTo("Insufficient permissions");
            assertThat(error(send(other, "GET", "/api/v1/buffers/failed", "", hs256(good("admin"), SECRET))))
                    .isEqualTo("Token algorithm is not accepted");
        }
    }

    @Test
    void anEndpointForKeysThatHangsDoesNotHoldUpOthers() throws IOException {
        int port = Ports.free();
        Duration bound = Duration.ofSeconds(10);
        try (var keys = new TestTokens.Issuer()) {
            keys.publish(port);
            Map<String, String> settings = Map.of(
                    "auth.jwt.enabled", "true",
                    "auth.jwt.algorithm", "auto",
                    "auth.jwt.jwks.max.age.ms", "1",
                    "auth.jwt.jwks.refresh.ms", "1",
                    "auth.jwt.jwks.timeout.ms", "60000",
                    "auth.jwt.jwks.wait.ms", "200",
                    "auth.jwt.jwks.url", "http://127.0.0.1:" + port + "/keys");
            String known = "Bearer " + keys.token(good("admin"));
            try (var other = RunningBridge.start(postgres.url(), directory.resolve("hanging"), settings)) {
                await().untilAsserted(() -> assertThat(send(other, "POST", "/api/v1/push", "{\"items\":[]}", known)
                                .statusCode())
                        .isEqualTo(201));
                keys.hang();
                long began = System.nanoTime();
                for (int i = 0; i < 20; i++) {
                    assertThat(send(other, "POST", "/api/v1/push", "{\"items\":[]}", known)
                                    .statusCode())
                            .isEqualTo(201);
                }
                try (var stranger = new TestTokens.Issuer("e2")) {
                    HttpResponse<String> unknown =
                            send(other, "GET", "/api/v1/buffers/failed", "", stranger.token(good("admin")));
                    assertThat(unknown.statusCode()).isEqualTo(503);
                    assertThat(unknown.headers().firstValue("Retry-After")).contains("1");
                }
                assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(bound);
            }
            try (var fresh = RunningBridge.start(postgres.url(), directory.resolve("hanging"), settings)) {
                long began = System.nanoTime();
                for (int i = 0; i < 5; i++) {
                    HttpResponse<String> none = send(fresh, "POST", "/api/v1/push", "{\"items\":[]}", known);
                    assertThat(none.statusCode()).isEqualTo(503);
                    assertThat(error(none)).isEqualTo("The keys of the token's issuer cannot be fetched");
                }
                assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(bound);
            }
        }
    }
}
