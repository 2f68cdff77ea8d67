package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Every list is bounded, and its pages together are the list. */
class ListsTest {
    private static final int LIST_MAX = 4;
    private static final int THINGS = 7;
    private static final Pattern NEXT_LINK = Pattern.compile("<([^>]+)>; rel=\"next\"");
    private static final Duration SOON = Duration.ofSeconds(60);

    /** Requests of administration that wait for a lock. */
    private static final String WAITING = "select count(*) from pg_locks l join pg_stat_activity a on a.pid = l.pid"
            + " where not l.granted and a.application_name = 'sluice-administration'";

    private static TestPostgres postgres;
    /** The bridge whose lists are complete. */
    private static RunningBridge whole;
    /** The bridge whose lists are cut. */
    private static RunningBridge bounded;

    private static String partitionId;

    @BeforeAll
    static void start(@TempDir Path directory) throws SQLException {
        postgres = TestPostgres.empty();
        whole = RunningBridge.start(postgres.url(), directory.resolve("whole"));
        bounded = RunningBridge.start(
                postgres.url(), directory.resolve("bounded"), Map.of("http.list.max", String.valueOf(LIST_MAX)));
        for (int i = 0; i < THINGS; i++) {
            var items = new ArrayList<String>();
            for (int j = 0; j < 3; j++) {
                items.add("{\"queue\":\"q" + i + "." + i % 3 + "\",\"payload\":" + j + "}");
            }
            items.add("{\"queue\":\"many\",\"partition\":\"Ünïc/p" + i + "\",\"transactionId\":\"t\",\"payload\":{}}");
            assertThat(whole.push("{\"items\":[" + String.join(",", items) + "]}")
                            .body())
                    .doesNotContain("failed");
            whole.pop("q" + i + "." + i % 3 + "?consumerGroup=g" + i % 2);
        }
        for (int i = 0; i < THINGS; i++) {
            JsonNode popped = whole.pop("many?consumerGroup=readers");
            JsonNode message = popped.at("/messages/0");
            partitionId = message.get("partitionId").asText();
            assertThat(whole.post(
                                    "/api/v1/messages/" + partitionId + "/t/dlq",
                                    "{\"consumerGroup\":\"readers\",\"error\":\"e" + i + "\"}")
                            .statusCode())
                    .isEqualTo(200);
        }
        for (int i = 0; i < THINGS; i++) {
            String body = "{\"transactionId\":\"t\",\"partitionId\":\"" + partitionId + "\",\"data\":{\"i\":" + i
                    + "},\"traceNames\":[\"all\",\"only " + i + "\"]}";
            assertThat(whole.post("/api/v1/traces", body).statusCode()).isEqualTo(201);
        }
        execute(
                "insert into sluice.minute_counters (bucket, queue, worker, push_messages, pop_messages, parked, lag_count)"
                        + " select date_trunc('minute', now()) - b * interval '1 minute', 'q' || q, 'w' || w || ':1', 1, 1, 1, 1"
                        + " from generate_series(1, 4) b, generate_series(1, 3) q, generate_series(1, 2) w");
    }

    @AfterAll
    static void stop() {
        bounded.close();
        whole.close();
        postgres.close();
    }

