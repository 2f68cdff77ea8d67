package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The routes about dead letters, over HTTP and with a database. Each test has a queue of its own. */
class DeadLetterRoutesTest {
    private static final String DLQ = "/api/v1/dlq";

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

    private static JsonNode post(String path, String body) {
        return ok(bridge.post(path, body.replace('\'', '"')));
    }

    private static void assertRefused(HttpResponse<String> answer, String error) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        assertThat(RunningBridge.json(answer.body()).get("error").textValue()).contains(error);
    }

    private static JsonNode push(String queue, String partition, String transactionId) {
        HttpResponse<String> answer = bridge.push("""
                {"items":[{"queue":"%s","partition":"%s","transactionId":"%s","payload":{ "n" : 1.50 }}]}""".formatted(queue, partition, transactionId));
        assertThat(answer.body()).contains("\"queued\"");
        return RunningBridge.json(answer.body()).get(0);
    }

    /** Pushes messages, makes them dead letters of the default group, and returns the id of their partition. */
    private static String bury(String queue, String partition, String... transactionIds) {
        String partitionId = "";
        for (String transactionId : transactionIds) {
            partitionId =
                    push(queue, partition, transactionId).get("partition_id").textValue();
            JsonNode popped = bridge.pop(queue + "/partition/" + partition);
            JsonNode acknowledged = RunningBridge.json(bridge.post("/api/v1/ack", """
                    {"transactionId":"%s","partitionId":"%s","leaseId":"%s","status":"dlq","error":"no \\"way\\" %1$s"}""".formatted(
                            transactionId, partitionId, popped.get("leaseId").textValue()))
                    .body());
            assertThat(acknowledged.at("/0/dlq").booleanValue()).isTrue();
        }
        return partitionId;
    }

    private static JsonNode list(String query) {
        return ok(bridge.get(DLQ + "?" + query));
    }

    @Test
    void theListHasTheNewestFirstWithThePayloadAsItIs() {
        String partitionId = bury("shown", "p", "t1", "t2");
        HttpResponse<String> answer = bridge.get(DLQ + "?queue=shown");
        JsonNode json = ok(answer);
        assertThat(JsonShape.of(json))
                .isEqualTo("{messages: [{consumerGroup: text, createdAt: time, data: {n: number}, deadLetterId: int,"
                        + " errorMessage: text, failedAt: time, id: uuid, partition: text, partitionId: uuid,"
                        + " producerSub: null, queue: text, retryCount: int, traceId: null, transactionId: text}],"
                        + " pagination: {limit: int, nextOffset: null, offset: int}, total: int}");
        assertThat(answer.body()).contains("\"data\":{ \"n\" : 1.50 }");
        assertThat(json.get("total").intValue()).isEqualTo(2);
        JsonNode newest = json.at("/messages/0");
        assertThat(newest.get("transactionId").textValue()).isEqualTo("t2");
        assertThat(newest.get("errorMessage").textValue()).isEqualTo("no \"way\" t2");
        assertThat(newest.get("partitionId").textValue()).isEqualTo(partitionId);
        assertThat(newest.get("consumerGroup").textValue()).isEqualTo("__QUEUE_MODE__");
        assertThat(newest.get("retryCount").intValue()).isZero();
    }

    @Test
    void pagesFollowEachOther() {
        bury("paged", "p", "1", "2", "3");
        JsonNode first = list("queue=paged&limit=2");
        assertThat(first.findValuesAsText("transactionId")).containsExactly("3", "2");
        assertThat(first.get("pagination"))
                .isEqualTo(RunningBridge.json("{\"limit\":2,\"offset\":0,\"nextOffset\":2}"));
        JsonNode second = list("queue=paged&limit=2&offset=2");
        assertThat(second.findValuesAsText("transactionId")).containsExactly("1");
        assertThat(second.at("/pagination/nextOffset").isNull()).isTrue();
        assertThat(second.get("total").intValue()).isEqualTo(3);
        assertThat(list("queue=paged&limit=99999").at("/pagination/limit").intValue())
                .isEqualTo(1000);
        assertThat(list("queue=paged&offset=3").get("messages")).isEmpty();
    }

    @Test
    void aPageEndsWhenItIsLarge() {
        bury("large", "p", "1", "2", "3");
        // Two of them are more than a page holds; their bytes compress well in the database.
        postgres.execute("update sluice.dead_letters set payload = '\"' || repeat('x', 9000000) || '\"'"
                + " where error like 'no%' and queue_id = (select id from sluice.queues where name = 'large')");
        JsonNode first = list("queue=large");
        assertThat(first.findValuesAsText("transactionId")).containsExactly("3", "2");
        assertThat(first.at("/pagination/nextOffset").intValue()).isEqualTo(2);
        assertThat(list("queue=large&offset=2").findValuesAsText("transactionId"))
                .containsExactly("1");
        ok(bridge.delete(DLQ + "?queue=large"));
    }

    @Test
    void filtersAreCombined() {
        bury("filtered", "a", "1");
        bury("filtered", "b", "2");
        String failedAt =
                list("queue=filtered&partition=b").at("/messages/0/failedAt").textValue();
        assertThat(list("queue=filtered&partition=a&consumerGroup=__QUEUE_MODE__")
                        .get("total")
                        .intValue())
                .isEqualTo(1);
        assertThat(list("queue=filtered&consumerGroup=other").get("total").intValue())
                .isZero();
        assertThat(list("queue=filtered&partition=b&from=" + failedAt)
                        .get("total")
                        .intValue())
                .isEqualTo(1);
        assertThat(list("queue=filtered&partition=b&to=" + failedAt)
                        .get("total")
                        .intValue())
                .isZero();
        assertThat(list("queue=filtered&error=WAY%22+2").get("total").intValue())
                .isEqualTo(1);
        assertRefused(bridge.get(DLQ + "?from=yesterday"), "from must be a time");
    }

    @Test
    void lettersAreRedrivenByTheirIdsOnce() throws Exception {
        bury("back", "p", "1", "2");
        JsonNode letters = list("queue=back").get("messages");
        long id = letters.at("/1/deadLetterId").longValue();
        CompletableFuture<JsonNode> waiting =
                CompletableFuture.supplyAsync(() -> bridge.pop("back?wait=true&timeout=50000"));
        String ids = "{'ids':[" + id + ",999999999]}";
        JsonNode answer = post(DLQ + "/redrive", ids);
        assertThat(answer)
                .isEqualTo(RunningBridge.json("{\"results\":[{\"deadLetterId\":" + id
                        + ",\"verdict\":\"moved\"},{\"deadLetterId\":999999999,\"verdict\":\"gone\"}],"
                        + "\"moved\":1,\"duplicate\":0,\"gone\":1,\"remaining\":null}"));
        JsonNode popped = waiting.get(55, TimeUnit.SECONDS);
        assertThat(popped.at("/messages/0/transactionId").textValue()).isEqualTo("dlq:" + id);
        assertThat(post(DLQ + "/redrive", ids).get("gone").intValue()).isEqualTo(2);
    }

    @Test
    void lettersAreRedrivenByAFilterOldestFirst() {
        bury("some", "p", "1", "2", "3");
        JsonNode answer = post(DLQ + "/redrive", "{'filter':{'queue':'some'},'limit':2}");
        assertThat(answer.get("moved").intValue()).isEqualTo(2);
        assertThat(answer.get("remaining").intValue()).isEqualTo(1);
        assertThat(list("queue=some").findValuesAsText("transactionId")).containsExactly("3");
        assertThat(bridge.pop("some?batch=9").get("messages")).hasSize(2);
    }

    @Test
    void aRedriveSaysWhatItIsAbout() {
        assertRefused(bridge.post(DLQ + "/redrive", "{}"), "one of an ids array");
        assertRefused(bridge.post(DLQ + "/redrive", "{\"ids\":[],\"all\":true}"), "one of an ids array");
        assertRefused(bridge.post(DLQ + "/redrive", "{\"filter\":{}}"), "say \"all\": true");
        assertRefused(bridge.post(DLQ + "/redrive", "{\"ids\":7}"), "ids must be an array");
        assertRefused(bridge.post(DLQ + "/redrive", "{\"ids\":[1.5]}"), "ids must be whole numbers");
        assertRefused(
                bridge.post(DLQ + "/redrive", "{\"all\":true,\"limit\":1001}"),
                "limit must be a whole number from 1 to 1000");
        assertRefused(
                bridge.post(DLQ + "/redrive", "{\"ids\":[" + "1,".repeat(1000) + "1]}"), "ids must be at most 1000");
        assertThat(post(DLQ + "/redrive", "{'ids':[]}").get("results")).isEmpty();
    }

    @Test
    void aPurgeNeedsAFilterOrAll() {
        bury("purged", "a", "1");
        bury("purged", "b", "2");
        assertRefused(bridge.delete(DLQ), "either a filter");
        assertRefused(bridge.delete(DLQ + "?queue=purged&all=true"), "either a filter");
        assertThat(bridge.delete(DLQ + "?queue=purged&partition=a").body()).isEqualTo("{\"purged\":1}");
        assertThat(list("queue=purged").findValuesAsText("transactionId")).containsExactly("2");
        assertThat(bridge.delete(DLQ + "?queue=purged").body()).isEqualTo("{\"purged\":1}");
    }

    @Test
    void aDeadMessageIsQueuedAgainOnceWhateverGroupsGaveItUp() {
        String partitionId = bury("retried", "p", "t");
        postgres.execute(
                "insert into sluice.dead_letters (queue_id, partition_id, partition_name, seq, group_name, message_id,"
                        + " transaction_id, payload, error, retries, created_at) select queue_id, partition_id, partition_name, seq,"
                        + " 'other', message_id, transaction_id, payload, error, retries, created_at from sluice.dead_letters"
                        + " where queue_id = (select id from sluice.queues where name = 'retried')");
        String path = "/api/v1/messages/" + partitionId + "/t/retry";
        JsonNode answer = post(path, "");
        assertThat(answer)
                .isEqualTo(RunningBridge.json("{\"success\":true,\"partitionId\":\"" + partitionId
                        + "\",\"transactionId\":\"t\",\"message\":\"Message queued again\",\"verdict\":\"moved\"}"));
        assertThat(list("queue=retried").get("total").intValue()).isZero();
        assertThat(bridge.pop("retried?batch=9").get("messages")).hasSize(1);
        HttpResponse<String> again = bridge.post(path, "");
        assertThat(again.statusCode()).isEqualTo(404);
        assertThat(again.body())
                .isEqualTo("{\"success\":false,\"error\":\"Message not found among the dead letters\"}");
    }

    @Test
    void aMessageIsBuriedByHand() {
        String partitionId = push("doomed", "p", "t").get("partition_id").textValue();
        String path = "/api/v1/messages/" + partitionId + "/t/dlq";
        assertThat(bridge.post(path, "").statusCode()).isEqualTo(404); // No group has read the queue.
        bridge.pop("doomed");
        JsonNode answer = post(path, "");
        assertThat(answer)
                .isEqualTo(RunningBridge.json("{\"success\":true,\"partitionId\":\"" + partitionId
                        + "\",\"transactionId\":\"t\",\"consumerGroup\":\"__QUEUE_MODE__\","
                        + "\"message\":\"Message moved to the dead letters\"}"));
        assertThat(list("queue=doomed").at("/messages/0/errorMessage").textValue())
                .isEqualTo("Moved to the dead letters by hand");
        HttpResponse<String> again = bridge.post(path, "{}");
        assertThat(again.statusCode()).isEqualTo(409);
        assertThat(again.body())
                .isEqualTo("{\"success\":false,\"error\":\"The consumer group is done with the message\"}");
        bridge.pop("doomed?consumerGroup=g");
        assertThat(post(path, "{'consumerGroup':'g','error':'why'}")
                        .get("consumerGroup")
                        .textValue())
                .isEqualTo("g");
        assertThat(list("queue=doomed&consumerGroup=g")
                        .at("/messages/0/errorMessage")
                        .textValue())
                .isEqualTo("why");
        assertThat(bridge.post(path.replace("/t/", "/none/"), "").statusCode()).isEqualTo(404);
    }
}
