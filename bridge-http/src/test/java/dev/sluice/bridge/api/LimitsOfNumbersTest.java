package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every number and every duration of a request is taken within its limits, and refused with 400 beyond them. */
class LimitsOfNumbersTest {
    /** Numbers at the limits of 32 and 64 bits, of a double, of PostgreSQL's times, and far beyond. */
    private static final List<String> NUMBERS = List.of(
            "0",
            "-0",
            "1",
            "-1",
            "0.5",
            "1e3",
            "2147483646",
            "2147483647",
            "2147483648",
            "-2147483648",
            "-2147483649",
            "999999999999",
            "1000000000000",
            "253402300799999",
            "253402300800000",
            "9223371331200000",
            "9223372036854775806",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "-9223372036854775809",
            "1e18",
            "1e308",
            "-1e308",
            "1e309",
            "1e999999999",
            "-1e999999999",
            "1e-999999999",
            "9".repeat(400));

    @AutoClose
    private static final TestPostgres postgres = TestPostgres.empty();

    private static RunningBridge bridge;
    private static String query;
    private static String partition;

    @BeforeAll
    static void start(@TempDir Path directory) {
        bridge = RunningBridge.start(postgres.url(), directory);
        for (String transactionId : List.of("o-1", "o-2")) {
            bridge.push("{\"items\":[{\"queue\":\"q\",\"transactionId\":\"" + transactionId + "\",\"payload\":1}]}");
        }
        JsonNode popped = bridge.pop("q?consumerGroup=g");
        partition = popped.at("/messages/0/partitionId").textValue();
        query = RunningBridge.json(bridge.post(
                                "/streams/v1/queries", "{\"name\":\"s\",\"source_queue\":\"q\",\"config_hash\":\"h\"}")
                        .body())
                .get("query_id")
                .textValue();
    }

    @AfterAll
    static void stop() {
        bridge.close();
    }

    private record Place(String name, Function<String, HttpResponse<String>> send) {}

    private static Place body(String path, String field, String body) {
        return new Place("POST " + path + " " + field, number -> bridge.post(path, filled(body, number)));
    }

    private static String filled(String body, String number) {
        return body.replace('\'', '"')
                .replace("NUMBER", number)
                .replace("QUERY", query)
                .replace("PARTITION", partition);
    }

    private static Place inQuery(String path, String parameter) {
        String separator = path.contains("?") ? "&" : "?";
        return new Place(
                "GET " + path + " " + parameter,
                number -> bridge.get(path + separator + parameter + "=" + number.replace("+", "%2B")));
    }

    private static List<Place> places() {
        var places = new ArrayList<Place>();
        for (String field : List.of("deliverAt", "delayMs")) {
            String item = "{'queue':'far','payload':1,'" + field + "':NUMBER}";
            places.add(body("/api/v1/push", field, "{'items':[" + item + "]}"));
            places.add(body("/api/v1/push?queue=far", field, "[" + item + "]"));
            places.add(body("/api/v1/push-legacy", field, "{'items':[" + item + "]}"));
            places.add(body("/api/v1/transaction", field, "{'operations':[{'type':'push','items':[" + item + "]}]}"));
            places.add(body("/api/v1/buffers/requeue", field, item.replace("}", ",'transactionId':'t'}")));
            places.add(body(
                    "/streams/v1/cycle",
                    field,
                    "{'query_id':'QUERY','partition_id':'PARTITION','consumer_group':'g','push_items':[" + item
                            + "]}"));
        }
        for (String field : List.of("bufferMs", "bufferMax")) {
            places.add(body("/api/v1/push", field, "{'items':[{'queue':'far','payload':1}],'" + field + "':NUMBER}"));
        }
        for (String option : List.of(
                "leaseTime",
                "retryLimit",
                "retryDelay",
                "redeliveryLimit",
                "priority",
                "maxSize",
                "ttl",
                "delayedProcessing",
                "windowBuffer",
                "retentionSeconds",
                "completedRetentionSeconds",
                "maxWaitTimeSeconds",
                "dedupWindowMs")) {
            places.add(body("/api/v1/configure", option, "{'queue':'opts','options':{'" + option + "':NUMBER}}"));
        }
        places.add(body("/api/v1/lease/0190b8f4-1111-7abc-8abc-0123456789ab/extend", "seconds", "{'seconds':NUMBER}"));
        String group = "/api/v1/consumer-groups/g";
        places.add(body(group + "/queues/q/seek", "timestamp", "{'timestamp':NUMBER}"));
        places.add(body(group + "/queues/q/partitions/Default/seek", "timestamp", "{'timestamp':NUMBER}"));
        places.add(body(group + "/subscription", "subscriptionTimestamp", "{'subscriptionTimestamp':NUMBER}"));
        places.add(body("/api/v1/dlq/redrive", "ids", "{'ids':[NUMBER]}"));
        places.add(body("/api/v1/dlq/redrive", "limit", "{'all':true,'limit':NUMBER}"));
        places.add(body("/api/v1/dlq/redrive", "from", "{'filter':{'from':NUMBER}}"));
        places.add(body("/api/v1/buffers/failed/retry", "ids", "{'ids':[NUMBER]}"));
        places.add(body(
                "/streams/v1/state/get",
                "ripe_at_or_before",
                "{'query_id':'QUERY','partition_id':'PARTITION','ripe_at_or_before':NUMBER}"));
        places.add(body(
                "/streams/v1/cycle",
                "windowEnd",
                "{'query_id':'QUERY','partition_id':'PARTITION','consumer_group':'g',"
                        + "'state_ops':[{'type':'upsert','key':'k','value':{'windowEnd':NUMBER}}]}"));
        places.add(body(
                "/streams/v1/cycle",
                "count",
                "{'query_id':'QUERY','partition_id':'PARTITION','consumer_group':'g','release_lease':false,"
                        + "'ack':{'transactionId':'o-1','status':'completed','count':NUMBER}}"));
        for (String parameter : List.of("batch", "partitions", "timeout", "subscriptionFrom")) {
            places.add(inQuery("/api/v1/pop/queue/q?consumerGroup=pops", parameter));
        }
        for (String list : List.of(
                "/api/v1/messages",
                "/api/v1/dlq",
                "/api/v1/resources/queues",
                "/api/v1/resources/partitions",
                "/api/v1/status/queues",
                "/api/v1/status/queues/q/messages",
                "/api/v1/traces/names",
                "/api/v1/traces/by-name/n",
                "/api/v1/consumer-groups",
                "/api/v1/buffers/failed")) {
            places.add(inQuery(list, "limit"));
            places.add(inQuery(list, "offset"));
        }
        places.add(inQuery("/api/v1/buffers/failed", "after"));
        places.add(inQuery("/api/v1/consumer-groups/lagging", "minLagSeconds"));
        for (String range : List.of(
                "/api/v1/messages",
                "/api/v1/scheduled",
                "/api/v1/dlq",
                "/api/v1/status",
                "/api/v1/analytics/queue-ops")) {
            places.add(inQuery(range, "from"));
            places.add(inQuery(range, "to"));
        }
        places.add(inQuery("/api/v1/analytics/worker-metrics", "workerId"));
        return places;
    }