    private static void execute(String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection(postgres.url(), "postgres", "");
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /**
     * A list.
     *
     * @param path with its query
     * @param rows path of the rows in the answer; empty if the answer is the array
     * @param named whether the rows are the fields of an object
     * @param least the smallest number of rows
     */
    private record ListRoute(String path, String rows, boolean named, int least) {
        String with(String query) {
            return path + (path.contains("?") ? "&" : "?") + query;
        }

        List<String> rowsOf(HttpResponse<String> answer) {
            assertThat(answer.statusCode()).as(path + ": " + answer.body()).isEqualTo(200);
            JsonNode body = RunningBridge.json(answer.body());
            var found = new ArrayList<String>();
            if (named) {
                body.properties()
                        .forEach(queue -> queue.getValue()
                                .get("partitions")
                                .forEach(row -> found.add(queue.getKey() + row.get("partition"))));
            } else {
                body.at(rows)
                        .forEach(row -> found.add(
                                row.toString().replaceAll("\"(maxTimeLag|time_lag_seconds|lag_hours)\":[^,}]+", "")));
            }
            return found;
        }
    }

    private static List<ListRoute> lists() {
        String range = "from=2000-01-01";
        return List.of(
                new ListRoute("/api/v1/resources/queues", "/queues", false, THINGS + 1),
                new ListRoute("/api/v1/status/queues", "/queues", false, THINGS + 1),
                new ListRoute("/api/v1/status/queues?task=0", "/queues", false, 3),
                new ListRoute("/api/v1/resources/queues/many", "/partitions", false, THINGS),
                new ListRoute("/api/v1/status/queues/many", "/partitions", false, THINGS),
                new ListRoute("/api/v1/resources/namespaces", "/namespaces", false, THINGS + 1),
                new ListRoute("/api/v1/resources/tasks", "/tasks", false, 4),
                new ListRoute("/api/v1/resources/partitions", "/partitions", false, 2 * THINGS),
                new ListRoute("/api/v1/resources/partitions?queue=many", "/partitions", false, THINGS),
                new ListRoute("/api/v1/consumer-groups", "", false, THINGS + 1),
                new ListRoute("/api/v1/consumer-groups/lagging?minLagSeconds=0", "", false, THINGS),
                new ListRoute("/api/v1/consumer-groups/readers", "", true, THINGS),
                new ListRoute("/api/v1/dlq", "/messages", false, THINGS),
                new ListRoute("/api/v1/messages", "/messages", false, 4 * THINGS),
                new ListRoute("/api/v1/messages?status=dead_letter", "/messages", false, THINGS),
                new ListRoute("/api/v1/messages?status=pending", "/messages", false, 1),
                new ListRoute("/api/v1/status/queues/many/messages", "", false, THINGS),
                new ListRoute("/api/v1/traces/" + partitionId + "/t", "/traces", false, THINGS),
                new ListRoute("/api/v1/traces/by-name/all", "/traces", false, THINGS),
                new ListRoute("/api/v1/traces/names", "/trace_names", false, THINGS + 1),
                new ListRoute("/api/v1/status?" + range, "/queues", false, THINGS + 1),
                new ListRoute("/api/v1/status/analytics?interval=minute&" + range, "/dataPoints", false, 4),
                new ListRoute("/api/v1/analytics/queue-lag", "", false, 12),
                new ListRoute("/api/v1/analytics/queue-ops", "/series", false, 12),
                new ListRoute("/api/v1/analytics/queue-parked-replicas", "/series", false, 24),
                new ListRoute("/api/v1/analytics/worker-metrics?" + range, "/queues", false, 3));
    }

    private static String cursorOf(HttpResponse<String> answer) {
        return answer.headers().firstValue("Sluice-Next-Cursor").orElse(null);
    }

    /** Follows the cursors to the end. */
    private static List<String> pages(ListRoute list, int limit) {
        var rows = new ArrayList<String>();
        HttpResponse<String> answer = whole.get(list.with("limit=" + limit));
        int pages = 0;
        while (true) {
            List<String> page = list.rowsOf(answer);
            assertThat(page).as(list.path()).hasSizeLessThanOrEqualTo(limit);
            rows.addAll(list.path().contains("status/analytics") ? reversed(page) : page);
            assertThat(pages++).as(list.path()).isLessThan(200);
            String cursor = cursorOf(answer);
            JsonNode body = RunningBridge.json(answer.body());
            if (body.isObject() && !list.named()) {
                assertThat(body.path("nextCursor").asText(null)).isEqualTo(cursor);
                assertThat(body.path("truncated").asBoolean()).isEqualTo(cursor != null);
            }
            assertThat(answer.headers().firstValue("Sluice-Truncated").isPresent())
                    .isEqualTo(cursor != null);
            if (cursor == null) {
                assertThat(answer.headers().firstValue("Link")).isEmpty();
                return rows;
            }
            Matcher link = NEXT_LINK.matcher(answer.headers().firstValue("Link").orElse(""));
            assertThat(link.matches()).isTrue();
            answer = whole.get(link.group(1));
        }
    }

    /** Points in time are oldest first, and their pages newest first. */
    private static List<String> reversed(List<String> rows) {
        var reversed = new ArrayList<>(rows);
        Collections.reverse(reversed);
        return reversed;
    }

    @TestFactory
    Stream<DynamicTest> thePagesOfAListAreTheList() {
        return lists().stream()
                .map(list -> dynamicTest(list.path(), () -> {
                    List<String> all = list.rowsOf(whole.get(list.with("limit=1000")));
                    assertThat(all).hasSizeGreaterThanOrEqualTo(list.least());
                    List<String> expected = list.path().contains("status/analytics") ? reversed(all) : all;
                    for (int limit : new int[] {1, 3}) {
                        assertThat(pages(list, limit)).as("pages of " + limit).isEqualTo(expected);
                    }
                }));
    }

    @TestFactory
    Stream<DynamicTest> withoutALimitAListHasAsManyRowsAsAreAllowedAndSaysThatItIsCut() {
        return lists().stream()
                .filter(list -> list.least() > LIST_MAX)
                .map(list -> dynamicTest(list.path(), () -> {
                    boolean hasBoundOfItsOwn = list.path().matches(".*(messages|dlq|traces/(by|[0-9a-f]{8})).*");
                    HttpResponse<String> answer =
                            bounded.get(hasBoundOfItsOwn ? list.with("limit=" + LIST_MAX) : list.path());
                    assertThat(list.rowsOf(answer)).hasSize(LIST_MAX);
                    assertThat(answer.headers().firstValue("Sluice-Truncated")).contains("true");
                    JsonNode body = RunningBridge.json(answer.body());
                    if (body.isObject() && !list.named()) {
                        assertThat(body.get("truncated").booleanValue()).isTrue();
                    }
                    assertThat(list.rowsOf(bounded.get(list.with("limit=1000000")))
                                    .size())
                            .as("a greater limit is cut down")
                            .isLessThanOrEqualTo(hasBoundOfItsOwn ? 1000 : LIST_MAX);
                }));
    }

    @TestFactory
    Stream<DynamicTest> aCursorOfAnotherListOrNoneIsRefused() {
        String other = cursor("[\"other\",\"1\",\"2\",\"3\",\"4\"]");
        return lists().stream()
                .map(list -> dynamicTest(list.path(), () -> {
                    for (String wrong :
                            List.of("x", "%20", other, cursor("[]"), cursor("{}"), cursor("[\"queues\"]"))) {
                        HttpResponse<String> answer = whole.get(list.with("cursor=" + wrong));
                        assertThat(answer.statusCode()).as(wrong).isEqualTo(400);
                        assertThat(answer.body()).contains("cursor must be a nextCursor of the same list");
                    }
                    String right = cursorOf(whole.get(list.with("limit=1")));
                    assertThat(right).isNotNull();
                    ArrayNode values = (ArrayNode)
                            RunningBridge.json(new String(Base64.getUrlDecoder().decode(right), UTF_8));
                    for (int i = 1; i < values.size(); i++) {
                        ArrayNode broken = values.deepCopy();
                        broken.set(i, TextNode.valueOf("\0"));
                        assertThat(whole.get(list.with("cursor=" + cursor(broken.toString())))
                                        .statusCode())
                                .isEqualTo(400);
                    }
                    assertThat(whole.get(list.with("offset=1&cursor=" + right)).statusCode())
                            .isEqualTo(400);
                }));
    }

    private static String cursor(String json) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(json.getBytes(UTF_8));
    }

