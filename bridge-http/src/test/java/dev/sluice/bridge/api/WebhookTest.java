package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.api.RawRequest.Response;
import dev.sluice.bridge.security.TestTokens;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A source of CloudEvents asks before it pushes, and the settings decide. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WebhookTest {
    private static final String ASK = "WebHook-Request-Origin: ";
    private static final String SOURCE = "eventemitter.example.com";
    private static final String EVENTS = "/api/v1/push/orders";
    private static final String ALLOWED_ORIGIN = "WebHook-Allowed-Origin";
    private static final String ALLOWED_RATE = "WebHook-Allowed-Rate";

    @AutoClose
    private final TestPostgres postgres = TestPostgres.empty();

    private RunningBridge closed;
    private RunningBridge listing;
    private RunningBridge open;

    @BeforeAll
    void start(@TempDir Path directory) {
        closed = RunningBridge.start(postgres.url(), directory.resolve("closed"));
        listing = RunningBridge.start(
                postgres.url(),
                directory.resolve("listing"),
                Map.of(
                        "webhook.origins",
                        "eventgrid.azure.net, EventEmitter.example.com",
                        "webhook.rate",
                        "120",
                        "auth.jwt.enabled",
                        "true",
                        "auth.jwt.secret",
                        TestTokens.SECRET));
        open = RunningBridge.start(
                postgres.url(),
                directory.resolve("open"),
                Map.of("webhook.origins", "*", "cors.origins", "https://app.example.com"));
    }

    @AfterAll
    void stop() {
        open.close();
        listing.close();
        closed.close();
    }

    private static Response ask(RunningBridge bridge, String path, String... headers) {
        return RawRequest.send(bridge.port(), "OPTIONS", path, "", headers);
    }

    private static void assertWithheld(Response answer, int status, String error) {
        assertThat(answer.status()).as(answer.body()).isEqualTo(status);
        assertThat(answer.body()).contains(error);
        assertThat(answer.headers()).doesNotContainKeys(ALLOWED_ORIGIN, ALLOWED_RATE);
    }

    @ParameterizedTest
    @ValueSource(strings = {EVENTS, "/api/v1/push?queue=orders", "/api/v1/push/a%2Fb", "/api/v1/push"})
    void aListedSourceGetsItsNameAndTheRateBack(String path) {
        for (String source : List.of(SOURCE, "EVENTEMITTER.example.com", "eventgrid.azure.net")) {
            Response answer = ask(listing, path, ASK + source, "WebHook-Request-Rate: 1000");
            assertThat(answer.status()).as(answer.body()).isEqualTo(200);
            assertThat(answer.headers())
                    .containsEntry(ALLOWED_ORIGIN, source)
                    .containsEntry(ALLOWED_RATE, "120")
                    .containsEntry("Allow", "POST, OPTIONS")
                    .containsEntry("Content-Length", "0");
            assertThat(answer.body()).isEmpty();
        }
    }

    @Test
    void aStarAllowsEverySourceAtAnyRate() {
        Response answer =
                ask(open, EVENTS, ASK + SOURCE, "WebHook-Request-Callback: https://emitter.example.com/yes?id=1");
        assertThat(answer.status()).isEqualTo(200);
        assertThat(answer.headers()).containsEntry(ALLOWED_ORIGIN, "*").containsEntry(ALLOWED_RATE, "*");
    }

    @Test
    void aSourceThatIsNotListedGetsNoPermissionAndTheReason() {
        assertWithheld(ask(closed, EVENTS, ASK + SOURCE), 403, SOURCE + " may not push; add it to webhook.origins");
        for (String other : List.of("example.com", "evil." + SOURCE, SOURCE + ".evil")) {
            assertWithheld(ask(listing, EVENTS, ASK + other), 403, other + " may not push");
        }
    }

    @Test
    void anUnclearQuestionIsRefused() {
        for (String source : List.of("", "*", "a b", "https://evil.example/x", "a, b")) {
            assertWithheld(
                    ask(open, EVENTS, ASK + source), 400, "WebHook-Request-Origin must be the name of one source");
        }
        assertWithheld(
                ask(open, EVENTS, ASK + SOURCE, ASK + "second"),
                400,
                "WebHook-Request-Origin must be the name of one source");
        for (String rate : List.of("0", "-1", "many", "1.5", "")) {
            assertWithheld(
                    ask(open, EVENTS, ASK + SOURCE, "WebHook-Request-Rate: " + rate),
                    400,
                    "WebHook-Request-Rate must be a number of requests a minute from 1");
        }
    }

    @Test
    void whereNoEventsArePushedThereIsNothingToAllow() {
        for (String path : List.of("/api/v1/ack", "/api/v1/resources/queues/orders", "/health")) {
            assertWithheld(ask(open, path, ASK + SOURCE), 405, "Method not allowed: OPTIONS " + path);
        }
        assertWithheld(ask(open, "/nowhere", ASK + SOURCE), 404, "Not found: OPTIONS /nowhere");
        assertWithheld(ask(open, EVENTS + "/", ASK + SOURCE), 404, "Not found: OPTIONS " + EVENTS + "/");
    }

    @Test
    void aPreflightOfAPageIsNotAValidation() {
        Response preflight =
                ask(open, EVENTS, "Origin: https://app.example.com", "Access-Control-Request-Method: POST");
        assertThat(preflight.status()).isEqualTo(204);
        assertThat(preflight.headers())
                .containsEntry("Access-Control-Allow-Origin", "https://app.example.com")
                .doesNotContainKeys(ALLOWED_ORIGIN, ALLOWED_RATE);
    }

    @Test
    void thePermissionNeedsNoTokenAndTheEventDoes() {
        String event = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/shop\",\"type\":\"t\",\"data\":1}";
        String type = "Content-Type: application/cloudevents+json";
        assertThat(ask(listing, EVENTS, ASK + SOURCE).status()).isEqualTo(200);
        assertThat(RawRequest.send(listing.port(), "POST", EVENTS, event, type, ASK + SOURCE)
                        .status())
                .isEqualTo(401);
        String token = "Authorization: Bearer "
                + TestTokens.hs256(TestTokens.claims().put("role", "read-write"), TestTokens.SECRET);
        Response pushed = RawRequest.send(listing.port(), "POST", EVENTS, event, type, ASK + SOURCE, token);
        assertThat(pushed.status()).as(pushed.body()).isEqualTo(201);
        assertThat(RawRequest.send(closed.port(), "POST", EVENTS, event, type).status())
                .isEqualTo(201);
    }

    /** A list of paths that need no token decides for all methods of a path. */
    @Test
    void thePermissionNeedsATokenIfPathsAreListedThatNeedNone(@TempDir Path directory) {
        var settings = Map.of(
                "webhook.origins",
                SOURCE,
                "auth.jwt.enabled",
                "true",
                "auth.jwt.secret",
                TestTokens.SECRET,
                "auth.skip.paths",
                "/live");
        try (RunningBridge skipping = RunningBridge.start(postgres.url(), directory, settings)) {
            assertWithheld(ask(skipping, EVENTS, ASK + SOURCE), 401, "Authentication required");
            String token = "Authorization: Bearer "
                    + TestTokens.hs256(TestTokens.claims().put("role", "read-only"), TestTokens.SECRET);
            assertThat(ask(skipping, EVENTS, ASK + SOURCE, token).status()).isEqualTo(200);
            assertThat(ask(skipping, EVENTS, "Access-Control-Request-Method: POST")
                            .status())
                    .isEqualTo(204);
        }
    }
}
