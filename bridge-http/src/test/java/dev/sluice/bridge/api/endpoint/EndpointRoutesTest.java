package dev.sluice.bridge.api.endpoint;

import static dev.sluice.bridge.outbound.FaultyTarget.answer;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.standardwebhooks.Webhook;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.api.JsonShape;
import dev.sluice.bridge.outbound.FaultyTarget;
import dev.sluice.queue.TestPostgres;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Endpoints over HTTP: from their creation to signed requests at a real target. */
class EndpointRoutesTest {
    private static final String PATH = "/api/v1/endpoints";
    private static final String SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final AtomicInteger NUMBER = new AtomicInteger();
    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    private static TestPostgres postgres;
    private static RunningBridge bridge;

    private final FaultyTarget target = new FaultyTarget(answer(200, "thanks"));

    @BeforeAll
    static void start(@TempDir Path directory) {
        postgres = TestPostgres.empty().withoutSyncs();
        bridge = RunningBridge.start(
                postgres.url(),
                directory,
                Map.of(
                        "outbound.allow.cidrs", "127.0.0.1",
                        "endpoints.poll.interval.ms", "50",
                        "work.poll.interval.ms", "50",
                        "encryption.keys", "k1:" + "0123456789abcdef".repeat(4)));
    }

    @AfterAll
    static void stop() {
        bridge.close();
        postgres.close();
    }

    @AfterEach
    void closeTarget() throws Exception {
        target.close();
    }

    private static String unique(String name) {
        return name + "-" + NUMBER.incrementAndGet();
    }

    private static JsonNode answered(HttpResponse<String> response, int status) {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
        return RunningBridge.json(response.body());
    }

    private JsonNode create(String id, String queue, String more) {
        return answered(
                bridge.post(
                        PATH,
                        "{\"id\":\"" + id + "\",\"url\":\"" + target.url("/hook?token=hidden") + "\",\"queues\":[\""
                                + queue + "\"]" + more + "}"),
                201);
    }

    private static JsonNode endpoint(String id) {
        return answered(bridge.get(PATH + "/" + id), 200);
    }

    private static JsonNode patch(String id, String body, int status) throws Exception {
        return answered(
                CLIENT.send(
                        HttpRequest.newBuilder(URI.create(bridge.url() + PATH + "/" + id))
                                .method("PATCH", BodyPublishers.ofString(body))
                                .build(),
                        BodyHandlers.ofString()),
                status);
    }

    private static void push(String queue, String payload) {
        assertThat(bridge.push("{\"items\":[{\"queue\":\"" + queue + "\",\"payload\":" + payload + "}]}")
                        .statusCode())
                .isEqualTo(201);
    }

    private static void until(Callable<Boolean> condition) {
        await().atMost(PATIENCE).pollInterval(Duration.ofMillis(10)).until(condition);
    }

    private static List<JsonNode> attempts(String id, String query) {
        var attempts = new ArrayList<JsonNode>();
        answered(bridge.get(PATH + "/" + id + "/attempts" + query), 200)
                .get("attempts")
                .forEach(attempts::add);
        return attempts;
    }

    private static void verify(String secret, FaultyTarget.Request request) throws Exception {
        new Webhook(secret)
                .verify(
                        request.body(),
                        HttpHeaders.of(
                                Map.of(
                                        "webhook-id", List.of(request.headers().get("webhook-id")),
                                        "webhook-timestamp",
                                                List.of(request.headers().get("webhook-timestamp")),
                                        "webhook-signature",
                                                List.of(request.headers().get("webhook-signature"))),
                                (name, value) -> true));
    }