    @TestFactory
    Stream<DynamicTest> everyNumberIsTakenOrRefused() {
        return places().stream()
                .map(place -> dynamicTest(place.name(), () -> {
                    for (String number : NUMBERS) {
                        HttpResponse<String> answer = place.send().apply(number);
                        assertThat(answer.statusCode())
                                .as(number + ": " + answer.body())
                                .satisfiesAnyOf(
                                        status -> assertThat(status).isBetween(200, 204),
                                        status -> assertThat(status).isEqualTo(400));
                        assertThat(answer.body()).as(number).doesNotContain("out of range");
                    }
                }));
    }

    @Test
    void theLogIsDrainedPastEveryNumberThatWasTaken() {
        for (String number : NUMBERS) {
            for (String field : List.of("deliverAt", "delayMs")) {
                bridge.post(
                        "/api/v1/buffers/requeue",
                        filled("{'queue':'past','payload':1,'transactionId':'t','" + field + "':NUMBER}", number));
            }
        }
        HttpResponse<String> behind = bridge.push("{\"items\":[{\"queue\":\"past\",\"payload\":2}]}");
        assertThat(behind.body()).contains("\"queued\"");
        await().atMost(Duration.ofSeconds(30)).untilAsserted(() -> {
            JsonNode state =
                    RunningBridge.json(bridge.get("/api/v1/status/buffers").body());
            assertThat(state.get("pending").intValue()).isZero();
            assertThat(state.get("failed").intValue()).isZero();
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"/api/v1/push", "/api/v1/push-legacy", "/api/v1/transaction", "/api/v1/buffers/requeue"})
    void aDelayHasALimitThatTheErrorNames(String path) {
        String item = "{'queue':'delays','payload':1,'transactionId':'" + path + "','delayMs':NUMBER}";
        String body = path.endsWith("requeue")
                ? item
                : path.endsWith("transaction")
                        ? "{'operations':[{'type':'push','items':[" + item + "]}]}"
                        : "{'items':[" + item + "]}";
        assertThat(bridge.post(path, filled(body, "999999999999")).statusCode()).isBetween(200, 201);
        for (String beyond : List.of("1000000000000", "9223372036854775807", "-1", "1.5")) {
            HttpResponse<String> refused = bridge.post(path, filled(body, beyond));
            assertThat(refused.statusCode()).isEqualTo(400);
            assertThat(refused.body())
                    .contains("delayMs must be a whole number of milliseconds from 0 to 999999999999");
        }
        Instant due = Instant.now().plusMillis(999_999_999_999L);
        await().atMost(Duration.ofSeconds(30))
                .untilAsserted(() -> assertThat(postgres.query("select count(*) from sluice.scheduled s"
                                + " where transaction_id = '" + path + "' and abs(extract(epoch from due_at) - "
                                + due.getEpochSecond() + ") < 600"))
                        .containsExactly("1"));
    }
}
