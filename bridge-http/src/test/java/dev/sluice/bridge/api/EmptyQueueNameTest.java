package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The queue whose name is empty works as every other queue. No path addresses it; a body and a query do. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EmptyQueueNameTest {
    private static final Map<String, String> SLOW_POLL = Map.of("pop.poll.interval.ms", "600000");

    @AutoClose
    private final TestPostgres postgres = TestPostgres.empty();

    private RunningBridge bridge;
    private RunningBridge other;

    @BeforeAll
    void start(@TempDir Path directory) {
        bridge = RunningBridge.start(postgres.url(), directory.resolve("one"), SLOW_POLL);
        other = RunningBridge.start(postgres.url(), directory.resolve("two"), SLOW_POLL);
    }

    @AfterAll
    void stop() {
        other.close();
        bridge.close();
    }

    @AfterEach
    void delete() {
        ok(bridge.delete("/api/v1/resources/queues?queue="));
    }

    private static JsonNode ok(HttpResponse<String> answer) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return RunningBridge.json(answer.body());
    }

    private JsonNode configure(String options) {
        return ok(bridge.post("/api/v1/configure", "{\"queue\":\"\",\"options\":" + options + "}"));
    }

    private HttpResponse<String> push(String transactionId) {
        return bridge.push(
                "{\"items\":[{\"queue\":\"\",\"transactionId\":\"" + transactionId + "\",\"payload\":{\"n\":1.5}}]}");
    }

    private void queued(String transactionId) {
        HttpResponse<String> pushed = push(transactionId);
        assertThat(pushed.statusCode()).as(pushed.body()).isEqualTo(201);
        assertThat(pushed.body()).contains("\"status\":\"queued\"", "\"queueName\":\"\"");
    }

    private static HttpResponse<String> pop(RunningBridge of, String more) {
        return of.get("/api/v1/pop?queue=" + more);
    }

    @Test
    void isConfiguredPushedToPoppedAcknowledgedAndDeleted() {
        JsonNode configured = configure("{\"leaseTime\":7}");
        assertThat(configured.get("queue").textValue()).isEmpty();
        assertThat(configured.at("/options/leaseTime").intValue()).isEqualTo(7);
        queued("t-1");
        JsonNode popped = ok(pop(bridge, "&partition=Default"));
        assertThat(popped.get("queue").textValue()).isEmpty();
        assertThat(popped.at("/messages/0/queue").textValue()).isEmpty();
        assertThat(popped.at("/messages/0/data").toString()).isEqualTo("{\"n\":1.5}");
        assertThat(bridge.acknowledge(popped).at("/0/success").booleanValue()).isTrue();
        assertThat(pop(bridge, "").statusCode()).isEqualTo(204);
        JsonNode deleted = ok(bridge.delete("/api/v1/resources/queues?queue="));
        assertThat(deleted.toString()).isEqualTo("{\"deleted\":true,\"queue\":\"\",\"existed\":true}");
        assertThat(ok(bridge.delete("/api/v1/resources/queues?queue="))
                        .get("existed")
                        .booleanValue())
                .isFalse();
    }

    @Test
    void anyQueueIsPoppedAndDeletedByTheQuery() {
        bridge.push("{\"items\":[{\"queue\":\"a/b\",\"payload\":1}]}");
        assertThat(ok(bridge.get("/api/v1/pop?queue=a%2Fb")).get("queue").textValue())
                .isEqualTo("a/b");
        assertThat(ok(bridge.delete("/api/v1/resources/queues?queue=a%2Fb"))
                        .get("existed")
                        .booleanValue())
                .isTrue();
    }

    @Test
    void isNotMeantByAnAbsentName() {
        queued("kept");
        HttpResponse<String> absent = bridge.delete("/api/v1/resources/queues");
        assertThat(absent.statusCode()).isEqualTo(405);
        assertThat(absent.body()).contains("name it in the path, or as ?queue=");
        assertThat(bridge.get("/api/v1/pop").statusCode()).isEqualTo(400);
        assertThat(bridge.post("/api/v1/configure", "{\"queue\":null}").statusCode())
                .isEqualTo(400);
        assertThat(bridge.push("{\"items\":[{\"payload\":1}]}").statusCode()).isEqualTo(400);
        assertThat(ok(pop(bridge, "")).at("/messages/0/transactionId").textValue())
                .isEqualTo("kept");
    }

    @Test
    void aPushWakesAConsumerThatWaitsForItHereAndOnAnotherBridge() throws Exception {
        for (RunningBridge each : List.of(bridge, other)) {
            CompletableFuture<HttpResponse<String>> waiting =
                    CompletableFuture.supplyAsync(() -> pop(each, "&wait=true&timeout=60000&autoAck=true"));
            each.awaitParked(1);
            queued("wakes-" + each.port());
            assertThat(ok(waiting.get(30, TimeUnit.SECONDS))
                            .at("/messages/0/transactionId")
                            .textValue())
                    .isEqualTo("wakes-" + each.port());
        }
    }

    @Test
    void aGroupThatWaitsBeforeThereIsAQueueGetsItsFirstMessage() throws Exception {
        CompletableFuture<HttpResponse<String>> waiting = CompletableFuture.supplyAsync(
                () -> pop(bridge, "&wait=true&timeout=60000&consumerGroup=early&subscriptionMode=new"));
        bridge.awaitParked(1);
        queued("first");
        assertThat(ok(waiting.get(30, TimeUnit.SECONDS))
                        .at("/messages/0/transactionId")
                        .textValue())
                .isEqualTo("first");
        JsonNode group = ok(bridge.get("/api/v1/consumer-groups/early"));
        assertThat(group.at("//partitions/0/partition").textValue())
                .as(group.toString())
                .isEqualTo("Default");
        assertThat(bridge.get("/api/v1/consumer-groups").body()).contains("\"queueName\":\"\"");
    }

    @Test
    void itsBoundIsKept() {
        configure("{\"maxSize\":1}");
        queued("fits");
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(push("too-many").statusCode()).isEqualTo(429));
        delete();
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(push("again").statusCode()).isEqualTo(201));
    }

    @Test
    void itsDeadLettersAreListedRedrivenAndPurged() {
        configure("{\"retryLimit\":0}");
        for (String transactionId : List.of("d-1", "d-2")) {
            queued(transactionId);
            JsonNode popped = ok(pop(bridge, ""));
            JsonNode message = popped.at("/messages/0");
            assertThat(bridge.post(
                                    "/api/v1/ack",
                                    "{\"status\":\"dlq\",\"transactionId\":" + message.get("transactionId")
                                            + ",\"partitionId\":" + message.get("partitionId") + "}")
                            .body())
                    .contains("\"dlq\":true");
        }
        bridge.push("{\"items\":[{\"queue\":\"named\",\"payload\":1,\"transactionId\":\"n\"}]}");
        JsonNode named = bridge.pop("named").at("/messages/0");
        ok(bridge.post("/api/v1/messages/" + named.get("partitionId").textValue() + "/n/dlq", "{}"));
        assertThat(ok(bridge.get("/api/v1/dlq")).get("total").intValue()).isEqualTo(3);
        JsonNode listed = ok(bridge.get("/api/v1/dlq?queue="));
        assertThat(listed.get("total").intValue()).isEqualTo(2);
        assertThat(listed.at("/messages/0/queue").textValue()).isEmpty();
        JsonNode redriven = ok(bridge.post("/api/v1/dlq/redrive", "{\"filter\":{\"queue\":\"\"},\"limit\":1}"));
        assertThat(redriven.get("moved").intValue()).isEqualTo(1);
        assertThat(redriven.get("remaining").intValue()).isEqualTo(1);
        assertThat(ok(pop(bridge, "")).at("/messages/0/queue").textValue()).isEmpty();
        assertThat(ok(bridge.delete("/api/v1/dlq?queue=")).get("purged").intValue())
                .isEqualTo(1);
        assertThat(ok(bridge.get("/api/v1/dlq?queue=named")).get("total").intValue())
                .isEqualTo(1);
    }

    @Test
    void aTransactionPushesToIt() {
        JsonNode done = ok(bridge.post(
                "/api/v1/transaction",
                "{\"operations\":[{\"type\":\"push\",\"items\":[{\"queue\":\"\",\"transactionId\":\"x\"}]}]}"));
        assertThat(done.get("success").booleanValue()).as(done.toString()).isTrue();
        assertThat(ok(pop(bridge, "")).at("/messages/0/transactionId").textValue())
                .isEqualTo("x");
    }

    @Test
    void aPushOfLinesNamesItInTheQuery() {
        HttpResponse<String> pushed =
                bridge.post("/api/v1/push?queue=", "{\"a\":1}\n{\"a\":2}\n", "Content-Type", "application/x-ndjson");
        assertThat(pushed.statusCode()).as(pushed.body()).isEqualTo(201);
        assertThat(ok(pop(bridge, "&batch=9")).get("messages")).hasSize(2);
    }

    @Test
    void listsShowItPageByPage() {
        bridge.push("{\"items\":[{\"queue\":\"b\",\"payload\":1},{\"queue\":\"c\",\"payload\":1}]}");
        queued("listed");
        assertThat(names("/api/v1/resources/queues", "queues", "name")).contains("", "b", "c");
        assertThat(names("/api/v1/status/queues", "queues", "name")).contains("", "b", "c");
        assertThat(names("/api/v1/resources/partitions", "partitions", "queue")).contains("", "b", "c");
        assertThat(names("/api/v1/messages", "messages", "queue")).contains("", "b", "c");
    }

    private List<String> names(String path, String list, String field) {
        var names = new ArrayList<String>();
        String cursor = null;
        do {
            JsonNode page = ok(bridge.get(path + "?limit=1" + (cursor == null ? "" : "&cursor=" + cursor)));
            page.get(list).forEach(each -> names.add(each.get(field).textValue()));
            cursor = page.path("nextCursor").textValue();
        } while (cursor != null);
        return names;
    }

    @Test
    void itsCountsAreNotThoseOfNoQueue() {
        bridge.get("/api/v1/pop?namespace=nowhere");
        queued("counted");
        assertThat(bridge.get("/metrics/prometheus").body())
                .containsPattern("sluice_push_messages_total\\{queue=\"\"} [1-9]")
                .contains("sluice_push_messages_total{queues=\"other\"} 0.0\n");
        await().atMost(Duration.ofSeconds(60)).untilAsserted(() -> {
            JsonNode operations = ok(bridge.get("/api/v1/analytics/queue-ops"));
            assertThat(operations.get("queues").toString()).contains("\"\"");
            JsonNode point = operations.at("/series/0");
            assertThat(point.get("queueName").textValue()).isEmpty();
            assertThat(point.get("pushMessages").intValue()).isPositive();
        });
    }
}