    @Test
    void aMessageIsDeliveredSignedAndItsAttemptIsListed() throws Exception {
        String id = unique("delivered");
        JsonNode made = create(id, id, ",\"headers\":{\"x-tenant\":\"seven\"},\"eventTypes\":[\"order.*\"]");
        push(id, "{\"type\":\"other\"}");
        push(id, "{\"type\":\"order.paid\", \"sum\": 17.50}");
        until(() -> target.requests().size() == 1);
        FaultyTarget.Request request = target.requests().get(0);
        assertThat(request.line()).isEqualTo("POST /hook?token=hidden HTTP/1.1");
        assertThat(request.body()).isEqualTo("{\"type\":\"order.paid\", \"sum\": 17.50}");
        assertThat(request.headers()).containsEntry("x-tenant", "seven");
        verify(made.get("secret").textValue(), request);
        until(() -> attempts(id, "").size() == 1);
        JsonNode attempt = attempts(id, "").get(0);
        assertThat(JsonShape.of(attempt))
                .isEqualTo("{answer: {body: text, status: int}, at: time, attempt: int, durationMs: int, error: null,"
                        + " id: int, outcome: text, request: {method: text, url: text}, webhookId: uuid}");
        assertThat(attempt.at("/request/url").textValue())
                .startsWith(target.url("/hook").toString())
                .doesNotContain("hidden");
        assertThat(attempt.at("/answer/body").textValue()).isEqualTo("thanks");
        assertThat(attempt.get("webhookId").textValue())
                .isEqualTo(request.headers().get("webhook-id"));
        assertThat(attempts(id, "?outcome=failed")).isEmpty();
        assertThat(answered(bridge.get(PATH + "/" + id + "/stats"), 200)
                        .at("/backlog/" + id)
                        .longValue())
                .isZero();
        assertThat(bridge.get("/metrics/prometheus").body())
                .contains("sluice_endpoints{state=\"active\"}")
                .contains("sluice_endpoint_messages_total");
    }

    @Test
    void aSecretAndTheValuesOfHeadersAreInNoFurtherAnswer() {
        String id = unique("secret");
        JsonNode made =
                create(id, id, ",\"headers\":{\"Authorization\":\"Bearer topsecret\"},\"secret\":\"" + SECRET + "\"");
        assertThat(made.get("secret").textValue()).isEqualTo(SECRET);
        assertThat(made.get("secretsEncrypted").booleanValue()).isTrue();
        for (String path : List.of("", "/" + id, "/" + id + "/attempts", "/" + id + "/stats")) {
            assertThat(bridge.get(PATH + path).body()).doesNotContain(SECRET).doesNotContain("topsecret");
        }
        assertThat(endpoint(id).get("headerNames").toString()).isEqualTo("[\"Authorization\"]");
        assertThat(JsonShape.of(endpoint(id).at("/secrets/0")))
                .isEqualTo("{createdAt: time, expiresAt: null, publicKey: null}");
        assertThat(bridge.post(
                                PATH,
                                "{\"id\":\"x\",\"url\":\"https://a.example/\",\"queues\":[\"q\"],\"secret\":"
                                        + "\"whsec_broken topsecret\"}")
                        .body())
                .doesNotContain("topsecret");
    }

    @Test
    void aRotatedSecretSignsBesideTheOldOne() throws Exception {
        String id = unique("rotated");
        create(id, id, ",\"secret\":\"" + SECRET + "\"");
        JsonNode rotated = answered(
                bridge.post(PATH + "/" + id + "/secret/rotate", "{\"overlapSeconds\":3600,\"signature\":\"v1a\"}"),
                201);
        assertThat(rotated.get("secret").textValue()).startsWith("whsk_");
        assertThat(rotated.get("verificationKey").textValue()).startsWith("whpk_");
        assertThat(rotated.get("secrets")).hasSize(2);
        until(() -> {
            push(id, "1");
            return target.requests().stream()
                    .anyMatch(each -> each.headers().get("webhook-signature").matches("v1a,\\S+ v1,\\S+"));
        });
        verify(SECRET, target.requests().get(target.requests().size() - 1));
    }

