package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.Times;
import java.net.URLEncoder;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Every route that takes a time reads the same forms as the same time, and refuses the rest. */
class TimesInRequestsTest {
    private static final String GROUP = "/api/v1/consumer-groups/g";
    private static final Instant MIDNIGHT = Times.MIDNIGHT;

    @AutoClose
    private static final TestPostgres postgres = TestPostgres.empty();

    private static RunningBridge bridge;

    @BeforeAll
    static void start(@TempDir Path directory) {
        bridge = RunningBridge.start(postgres.url(), directory);
        assertThat(bridge.push("{\"items\":[{\"queue\":\"q\",\"payload\":1}]}").body())
                .contains("\"queued\"");
        assertThat(bridge.pop("q?consumerGroup=g").get("messages")).hasSize(1);
    }

    @AfterAll
    static void stop() {
        bridge.close();
    }

    /**
     * A parameter that takes a time.
     *
     * @param parameter its name, as errors give it
     * @param isBody whether {@code send} gets JSON, or the text of a query
     * @param understood path of the parsed time in the answer; empty if the answer does not have it
     */
    private record Place(
            String name,
            String parameter,
            boolean isBody,
            String understood,
            Function<String, HttpResponse<String>> send) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static Place query(String path, String parameter, String understood) {
        String separator = path.contains("?") ? "&" : "?";
        return new Place(
                "GET " + path + " " + parameter,
                parameter,
                false,
                understood,
                text -> bridge.get(path + separator + parameter + "=" + text));
    }

    private static Place body(String path, String parameter, String understood, String body) {
        return new Place(
                "POST " + path + " " + parameter,
                parameter,
                true,
                understood,
                json -> bridge.post(path, body.replace('\'', '"').replace("TIME", json)));
    }

    private static List<Place> places() {
        var places = new ArrayList<Place>();
        for (String range : List.of(
                "/api/v1/status",
                "/api/v1/analytics/system-metrics",
                "/api/v1/analytics/worker-metrics",
                "/api/v1/analytics/queue-ops",
                "/api/v1/analytics/queue-parked-replicas",
                "/api/v1/analytics/retention")) {
            places.add(query(range + "?to=9999-12-31", "from", "/timeRange/from"));
            places.add(query(range + "?from=0001-01-01", "to", "/timeRange/to"));
        }
        places.add(query("/api/v1/status/analytics?to=9999-12-31", "from", "/from"));
        places.add(query("/api/v1/status/analytics?from=0001-01-01", "to", "/to"));
        places.add(query("/api/v1/analytics/queue-lag?to=9999-12-31", "from", ""));
        places.add(query("/api/v1/analytics/queue-lag?from=0001-01-01", "to", ""));
        for (String list : List.of("/api/v1/messages", "/api/v1/dlq")) {
            places.add(query(list, "from", ""));
            places.add(query(list, "to", ""));
        }
        places.add(new Place(
                "DELETE /api/v1/dlq from", "from", false, "", text -> bridge.delete("/api/v1/dlq?from=" + text)));
        places.add(
                new Place("DELETE /api/v1/dlq to", "to", false, "", text -> bridge.delete("/api/v1/dlq?to=" + text)));
        for (String pop : List.of(
                "/api/v1/pop/queue/q?consumerGroup=g",
                "/api/v1/pop/queue/q/partition/Default?consumerGroup=g",
                "/api/v1/pop?namespace=none&consumerGroup=g")) {
            places.add(query(pop, "subscriptionFrom", ""));
        }
        for (String seek : List.of("/queues/q/seek", "/queues/q/partitions/Default/seek")) {
            places.add(new Place(
                    "POST " + seek + "?timestamp",
                    "timestamp",
                    false,
                    "/targetTimestamp",
                    text -> bridge.post(GROUP + seek + "?timestamp=" + text, "")));
            places.add(body(GROUP + seek, "timestamp", "/targetTimestamp", "{'timestamp':TIME}"));
        }
        places.add(body(
                GROUP + "/subscription", "subscriptionTimestamp", "/newTimestamp", "{'subscriptionTimestamp':TIME}"));
        places.add(body("/api/v1/dlq/redrive", "from", "", "{'filter':{'from':TIME}}"));
        places.add(body("/api/v1/dlq/redrive", "to", "", "{'filter':{'to':TIME}}"));
        String item = "{'queue':'times','payload':1,'deliverAt':TIME}";
        places.add(body("/api/v1/push", "deliverAt", "", "{'items':[" + item + "]}"));
        places.add(body("/api/v1/push-legacy", "deliverAt", "", "{'items':[" + item + "]}"));
        places.add(body(
                "/api/v1/transaction", "deliverAt", "", "{'operations':[{'type':'push','items':[" + item + "]}]}"));
        places.add(body("/api/v1/buffers/requeue", "deliverAt", "", item.replace("}", ",'transactionId':'t'}")));
        return places;
    }

