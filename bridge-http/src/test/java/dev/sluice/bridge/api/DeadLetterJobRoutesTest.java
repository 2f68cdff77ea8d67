package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.security.TestTokens;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The routes of dead letters in bulk, over HTTP, with two bridges on one database. Each test has queues of its own. */
class DeadLetterJobRoutesTest {
    private static final String GROUPS = "/api/v1/dlq/groups";
    private static final String JOBS = "/api/v1/dlq/jobs";

    @TempDir
    private static Path directory;

    @AutoClose
    private static final TestPostgres postgres = TestPostgres.withSchema();

    private static RunningBridge bridge;
    private static RunningBridge other;

    @BeforeAll
    static void start() {
        bridge = RunningBridge.start(postgres.url(), directory.resolve("one"));
        other = RunningBridge.start(postgres.url(), directory.resolve("two"));
    }

    @AfterAll
    static void stop() {
        other.close();
        bridge.close();
    }

    private static JsonNode json(HttpResponse<String> answer, int status) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        return RunningBridge.json(answer.body());
    }

    private static JsonNode create(String body) {
        return json(bridge.post(JOBS, body.replace('\'', '"')), 202);
    }

    private static void assertRefused(String body, String error) {
        JsonNode answer = json(bridge.post(JOBS, body.replace('\'', '"')), 400);
        assertThat(answer.get("error").textValue()).contains(error);
    }

    /** Makes dead letters of the default group, with the error {@code Timeout after NUMBER ms}. */
    private static void bury(String queue, int count) {
        for (int i = 1; i <= count; i++) {
            bridge.push("{\"items\":[{\"queue\":\"" + queue + "\",\"transactionId\":\"t" + i + "\",\"payload\":" + i
                    + "}]}");
            JsonNode popped = bridge.pop(queue);
            JsonNode message = popped.at("/messages/0");
            HttpResponse<String> acknowledged = bridge.post("/api/v1/ack", """
                    {"transactionId":"%s","partitionId":"%s","leaseId":"%s","status":"dlq","error":"Timeout after %d ms"}""".formatted(
                            message.get("transactionId").textValue(),
                            popped.get("partitionId").textValue(),
                            popped.get("leaseId").textValue(),
                            i));
            assertThat(acknowledged.body()).contains("\"dlq\":true");
        }
    }

    private static JsonNode untilEnded(RunningBridge of, JsonNode job) {
        String path = JOBS + "/" + job.get("jobId");
        await().atMost(Duration.ofSeconds(30))
                .pollInterval(Duration.ofMillis(20))
                .until(() -> !json(of.get(path), 200).get("finishedAt").isNull());
        return json(of.get(path), 200);
    }

    @Test
    void groupsCountByShapeOfError() {
        bury("grouped", 3);
        JsonNode answer = json(bridge.get(GROUPS + "?queue=grouped"), 200);
        assertThat(answer.get("total").intValue()).isEqualTo(3);
        assertThat(answer.get("groupCount").intValue()).isEqualTo(1);
        JsonNode group = answer.at("/groups/0");
        assertThat(group.get("shape").textValue()).isEqualTo("Timeout after # ms");
        assertThat(group.get("count").intValue()).isEqualTo(3);
        assertThat(group.at("/example/errorMessage").textValue()).isEqualTo("Timeout after 3 ms");
        // The shape is a filter of the list.
        String shape = group.get("shapeId").textValue();
        assertThat(json(bridge.get("/api/v1/dlq?queue=grouped&shape=" + shape), 200)
                        .get("total")
                        .intValue())
                .isEqualTo(3);
        assertThat(json(bridge.get("/api/v1/dlq?queue=grouped&shape=0000000000000000"), 200)
                        .get("total")
                        .intValue())
                .isZero();
        assertThat(json(bridge.get(GROUPS + "?namespace=grouped&by=queue&sort=last&text="), 200)
                        .at("/groups/0/shapeId")
                        .isNull())
                .isTrue();
        for (String wrong : new String[] {"by=x", "sort=x", "from=yesterday"}) {
            assertThat(bridge.get(GROUPS + "?" + wrong).statusCode()).as(wrong).isEqualTo(400);
        }
        assertThat(bridge.get("/api/v1/dlq?shape=12").statusCode()).isEqualTo(400);
    }

    @Test
    void aJobMovesLettersAndWakesPopsOnBothBridges() throws Exception {
        bury("moved", 5);
        CompletableFuture<JsonNode> waiting =
                CompletableFuture.supplyAsync(() -> other.pop("moved?wait=true&timeout=50000"));
        JsonNode job = create("{'action':'redrive','filter':{'queue':'moved'}}");
        assertThat(job.get("total").intValue()).isEqualTo(5);
        JsonNode done = untilEnded(other, job);
        assertThat(done.get("state").textValue()).isEqualTo("completed");
        assertThat(done.get("moved").intValue()).isEqualTo(5);
        assertThat(done.get("done").intValue()).isEqualTo(5);
        assertThat(waiting.get(55, TimeUnit.SECONDS)
                        .at("/messages/0/transactionId")
                        .textValue())
                .startsWith("dlq:");
        JsonNode listed = json(other.get(JOBS + "?limit=1000"), 200);
        assertThat(listed.findValuesAsText("jobId")).contains(job.get("jobId").asText());
    }

    @Test
    void aDryRunOnlyCounts() {
        bury("counted", 2);
        JsonNode answer = json(
                bridge.post(JOBS, "{\"action\":\"delete\",\"filter\":{\"queue\":\"counted\"},\"dryRun\":true}"), 200);
        assertThat(answer).isEqualTo(RunningBridge.json("{\"dryRun\":true,\"action\":\"delete\",\"total\":2}"));
        assertThat(json(bridge.get("/api/v1/dlq?queue=counted"), 200)
                        .get("total")
                        .intValue())
                .isEqualTo(2);
    }

    @Test
    void aSlowJobIsCancelledAtTheOtherBridge() {
        bury("slow", 5);
        JsonNode job = create("{'action':'delete','filter':{'queue':'slow'},'rate':1}");
        String path = JOBS + "/" + job.get("jobId");
        await().atMost(Duration.ofSeconds(30))
                .until(() -> json(other.get(path), 200).get("deleted").intValue() > 0);
        json(other.post(path + "/cancel", ""), 200);
        JsonNode ended = untilEnded(bridge, job);
        assertThat(ended.get("state").textValue()).isEqualTo("cancelled");
        assertThat(json(bridge.get("/api/v1/dlq?queue=slow"), 200).get("total").intValue())
                .isEqualTo(5 - ended.get("deleted").intValue());
    }

    /** The bridge that runs the job gives it back when it stops. */
    @Test
    void aJobGoesOnWhenItsBridgeStops() {
        try (TestPostgres own = TestPostgres.withSchema()) {
            own.execute("insert into sluice.queues (name) values ('q');"
                    + " insert into sluice.partitions (queue_id, name) select id, 'p' from sluice.queues;"
                    + " insert into sluice.dead_letters (queue_id, partition_id, partition_name, seq, group_name,"
                    + " message_id, transaction_id, payload, error, retries, created_at)"
                    + " select p.queue_id, p.id, 'p', n, 'g', gen_random_uuid(), 't' || n, '1', 'e', 0, now()"
                    + " from sluice.partitions p, generate_series(1, 12) n");
            JsonNode job;
            try (RunningBridge first = RunningBridge.start(own.url(), directory.resolve("first"))) {
                job = json(first.post(JOBS, "{\"action\":\"redrive\",\"all\":true,\"rate\":4}"), 202);
                String path = JOBS + "/" + job.get("jobId");
                await().atMost(Duration.ofSeconds(30))
                        .until(() -> json(first.get(path), 200).get("moved").intValue() > 0);
            }
            try (RunningBridge second = RunningBridge.start(own.url(), directory.resolve("second"))) {
                JsonNode done = untilEnded(second, job);
                assertThat(done.get("moved").intValue()).isEqualTo(12);
                assertThat(json(second.get(GROUPS), 200).get("withoutShape").intValue())
                        .isZero();
            }
            assertThat(own.query("select count(*), count(distinct transaction_id) from sluice.messages"))
                    .containsExactly("12|12");
        }
    }

    @Test
    void aJobSaysWhatItIsAbout() {
        assertRefused("{'action':'redrive'}", "one of an ids array");
        assertRefused("{'action':'redrive','filter':{}}", "say \"all\": true");
        assertRefused("{'all':true}", "action is required");
        assertRefused("{'action':'x','all':true}", "action must be redrive or delete");
        assertRefused("{'action':'delete','all':true,'targetQueue':'q'}", "targetQueue has no use");
        assertRefused("{'action':'redrive','all':true,'rate':0}", "rate must be a whole number from 1 to 100000");
        assertRefused("{'action':'redrive','all':true,'rate':100001}", "rate must be a whole number from 1 to 100000");
        assertRefused("{'action':'redrive','ids':[" + "1,".repeat(10_000) + "1]}", "ids must be at most 10000");
        assertThat(create("{'action':'redrive','ids':[" + "1,".repeat(9_999) + "1],'rate':100000}")
                        .get("ids")
                        .intValue())
                .isEqualTo(1);
        JsonNode missing =
                json(bridge.post(JOBS, "{\"action\":\"redrive\",\"all\":true,\"targetQueue\":\"nowhere\"}"), 404);
        assertThat(missing.get("error").textValue()).isEqualTo("queue nowhere does not exist");
        assertThat(bridge.get(JOBS + "/999999").statusCode()).isEqualTo(404);
        assertThat(bridge.post(JOBS + "/999999/cancel", "").statusCode()).isEqualTo(404);
        assertThat(bridge.get(JOBS + "/x").statusCode()).isEqualTo(400);
    }

    /** To move letters back takes the role that pushes, to delete them that of an administrator. */
    @Test
    void aJobThatDeletesNeedsAnAdministrator() {
        try (RunningBridge guarded = RunningBridge.start(
                postgres.url(),
                directory.resolve("guarded"),
                Map.of("auth.jwt.enabled", "true", "auth.jwt.secret", TestTokens.SECRET))) {
            String redrive = "{\"action\":\"redrive\",\"ids\":[999999]}";
            String delete = "{\"action\":\"delete\",\"ids\":[999999]}";
            assertThat(status(guarded, "read-only", redrive)).isEqualTo(403);
            assertThat(status(guarded, "read-write", redrive)).isEqualTo(202);
            assertThat(status(guarded, "read-write", delete)).isEqualTo(403);
            assertThat(status(guarded, "admin", delete)).isEqualTo(202);
            assertThat(postgres.query(
                            "select action, created_by from sluice.dead_letter_jobs where letters = '{999999}'"
                                    + " order by id"))
                    .containsExactly("redrive|ann", "delete|ann");
        }
    }

    private static int status(RunningBridge guarded, String role, String body) {
        String token = TestTokens.hs256(
                TestTokens.claims()
                        .put("sub", "ann")
                        .put("role", role)
                        .put("exp", Instant.now().getEpochSecond() + 3600),
                TestTokens.SECRET);
        return guarded.post(JOBS, body, "Authorization", "Bearer " + token).statusCode();
    }
}