    @Test
    void aPingShowsHowTheTargetAnswers() {
        String id = unique("pinged");
        create(id, id, "");
        answered(bridge.post(PATH + "/" + id + "/pause", ""), 200);
        target.behave(answer(500, "broken"));
        JsonNode attempt = answered(bridge.post(PATH + "/" + id + "/ping", ""), 200);
        assertThat(attempt.get("outcome").textValue()).isEqualTo("failed");
        assertThat(attempt.at("/answer/status").intValue()).isEqualTo(500);
        assertThat(attempt.get("error").textValue())
                .contains("answered 500: broken")
                .doesNotContain("token");
        assertThat(target.requests().get(0).body()).startsWith("{\"type\":\"sluice.ping\"");
        assertThat(attempts(id, "")).isEmpty();
    }

    @Test
    void failedDeliveriesArePutBackSinceATime() {
        String id = unique("replayed");
        target.behave(answer(500, "broken"));
        create(id, id, ",\"retries\":[]");
        push(id, "1");
        until(() -> answered(bridge.get("/api/v1/dlq?queue=work.endpoint." + id), 200)
                        .get("messages")
                        .size()
                == 1);
        until(() -> endpoint(id).get("failingSince").isTextual());
        String first = target.requests().get(0).headers().get("webhook-id");
        target.behave(answer(200, ""));
        assertThat(answered(bridge.post(PATH + "/" + id + "/replay?since=2100-01-01", ""), 202)
                        .get("total")
                        .intValue())
                .isZero();
        JsonNode job = answered(bridge.post(PATH + "/" + id + "/replay?since=2020-01-01", ""), 202);
        assertThat(job.get("total").intValue()).isEqualTo(1);
        until(() -> target.requests().size() == 2);
        assertThat(target.requests().get(1).headers()).containsEntry("webhook-id", first);
        until(() -> endpoint(id).get("failingSince").isNull());
        assertThat(bridge.post(PATH + "/" + id + "/replay", "").statusCode()).isEqualTo(400);
    }

    @Test
    void atGoneAnEndpointIsDisabledWithANoticeUntilSomebodyResumesIt() {
        String id = unique("gone");
        target.behave(answer(410, "moved"));
        create(id, id, "");
        push(id, "1");
        until(() -> endpoint(id).get("state").textValue().equals("disabled"));
        assertThat(endpoint(id).get("stateReason").textValue()).contains("answered 410: moved");
        until(() -> bridge.pop("sluice.events?autoAck=true").toString().contains(id));
        target.behave(answer(200, ""));
        push(id, "2");
        assertThat(answered(bridge.post(PATH + "/" + id + "/resume", ""), 200)
                        .get("state")
                        .textValue())
                .isEqualTo("active");
        until(() -> target.requests().size() == 2);
        assertThat(target.requests().get(1).body()).isEqualTo("2");
    }

    @Test
    void aChangeKeepsWhatItDoesNotName() throws Exception {
        String id = unique("changed");
        create(id, id, ",\"headers\":{\"a\":\"1\",\"b\":\"2\"},\"rate\":7,\"description\":\"first\"");
        JsonNode changed = patch(
                id,
                "{\"headers\":{\"A\":null,\"c\":\"3\"},\"concurrency\":3,\"retries\":[\"500ms\",\"90s\",\"2h\"]}",
                200);
        assertThat(changed.get("headerNames").toString()).isEqualTo("[\"b\",\"c\"]");
        assertThat(changed.get("rate").intValue()).isEqualTo(7);
        assertThat(changed.get("concurrency").intValue()).isEqualTo(3);
        assertThat(changed.get("description").textValue()).isEqualTo("first");
        assertThat(changed.get("retries").toString()).isEqualTo("[\"500ms\",\"90s\",\"2h\"]");
        push(id, "1");
        until(() -> target.requests().size() == 1);
        assertThat(patch(id, "{\"url\":\"https://\"}", 400).get("error").textValue())
                .startsWith("url: ");
        assertThat(patch(id, "{\"colour\":1}", 400).get("error").textValue()).isEqualTo("unknown field colour");
        patch("none", "{}", 404);
    }

