package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The {@code priority} of an item of a push counts in queues of works, and in queues that are configured so. */
class ItemPriorityTest {
    @AutoClose
    private static final TestPostgres postgres = TestPostgres.withSchema();

    private static RunningBridge bridge;

    @BeforeAll
    static void start(@TempDir Path directory) {
        bridge = RunningBridge.start(postgres.url(), directory);
    }

    @AfterAll
    static void stop() {
        bridge.close();
    }

    private static String item(String queue, String id, String rest) {
        return "{\"queue\":\"" + queue + "\",\"transactionId\":\"" + id + "\",\"payload\":\"" + id + "\"" + rest + "}";
    }

    private static JsonNode push(String... items) {
        HttpResponse<String> answer = bridge.push("{\"items\":[" + String.join(",", items) + "]}");
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(201);
        return RunningBridge.json(answer.body());
    }

    private static void configure(String queue, String options) {
        HttpResponse<String> answer =
                bridge.post("/api/v1/configure", "{\"queue\":\"" + queue + "\",\"options\":" + options + "}");
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    }

    private static List<String> partitions(String queue) {
        return postgres.query("select p.name, p.lane from sluice.partitions p join sluice.queues q on q.id = p.queue_id"
                + " where q.name = '" + queue + "' and p.head > 0 order by p.name");
    }

    private static List<String> popAll(String queue) {
        var order = new ArrayList<String>();
        while (true) {
            HttpResponse<String> popped = bridge.get("/api/v1/pop/queue/" + queue + "?batch=1&autoAck=true&wait=false");
            JsonNode messages = popped.statusCode() == 204
                    ? null
                    : RunningBridge.json(popped.body()).get("messages");
            if (messages == null || messages.isEmpty()) {
                return order;
            }
            messages.forEach(message -> order.add(message.get("data").asText()));
        }
    }

    @Test
    void anItemForAQueueOfWorksWithoutAPartitionGoesToAPartitionOfItsLane() {
        push(
                item("work.mail", "1", ",\"priority\":\"low\""),
                item("work.mail", "2", ",\"priority\":\"critical\""),
                item("work.mail", "3", ",\"priority\":\"HIGH\""),
                item("work.mail", "4", ",\"priority\":\"normal\""),
                item("work.mail", "5", ",\"priority\":null"),
                item("work.mail", "6", ""));
        assertThat(partitions("work.mail"))
                .containsExactlyInAnyOrder("~low.00|3", "~critical.00|0", "~high.00|1", "~normal.00|2", "Default|2");
        assertThat(popAll("work.mail").subList(0, 2)).containsExactly("2", "3");
    }

    @Test
    void anItemWithAPartitionRaisesItAndTheOrderOfThePartitionHolds() {
        push(item("work.keyed", "first", ",\"partition\":\"k\",\"priority\":\"low\""));
        push(item("work.keyed", "other", ""));
        push(item("work.keyed", "urgent", ",\"partition\":\"k\",\"priority\":\"critical\""));
        push(item("work.keyed", "last", ",\"partition\":\"k\",\"priority\":\"low\""));
        assertThat(popAll("work.keyed")).containsExactly("first", "urgent", "other", "last");
    }

    @Test
    void onAPlainQueueAPriorityChangesNothing() {
        push(item("plain", "1", ",\"priority\":\"low\""));
        push(item("plain", "2", ",\"priority\":\"critical\""));
        push(item("plain", "3", ",\"partition\":\"k\",\"priority\":\"critical\""));
        assertThat(partitions("plain")).containsExactlyInAnyOrder("Default|2", "k|2");
        assertThat(popAll("plain")).hasSize(3).containsSubsequence("1", "2");
    }

    @Test
    void withTheOptionItCountsOnAPlainQueueToo() {
        configure("lanes", "{\"itemPriority\":true}");
        push(item("lanes", "low", ",\"priority\":\"low\""));
        push(item("lanes", "usual", ""));
        push(item("lanes", "high", ",\"priority\":\"high\""));
        push(item("lanes", "key-low", ",\"partition\":\"k\",\"priority\":\"low\""));
        push(item("lanes", "key-critical", ",\"partition\":\"k\",\"priority\":\"critical\""));
        assertThat(popAll("lanes")).containsExactly("key-low", "key-critical", "high", "usual", "low");
    }

