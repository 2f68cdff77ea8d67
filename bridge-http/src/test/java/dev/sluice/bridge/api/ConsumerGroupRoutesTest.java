package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The routes about consumer groups, over HTTP and with a database. Each test has queues and groups of its own. */
class ConsumerGroupRoutesTest {
    private static final String GROUPS = "/api/v1/consumer-groups";

    @TempDir
    private static Path directory;

    @AutoClose
    private static final TestPostgres postgres = TestPostgres.withSchema();

    private static RunningBridge bridge;

    @BeforeAll
    static void start() {
        bridge = RunningBridge.start(postgres.url(), directory);
        // Before any group is made.
        assertThat(bridge.get(GROUPS).body()).isEqualTo("[]");
        assertThat(bridge.get(GROUPS + "/lagging").body()).isEqualTo("[]");
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
        return ok(bridge.post(GROUPS + path, body.replace('\'', '"')));
    }

    private static void assertRefused(HttpResponse<String> answer, String error) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        assertThat(RunningBridge.json(answer.body()).get("error").textValue()).contains(error);
    }

    /** Pushes messages, has a group read the first of each partition, and returns the number of partitions. */
    private static void readFirst(String queue, String group, String... partitions) {
        for (String partition : partitions) {
            assertThat(bridge.push("""
                    {"items":[{"queue":"%s","partition":"%s","payload":1},{"queue":"%1$s","partition":"%2$s","payload":2}]}""".formatted(queue, partition)).body()).contains("\"queued\"");
            JsonNode popped = bridge.pop(queue + "/partition/" + partition + "?consumerGroup=" + group);
            assertThat(bridge.acknowledge(popped).get(0).get("success").booleanValue())
                    .isTrue();
        }
    }

    private static JsonNode row(JsonNode rows, String queue) {
        for (JsonNode row : rows) {
            if (row.path("queueName").asText().equals(queue)
                    || row.path("queue_name").asText().equals(queue)) {
                return row;
            }
        }
        throw new AssertionError(queue + " is not in " + rows);
    }

    @Test
    void theListHasARowForEachGroupAndQueue() {
        readFirst("list-q", "list-g", "a", "b");
        JsonNode row = row(ok(bridge.get(GROUPS)), "list-q");
        assertThat(JsonShape.of(row))
                .isEqualTo(
                        "{maxTimeLag: int, members: int, name: text, partitionsWithLag: int, queueName: text, state: text,"
                                + " subscriptionCreatedAt: time, subscriptionMode: text, subscriptionTimestamp: null, topics: [text],"
                                + " totalLag: int}");
        assertThat(row.get("name").textValue()).isEqualTo("list-g");
        assertThat(row.at("/topics/0").textValue()).isEqualTo("list-q");
        assertThat(row.get("members").intValue()).isEqualTo(2);
        assertThat(row.get("partitionsWithLag").intValue()).isEqualTo(2);
        assertThat(row.get("totalLag").intValue()).isEqualTo(2);
        assertThat(row.get("state").textValue()).isEqualTo("Stable");
    }

    @Test
    void aGroupIsDeadBeforeItReadsAndLaggingWhenItIsLate() {
        assertThat(bridge.push(
                                "{\"items\":[{\"queue\":\"state-q\",\"payload\":1},{\"queue\":\"state-q\",\"payload\":2}]}")
                        .body())
                .contains("\"queued\"");
        JsonNode popped = bridge.pop("state-q?consumerGroup=state-g");
        assertThat(row(ok(bridge.get(GROUPS)), "state-q").get("state").textValue())
                .isEqualTo("Dead");
        bridge.acknowledge(popped);
        assertThat(row(ok(bridge.get(GROUPS)), "state-q").get("state").textValue())
                .isEqualTo("Stable");
        age("state-q", "301 seconds");
        JsonNode late = row(ok(bridge.get(GROUPS)), "state-q");
        assertThat(late.get("state").textValue()).isEqualTo("Lagging");
        assertThat(late.get("maxTimeLag").intValue()).isGreaterThanOrEqualTo(301);
    }

    private static void age(String queue, String by) {
        postgres.execute(
                "update sluice.segments set created_at = created_at - interval '" + by + "' where partition_id in"
                        + " (select p.id from sluice.partitions p join sluice.queues q on q.id = p.queue_id where q.name = '"
                        + queue
                        + "')");
    }

    @Test
    void laggingShowsWhereAGroupIsLate() {
        readFirst("late-q", "late-g", "a");
        age("late-q", "90 minutes");
        JsonNode row = row(ok(bridge.get(GROUPS + "/lagging")), "late-q");
        assertThat(JsonShape.of(row))
                .isEqualTo("{consumer_group: text, lag_hours: number, last_consumed_at: time, offset_lag: int,"
                        + " oldest_unconsumed_at: time, partition_id: uuid, partition_name: text, queue_name: text,"
                        + " time_lag_seconds: int, worker_id: null}");
        assertThat(row.get("offset_lag").intValue()).isEqualTo(1);
        assertThat(row.get("lag_hours").doubleValue()).isBetween(1.5, 1.6);
        assertThat(ok(bridge.get(GROUPS + "/lagging?minLagSeconds=86400"))).isEmpty();
        assertThat(ok(bridge.get(GROUPS + "/lagging?minLagSeconds=1&limit=0"))).isEmpty();
        for (String wrong : new String[] {"soon", "-1", "2147483648"}) {
            assertRefused(
                    bridge.get(GROUPS + "/lagging?minLagSeconds=" + wrong), "minLagSeconds must be a whole number");
        }
    }

    @Test
    void theDetailsAreByQueue() {
        readFirst("detail-q", "detail-g", "a");
        bridge.pop("detail-q?consumerGroup=detail-g");
        JsonNode answer = ok(bridge.get(GROUPS + "/detail-g"));
        assertThat(JsonShape.of(answer))
                .isEqualTo(
                        "{detail-q: {partitions: [{lastConsumedAt: time, leaseActive: bool, offsetLag: int, partition: text,"
                                + " timeLagSeconds: int, totalConsumed: int, workerId: uuid}]}}");
        JsonNode partition = answer.at("/detail-q/partitions/0");
        assertThat(partition.get("leaseActive").booleanValue()).isTrue();
        assertThat(partition.get("offsetLag").intValue()).isEqualTo(1);
        assertThat(partition.get("totalConsumed").intValue()).isEqualTo(1);
        assertThat(bridge.get(GROUPS + "/nobody").body()).isEqualTo("{}");
    }

    @Test
    void aGroupIsDeletedOnAllQueuesOrOne() {
        readFirst("del-1", "del-g", "a", "b");
        readFirst("del-2", "del-g", "a");
        JsonNode one = ok(bridge.delete(GROUPS + "/del-g/queues/del-1"));
        assertThat(one)
                .isEqualTo(RunningBridge.json("{\"success\":true,\"consumerGroup\":\"del-g\",\"queueName\":\"del-1\","
                        + "\"deletedPartitions\":2,\"metadataDeleted\":true}"));
        JsonNode rest = ok(bridge.delete(GROUPS + "/del-g?deleteMetadata=true"));
        assertThat(rest)
                .isEqualTo(RunningBridge.json("{\"success\":true,\"consumerGroup\":\"del-g\","
                        + "\"deletedPartitions\":1,\"metadataDeleted\":true}"));
        assertThat(ok(bridge.delete(GROUPS + "/del-g")).get("deletedPartitions").intValue())
                .isZero();
        assertThat(ok(bridge.get(GROUPS + "/del-g"))).isEmpty();
    }

    @Test
    void withoutItsMetadataAGroupStartsAgain() {
        readFirst("again-q", "again-g", "a");
        JsonNode answer = ok(bridge.delete(GROUPS + "/again-g?deleteMetadata=false"));
        assertThat(answer.get("metadataDeleted").booleanValue()).isFalse();
        assertThat(answer.get("deletedPartitions").intValue()).isEqualTo(1);
        assertThat(bridge.pop("again-q?consumerGroup=again-g&batch=5").get("messages"))
                .hasSize(2);
    }

    @Test
    void aSubscriptionIsChangedWhereItIs() {
        readFirst("sub-q", "sub-g", "a");
        JsonNode answer = post("/sub-g/subscription", "{'subscriptionTimestamp':'2026-05-16T12:00:00+02:00'}");
        assertThat(answer)
                .isEqualTo(RunningBridge.json("{\"success\":true,\"consumerGroup\":\"sub-g\","
                        + "\"newTimestamp\":\"2026-05-16T10:00:00.000Z\",\"rowsUpdated\":1}"));
        JsonNode row = row(ok(bridge.get(GROUPS)), "sub-q");
        assertThat(row.get("subscriptionTimestamp").textValue()).isEqualTo("2026-05-16T10:00:00.000Z");
        assertThat(row.get("subscriptionMode").textValue()).isEqualTo("timestamp");
        assertThat(post("/nobody/subscription", "{'subscriptionTimestamp':'2026-05-16T10:00:00Z'}")
                        .get("rowsUpdated")
                        .intValue())
                .isZero();
        assertRefused(bridge.post(GROUPS + "/sub-g/subscription", "{}"), "subscriptionTimestamp is required");
        assertRefused(
                bridge.post(GROUPS + "/sub-g/subscription", "{\"subscriptionTimestamp\":\"+10000-01-01T00:00:00Z\"}"),
                "in the years 1 to 9999");
    }

    @Test
    void aGroupGoesToTheEndAndBackInTime() {
        readFirst("seek-q", "seek-g", "a", "b");
        JsonNode end = post("/seek-g/queues/seek-q/seek", "{'toEnd':true}");
        assertThat(end)
                .isEqualTo(RunningBridge.json("{\"success\":true,\"consumerGroup\":\"seek-g\",\"queueName\":\"seek-q\","
                        + "\"seekToEnd\":true,\"targetTimestamp\":null,\"partitionsUpdated\":2}"));
        assertThat(bridge.pop("seek-q?consumerGroup=seek-g").isEmpty()).isTrue();
        String hourAgo = Instant.now().minus(Duration.ofHours(1)).toString();
        JsonNode back = post("/seek-g/queues/seek-q/seek", "{'timestamp':'" + hourAgo + "'}");
        assertThat(JsonShape.of(back))
                .isEqualTo(
                        "{consumerGroup: text, partitionsUpdated: int, queueName: text, seekToEnd: bool, success: bool,"
                                + " targetTimestamp: time}");
        assertThat(bridge.pop("seek-q?consumerGroup=seek-g&batch=9&partitions=9")
                        .get("messages"))
                .hasSize(4);
        for (String neither : new String[] {"{}", "{'toEnd':false}", "{'toEnd':true,'timestamp':'" + hourAgo + "'}"}) {
            assertRefused(
                    bridge.post(GROUPS + "/seek-g/queues/seek-q/seek", neither.replace('\'', '"')),
                    "either \"toEnd\": true or a timestamp is required");
        }
        assertThat(post("/nobody/queues/seek-q/seek", "{'toEnd':true}")
                        .get("partitionsUpdated")
                        .intValue())
                .isZero();
    }

    @Test
    void aPartitionGoesToItsEnd() {
        readFirst("part-q", "part-g", "a", "b");
        String path = GROUPS + "/part-g/queues/part-q/partitions/a/seek";
        JsonNode answer = ok(bridge.post(path, ""));
        assertThat(answer)
                .isEqualTo(RunningBridge.json("{\"success\":true,\"consumerGroup\":\"part-g\",\"queueName\":\"part-q\","
                        + "\"partitionName\":\"a\",\"seekToEnd\":true,\"targetTimestamp\":null,"
                        + "\"updated\":true,\"cursorMovedTo\":2}"));
        assertThat(bridge.pop("part-q?consumerGroup=part-g&batch=9&partitions=9")
                        .get("messages"))
                .hasSize(1);
        JsonNode back = ok(bridge.post(path + "?timestamp=2000-01-01", ""));
        assertThat(back.get("targetTimestamp").asText()).isEqualTo("2000-01-01T00:00:00.000Z");
        assertThat(back.get("cursorMovedTo").intValue()).isZero();
        assertThat(ok(bridge.post(path, "{\"toEnd\":true}"))
                        .get("cursorMovedTo")
                        .intValue())
                .isEqualTo(2);
        assertThat(ok(bridge.post(path, "{\"timestamp\":0}"))
                        .get("cursorMovedTo")
                        .intValue())
                .isZero();
        assertRefused(
                bridge.post(path + "?toEnd=true", "{\"timestamp\":0}"),
                "either \"toEnd\": true or a timestamp is required, once");
        assertRefused(
                bridge.post(path + "?toEnd=true&timestamp=0", ""),
                "either \"toEnd\": true or a timestamp is required, not both");
        JsonNode stranger = ok(bridge.post(path.replace("part-g", "nobody"), ""));
        assertThat(stranger.get("updated").booleanValue()).isFalse();
        assertThat(stranger.get("cursorMovedTo").isNull()).isTrue();
        HttpResponse<String> unknown = bridge.post(path.replace("/a/", "/none/"), "");
        assertThat(unknown.statusCode()).isEqualTo(404);
        assertThat(unknown.body()).isEqualTo("{\"success\":false,\"error\":\"Partition not found\"}");
    }

    @Test
    void aSeekWakesThoseWhoWait() throws Exception {
        readFirst("wait-q", "wait-g", "a");
        post("/wait-g/queues/wait-q/seek", "{'toEnd':true}");
        CompletableFuture<JsonNode> waiting = CompletableFuture.supplyAsync(
                () -> bridge.pop("wait-q?consumerGroup=wait-g&batch=9&wait=true&timeout=50000"));
        post("/wait-g/queues/wait-q/seek", "{'timestamp':'2000-01-01T00:00:00Z'}");
        assertThat(waiting.get(55, TimeUnit.SECONDS).get("messages")).hasSize(2);
    }
}