    /** The ways to send a text to a place. */
    private static List<String> encodings(Place place, String text) {
        var encodings = new ArrayList<String>();
        if (place.isBody()) {
            encodings.add('"' + text + '"');
            if (text.matches("[0-9.]+")) {
                encodings.add(text); // A JSON number.
            }
        } else {
            encodings.add(URLEncoder.encode(text, UTF_8));
            if (text.matches("[0-9A-Za-z:.+ -]+")) {
                encodings.add(text.replace(' ', '+')); // A plus that is not escaped arrives as a space.
            }
        }
        return encodings;
    }

    @TestFactory
    Stream<DynamicTest> everyPlaceReadsEveryForm() {
        return places().stream()
                .map(place -> dynamicTest(place.name(), () -> {
                    for (String form : Times.FORMS) {
                        assertUnderstood(place, form, Times.MEANT);
                    }
                    assertUnderstood(place, Times.DATE, MIDNIGHT);
                }));
    }

    private static void assertUnderstood(Place place, String text, Instant time) {
        for (String sent : encodings(place, text)) {
            HttpResponse<String> response = place.send().apply(sent);
            assertThat(response.statusCode())
                    .as(place + " " + sent + ": " + response.body())
                    .isBetween(200, 204);
            if (!place.understood().isEmpty()) {
                JsonNode understood = RunningBridge.json(response.body()).at(place.understood());
                assertThat(Instant.parse(understood.asText()))
                        .as(place + " " + sent)
                        .isEqualTo(time);
            }
        }
    }

    @TestFactory
    Stream<DynamicTest> everyPlaceTakesTheEdgesOfTime() {
        return places().stream()
                .map(place -> dynamicTest(place.name(), () -> {
                    for (String edge : Times.EDGES) {
                        for (String sent : encodings(place, edge)) {
                            HttpResponse<String> response = place.send().apply(sent);
                            assertThat(response.statusCode())
                                    .as(place + " " + sent + ": " + response.body())
                                    .isBetween(200, 400);
                            assertThat(response.body()).as(place + " " + sent).doesNotContain("must be a time");
                        }
                    }
                }));
    }

    @TestFactory
    Stream<DynamicTest> everyPlaceRefusesWhatIsNoTime() {
        return places().stream()
                .map(place -> dynamicTest(place.name(), () -> {
                    for (String none : Times.NONE) {
                        // Text in JSON strings; numbers and words of JSON as themselves too.
                        assertRefused(place, place.isBody() ? '"' + none + '"' : URLEncoder.encode(none, UTF_8));
                        if (place.isBody() && none.matches("-?[0-9]+|1e999|true")) {
                            assertRefused(place, none);
                        }
                    }
                    if (place.isBody()) {
                        for (String json : List.of("\"\"", "[]", "{}", "false", "[1778925600000]")) {
                            assertRefused(place, json);
                        }
                    }
                }));
    }

    private static void assertRefused(Place place, String sent) {
        HttpResponse<String> response = place.send().apply(sent);
        assertThat(response.statusCode())
                .as(place + " " + sent + ": " + response.body())
                .isEqualTo(400);
        assertThat(response.body())
                .as(place + " " + sent)
                .contains(place.parameter() + " must be a time: RFC 3339")
                .contains("milliseconds since 1970");
    }

    @Test
    void aPopWithATimeItDoesNotUnderstandMakesNoGroup() {
        assertThat(bridge.get("/api/v1/pop/queue/q?consumerGroup=refused&subscriptionFrom=yesterday")
                        .statusCode())
                .isEqualTo(400);
        assertThat(bridge.get("/api/v1/consumer-groups").body()).doesNotContain("\"refused\"");
    }

