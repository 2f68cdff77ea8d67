package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.security.TestTokens;
import dev.sluice.queue.FaultyProxy;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The routes of scheduled messages over HTTP. Each test has queues of its own. */
class ScheduledRoutesTest {
    private static final String PATH = "/api/v1/scheduled";
    private static final String LATER = "2099-05-16T10:00:00.000Z";
    private static final String KEY = "k1:" + "0f".repeat(32);

    @TempDir
    private static Path directory;

    @AutoClose
    private static final TestPostgres postgres = TestPostgres.withSchema();

    private static RunningBridge bridge;

    @BeforeAll
    static void start() {
        bridge = RunningBridge.start(postgres.url(), directory.resolve("one"), Map.of("encryption.keys", KEY));
    }

    @AfterAll
    static void stop() {
        bridge.close();
    }

    private static JsonNode answer(HttpResponse<String> answer, int status) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        return RunningBridge.json(answer.body());
    }

    private static void assertRefused(HttpResponse<String> answer, int status, String error) {
        assertThat(answer(answer, status).get("error").textValue()).contains(error);
    }

    private static void push(RunningBridge to, String queue, String transactionId, String time) {
        HttpResponse<String> pushed = to.push("{\"items\":[{\"queue\":\"" + queue + "\",\"transactionId\":\""
                + transactionId + "\",\"payload\":{\"n\":  1.50},\"headers\":{\"a\":\"b\"}," + time + "}]}");
        assertThat(pushed.statusCode()).as(pushed.body()).isEqualTo(201);
    }

    private static void push(String queue, String transactionId) {
        push(bridge, queue, transactionId, "\"deliverAt\":\"" + LATER + "\"");
    }

    private static JsonNode list(String query) {
        return answer(bridge.get(PATH + "?" + query), 200);
    }

    private static List<String> ids(JsonNode page) {
        return page.get("messages").findValuesAsText("transactionId");
    }

    private static String onlyId(String queue) {
        JsonNode messages = list("queue=" + queue).get("messages");
        assertThat(messages).hasSize(1);
        return messages.get(0).get("id").textValue();
    }

    private static HttpResponse<String> move(String id, String body) {
        return bridge.post(PATH + "/" + id + "/move", body.replace('\'', '"'));
    }

    private static boolean isDelivered(String queue, String transactionId) {
        await().atMost(Duration.ofSeconds(20))
                .pollInterval(Duration.ofMillis(50))
                .until(() -> list("queue=" + queue).get("messages").isEmpty());
        JsonNode popped = bridge.pop(queue);
        return popped.at("/messages/0/transactionId").asText().equals(transactionId);
    }

    @Test
    void aMessageIsListedShownMovedAndDelivered() {
        push("shown", "s-1");
        JsonNode listed = list("queue=shown").at("/messages/0");
        assertThat(listed.get("transactionId").textValue()).isEqualTo("s-1");
        assertThat(listed.get("queue").textValue()).isEqualTo("shown");
        assertThat(listed.get("partition").textValue()).isEqualTo("Default");
        assertThat(listed.get("priority").textValue()).isEqualTo("normal");
        assertThat(listed.get("dueAt").textValue()).isEqualTo(LATER);
        assertThat(listed.at("/headers/a").textValue()).isEqualTo("b");
        assertThat(listed.has("payload")).isFalse();
        String id = listed.get("id").textValue();
        String created = listed.get("createdAt").textValue();

        assertThat(bridge.get(PATH + "?queue=shown&payload=true").body()).contains("\"payload\":{\"n\":  1.50}");
        HttpResponse<String> one = bridge.get(PATH + "/" + id);
        assertThat(one.body()).contains("\"isEncrypted\":false,\"payload\":{\"n\":  1.50}");
        assertThat(answer(one, 200).get("createdAt").textValue()).isEqualTo(created);

        JsonNode moved = answer(move(id, "{'deliverAt':'2098-01-01'}"), 200);
        assertThat(moved.get("dueAt").textValue()).isEqualTo("2098-01-01T00:00:00.000Z");
        assertThat(moved.get("createdAt").textValue()).isEqualTo(created);
        assertThat(moved.get("transactionId").textValue()).isEqualTo("s-1");
        Instant now = Instant.now();
        JsonNode delayed = answer(move(id, "{'delayMs':3600000}"), 200);
        assertThat(Instant.parse(delayed.get("dueAt").textValue()))
                .isCloseTo(now.plusSeconds(3600), within(1, ChronoUnit.MINUTES));

        answer(move(id, "{'deliverAt':'2001-01-01T00:00:00Z'}"), 200); // At once.
        await().atMost(Duration.ofSeconds(20))
                .pollInterval(Duration.ofMillis(50))
                .until(() -> bridge.get(PATH + "/" + id).statusCode() == 404);
        JsonNode message = bridge.pop("shown").at("/messages/0");
        assertThat(message.get("id").textValue()).isEqualTo(id);
        assertThat(Instant.parse(message.get("createdAt").textValue()).truncatedTo(ChronoUnit.MILLIS))
                .isEqualTo(Instant.parse(created));
        assertRefused(bridge.delete(PATH + "/" + id), 404, "Scheduled message not found");
        assertRefused(move(id, "{'delayMs':0}"), 404, "Scheduled message not found");
    }

    @Test
    void aMoveToAnEarlierTimeWakesTheReleaseAtItsTime() {
        push("soon", "w-1");
        JsonNode moved = answer(move(onlyId("soon"), "{'delayMs':1200}"), 200);
        Instant due = Instant.parse(moved.get("dueAt").textValue());
        assertThat(isDelivered("soon", "w-1")).isTrue();
        assertThat(Instant.now()).isAfterOrEqualTo(due);
    }

    @Test
    void aCancelledMessageIsGoneAndItsTransactionIdIsFree() {
        push("cancelled", "c-1");
        String id = onlyId("cancelled");
        JsonNode cancelled = answer(bridge.delete(PATH + "/" + id), 200);
        assertThat(cancelled.toString())
                .isEqualTo("{\"id\":\"" + id + "\",\"transactionId\":\"c-1\",\"queue\":\"cancelled\","
                        + "\"partition\":\"Default\",\"cancelled\":true}");
        assertRefused(bridge.delete(PATH + "/" + id), 404, "Scheduled message not found");
        assertRefused(bridge.get(PATH + "/" + id), 404, "Scheduled message not found");
        assertThat(list("queue=cancelled").get("messages")).isEmpty();
        JsonNode again = RunningBridge.json(
                bridge.push("{\"items\":[{\"queue\":\"cancelled\",\"transactionId\":\"c-1\",\"payload\":2}]}")
                        .body());
        assertThat(again.get(0).get("status").textValue()).isEqualTo("queued");
        assertThat(bridge.pop("cancelled").at("/messages/0/data").intValue()).isEqualTo(2);
    }

    @Test
    void pagesFollowTheCursorAndFiltersHoldForAllOfThem() {
        for (int i = 1; i <= 5; i++) {
            push(bridge, "pages", "p-" + i, "\"deliverAt\":\"2090-01-0" + i + "\"");
        }
        var all = new ArrayList<String>();
        String cursor = "";
        int pages = 0;
        while (cursor != null) {
            JsonNode page = list("queue=pages&limit=2" + (cursor.isEmpty() ? "" : "&cursor=" + cursor));
            all.addAll(ids(page));
            pages++;
            cursor = page.path("nextCursor").textValue();
            assertThat(page.path("truncated").asBoolean()).isEqualTo(cursor != null);
        }
        assertThat(pages).isEqualTo(3);
        assertThat(all).containsExactly("p-1", "p-2", "p-3", "p-4", "p-5");
        assertThat(ids(list("queue=pages&from=2090-01-02&to=2090-01-04"))).containsExactly("p-2", "p-3");
        assertThat(ids(list("queue=pages&partition=Default&limit=1"))).containsExactly("p-1");
        assertThat(ids(list("queue=pages&partition=other"))).isEmpty();
        assertThat(ids(list("queue=pages&limit=0"))).isEmpty();
        assertThat(ids(list("from=2090-01-05&to=2090-01-06"))).containsExactly("p-5");
        push("", "nameless");
        assertThat(ids(list("queue="))).containsExactly("nameless");
    }

    @Test
    void requestsThatAreNotValidAreRefusedAndChangeNothing() {
        push("refused", "r-1");
        String id = onlyId("refused");
        assertRefused(move(id, "{}"), 400, "deliverAt or delayMs is required");
        assertRefused(move(id, "{'deliverAt':null,'delayMs':null}"), 400, "deliverAt or delayMs is required");
        assertRefused(move(id, "{'deliverAt':'soon'}"), 400, "deliverAt must be a time");
        for (String beyond : new String[] {"-1", "1000000000000", "1.5", "'1'"}) {
            assertRefused(
                    move(id, "{'delayMs':" + beyond + "}"),
                    400,
                    "delayMs must be a whole number from 0 to 999999999999");
        }
        assertRefused(bridge.post(PATH + "/" + id + "/move", ""), 400, "Empty request body");
        assertRefused(move("x", "{'delayMs':1}"), 400, "id must be a UUID");
        assertRefused(bridge.delete(PATH + "/x"), 400, "id must be a UUID");
        assertRefused(bridge.get(PATH + "/x"), 400, "id must be a UUID");
        assertRefused(bridge.get(PATH + "?offset=1"), 400, "take the cursor");
        assertRefused(bridge.get(PATH + "?cursor=abc"), 400, "cursor must be a nextCursor of the same list");
        assertRefused(bridge.get(PATH + "?from=2090-01-02&to=2090-01-02"), 400, "from must be before to");
        assertRefused(bridge.get(PATH + "/" + UUID.randomUUID()), 404, "Scheduled message not found");
        assertThat(list("queue=refused").at("/messages/0/dueAt").textValue()).isEqualTo(LATER);
        answer(move(id, "{'delayMs':999999999999}"), 200);
        answer(move(id, "{'deliverAt':'9999-12-31T23:59:59.999999Z'}"), 200);
        answer(move(id, "{'deliverAt':'2098-01-01','delayMs':0}"), 200);
        assertThat(list("queue=refused").at("/messages/0/dueAt").textValue()).isEqualTo("2098-01-01T00:00:00.000Z");
    }

    @Test
    void aWorkIsListedAndOnlyTheWorkEngineCancelsIt() {
        String work = "{\"type\":\"later\",\"payload\":1,\"idempotencyKey\":\"once\",\"runAt\":\"" + LATER + "\"}";
        String id = answer(bridge.post("/api/v1/work", work), 201).get("id").textValue();
        assertThat(onlyId("work.later")).isEqualTo(id);
        assertRefused(
                bridge.delete(PATH + "/" + id),
                409,
                "The message is a work: cancel it with POST /api/v1/work/{id}/cancel");
        assertRefused(
                move(id, "{'delayMs':0}"), 409, "cancel it with POST /api/v1/work/{id}/cancel, and enqueue it again");
        assertThat(onlyId("work.later")).isEqualTo(id);
        assertThat(list("queue=work.later").at("/messages/0/dueAt").textValue()).isEqualTo(LATER);
        // Its idempotency key is as it was.
        assertThat(answer(bridge.post("/api/v1/work", work), 200).get("id").textValue())
                .isEqualTo(id);
        assertThat(bridge.post("/api/v1/work/" + id + "/cancel", "").statusCode())
                .isBetween(200, 202);
    }

    @Test
    void messagesOfEncryptedQueuesAreShownDecrypted() {
        answer(
                bridge.post("/api/v1/configure", "{\"queue\":\"secret\",\"options\":{\"encryptionEnabled\":true}}"),
                200);
        push("secret", "e-1");
        assertThat(postgres.query("select payload || headers from sluice.scheduled where transaction_id = 'e-1'")
                        .get(0))
                .doesNotContain("1.50");
        String id = onlyId("secret");
        assertThat(bridge.get(PATH + "/" + id).body())
                .contains("\"headers\":{\"a\":\"b\"}", "\"isEncrypted\":true,\"payload\":{\"n\":  1.50}");
        answer(move(id, "{'delayMs':0}"), 200);
        await().atMost(Duration.ofSeconds(20))
                .pollInterval(Duration.ofMillis(50))
                .until(() -> list("queue=secret").get("messages").isEmpty());
        assertThat(bridge.pop("secret").at("/messages/0/data/n").doubleValue()).isEqualTo(1.5);
    }

    /** A release that has the message when the request comes: the request waits for it, and says so. */
    @Test
    void aRequestThatLosesToTheReleaseSaysSo() throws Exception {
        push("raced", "x-1");
        push("raced", "x-2");
        JsonNode messages = list("queue=raced").get("messages");
        try (var connection = postgres.dataSource().getConnection();
                var statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("select id from sluice.partitions where scheduled > 0 for no key update");
            var requests = new ArrayList<Callable<HttpResponse<String>>>();
            String first = messages.get(0).get("id").textValue();
            String second = messages.get(1).get("id").textValue();
            requests.add(() -> bridge.delete(PATH + "/" + first));
            requests.add(() -> move(second, "{'delayMs':0}"));
            var pool = Executors.newFixedThreadPool(2);
            try {
                var answers = requests.stream().map(pool::submit).toList();
                await().atMost(Duration.ofSeconds(20))
                        .pollInterval(Duration.ofMillis(20))
                        .until(() -> postgres.query("select pid from pg_stat_activity where wait_event_type = 'Lock'"
                                                + " and query like '%for no key update%'")
                                        .size()
                                >= 2);
                // What the release does, in short.
                statement.execute("delete from sluice.scheduled where transaction_id in ('x-1', 'x-2')");
                statement.execute("update sluice.partitions p set scheduled = scheduled - 2 from sluice.queues q"
                        + " where q.id = p.queue_id and q.name = 'raced'");
                connection.commit();
                for (var answer : answers) {
                    assertRefused(answer.get(), 409, "The message is not scheduled any more");
                }
            } finally {
                pool.shutdownNow();
                connection.rollback();
            }
        }
    }

    @Test
    void whoMayReadMayListAndWhoMayWriteMayChange() {
        push("guarded", "g-1");
        String id = onlyId("guarded");
        try (RunningBridge guarded = RunningBridge.start(
                postgres.url(),
                directory.resolve("guarded"),
                Map.of("auth.jwt.enabled", "true", "auth.jwt.secret", TestTokens.SECRET))) {
            String body = "{\"deliverAt\":\"" + LATER + "\"}";
            String path = PATH + "/" + id + "/move";
            assertThat(guarded.get(PATH).statusCode()).isEqualTo(401);
            assertThat(guarded.delete(PATH + "/" + id).statusCode()).isEqualTo(401);
            assertThat(guarded.post(path, body, "Authorization", bearer("read-only"))
                            .statusCode())
                    .isEqualTo(403);
            assertThat(guarded.post(path, body, "Authorization", bearer("read-write"))
                            .statusCode())
                    .isEqualTo(200);
        }
    }

    private static String bearer(String role) {
        return "Bearer "
                + TestTokens.hs256(
                        TestTokens.claims()
                                .put("sub", "ann")
                                .put("role", role)
                                .put("exp", Instant.now().getEpochSecond() + 3600),
                        TestTokens.SECRET);
    }

    /** Also after a restart of the release: the bridge that takes the move is not the one that releases. */
    @Test
    void whileTheDatabaseIsAwayEveryRouteSaysSoAndAMoveSurvivesARestart() throws Exception {
        String id;
        try (var proxy = new FaultyProxy(postgres.url());
                var away = RunningBridge.start(proxy.url(), directory.resolve("away"))) {
            push(away, "away", "a-1", "\"deliverAt\":\"" + LATER + "\"");
            id = onlyId("away");
            proxy.down(true);
            await().atMost(Duration.ofSeconds(30)).until(() -> away.get(PATH).statusCode() == 503);
            for (HttpResponse<String> response : List.of(
                    away.get(PATH),
                    away.get(PATH + "/" + id),
                    away.delete(PATH + "/" + id),
                    away.post(PATH + "/" + id + "/move", "{\"delayMs\":0}"))) {
                assertRefused(response, 503, "The database is not available");
                assertThat(response.headers().firstValue("Retry-After")).isPresent();
            }
            assertThat(onlyId("away")).isEqualTo(id);
            proxy.down(false);
            await().atMost(Duration.ofSeconds(30))
                    .until(() -> away.post(PATH + "/" + id + "/move", "{\"delayMs\":1500}")
                                    .statusCode()
                            == 200);
        }
        bridge.close(); // Nobody releases until the next start.
        bridge = RunningBridge.start(postgres.url(), directory.resolve("two"), Map.of("encryption.keys", KEY));
        assertThat(isDelivered("away", "a-1")).isTrue();
    }
}