    @Test
    void aRepetitionWithTheSamePriorityIsADuplicate() {
        String item = item("work.once", "o-1", ",\"priority\":\"high\"");
        assertThat(push(item).get(0).get("status").textValue()).isEqualTo("queued");
        assertThat(push(item).get(0).get("status").textValue()).isEqualTo("duplicate");
    }

    @Test
    void everyRouteThatPushesTakesAPriority() {
        String urgent = "\"queue\":\"work.routes\",\"priority\":\"high\"";
        HttpResponse<String> lines = bridge.post(
                "/api/v1/push",
                "{" + urgent + ",\"payload\":1}\n{" + urgent + ",\"payload\":2}",
                "Content-Type",
                "application/x-ndjson");
        assertThat(lines.statusCode()).as(lines.body()).isEqualTo(201);
        HttpResponse<String> direct = bridge.post("/api/v1/push-legacy", "{\"items\":[{" + urgent + "}]}");
        assertThat(direct.statusCode()).as(direct.body()).isEqualTo(201);
        HttpResponse<String> transaction = bridge.post(
                "/api/v1/transaction", "{\"operations\":[{\"type\":\"push\",\"items\":[{" + urgent + "}]}]}");
        assertThat(transaction.body()).contains("\"success\":true");
        assertThat(postgres.query("select p.name, p.head from sluice.partitions p join sluice.queues q on q.id ="
                        + " p.queue_id where q.name = 'work.routes' and p.head > 0"))
                .containsExactly("~high.00|4");
    }

    @Test
    void aLineWithAPriorityIsAnEventUnlessTheAddressSaysThatItIsAnEnvelope() {
        String line = "{\"payload\":1,\"priority\":\"high\"}";
        for (String form : List.of("", "&as=envelope")) {
            HttpResponse<String> answer =
                    bridge.post("/api/v1/push?queue=work.lines" + form, line, "Content-Type", "application/x-ndjson");
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(201);
        }
        assertThat(postgres.query("select partition, payload from sluice.messages where queue = 'work.lines'"
                        + " order by partition collate \"C\""))
                .containsExactly("Default|" + line, "~high.00|1");
    }

    @Test
    void aLineOfAnExportKeepsThePriorityOfItsMessage() {
        push(item("work.again", "low", ",\"partition\":\"k\",\"priority\":\"low\""));
        HttpResponse<String> answer = bridge.post(
                "/api/v1/buffers/requeue",
                item("work.again", "urgent", ",\"partition\":\"k\",\"priority\":\"critical\""));
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(201);
        bridge.get("/api/v1/pop/queue/work.again?batch=1&wait=false");
        await().untilAsserted(() -> assertThat(postgres.query("select p.lane_heads from sluice.partitions p join"
                        + " sluice.queues q on q.id = p.queue_id where q.name = 'work.again' and p.name = 'k'"))
                .containsExactly("{2,0,0,1}"));
    }

    @Test
    void theAnswerOfABufferedPushNamesThePartitionOfTheLane() {
        HttpResponse<String> answer =
                bridge.push("{\"items\":[" + item("work.buffered", "b", ",\"priority\":\"low\"") + "],\"bufferMs\":1}");
        assertThat(RunningBridge.json(answer.body()).get(0).get("partition").textValue())
                .isEqualTo("~low.00");
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"urgent\"", "\"\"", "\"5\""})
    void anotherTextIsRefusedAndNamed(String priority) {
        HttpResponse<String> answer =
                bridge.push("{\"items\":[" + item("work.bad", "b", ",\"priority\":" + priority) + "]}");
        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(RunningBridge.json(answer.body()).get("error").textValue())
                .contains("priority must be critical, high, normal or low, was " + priority.replace("\"", ""));
    }

    @ParameterizedTest
    @ValueSource(strings = {"5", "true", "[]", "{}"})
    void anotherTypeIsRefusedOnAnyQueue(String priority) {
        HttpResponse<String> answer =
                bridge.push("{\"items\":[" + item("plain-bad", "b", ",\"priority\":" + priority) + "]}");
        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(RunningBridge.json(answer.body()).get("error").textValue())
                .contains("priority must be critical, high, normal or low");
    }
}
