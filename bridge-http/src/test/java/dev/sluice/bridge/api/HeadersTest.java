package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.Messages;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The headers of messages, from every route that takes them to every route that returns them. */
class HeadersTest {
    private static final String HEADERS = Messages.HEADERS.json();
    private static final String SHOWN = "\"headers\":" + HEADERS;
    private static final String TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    private static final String WAITING = "wait=true&timeout=30000";

    @AutoClose
    private static final TestPostgres postgres = TestPostgres.empty();

    private static RunningBridge bridge;

    @BeforeAll
    static void start(@TempDir Path directory) {
        bridge = RunningBridge.start(
                postgres.url(), directory, Map.of("encryption.keys", "k:" + "0123456789abcdef".repeat(4)));
    }

    @AfterAll
    static void stop() {
        bridge.close();
    }

    private static JsonNode ok(HttpResponse<String> response) {
        assertThat(response.statusCode()).as(response.body()).isBetween(200, 201);
        return RunningBridge.json(response.body());
    }

    private static String item(String queue, String more) {
        return "{\"queue\":\"" + queue + "\",\"transactionId\":\"t\",\"payload\":1,\"headers\":" + HEADERS + more + "}";
    }

    private static void push(String queue) {
        JsonNode results = ok(bridge.push("{\"items\":[" + item(queue, "") + "]}"));
        assertThat(results.at("/0/status").asText()).isEqualTo("queued");
    }

    private static String popText(String pathAndQuery) {
        return bridge.get("/api/v1/pop/" + pathAndQuery).body();
    }

    private static void assertPopped(String queue) {
        assertThat(popText("queue/" + queue + "?autoAck=true&" + WAITING))
                .contains("\"data\":1,", "," + SHOWN + ",\"createdAt\"");
    }

    private static void assertRefused(HttpResponse<String> response, String error) {
        assertThat(RunningBridge.json(response.body()).path("error").asText()).isEqualTo(error);
        assertThat(response.statusCode()).isEqualTo(400);
    }

    @Nested
    class ThatGoIn {
        @Test
        void withATransaction() {
            ok(bridge.post(
                    "/api/v1/transaction",
                    "{\"operations\":[{\"type\":\"push\",\"items\":[" + item("h-transaction", "") + "]}]}"));
            assertPopped("h-transaction");
        }

        @Test
        void withADirectPush() {
            ok(bridge.post("/api/v1/push-legacy", "{\"items\":[" + item("h-direct", "") + "]}"));
            assertPopped("h-direct");
        }

        @Test
        void withLinesAndBareArrays() {
            String line = item("h-lines", "");
            ok(bridge.post("/api/v1/push", line + "\n", "Content-Type", "application/x-ndjson"));
            assertPopped("h-lines");
            String envelope = "{\"payload\":1,\"headers\":" + HEADERS + "}";
            ok(bridge.post("/api/v1/push?queue=h-lines-2", envelope + "\n", "Content-Type", "application/x-ndjson"));
            assertPopped("h-lines-2");
            ok(bridge.post("/api/v1/push?queue=h-array", "[" + envelope + "]", "Content-Type", "application/json"));
            assertPopped("h-array");
        }

        @Test
        void asAnEventIsThePayload() {
            String event = "{\"headers\":{\"a\":\"b\"}}";
            ok(bridge.post("/api/v1/push?queue=h-event", event + "\n", "Content-Type", "application/x-ndjson"));
            assertThat(popText("queue/h-event?" + WAITING)).contains("\"data\":" + event + ",\"producerSub\"");
        }

        @Test
        void withALineOfAnExport() {
            ok(bridge.post("/api/v1/buffers/requeue", item("h-requeue", ""), "Content-Type", "application/x-ndjson"));
            assertPopped("h-requeue");
        }

        @Test
        void withACycleOfAStream() {
            push("h-source");
            JsonNode popped = bridge.pop("h-source?consumerGroup=streams.h&" + WAITING);
            JsonNode query = ok(
                    bridge.post(
                            "/streams/v1/queries",
                            "{\"name\":\"h\",\"source_queue\":\"h-source\",\"sink_queue\":\"h-stream\",\"config_hash\":\"1\"}"));
            JsonNode cycle = ok(bridge.post(
                    "/streams/v1/cycle",
                    "{\"query_id\":" + query.path("query_id") + ",\"partition_id\":" + popped.path("partitionId")
                            + ",\"consumer_group\":\"streams.h\",\"push_items\":[" + item("h-stream", "") + "]}"));
            assertThat(cycle.path("success").asBoolean()).as(cycle.toString()).isTrue();
            assertPopped("h-stream");
        }