    @Test
    void sumsAreThoseOfAllQueuesHoweverFewAreListed() {
        assertThat(bounded.get("/api/v1/resources/overview").body())
                .contains("\"queues\":" + (THINGS + 1), "\"partitions\":" + 2 * THINGS);
    }

    @Test
    void requestsThatReadHoldUpNoneThatWrites() throws Exception {
        try (Connection connection = DriverManager.getConnection(postgres.url(), "postgres", "");
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("lock table sluice.queues in access exclusive mode"); // No list can be read.
            var lists = new ArrayList<CompletableFuture<HttpResponse<String>>>();
            for (int i = 0; i < 20; i++) {
                lists.add(CompletableFuture.supplyAsync(() -> whole.get("/api/v1/resources/queues")));
            }
            await().atMost(SOON).until(() -> count(statement, WAITING) >= 2);
            HttpResponse<String> changed = CompletableFuture.supplyAsync(() ->
                            whole.post("/api/v1/consumer-groups/readers/subscription", "{\"subscriptionTimestamp\":0}"))
                    .get(SOON.toSeconds(), TimeUnit.SECONDS);
            assertThat(changed.statusCode()).as(changed.body()).isEqualTo(200);
            assertThat(count(statement, WAITING))
                    .as("lists that are read at once")
                    .isLessThanOrEqualTo(2);
            connection.rollback();
            for (CompletableFuture<HttpResponse<String>> list : lists) {
                assertThat(list.get(SOON.toSeconds(), TimeUnit.SECONDS).statusCode())
                        .isIn(200, 503);
            }
        }
    }

    private static long count(Statement statement, String sql) throws SQLException {
        try (var row = statement.executeQuery(sql)) {
            row.next();
            return row.getLong(1);
        }
    }
}
