package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** A field that is null counts as absent, in every body. */
class NullFieldsTest {
    @AutoClose
    private static final TestPostgres postgres = TestPostgres.empty();

    private static RunningBridge bridge;
    private static String partition;
    private static String query;

    @BeforeAll
    static void start(@TempDir Path directory) {
        bridge = RunningBridge.start(postgres.url(), directory, Map.of("migration.enabled", "true"));
        for (int i = 1; i <= 9; i++) {
            bridge.push("{\"items\":[{\"queue\":\"q\",\"transactionId\":\"o-" + i + "\",\"payload\":1}]}");
        }
        JsonNode popped = bridge.pop("q?consumerGroup=g&batch=1");
        partition = popped.at("/messages/0/partitionId").textValue();
        bridge.pop("q?batch=9");
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

    /**
     * A body.
     *
     * @param at pointer of the object that has the fields
     * @param optional fields that the object may have
     */
    private record Body(String path, String json, String at, List<String> optional) {
        HttpResponse<String> send(List<String> nulls) {
            JsonNode body = RunningBridge.json(
                    json.replace('\'', '"').replace("PARTITION", partition).replace("QUERY", query));
            ObjectNode object = (ObjectNode) body.at(at);
            nulls.forEach(object::putNull);
            return path.endsWith("/events")
                    ? bridge.post(path, body.toString(), "Content-Type", "application/cloudevents-batch+json")
                    : bridge.post(path, body.toString());
        }
    }

    private static List<Body> bodies() {
        String message = "'transactionId':'o-1','partitionId':'PARTITION'";
        String push = "{'items':[{'queue':'n','payload':1}]}";
        String cycle = "{'query_id':'QUERY','partition_id':'PARTITION'";
        String group = "/api/v1/consumer-groups/g";
        return List.of(
                new Body(
                        "/api/v1/push",
                        push,
                        "/items/0",
                        List.of("traceId", "deliverAt", "delayMs", "producerSub", "headers", "priority")),
                new Body("/api/v1/push", push, "", List.of("bufferMs", "bufferMax", "qos0")),
                new Body(
                        "/api/v1/push?queue=n",
                        "[{'payload':1}]",
                        "/0",
                        List.of("queue", "traceId", "deliverAt", "headers")),
                new Body(
                        "/api/v1/push-legacy",
                        push,
                        "/items/0",
                        List.of("traceId", "deliverAt", "delayMs", "headers", "priority")),
                new Body(
                        "/api/v1/push/events",
                        "[{'specversion':'1.0','id':'1','source':'/s','type':'t','data_base64':'aGk='}]",
                        "/0",
                        List.of(
                                "data",
                                "subject",
                                "time",
                                "partitionkey",
                                "dataschema",
                                "datacontenttype",
                                "traceparent")),
                new Body(
                        "/api/v1/push/events",
                        "[{'specversion':'1.0','id':'2','source':'/s','type':'t','data':1}]",
                        "/0",
                        List.of("data_base64")),
                new Body(
                        "/api/v1/ack", "{" + message + "}", "", List.of("status", "consumerGroup", "leaseId", "error")),
                new Body(
                        "/api/v1/ack/batch",
                        "{'acknowledgments':[{" + message + "}]}",
                        "/acknowledgments/0",
                        List.of("status", "leaseId", "error")),
                new Body("/api/v1/ack/batch", "{'acknowledgments':[]}", "", List.of("consumerGroup")),
                new Body(
                        "/api/v1/transaction",
                        "{'operations':[{'type':'push','items':[{'queue':'n'}]}]}",
                        "/operations/0",
                        List.of("transactionId", "partitionId", "status", "consumerGroup", "leaseId", "error")),
                new Body(
                        "/api/v1/transaction",
                        "{'operations':[{'type':'push','items':[{'queue':'n'}]}]}",
                        "/operations/0/items/0",
                        List.of("traceId", "deliverAt", "delayMs", "headers", "priority")),
                new Body(
                        "/api/v1/transaction",
                        "{'operations':[{'type':'ack'," + message + "}]}",
                        "/operations/0",
                        List.of("items", "status", "consumerGroup", "leaseId", "error")),
                new Body(
                        "/api/v1/transaction",
                        "{'operations':[{'type':'push','items':[{'queue':'n'}]}]}",
                        "",
                        List.of("requiredLeases")),
                new Body("/api/v1/lease/0190b8f4-1111-7abc-8abc-0123456789ab/extend", "{}", "", List.of("seconds")),
                new Body("/api/v1/configure", "{'queue':'n'}", "", List.of("namespace", "task", "options")),
                new Body(
                        "/api/v1/configure",
                        "{'queue':'n','options':{}}",
                        "/options",
                        List.of(
                                "leaseTime",
                                "retryLimit",
                                "retryDelay",
                                "redeliveryLimit",
                                "priority",
                                "maxSize",
                                "ttl",
                                "deadLetterQueue",
                                "dlqAfterMaxRetries",
                                "delayedProcessing",
                                "windowBuffer",
                                "retentionEnabled",
                                "retentionSeconds",
                                "completedRetentionSeconds",
                                "maxWaitTimeSeconds",
                                "encryptionEnabled",
                                "dedupWindowMs",
                                "itemPriority")),
                new Body("/api/v1/dlq/redrive", "{'all':true}", "", List.of("ids", "filter", "limit")),
                new Body("/api/v1/dlq/redrive", "{'ids':[1]}", "", List.of("all", "filter", "limit")),
                new Body(
                        "/api/v1/dlq/redrive",
                        "{'filter':{'error':'x'}}",
                        "/filter",
                        List.of("queue", "consumerGroup", "partition", "from", "to")),
                new Body(group + "/queues/q/seek", "{'toEnd':true}", "", List.of("timestamp")),
                new Body(group + "/queues/q/seek", "{'timestamp':0}", "", List.of("toEnd")),
                new Body(group + "/queues/q/partitions/Default/seek", "{}", "", List.of("toEnd", "timestamp")),
                new Body(
                        "/api/v1/traces",
                        "{" + message + ",'data':1}",
                        "",
                        List.of("consumerGroup", "eventType", "traceNames")),
                new Body("/api/v1/buffers/failed/retry", "{'all':true}", "", List.of("ids")),
                new Body("/api/v1/buffers/failed/retry", "{'ids':[]}", "", List.of("all")),
                new Body(
                        "/api/v1/buffers/requeue",
                        "{'queue':'n','transactionId':'r','payload':1}",
                        "",
                        List.of(
                                "partition",
                                "id",
                                "traceId",
                                "producerSub",
                                "deliverAt",
                                "delayMs",
                                "payloadText",
                                "headers",
                                "priority")),
                new Body(
                        "/api/v1/buffers/requeue",
                        "{'queue':'n','transactionId':'r-2','payloadText':'1'}",
                        "",
                        List.of("payload")),
                new Body("/internal/api/notify", "{'queue':'n'}", "", List.of("partition")),
                new Body(
                        "/streams/v1/queries",
                        "{'name':'s','source_queue':'q','config_hash':'h'}",
                        "",
                        List.of("sink_queue", "reset")),
                new Body(
                        "/streams/v1/cycle",
                        cycle + "}",
                        "",
                        List.of("consumer_group", "state_ops", "push_items", "ack", "release_lease")),
                new Body(
                        "/streams/v1/cycle",
                        cycle + ",'consumer_group':'g','release_lease':false,"
                                + "'ack':{'transactionId':'o-1','status':'completed'}}",
                        "/ack",
                        List.of("leaseId", "count", "error")),
                new Body("/streams/v1/state/get", cycle + "}", "", List.of("keys", "key_prefix", "ripe_at_or_before")),
                new Body(
                        "/api/v1/migration/test-connection",
                        "{'host':'127.0.0.1','port':1,'database':'d','user':'u'}",
                        "",
                        List.of("password", "ssl")));
    }

    @TestFactory
    Stream<DynamicTest> anOptionalFieldMayBeNull() {
        return bodies().stream()
                .map(body -> dynamicTest(body.path() + " " + body.at() + body.optional(), () -> {
                    body.send(List.of()); // From now on, an event or a requeued message is a duplicate.
                    HttpResponse<String> absent = body.send(List.of());
                    assertThat(absent.statusCode()).as(absent.body()).isIn(200, 201, 502);
                    assertLike(absent, body.send(body.optional()));
                    for (String field : body.optional()) {
                        assertLike(absent, body.send(List.of(field)));
                    }
                }));
    }

    private static void assertLike(HttpResponse<String> absent, HttpResponse<String> answer) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(absent.statusCode());
        assertThat(JsonShape.of(RunningBridge.json(answer.body())))
                .isEqualTo(JsonShape.of(RunningBridge.json(absent.body())));
    }