    @Test
    void aSubscriptionBeginsAtTheTimeWhateverItsForm() {
        int number = 0;
        for (String form : Times.FORMS) {
            bridge.pop("q?consumerGroup=from-" + number++ + "&subscriptionFrom=" + form.replace(' ', '+'));
        }
        int found = 0;
        for (JsonNode group :
                RunningBridge.json(bridge.get("/api/v1/consumer-groups").body())) {
            if (group.get("name").asText().startsWith("from-")) {
                found++;
                assertThat(group.get("subscriptionTimestamp").asText()).isEqualTo("2026-05-16T10:00:00.000Z");
            }
        }
        assertThat(found).isEqualTo(Times.FORMS.size());
    }

    private static final List<String> RANGES = List.of(
            "/api/v1/status",
            "/api/v1/status/analytics",
            "/api/v1/analytics/system-metrics",
            "/api/v1/analytics/worker-metrics",
            "/api/v1/analytics/queue-lag",
            "/api/v1/analytics/queue-ops",
            "/api/v1/analytics/queue-parked-replicas",
            "/api/v1/analytics/retention",
            "/api/v1/messages",
            "/api/v1/scheduled",
            "/api/v1/dlq");

    @Test
    void aRangeThatBeginsInTheFutureIsEmptyOnEveryRoute() {
        for (String path : RANGES) {
            for (String from : List.of("2999-01-01", "9999-12-31", "9999-12-31T23:59:59.999999Z")) {
                HttpResponse<String> answer = bridge.get(path + "?from=" + from);
                assertThat(answer.statusCode()).as(path + answer.body()).isEqualTo(200);
            }
        }
        assertThat(RunningBridge.json(
                                bridge.get("/api/v1/messages?from=2999-01-01").body())
                        .get("messages"))
                .isEmpty();
    }

    @Test
    void aRangeThatEndsBeforeItBeginsIsRefusedOnEveryRoute() {
        for (String path : RANGES) {
            HttpResponse<String> answer = bridge.get(path + "?from=2026-01-02&to=2026-01-01");
            assertThat(answer.statusCode()).as(path).isEqualTo(400);
            assertThat(answer.body()).as(path).contains("from must be before to");
        }
        assertThat(bridge.delete("/api/v1/dlq?from=2026-01-02&to=2026-01-01").body())
                .contains("from must be before to");
        assertThat(bridge.post("/api/v1/dlq/redrive", "{\"filter\":{\"from\":\"2026-01-02\",\"to\":\"2026-01-01\"}}")
                        .body())
                .contains("from must be before to");
    }

    @Test
    void aRangeWithAnEndAloneIsTheHourBeforeIt() {
        JsonNode range = RunningBridge.json(
                        bridge.get("/api/v1/status?to=2026-01-01T10:00:00Z").body())
                .get("timeRange");
        assertThat(range.get("from").textValue()).isEqualTo("2026-01-01T09:00:00.000Z");
        String age = "{\"items\":[{\"queue\":\"ages\",\"payload\":1}]}";
        assertThat(bridge.push(age).body()).contains("\"queued\"");
        String hourAhead = Instant.now().plusSeconds(1800).toString();
        assertThat(RunningBridge.json(bridge.get("/api/v1/messages?queue=ages&to=" + hourAhead)
                                .body())
                        .get("messages"))
                .hasSize(1);
        String longAgo = Instant.now().minusSeconds(86_400).toString();
        assertThat(RunningBridge.json(bridge.get("/api/v1/messages?queue=ages&to=" + longAgo)
                                .body())
                        .get("messages"))
                .isEmpty();
    }

    @Test
    void anAbsentOrEmptyTimeMeansNone() {
        assertThat(bridge.get("/api/v1/messages?from=&to=").statusCode()).isEqualTo(200);
        assertThat(bridge.post("/api/v1/push", "{\"items\":[{\"queue\":\"n\",\"payload\":1,\"deliverAt\":null}]}")
                        .statusCode())
                .isEqualTo(201);
    }
}
