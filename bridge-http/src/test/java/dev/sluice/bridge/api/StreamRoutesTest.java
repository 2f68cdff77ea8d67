package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
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

/** Stream processors over HTTP, with a database. */
class StreamRoutesTest {
    private static final String QUERIES = "/streams/v1/queries";
    private static final String CYCLE = "/streams/v1/cycle";
    private static final String STATE = "/streams/v1/state/get";
    private static final String DONE =
            "{ack_result: {count: int, dlq: bool, lease_released: bool, success: bool}, partition_id: uuid,"
                    + " push_results: [{index: int, message_id: uuid, partition_id: uuid, queueName: text, status: text,"
                    + " trace_id: null, transaction_id: text}], query_id: uuid, queueName: text, state_ops_applied: int,"
                    + " success: bool}";
    private static final String REFUSED = "{ack_result: null, error: text, partition_id: uuid, push_results: [],"
            + " query_id: uuid, queueName: %s, state_ops_applied: int, success: bool}";

    @TempDir
    private static Path directory;

    @AutoClose
    private static final TestPostgres postgres = TestPostgres.empty();

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
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return RunningBridge.json(answer.body());
    }

    private static void assertRefused(String path, String body, String error) {
        HttpResponse<String> answer = bridge.post(path, body.replace('\'', '"'));
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        assertThat(RunningBridge.json(answer.body()).get("error").textValue()).contains(error);
    }

    private static JsonNode register(String name, String hash, String more) {
        return post(QUERIES, "{'name':'" + name + "','source_queue':'in','config_hash':'" + hash + "'" + more + "}");
    }

    /** A query, and three messages of its queue under a lease. */
    private record Reading(String name, String query, String group, JsonNode popped) {
        static Reading of(String name) {
            String query = register(name, "h", "").get("query_id").textValue();
            String items = "";
            for (int i = 1; i <= 3; i++) {
                items += ",{\"queue\":\"" + name + "\",\"transactionId\":\"t" + i + "\",\"payload\":" + i + "}";
            }
            assertThat(bridge.push("{\"items\":[" + items.substring(1) + "]}").body())
                    .contains("\"queued\"");
            String group = "streams." + query;
            return new Reading(name, query, group, bridge.pop(name + "?batch=3&consumerGroup=" + group));
        }

        String partition() {
            return popped.get("partitionId").textValue();
        }

        String body(String more) {
            return "{'query_id':'" + query + "','partition_id':'" + partition() + "','consumer_group':'" + group + "'"
                    + more + "}";
        }

        String ack(String transactionId, String more) {
            return ",'ack':{'transactionId':'" + transactionId + "','leaseId':'"
                    + popped.get("leaseId").textValue() + "'" + more + "}";
        }

        JsonNode cycle(String more) {
            return post(CYCLE, body(more));
        }

        JsonNode state(String more) {
            return post(STATE, body(more)).get("rows");
        }
    }

    @Nested
    class Queries {
        @Test
        void areRegisteredAndFoundAgain() {
            JsonNode first = register("q-new", "h1", ",'sink_queue':'out'");
            assertThat(JsonShape.of(first))
                    .isEqualTo(
                            "{config_hash: text, fresh: bool, name: text, query_id: uuid, reset: bool, success: bool}");
            assertThat(first.get("fresh").booleanValue()).isTrue();
            assertThat(first.get("reset").booleanValue()).isFalse();
            assertThat(first.get("success").booleanValue()).isTrue();
            JsonNode second = register("q-new", "h1", ",'sink_queue':null,'reset':true");
            assertThat(second.get("query_id")).isEqualTo(first.get("query_id"));
            assertThat(second.get("fresh").booleanValue()).isFalse();
            assertThat(second.get("reset").booleanValue()).isFalse();
        }

        @Test
        void areNotMixedUpWithOnesThatComputeInAnotherWay() {
            JsonNode first = register("q-changed", "h1", "");
            HttpResponse<String> answer = bridge.post(
                    QUERIES, "{\"name\":\"q-changed\",\"source_queue\":\"in\",\"config_hash\":\"h2\",\"reset\":false}");
            assertThat(answer.statusCode()).isEqualTo(409);
            JsonNode mismatch = RunningBridge.json(answer.body());
            assertThat(JsonShape.of(mismatch)).isEqualTo("{error: text, name: text, query_id: uuid, success: bool}");
            assertThat(mismatch.get("error").textValue()).contains("config_hash mismatch");
            assertThat(mismatch.get("success").booleanValue()).isFalse();
            JsonNode reset = register("q-changed", "h2", ",'reset':true");
            assertThat(reset.get("reset").booleanValue()).isTrue();
            assertThat(reset.get("query_id")).isEqualTo(first.get("query_id"));
        }

        @Test
        void areRefusedForTheirForm() {
            assertRefused(QUERIES, "", "Empty request body");
            assertRefused(QUERIES, "{'source_queue':'q','config_hash':'h'}", "name is required");
            assertRefused(QUERIES, "{'name':'n','source_queue':'','config_hash':'h'}", "source_queue is required");
            assertRefused(QUERIES, "{'name':'n','source_queue':'q'}", "config_hash is required");
            assertRefused(QUERIES, "{'name':7,'source_queue':'q','config_hash':'h'}", "name must be a string");
            assertRefused(
                    QUERIES,
                    "{'name':'n','source_queue':'q','config_hash':'h','reset':1}",
                    "reset must be true or false");
            assertRefused(
                    QUERIES,
                    "{'name':'" + "n".repeat(256) + "','source_queue':'q','config_hash':'h'}",
                    "name must have at most 255");
        }
    }

    @Nested
    class Cycles {
        @Test
        void moveEverythingOnTogether() throws Exception {
            Reading reading = Reading.of("c-all");
            CompletableFuture<JsonNode> sink =
                    CompletableFuture.supplyAsync(() -> bridge.pop("c-all-out?wait=true&timeout=50000&batch=9"));
            JsonNode done = reading.cycle(",'state_ops':[{'type':'upsert','key':'sum','value':{ 'n' : 6.0 }},"
                    + "{'type':'delete','key':'none'}],'push_items':[{'queue':'c-all-out','payload':{ 'sum' : 6.0 },"
                    + "'transactionId':'o'}]" + reading.ack("t3", ",'status':'completed','count':3,'error':null"));
            assertThat(JsonShape.of(done)).isEqualTo(DONE);
            assertThat(done.get("success").booleanValue()).isTrue();
            assertThat(done.get("queueName").textValue()).isEqualTo("c-all");
            assertThat(done.get("state_ops_applied").intValue()).isEqualTo(2);
            assertThat(done.at("/push_results/0/status").textValue()).isEqualTo("queued");
            assertThat(done.get("ack_result").toString())
                    .isEqualTo("{\"success\":true,\"count\":3,\"lease_released\":true,\"dlq\":false}");
            assertThat(sink.get(55, TimeUnit.SECONDS).at("/messages/0/id"))
                    .isEqualTo(done.at("/push_results/0/message_id"));
            assertThat(postgres.query("select payload from sluice.messages where queue = 'c-all-out'"))
                    .containsExactly("{ \"sum\" : 6.0 }");
            assertThat(bridge.pop("c-all?consumerGroup=" + reading.group()).isEmpty())
                    .isTrue();
            assertThat(reading.state("")).hasSize(1);
        }

        @Test
        void happenOnceEvenIfRepeated() {
            Reading reading = Reading.of("c-again");
            String more = ",'state_ops':[{'type':'upsert','key':'k','value':1}],'push_items':[{'queue':'c-again-out'}]"
                    + reading.ack("t3", "");
            assertThat(reading.cycle(more).get("success").booleanValue()).isTrue();
            JsonNode again = reading.cycle(more.replace("'value':1", "'value':2"));
            assertThat(JsonShape.of(again)).isEqualTo(REFUSED.formatted("text"));
            assertThat(again.get("error").textValue()).isEqualTo("Invalid or expired lease");
            assertThat(reading.state("").at("/0/value").intValue()).isEqualTo(1);
            assertThat(postgres.query("select count(*) from sluice.messages where queue = 'c-again-out'"))
                    .containsExactly("1");
        }

        @Test
        void mayKeepTheLeaseAndSayWhatIsThere() {
            Reading reading = Reading.of("c-part");
            String push = ",'push_items':[{'queue':'c-part-out','transactionId':'once'}]";
            JsonNode first = reading.cycle(",'release_lease':false" + push + reading.ack("t1", ",'status':'success'"));
            assertThat(first.at("/ack_result/lease_released").booleanValue()).isFalse();
            assertThat(first.at("/ack_result/count").intValue()).isEqualTo(1);
            JsonNode second = reading.cycle(push + reading.ack("t2", ""));
            assertThat(second.at("/push_results/0/status").textValue()).isEqualTo("duplicate");
            assertThat(second.at("/push_results/0/message_id")).isEqualTo(first.at("/push_results/0/message_id"));
            assertThat(second.at("/ack_result/lease_released").booleanValue()).isTrue();
            JsonNode rest = bridge.pop("c-part?batch=9&consumerGroup=" + reading.group());
            assertThat(rest.findValuesAsText("transactionId")).containsExactly("t3");
        }

        @Test
        void wakeThoseWhoWaitForALeaseToEnd() throws Exception {
            Reading reading = Reading.of("c-wake");
            CompletableFuture<JsonNode> waiting = CompletableFuture.supplyAsync(
                    () -> bridge.pop("c-wake?wait=true&timeout=50000&consumerGroup=" + reading.group()));
            reading.cycle(reading.ack("t2", ""));
            assertThat(waiting.get(55, TimeUnit.SECONDS)
                            .at("/messages/0/transactionId")
                            .textValue())
                    .isEqualTo("t3");
        }

        @Test
        void makeDeadLetters() {
            Reading reading = Reading.of("c-dead");
            JsonNode done = reading.cycle(reading.ack("t2", ",'status':'dlq','error':'poison'"));
            assertThat(done.get("push_results")).isEmpty();
            assertThat(done.at("/ack_result/dlq").booleanValue()).isTrue();
            JsonNode letters =
                    RunningBridge.json(bridge.get("/api/v1/dlq?queue=c-dead").body());
            assertThat(letters.at("/messages/0/errorMessage").textValue()).isEqualTo("poison");
            assertThat(letters.at("/messages/0/transactionId").textValue()).isEqualTo("t2");
        }

        @Test
        void mayDoNothing() {
            Reading reading = Reading.of("c-null");
            JsonNode done = reading.cycle(",'state_ops':null,'push_items':null,'ack':null,'release_lease':null");
            assertThat(JsonShape.of(done))
                    .isEqualTo("{ack_result: null, partition_id: uuid, push_results: [], query_id: uuid,"
                            + " queueName: text, state_ops_applied: int, success: bool}");
        }

        @Test
        void changeNothingWhenAPartCannotBe() {
            Reading reading = Reading.of("c-none");
            String state = ",'state_ops':[{'type':'upsert','key':'k','value':1}]";
            for (var each : Map.of(
                            state.replace("]", ",{'type':'append','key':'k'}]"),
                            "Unknown state operation: append",
                            state + reading.ack("t9", ""),
                            "Message not found",
                            state + reading.ack("t1", "").replaceAll("'leaseId':'[^']*'", "'leaseId':'x'"),
                            "Invalid or expired lease",
                            state + reading.ack("t1", ",'status':'retry'"),
                            "Unknown ack status: retry",
                            state + reading.ack("t1", ",'status':'maybe'"),
                            "Unknown ack status")
                    .entrySet()) {
                JsonNode refused = reading.cycle(each.getKey());
                assertThat(refused.get("success").booleanValue()).isFalse();
                assertThat(refused.get("error").textValue()).isEqualTo(each.getValue());
                assertThat(refused.get("state_ops_applied").intValue()).isZero();
            }
            for (var each : Map.of("query_id", "Query not found", "partition_id", "Partition not found")
                    .entrySet()) {
                String body = reading.body(state)
                        .replaceAll(
                                "'" + each.getKey() + "':'[^']*'",
                                "'" + each.getKey() + "':'" + UUID.randomUUID() + "'");
                JsonNode refused = post(CYCLE, body);
                assertThat(JsonShape.of(refused)).isEqualTo(REFUSED.formatted("null"));
                assertThat(refused.get("error").textValue()).isEqualTo(each.getValue());
            }
            assertThat(reading.state("")).isEmpty();
        }

        @Test
        void areRefusedForTheirForm() {
            Reading reading = Reading.of("c-form");
            assertRefused(CYCLE, "", "Empty request body");
            assertRefused(CYCLE, "[]", "query_id is required");
            assertRefused(CYCLE, "{'query_id':'" + reading.query() + "'}", "partition_id is required");
            assertRefused(CYCLE, "{'query_id':'x'}", "query_id is required and must be a UUID");
            assertRefused(CYCLE, reading.body(",'state_ops':{}"), "state_ops must be an array");
            assertRefused(CYCLE, reading.body(",'state_ops':[1]"), "state_ops must be objects, operation 0 is not");
            assertRefused(CYCLE, reading.body(",'state_ops':[{'type':'upsert'}]"), "key must be a string");
            assertRefused(
                    CYCLE,
                    reading.body(",'state_ops':[{'type':'upsert','key':'" + "k".repeat(513) + "'}]"),
                    "key must have at most 512 characters");
            assertRefused(CYCLE, reading.body(",'push_items':7"), "push_items array is required");
            assertRefused(CYCLE, reading.body(",'push_items':[{}]"), "item 0: Queue must be a string");
            assertRefused(CYCLE, reading.body(",'ack':7"), "ack must be an object");
            assertRefused(CYCLE, reading.body(",'ack':{}"), "transactionId is required");
            assertRefused(CYCLE, reading.body(reading.ack("t1", ",'count':-1")), "count must be a whole number");
            assertRefused(CYCLE, reading.body(",'release_lease':0"), "release_lease must be true or false");
            String operation = "{'type':'delete','key':'k'}";
            String three = operation + "," + operation + "," + operation;
            assertThat(reading.cycle(",'state_ops':[" + three + "]")
                            .get("success")
                            .booleanValue())
                    .isTrue();
            assertRefused(
                    CYCLE,
                    reading.body(",'state_ops':[" + three + "," + operation + "]"),
                    "state_ops must be at most 3 (http.max.items)");
        }

        @Test
        void changeNothingIfAQueueIsFull() {
            Reading reading = Reading.of("c-full");
            post("/api/v1/configure", "{'queue':'c-full','options':{'maxSize':1}}");
            HttpResponse<String> answer = bridge.post(
                    CYCLE,
                    reading.body(",'push_items':[{'queue':'c-full'}]" + reading.ack("t1", ""))
                            .replace('\'', '"'));
            assertThat(answer.statusCode()).isEqualTo(429);
            assertThat(reading.cycle(reading.ack("t1", "")).get("success").booleanValue())
                    .isTrue();
        }
    }

    @Nested
    class State {
        @Test
        void comesByKeyAndInParts() {
            Reading reading = Reading.of("s-parts");
            reading.cycle(",'state_ops':[{'type':'upsert','key':'w:2','value':{'windowEnd':20,'n':[1.50,null]}},"
                    + "{'type':'upsert','key':'w:1','value':{'windowEnd':5,'windowEnd':1e1}},"
                    + "{'type':'upsert','key':'other','value':{'windowEnd':'5'}}]");
            JsonNode all = post(STATE, reading.body(",'keys':[]"));
            assertThat(JsonShape.of(all))
                    .isEqualTo("{rows: [{key: text, updated_at: time, value: {windowEnd: text}}], success: bool}");
            assertThat(all.findValuesAsText("key")).containsExactly("other", "w:1", "w:2");
            String one = reading.body(",'keys':['w:2','none']").replace('\'', '"');
            assertThat(bridge.post(STATE, one).body()).contains("\"value\":{\"windowEnd\":20,\"n\":[1.50,null]}");
            assertThat(reading.state(",'key_prefix':'w:'")).hasSize(2);
            assertThat(reading.state(",'ripe_at_or_before':10").findValuesAsText("key"))
                    .containsExactly("w:1");
            assertThat(reading.state(",'ripe_at_or_before':9.99,'keys':null")).isEmpty();
            assertThat(reading.state(",'ripe_at_or_before':20,'key_prefix':'w:2','keys':['w:1','w:2']"))
                    .hasSize(1);
        }

        @Test
        void isEmptyWhereThereIsNone() {
            Reading reading = Reading.of("s-none");
            String other =
                    reading.body("").replace(reading.query(), UUID.randomUUID().toString());
            assertThat(post(STATE, other).toString()).isEqualTo("{\"success\":true,\"rows\":[]}");
        }

        @Test
        void isRefusedForItsForm() {
            Reading reading = Reading.of("s-form");
            assertRefused(STATE, "{}", "query_id is required");
            assertRefused(
                    STATE, "{'query_id':'" + reading.query() + "','partition_id':'x'}", "partition_id is required");
            assertRefused(STATE, reading.body(",'keys':'k'"), "keys must be an array");
            assertRefused(STATE, reading.body(",'keys':[1]"), "keys must be strings");
            assertRefused(STATE, reading.body(",'keys':['1','2','3','4']"), "keys must be at most 3 (http.max.items)");
            assertRefused(STATE, reading.body(",'key_prefix':1"), "key_prefix must be a string");
            assertRefused(STATE, reading.body(",'ripe_at_or_before':'1'"), "ripe_at_or_before must be a number");
        }
    }
}