        @Test
        void areRefusedWithTheirItemTheirNameAndTheRule() {
            String good = "{\"queue\":\"h-bad\"}";
            String bad = "{\"queue\":\"h-bad\",\"payload\":1,\"headers\":{\"a\":7}}";
            assertRefused(bridge.push("{\"items\":[" + good + "," + bad + "]}"), "item 1: header a must be a string");
            assertRefused(
                    bridge.post("/api/v1/push-legacy", "{\"items\":[" + bad + "]}"),
                    "item 0: header a must be a string");
            assertRefused(
                    bridge.post("/api/v1/push", "\n" + bad, "Content-Type", "application/x-ndjson"),
                    "line 2: header a must be a string");
            assertRefused(
                    bridge.post("/api/v1/push?queue=h-bad", "[1," + bad + "]", "Content-Type", "application/json"),
                    "item 1: header a must be a string");
            assertThat(bridge.pop("h-bad").path("messages")).isEmpty();
        }
    }

    @Nested
    class ThatComeOut {
        @Test
        void ofAllRoutesThatPop() {
            push("h-routes");
            assertThat(popText("queue/h-routes?consumerGroup=a&" + WAITING))
                    .contains("\"data\":1,", "," + SHOWN + ",\"createdAt\"");
            assertThat(popText("queue/h-routes/partition/Default?consumerGroup=b&" + WAITING))
                    .contains("\"data\":1,", "," + SHOWN + ",\"createdAt\"");
            assertThat(popText("queue/h-routes?consumerGroup=c&autoAck=true&" + WAITING))
                    .contains("\"data\":1,", "," + SHOWN + ",\"createdAt\"");
            push("hspace.task.routes");
            assertThat(popText("?namespace=hspace&task=task&" + WAITING))
                    .contains("\"data\":1,", "," + SHOWN + ",\"createdAt\"");
        }

        @Test
        void ofAPopThatWaited() {
            var waiting = CompletableFuture.supplyAsync(() -> popText("queue/h-parked?" + WAITING));
            bridge.awaitParked(1);
            push("h-parked");
            assertThat(waiting.join()).contains("\"data\":1,", "," + SHOWN + ",\"createdAt\"");
        }

        @Test
        void ofAScheduledMessage() {
            ok(bridge.push("{\"items\":[" + item("h-scheduled", ",\"delayMs\":1") + "]}"));
            assertPopped("h-scheduled");
        }

        @Test
        void onlyIfTheMessageHasAny() {
            ok(bridge.push("{\"items\":[{\"queue\":\"h-none\",\"payload\":1},"
                    + "{\"queue\":\"h-none\",\"payload\":2,\"headers\":{}}]}"));
            assertThat(popText("queue/h-none?batch=2&" + WAITING))
                    .contains("\"data\":1,\"producerSub\"", "\"data\":2,\"producerSub\"")
                    .doesNotContain("headers");
        }

        @Test
        void ofTheFirstOfTwoDuplicates() {
            push("h-duplicate");
            JsonNode second = ok(bridge.push("{\"items\":[{\"queue\":\"h-duplicate\",\"transactionId\":\"t\","
                    + "\"headers\":{\"other\":\"1\"}}]}"));
            assertThat(second.at("/0/status").asText()).isEqualTo("duplicate");
            assertPopped("h-duplicate");
        }

        @Test
        void ofAnEncryptedQueueInClearAndNotFromTheDatabase() {
            ok(bridge.post("/api/v1/configure", "{\"queue\":\"h-sealed\",\"options\":{\"encryptionEnabled\":true}}"));
            push("h-sealed");
            assertThat(postgres.query("select headers from sluice.messages where queue = 'h-sealed'"))
                    .singleElement()
                    .asString()
                    .contains("authTag")
                    .doesNotContain("Mixed-Case");
            assertPopped("h-sealed");
        }

        @Test
        void ofListsAndDetails() {
            push("h-shown");
            String partition = bridge.pop("h-shown?consumerGroup=x&" + WAITING)
                    .path("partitionId")
                    .asText();
            assertThat(bridge.get("/api/v1/messages/" + partition + "/t").body())
                    .contains(SHOWN);
            assertThat(bridge.get("/api/v1/messages?queue=h-shown").body()).contains(SHOWN);
            ok(bridge.push("{\"items\":[{\"queue\":\"h-shown-none\",\"transactionId\":\"n\"}]}"));
            String other =
                    bridge.pop("h-shown-none?" + WAITING).path("partitionId").asText();
            assertThat(bridge.get("/api/v1/messages/" + other + "/n").body()).doesNotContain("headers");
            assertThat(bridge.get("/api/v1/messages?queue=h-shown-none").body()).doesNotContain("headers");
        }
    }

    @Nested
    class OfDeadLetters {
        private JsonNode bury(String queue) {
            push(queue);
            JsonNode message = bridge.pop(queue + "?" + WAITING).at("/messages/0");
            ok(bridge.post(
                    "/api/v1/ack",
                    "{\"transactionId\":\"t\",\"partitionId\":" + message.path("partitionId") + ",\"leaseId\":"
                            + message.path("leaseId") + ",\"status\":\"dlq\"}"));
            return message;
        }