    @Test
    void aListHasPagesAndADeletedEndpointIsGone() {
        var ids = new ArrayList<String>();
        for (int i = 0; i < 5; i++) {
            ids.add(unique("aaa"));
            create(ids.get(i), "q", "");
        }
        var found = new ArrayList<String>();
        String cursor = "";
        while (cursor != null) {
            JsonNode page = answered(bridge.get(PATH + "?limit=2" + cursor), 200);
            page.get("endpoints").findValuesAsText("id").forEach(found::add);
            cursor =
                    page.has("nextCursor") ? "&cursor=" + page.get("nextCursor").textValue() : null;
        }
        assertThat(found).containsAll(ids).isSorted();
        ids.forEach(id -> answered(bridge.delete(PATH + "/" + id), 200));
        assertThat(bridge.get(PATH).body()).doesNotContain("\"aaa-");
        for (String path : List.of("", "/attempts", "/stats")) {
            answered(bridge.get(PATH + "/" + ids.get(0) + path), 404);
        }
        for (String path : List.of("/pause", "/resume", "/ping", "/secret/rotate", "/replay?since=2020-01-01")) {
            answered(bridge.post(PATH + "/" + ids.get(0) + path, ""), 404);
        }
        answered(bridge.delete(PATH + "/" + ids.get(0)), 404);
    }

    private static String refused(String fields) {
        return answered(bridge.post(PATH, "{" + fields + "}"), 400).get("error").textValue();
    }

    @Test
    void whatIsWrongIsRefusedWithAReason() {
        String good = "\"url\":\"https://a.example/\",\"queues\":[\"q\"]";
        assertThat(refused("\"queues\":[\"q\"]")).isEqualTo("url is required");
        assertThat(refused("\"url\":\"https://a.example/\"")).isEqualTo("queues is required");
        assertThat(refused("\"url\":\"ftp://a.example/\",\"queues\":[\"q\"]")).startsWith("url: ");
        assertThat(refused("\"url\":\"https://u:topsecret@a.example/\",\"queues\":[\"q\"]"))
                .contains("no user")
                .doesNotContain("topsecret");
        assertThat(refused("\"url\":\"https://a.example/\",\"queues\":[]")).contains("endpoints.max.queues");
        assertThat(refused("\"url\":\"https://a.example/\",\"queues\":[7]")).contains("an array of strings");
        assertThat(refused(good + ",\"id\":\"No Id\"")).startsWith("id must be");
        assertThat(refused(good + ",\"format\":\"xml\"")).startsWith("format must be");
        assertThat(refused(good + ",\"eventTypeAt\":\"type\"")).startsWith("eventTypeAt must be header:NAME");
        assertThat(refused(good + ",\"concurrency\":0"))
                .isEqualTo("concurrency must be a whole number from 1 to 10000");
        assertThat(refused(good + ",\"timeoutMs\":300001")).contains("from 1 to 300000");
        assertThat(refused(good + ",\"retries\":[\"5 s\"]")).startsWith("retries must be durations");
        assertThat(refused(good + ",\"retries\":[\"32d\"]")).contains("31 days");
        assertThat(refused(good + ",\"headers\":{\"host\":\"x\"}")).contains("host");
        assertThat(refused(good + ",\"secret\":\"x\"")).contains("whsec_");
        assertThat(refused(good + ",\"signature\":\"v2\"")).contains("v1");
        assertThat(refused(good + ",\"from\":\"then\"")).contains("from");
        String id = unique("twice");
        create(id, "q", "");
        answered(bridge.post(PATH, "{\"id\":\"" + id + "\"," + good + "}"), 409);
        assertThat(bridge.get(PATH + "/" + id + "/attempts?outcome=lost").statusCode())
                .isEqualTo(400);
        assertThat(bridge.get(PATH + "/" + id + "/attempts?webhookId=7").statusCode())
                .isEqualTo(400);
    }
}