    @Test
    void theTextOfAPayloadCountsBesideANullPayload() {
        assertThat(bridge.post(
                                "/api/v1/buffers/requeue",
                                "{\"queue\":\"texts\",\"transactionId\":\"t\",\"payloadText\":\"[1,\\n2]\",\"payload\":null}")
                        .statusCode())
                .isBetween(200, 201);
        assertThat(bridge.pop("texts?wait=true&timeout=30000")
                        .at("/messages/0/data")
                        .toString())
                .isEqualTo("[1,2]");
    }

    @Test
    void aRequiredFieldThatIsNullIsMissing() {
        assertThat(bridge.post("/api/v1/ack", "{\"transactionId\":null,\"partitionId\":\"" + partition + "\"}")
                        .body())
                .isEqualTo("{\"error\":\"transactionId is required\"}");
        assertThat(bridge.post("/api/v1/ack", "{\"transactionId\":\"t\",\"partitionId\":null}")
                        .body())
                .isEqualTo("{\"error\":\"partitionId is required to ensure message uniqueness\"}");
        assertThat(bridge.push("{\"items\":[{\"queue\":null,\"payload\":1}]}").body())
                .contains("Queue must be a string");
        assertThat(bridge.post("/api/v1/transaction", "{\"operations\":[{\"type\":\"push\",\"items\":null}]}")
                        .body())
                .contains("items array is required");
    }
}
