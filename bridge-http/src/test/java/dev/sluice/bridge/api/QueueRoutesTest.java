package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The routes that configure, list, clear and delete, over HTTP and with a database. Each test has queues of its own.
 */
class QueueRoutesTest {
    private static final String CONFIGURED =
            "{configured: bool, namespace: text, options: {completedRetentionSeconds: int, deadLetterQueue: bool,"
                    + " dedupWindowMs: %s, delayedProcessing: int, dlqAfterMaxRetries: bool, encryptionEnabled: bool,"
                    + " itemPriority: bool, leaseTime: int, maxSize: int, maxWaitTimeSeconds: int, priority: int,"
                    + " redeliveryLimit: int,"
                    + " retentionEnabled: bool, retentionSeconds: int, retryDelay: int, retryLimit: int, ttl: int,"
                    + " windowBuffer: int}, partitionId: uuid, queue: text, queueId: uuid, task: text}";

    @TempDir
    private static Path directory;

    @AutoClose
    private static final TestPostgres postgres = TestPostgres.withSchema();

    private static RunningBridge bridge;

    @BeforeAll
    static void start() {
        bridge = RunningBridge.start(postgres.url(), directory);
    }

    @AfterAll
    static void stop() {
        bridge.close();
    }

    private static JsonNode ok(HttpResponse<String> answer) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return RunningBridge.json(answer.body());
    }

    private static JsonNode configure(String body) {
        return ok(bridge.post("/api/v1/configure", body.replace('\'', '"')));
    }

    private static void assertRefused(HttpResponse<String> answer, String error) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        assertThat(RunningBridge.json(answer.body()).get("error").textValue()).contains(error);
    }

    private static void push(String queue, String partition, String transactionId) {
        HttpResponse<String> answer = bridge.push("""
                {"items":[{"queue":"%s","partition":"%s","transactionId":"%s","payload":{"n":1.50}}]}""".formatted(queue, partition, transactionId));
        assertThat(answer.body()).contains("\"queued\"");
    }

    @Test
    void aNewQueueHasTheDefaultsOfTheContract() {
        JsonNode answer = configure("{'queue':'fresh'}");
        assertThat(JsonShape.of(answer)).isEqualTo(CONFIGURED.formatted("null"));
        assertThat(answer.get("options")).isEqualTo(RunningBridge.json("""
                {"leaseTime":300,"retryLimit":3,"retryDelay":1000,"priority":0,"maxSize":0,"ttl":3600,"deadLetterQueue":false,
                 "dlqAfterMaxRetries":false,"delayedProcessing":0,"windowBuffer":0,"retentionEnabled":false,"retentionSeconds":0,
                 "completedRetentionSeconds":0,"maxWaitTimeSeconds":0,"encryptionEnabled":false,"redeliveryLimit":10,
                 "dedupWindowMs":null,"itemPriority":false}"""));
        assertThat(postgres.query("select coalesce(retry_delay_ms::text, 'unset'), coalesce(ttl_s::text, 'unset')"
                        + " from sluice.queues where name = 'fresh'"))
                .containsExactly("unset|unset");
    }

    @Test
    void everyOptionIsStoredAndShownAsItWasSent() {
        String options = """
                {"leaseTime":1,"retryLimit":2,"retryDelay":3,"priority":-4,"maxSize":5,"ttl":6,"deadLetterQueue":true,
                 "dlqAfterMaxRetries":true,"delayedProcessing":7,"windowBuffer":8,"retentionEnabled":true,"retentionSeconds":9,
                 "completedRetentionSeconds":10,"maxWaitTimeSeconds":11,"encryptionEnabled":false,"redeliveryLimit":12,
                 "dedupWindowMs":13,"itemPriority":true}""";
        JsonNode answer = configure("{'queue':'all-set','namespace':'ns','task':'t','options':"
                + options.replace("5,", "5,'unknown':0,") + "}");
        assertThat(JsonShape.of(answer)).isEqualTo(CONFIGURED.formatted("int"));
        assertThat(answer.get("options")).isEqualTo(RunningBridge.json(options));
        assertThat(answer.get("namespace").textValue()).isEqualTo("ns");
        assertThat(answer.get("task").textValue()).isEqualTo("t");
    }

    @Test
    void whatIsNotSentAgainIsSetBack() {
        JsonNode first = configure("{'queue':'replaced','namespace':'ns','options':{'leaseTime':7,'ttl':9}}");
        JsonNode second = configure("{'queue':'replaced','namespace':null,'options':{'retryLimit':null}}");
        assertThat(second.get("queueId")).isEqualTo(first.get("queueId"));
        assertThat(second.get("partitionId")).isEqualTo(first.get("partitionId"));
        assertThat(second.get("namespace").textValue()).isEmpty();
        assertThat(second.at("/options/leaseTime").intValue()).isEqualTo(300);
        assertThat(second.at("/options/ttl").intValue()).isEqualTo(3600);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "{}|queue is required",
                "{'queue':7}|queue must be a string",
                "{'queue':'q','namespace':1}|namespace must be a string",
                "{'queue':'q','options':[]}|options must be an object",
                "{'queue':'q','options':{'leaseTime':'300'}}|leaseTime must be a whole number",
                "{'queue':'q','options':{'leaseTime':1.5}}|leaseTime must be a whole number",
                "{'queue':'q','options':{'leaseTime':-1}}|leaseTime must be a whole number from 0 to 2147483647",
                "{'queue':'q','options':{'retryLimit':2147483648}}|retryLimit must be a whole number from 0 to 2147483647",
                "{'queue':'q','options':{'maxSize':-1}}|maxSize must be a whole number from 0",
                "{'queue':'q','options':{'ttl':2147483648}}|ttl must be a whole number from 0 to 2147483647",
                "{'queue':'q','options':{'dedupWindowMs':-1}}|dedupWindowMs must be a whole number from 0",
                "{'queue':'q','options':{'retentionEnabled':1}}|retentionEnabled must be true or false",
                "[]|the body must be a JSON object",
                "{|Invalid JSON"
            })
    void whatIsWrongIsNamed(String body, String error) {
        assertRefused(bridge.post("/api/v1/configure", body.replace('\'', '"')), error);
    }

    @Test
    void aBodyIsNeeded() {
        assertRefused(bridge.post("/api/v1/configure", ""), "Empty request body");
    }

    @Test
    void aQueueIsDeletedWithAllThatIsInIt() {
        push("gone/1", "p", "t");
        JsonNode answer = ok(bridge.delete("/api/v1/resources/queues/gone%2F1"));
        assertThat(JsonShape.of(answer)).isEqualTo("{deleted: bool, existed: bool, queue: text}");
        assertThat(answer).isEqualTo(RunningBridge.json("{\"deleted\":true,\"queue\":\"gone/1\",\"existed\":true}"));
        assertThat(bridge.pop("gone%2F1").isEmpty()).isTrue();
        assertThat(ok(bridge.delete("/api/v1/resources/queues/gone%2F1")))
                .isEqualTo(RunningBridge.json("{\"deleted\":true,\"queue\":\"gone/1\",\"existed\":false}"));
    }

    @Test
    void aPartitionIsDeletedAlone() {
        push("halves", "a", "t");
        push("halves", "b", "t");
        String path = "/api/v1/resources/queues/halves/partitions/a";
        assertThat(ok(bridge.delete(path)))
                .isEqualTo(RunningBridge.json(
                        "{\"deleted\":true,\"queue\":\"halves\",\"partition\":\"a\",\"existed\":true}"));
        assertThat(ok(bridge.delete(path)).get("existed").booleanValue()).isFalse();
        assertThat(bridge.pop("halves/partition/a").isEmpty()).isTrue();
        assertThat(bridge.pop("halves/partition/b").get("messages")).hasSize(1);
    }

    @Test
    void aMessageIsDeletedByItsTransactionId() {
        push("letters", "p", "t/1");
        JsonNode popped = bridge.pop("letters?autoAck=true&consumerGroup=probe");
        String path = "/api/v1/messages/" + popped.get("partitionId").textValue() + "/t%2F1";
        JsonNode answer = ok(bridge.delete(path));
        assertThat(JsonShape.of(answer))
                .isEqualTo("{message: text, partitionId: uuid, success: bool, transactionId: text}");
        assertThat(answer.get("success").booleanValue()).isTrue();
        assertThat(answer.get("transactionId").textValue()).isEqualTo("t/1");
        assertThat(bridge.pop("letters").isEmpty()).isTrue();
        assertThat(ok(bridge.delete(path)).get("success").booleanValue()).isFalse();
        assertThat(ok(bridge.delete("/api/v1/messages/00000000-0000-0000-0000-000000000000/t"))
                        .get("success")
                        .booleanValue())
                .isFalse();
        assertRefused(bridge.delete("/api/v1/messages/7/t"), "partitionId must be a UUID");
    }

    @Test
    void aQueueOrAPartitionIsCleared() {
        push("full", "a", "1");
        push("full", "a", "2");
        push("full", "b", "3");
        assertThat(ok(bridge.delete("/api/v1/queues/full/clear?partition=a")))
                .isEqualTo(
                        RunningBridge.json("{\"success\":true,\"queue\":\"full\",\"partition\":\"a\",\"cleared\":2}"));
        assertThat(ok(bridge.delete("/api/v1/queues/full/clear")))
                .isEqualTo(
                        RunningBridge.json("{\"success\":true,\"queue\":\"full\",\"partition\":null,\"cleared\":1}"));
        assertThat(bridge.pop("full").isEmpty()).isTrue();
    }

    @Test
    void partitionsAreListedByQueueAndName() {
        push("listed", "a", "1");
        push("listed", "b", "2");
        JsonNode first = ok(bridge.get("/api/v1/resources/partitions?queue=listed&limit=1"));
        assertThat(JsonShape.of(first))
                .isEqualTo(
                        "{nextCursor: text, pagination: {limit: int, offset: int}, partitions: [{createdAt: time, id: uuid, lastActivity: time,"
                                + " messages: {scheduled: int, total: int}, name: text, queue: text}], truncated: bool}");
        assertThat(first.at("/partitions/0/name").textValue()).isEqualTo("a");
        JsonNode second = ok(bridge.get("/api/v1/resources/partitions?queue=listed&limit=5&offset=1"));
        assertThat(second.get("partitions")).hasSize(1);
        assertThat(second.at("/partitions/0/name").textValue()).isEqualTo("b");
        assertThat(second.at("/partitions/0/messages/total").intValue()).isEqualTo(1);
        assertThat(ok(bridge.get("/api/v1/resources/partitions"))
                        .get("partitions")
                        .size())
                .isGreaterThanOrEqualTo(2);
        assertThat(ok(bridge.get("/api/v1/resources/partitions?limit=99999&offset=x"))
                        .get("pagination"))
                .isEqualTo(RunningBridge.json("{\"limit\":1000,\"offset\":0}"));
        assertThat(ok(bridge.get("/api/v1/resources/partitions?queue=none")).get("partitions"))
                .isEmpty();
    }

    @Test
    void theOldStreamRoutesSayThatTheyAreGone() {
        HttpResponse<String> answer = bridge.post("/api/v1/stream/poll", "{}");
        assertThat(answer.statusCode()).isEqualTo(404);
        assertThat(RunningBridge.json(answer.body()).get("error").textValue())
                .contains("POST /api/v1/stream/poll")
                .contains("use pop and ack");
    }
}
