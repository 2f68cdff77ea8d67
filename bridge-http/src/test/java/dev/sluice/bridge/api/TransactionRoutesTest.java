package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Transactions, pushes without the local log, and the extension of leases, over HTTP and with a database. */
class TransactionRoutesTest {
    @TempDir
    private static Path directory;

    @AutoClose
    private static final TestPostgres postgres = TestPostgres.withSchema();

    private static RunningBridge bridge;

    @BeforeAll
    static void start() {
        bridge = RunningBridge.start(postgres.url(), directory, Map.of("http.max.items", "3"));
    }

    @AfterAll
    static void stop() {
        bridge.close();
    }

    private static JsonNode post(String path, String body) {
        HttpResponse<String> answer = bridge.post(path, body.replace('\'', '"'));
        assertThat(answer.statusCode()).as(answer.body()).isIn(200, 201);
        return RunningBridge.json(answer.body());
    }

    private static JsonNode transaction(String... operations) {
        return post("/api/v1/transaction", "{'operations':[" + String.join(",", operations) + "],'requiredLeases':[]}");
    }

    private static String push(String queue, String transactionId) {
        return "{'type':'push','items':[{'queue':'" + queue + "','transactionId':'" + transactionId + "'}]}";
    }

    private static String acknowledge(JsonNode popped, String status) {
        return "{'type':'ack','status':'" + status + "','transactionId':'"
                + popped.at("/messages/0/transactionId").textValue() + "','partitionId':'"
                + popped.get("partitionId").textValue() + "'}";
    }

    /** Pushes a message and pops it. */
    private static JsonNode leased(String queue) {
        assertThat(bridge.push("{\"items\":[{\"queue\":\"" + queue + "\",\"transactionId\":\"in\",\"payload\":1}]}")
                        .body())
                .contains("\"queued\"");
        return bridge.pop(queue);
    }