        @Test
        void areListedAndGoBackWithARedrive() {
            bury("h-dead");
            await().untilAsserted(() -> assertThat(
                            bridge.get("/api/v1/dlq?queue=h-dead").body())
                    .contains("\"data\":1,", "," + SHOWN + ",\"createdAt\""));
            JsonNode redriven =
                    ok(bridge.post("/api/v1/dlq/redrive", "{\"filter\":{\"queue\":\"h-dead\"},\"limit\":1}"));
            assertThat(redriven.path("moved").asInt()).isEqualTo(1);
            assertPopped("h-dead");
        }

        @Test
        void goBackWithARetry() {
            JsonNode message = bury("h-retry");
            ok(bridge.post("/api/v1/messages/" + message.path("partitionId").asText() + "/t/retry", ""));
            assertPopped("h-retry");
        }

        @Test
        void thatAUserMovedKeepThem() {
            push("h-moved");
            String partition = bridge.pop("h-moved?consumerGroup=x&" + WAITING)
                    .path("partitionId")
                    .asText();
            ok(bridge.post("/api/v1/messages/" + partition + "/t/dlq", "{\"consumerGroup\":\"x\"}"));
            assertThat(bridge.get("/api/v1/dlq?queue=h-moved").body()).contains(SHOWN);
        }
    }

    @Nested
    class OfATrace {
        private JsonNode headers(String queue, String items, String... requestHeaders) {
            ok(bridge.post("/api/v1/push", "{\"items\":[" + items + "]}", requestHeaders));
            return bridge.pop(queue + "?batch=10&" + WAITING).path("messages");
        }

        @Test
        void comeFromTheRequestUnlessTheMessageBringsItsOwn() {
            String other = "00-11111111111111111111111111111111-2222222222222222-00";
            JsonNode messages = headers(
                    "h-trace",
                    "{\"queue\":\"h-trace\"},{\"queue\":\"h-trace\",\"headers\":{\"a\":\"b\"}},"
                            + "{\"queue\":\"h-trace\",\"headers\":{\"traceparent\":\"" + other + "\"}}",
                    "traceparent",
                    TRACEPARENT,
                    "tracestate",
                    "a=1",
                    "tracestate",
                    "b=2");
            assertThat(messages.findValues("headers").toString().replace(", ", ","))
                    .isEqualTo("[{\"traceparent\":\"" + TRACEPARENT + "\",\"tracestate\":\"a=1,b=2\"},"
                            + "{\"a\":\"b\",\"traceparent\":\"" + TRACEPARENT + "\",\"tracestate\":\"a=1,b=2\"},"
                            + "{\"traceparent\":\"" + other + "\"}]");
            assertThat(messages.findValuesAsText("traceId"))
                    .containsExactly(
                            "0af76519-16cd-43dd-8448-eb211c80319c",
                            "0af76519-16cd-43dd-8448-eb211c80319c",
                            "11111111-1111-1111-1111-111111111111");
        }

        @Test
        void comeFromTheRequestForEventsOnLinesToo() {
            ok(bridge.post(
                    "/api/v1/push?queue=h-trace-lines",
                    "1\n",
                    "Content-Type",
                    "application/x-ndjson",
                    "traceparent",
                    TRACEPARENT));
            assertThat(popText("queue/h-trace-lines?" + WAITING))
                    .contains("\"headers\":{\"traceparent\":\"" + TRACEPARENT + "\"}");
        }

        @ParameterizedTest
        @ValueSource(strings = {"00-1", "", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
        void areIgnoredIfTheyAreMalformed(String traceparent) {
            String queue = "h-trace-bad-" + traceparent.length();
            JsonNode messages =
                    headers(queue, "{\"queue\":\"" + queue + "\"}", "traceparent", traceparent, "tracestate", "a=1");
            assertThat(messages).hasSize(1);
            assertThat(messages.get(0).has("headers")).isFalse();
        }

        @Test
        void ofAnotherRequestHeaderAreNot() {
            JsonNode messages = headers("h-other", "{\"queue\":\"h-other\"}", "X-Tenant", "acme", "baggage", "a=b");
            assertThat(messages.get(0).has("headers")).isFalse();
        }
    }

    @Test
    void limitsAreSettings(@TempDir Path directory) {
        try (TestPostgres own = TestPostgres.empty();
                RunningBridge small = RunningBridge.start(
                        own.url(),
                        directory,
                        Map.of("message.headers.max.count", "2", "message.headers.max.bytes", "10"))) {
            String item = "{\"items\":[{\"queue\":\"q\",\"headers\":%s}]}";
            for (String good : List.of("{\"a\":\"1\",\"b\":\"2\"}", "{\"a\":\"123456789\"}")) {
                assertThat(small.push(item.formatted(good)).statusCode()).isEqualTo(201);
            }
            assertRefused(
                    small.push(item.formatted("{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"}")),
                    "item 0: headers must be at most 2 (message.headers.max.count), are 3");
            assertRefused(
                    small.push(item.formatted("{\"a\":\"1234567890\"}")),
                    "item 0: headers must have at most 10 bytes of names and values (message.headers.max.bytes), have 11");
        }
    }
}