    private static void assertRefused(HttpResponse<String> answer, String error) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        assertThat(RunningBridge.json(answer.body()).get("error").textValue()).contains(error);
    }

    @Nested
    class Transactions {
        @Test
        void doAllOfIt() throws Exception {
            JsonNode popped = leased("t-in");
            CompletableFuture<JsonNode> waiting =
                    CompletableFuture.supplyAsync(() -> bridge.pop("t-out?wait=true&timeout=50000&batch=9"));
            JsonNode answer = transaction(
                    acknowledge(popped, "completed"),
                    "{'items':[{'queue':'t-out','transactionId':'o','payload':{ 'n' : 1.50 }}],'type':'push'}");
            assertThat(JsonShape.of(answer))
                    .isEqualTo(
                            "{results: [{dlq: bool, error: null, index: int, success: bool, transactionId: text, type: text}],"
                                    + " success: bool, transactionId: uuid}");
            assertThat(answer.get("success").booleanValue()).isTrue();
            assertThat(answer.at("/results/0/success").booleanValue()).isTrue();
            JsonNode pushed = answer.at("/results/1");
            assertThat(JsonShape.of(pushed))
                    .isEqualTo("{index: int, messageId: uuid, partitionId: uuid, queueName: text, success: bool,"
                            + " transactionId: text, type: text}");
            assertThat(pushed.get("index").intValue()).isEqualTo(1);
            JsonNode message = waiting.get(55, TimeUnit.SECONDS).at("/messages/0");
            assertThat(message.get("id")).isEqualTo(pushed.get("messageId"));
            assertThat(postgres.query("select payload from sluice.messages where queue = 't-out'"))
                    .containsExactly("{ \"n\" : 1.50 }");
            assertThat(bridge.pop("t-in").isEmpty()).isTrue();
        }

        @Test
        void haveAnEmptyObjectAsPayloadAndMakeTransactionIds() {
            JsonNode answer = transaction("{'type':'push','items':[{'queue':'t-empty'},{'queue':'t-empty'}]}");
            assertThat(answer.get("results")).hasSize(2);
            assertThat(UUID.fromString(answer.at("/results/1/transactionId").textValue()))
                    .isNotNull();
            assertThat(bridge.pop("t-empty").at("/messages/0/data")).isEqualTo(RunningBridge.json("{}"));
        }

        @Test
        void makeADeadLetterOfWhatFailedAtOnce() {
            JsonNode popped = leased("t-dead");
            JsonNode answer = transaction(acknowledge(popped, "failed"));
            assertThat(answer.at("/results/0/dlq").booleanValue()).isTrue();
            JsonNode letter = RunningBridge.json(
                            bridge.get("/api/v1/dlq?queue=t-dead").body())
                    .at("/messages/0");
            assertThat(letter.get("retryCount").intValue()).isZero();
        }

        @Test
        void wakeThoseWhoWaitForALeaseToEnd() throws Exception {
            JsonNode first = leased("t-wake");
            assertThat(bridge.push("{\"items\":[{\"queue\":\"t-wake\",\"transactionId\":\"next\",\"payload\":2}]}")
                            .body())
                    .contains("\"queued\"");
            CompletableFuture<JsonNode> waiting =
                    CompletableFuture.supplyAsync(() -> bridge.pop("t-wake?wait=true&timeout=50000"));
            transaction(acknowledge(first, "completed"));
            assertThat(waiting.get(55, TimeUnit.SECONDS)
                            .at("/messages/0/transactionId")
                            .textValue())
                    .isEqualTo("next");
        }

        @Test
        void doNothingIfAPushIsADuplicate() {
            JsonNode popped = leased("t-dup");
            String id = popped.at("/messages/0/id").textValue();
            JsonNode answer =
                    transaction(push("t-dup-new", "x"), push("t-dup", "in"), acknowledge(popped, "completed"));
            assertThat(answer.get("success").booleanValue()).isFalse();
            assertThat(answer.get("error").textValue()).isEqualTo("PUSH operation failed: Duplicate transactionId");
            assertThat(answer.get("results")).hasSize(2);
            assertThat(answer.at("/results/0/success").booleanValue()).isTrue();
            assertThat(answer.at("/results/1/success").booleanValue()).isFalse();
            assertThat(answer.at("/results/1/messageId").textValue()).isEqualTo(id);
            assertThat(JsonShape.of(answer.at("/results/1")))
                    .isEqualTo(
                            "{error: text, index: int, messageId: uuid, partitionId: uuid, queueName: text, success: bool,"
                                    + " transactionId: text, type: text}");
            assertThat(bridge.pop("t-dup-new").isEmpty()).isTrue();
            assertThat(bridge.acknowledge(popped).at("/0/success").booleanValue())
                    .isTrue();
        }

        @Test
        void doNothingIfAnAcknowledgementFails() {
            JsonNode popped = leased("t-ack");
            String unknown = acknowledge(popped, "completed").replace("'in'", "'none'");
            JsonNode answer = transaction(push("t-ack", "x"), acknowledge(popped, "completed"), unknown);
            assertThat(answer.get("error").textValue()).isEqualTo("ACK operation failed: Message not found");
            assertThat(answer.get("success").booleanValue()).isFalse();
            assertThat(answer.get("results")).hasSize(3);
            assertThat(answer.at("/results/2/error").textValue()).isEqualTo("Message not found");
            String lease = acknowledge(popped, "completed").replace("}", ",'leaseId':'" + UUID.randomUUID() + "'}");
            assertThat(transaction(lease).get("error").textValue())
                    .isEqualTo("ACK operation failed: Invalid or expired lease");
            assertThat(postgres.query("select transaction_id from sluice.messages where queue = 't-ack'"))
                    .containsExactly("in");
            assertThat(bridge.acknowledge(popped).at("/0/success").booleanValue())
                    .isTrue();
        }

        @Test
        void doNothingForAGroupThatNeverReadAndAnUnknownId() {
            JsonNode popped = leased("t-stranger");
            String known = acknowledge(popped, "completed").replace("}", ",'consumerGroup':'stranger'}");
            assertThat(transaction(known).get("success").booleanValue()).isTrue();
            JsonNode unknown = transaction(push("t-stranger", "x"), known.replace("'in'", "'none'"));
            assertThat(unknown.get("success").booleanValue()).isFalse();
            assertThat(unknown.get("error").textValue()).isEqualTo("ACK operation failed: Message not found");
            assertThat(postgres.query("select transaction_id from sluice.messages where queue = 't-stranger'"))
                    .containsExactly("in");
        }

        @Test
        void refuseWhatCannotBeInOne() {
            JsonNode popped = leased("t-odd");
            for (var each : Map.of(
                            acknowledge(popped, "retry"),
                            "ACK operation failed: status retry",
                            acknowledge(popped, "perhaps"),
                            "ACK operation failed: Unknown status",
                            "{'type':'pop'}",
                            "Unknown operation type: pop",
                            "{'type':'ack','transactionId':'t','partitionId':'x'}",
                            "partitionId must be a UUID")
                    .entrySet()) {
                JsonNode answer = transaction(push("t-odd", "new"), each.getKey());
                assertThat(JsonShape.of(answer))
                        .isEqualTo("{error: text, results: [], success: bool, transactionId: uuid}");
                assertThat(answer.get("error").textValue()).contains(each.getValue());
                assertThat(answer.get("success").booleanValue()).isFalse();
            }
            assertThat(postgres.query("select transaction_id from sluice.messages where queue = 't-odd'"))
                    .containsExactly("in");
        }

        @Test
        void areRefusedForTheirForm() {
            String path = "/api/v1/transaction";
            assertRefused(bridge.post(path, ""), "Empty request body");
            assertRefused(bridge.post(path, "{}"), "operations array required");
            assertRefused(bridge.post(path, "{\"operations\":{}}"), "operations array required");
            assertRefused(bridge.post(path, "{\"operations\":[]}"), "operations array cannot be empty");
            assertRefused(bridge.post(path, "{\"operations\":[7]}"), "operations must be objects, operation 0 is not");
            assertRefused(bridge.post(path, "{\"operations\":[{\"type\":\"push\"}]}"), "items array is required");
            assertRefused(
                    bridge.post(path, "{\"operations\":[{\"type\":\"push\",\"items\":[{}]}]}"),
                    "item 0: Queue must be a string");
            assertRefused(bridge.post(path, "{\"operations\":[{\"type\":\"ack\"}]}"), "transactionId is required");
            String many = "{\"operations\":[" + "{\"type\":\"x\"},".repeat(3) + "{\"type\":\"x\"}]}";
            assertRefused(bridge.post(path, many), "operations must be at most 3 (http.max.items)");
            String item = "{'queue':'q'}";
            String two = "{'type':'push','items':[" + item + "," + item + "]}";
            assertRefused(
                    bridge.post(path, ("{'operations':[" + two + "," + two + "]}").replace('\'', '"')),
                    "operations must have at most 3 items (http.max.items)");
        }

        @Test
        void doNothingIfAQueueIsFull() {
            leased("t-full");
            post("/api/v1/configure", "{'queue':'t-full','options':{'maxSize':1}}");
            String item = "{'queue':'t-full','transactionId':'new'}";
            for (var each : Map.of(
                            "/api/v1/transaction", "{'operations':[{'type':'push','items':[" + item + "]}]}",
                            "/api/v1/push-legacy", "{'items':[" + item + "]}")
                    .entrySet()) {
                HttpResponse<String> answer =
                        bridge.post(each.getKey(), each.getValue().replace('\'', '"'));
                assertThat(answer.statusCode()).as(answer.body()).isEqualTo(429);
                assertThat(answer.body()).contains("Queue t-full is full");
            }
            assertThat(postgres.query("select transaction_id from sluice.messages where queue = 't-full'"))
                    .containsExactly("in");
        }

        @Test
        void runBesideEachOther() throws Exception {
            var all = new ArrayList<CompletableFuture<JsonNode>>();
            for (int i = 0; i < 20; i++) {
                String id = "t" + i % 10;
                all.add(CompletableFuture.supplyAsync(() -> transaction(push("t-many-a", id), push("t-many-b", id))));
            }
            int committed = 0;
            for (CompletableFuture<JsonNode> each : all) {
                committed += each.get(60, TimeUnit.SECONDS).get("success").booleanValue() ? 1 : 0;
            }
            assertThat(committed).isEqualTo(10);
            for (String queue : List.of("t-many-a", "t-many-b")) {
                assertThat(postgres.query("select count(*) from sluice.messages where queue = '" + queue + "'"))
                        .containsExactly("10");
            }
        }
    }

    @Nested
    class DirectPushes {
        @Test
        void answerAfterTheCommitAsPushesDo() {
            String body = "{'items':[{'queue':'direct','transactionId':'a','payload':{ 'n' : 1.50 }},"
                    + "{'queue':'direct','transactionId':'a'}],'bufferMs':100}";
            JsonNode answer = post("/api/v1/push-legacy", body);
            assertThat(answer.findValuesAsText("status")).containsExactly("queued", "duplicate");
            assertThat(JsonShape.of(answer.get(0)))
                    .isEqualTo("{index: int, message_id: uuid, partition_id: uuid, queueName: text, status: text,"
                            + " trace_id: null, transaction_id: text}");
            assertThat(postgres.query("select payload from sluice.messages where queue = 'direct'"))
                    .containsExactly("{ \"n\" : 1.50 }");
            JsonNode usual = post("/api/v1/push", body.replace("'bufferMs':100", "'x':0"));
            assertThat(usual.findValuesAsText("status")).containsExactly("duplicate", "duplicate");
            assertThat(usual.get(0).get("message_id")).isEqualTo(answer.get(0).get("message_id"));
        }

        @Test
        void wakeThoseWhoWait() throws Exception {
            CompletableFuture<JsonNode> waiting =
                    CompletableFuture.supplyAsync(() -> bridge.pop("direct-wait?wait=true&timeout=50000"));
            post("/api/v1/push-legacy", "{'items':[{'queue':'direct-wait','payload':1}]}");
            assertThat(waiting.get(55, TimeUnit.SECONDS).get("messages")).hasSize(1);
        }

        @Test
        void mayBeEmptyAndAreRefusedAsPushesAre() {
            assertThat(post("/api/v1/push-legacy", "{'items':[]}")).isEmpty();
            assertRefused(bridge.post("/api/v1/push-legacy", "{}"), "items array is required");
        }
    }

    @Nested
    class Leases {
        private static final String SHAPE =
                "{error: %s, expiresAt: %s, leaseId: %s, newExpiresAt: %2$s, success: bool}";

        @Test
        void areLengthenedAndNeverShortened() {
            String path = "/api/v1/lease/" + leased("l-q").get("leaseId").textValue() + "/extend";
            JsonNode longer = post(path, "{'seconds':3600}");
            assertThat(JsonShape.of(longer)).isEqualTo(SHAPE.formatted("null", "time", "uuid"));
            assertThat(longer.get("success").booleanValue()).isTrue();
            Instant end = Instant.parse(longer.get("newExpiresAt").textValue());
            assertThat(Duration.between(Instant.now(), end)).isGreaterThan(Duration.ofMinutes(50));
            assertThat(post(path, "{}").get("expiresAt")).isEqualTo(longer.get("expiresAt"));
            assertRefused(bridge.post(path, ""), "Empty request body");
            assertRefused(bridge.post(path, "{\"seconds\":0}"), "seconds must be a whole number from 1 to 2147483647");
            assertRefused(bridge.post(path, "{\"seconds\":2147483648}"), "seconds must be a whole number from 1 to");
            assertRefused(bridge.post(path, "{\"seconds\":\"60\"}"), "seconds must be a whole number");
        }

        @Test
        void thatAreUnknownAreNoFailureOfTheRequest() {
            JsonNode unknown = post("/api/v1/lease/" + UUID.randomUUID() + "/extend", "{}");
            assertThat(JsonShape.of(unknown)).isEqualTo(SHAPE.formatted("text", "null", "uuid"));
            assertThat(unknown.get("success").booleanValue()).isFalse();
            assertThat(unknown.get("error").textValue()).isEqualTo("Lease not found");
            JsonNode noUuid = post("/api/v1/lease/mine/extend", "{}");
            assertThat(JsonShape.of(noUuid)).isEqualTo(SHAPE.formatted("text", "null", "text"));
        }

        @Test
        void thatHaveEndedSaySo() {
            String leaseId = leased("l-old").get("leaseId").textValue();
            postgres.execute("update sluice.cursors set available_at = now() - interval '1 second' where lease_id = '"
                    + leaseId + "'");
            JsonNode answer = post("/api/v1/lease/" + leaseId + "/extend", "{}");
            assertThat(answer.get("success").booleanValue()).isFalse();
            assertThat(answer.get("error").textValue()).isEqualTo("Lease already expired");
        }
    }
}
