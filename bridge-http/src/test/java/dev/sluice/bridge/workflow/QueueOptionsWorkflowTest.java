package dev.sluice.bridge.workflow;

import static dev.sluice.bridge.workflow.LibraryClient.encoded;
import static dev.sluice.bridge.workflow.LibraryClient.item;
import static dev.sluice.bridge.workflow.LibraryClient.object;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.workflow.LibraryClient.PopQuery;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What producers and consumers see of the options of a queue, and what somebody who looks after the queues does to it.
 */
class QueueOptionsWorkflowTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int HOUR_SECONDS = 3600;

    @TempDir
    private static Path directory;

    @AutoClose
    private static final TestPostgres postgres = TestPostgres.withSchema().withoutSyncs();

    private static RunningBridge bridge;
    private static LibraryClient client;

    @BeforeAll
    static void start() {
        bridge = RunningBridge.start(
                postgres.url(),
                directory,
                Map.of(
                        "retention.interval.ms", "200",
                        "encryption.keys", "k:" + "0a".repeat(32),
                        "push.stored.timeout.ms", "60000")); // What is pushed is there, however busy the machine is.
        client = LibraryClient.of(bridge.url());
    }

    @AfterAll
    static void stop() {
        bridge.close();
    }

    private static List<Integer> numbers(List<JsonNode> messages) {
        return messages.stream().map(message -> message.get("data").intValue()).toList();
    }

    private static List<Integer> range(int from, int to) {
        return IntStream.range(from, to).boxed().toList();
    }

    private static Duration age(JsonNode message) {
        return Duration.between(Instant.parse(message.get("createdAt").textValue()), Instant.now());
    }

    private static List<JsonNode> listed(String queue, String more) throws Exception {
        var messages = new ArrayList<JsonNode>();
        client.get("/api/v1/messages?queue=" + queue + more).get("messages").forEach(messages::add);
        return messages;
    }

    @Test
    void aDelayedQueueGivesAMessageWhenItIsOldEnough() throws Exception {
        client.create("delayed", options -> options.put("delayedProcessing", 1));
        client.pushNumbers("delayed", null, 0, 3);
        List<JsonNode> popped = client.pop(PopQuery.of("delayed").batch(3));
        assertThat(numbers(popped)).isEqualTo(range(0, 3));
        assertThat(age(popped.get(0))).isGreaterThanOrEqualTo(Duration.ofSeconds(1));

        client.create("much-delayed", options -> options.put("delayedProcessing", HOUR_SECONDS));
        client.pushNumbers("much-delayed", null, 0, 1);
        assertThat(client.pop(PopQuery.of("much-delayed").once())).isEmpty();
        client.create("much-delayed");
        assertThat(numbers(client.pop(PopQuery.of("much-delayed").group("later"))))
                .containsExactly(0);
    }

    @Test
    void aWindowBufferHoldsAPartitionUntilNothingNewHasComeForAWhile() throws Exception {
        client.create("windowed", options -> options.put("windowBuffer", 1));
        for (int i = 0; i < 3; i++) {
            client.pushNumbers("windowed", null, i, i + 1);
        }
        List<JsonNode> popped = client.pop(PopQuery.of("windowed").batch(10));
        assertThat(numbers(popped)).isEqualTo(range(0, 3));
        // What counts is when the partition was pushed to, a moment before the message was written.
        assertThat(age(popped.get(2))).isGreaterThan(Duration.ofMillis(500));

        client.create("long-window", options -> options.put("windowBuffer", HOUR_SECONDS));
        client.pushNumbers("long-window", null, 0, 1);
        assertThat(client.pop(PopQuery.of("long-window").once())).isEmpty();
    }

    @Test
    void messagesAreGoneAfterTheirTimeToLive() throws Exception {
        client.create("short-lived", options -> options.put("ttl", 1));
        client.create("long-lived", options -> options.put("ttl", HOUR_SECONDS));
        client.pushNumbers("short-lived", null, 0, 2);
        client.pushNumbers("long-lived", null, 0, 2);
        await().atMost(PATIENCE).until(() -> listed("short-lived", "").isEmpty());
        assertThat(client.pop(PopQuery.of("short-lived").once())).isEmpty();
        assertThat(listed("long-lived", "")).hasSize(2);
    }

    @Test
    void queuesOfANamespaceAreReadByPriority() throws Exception {
        for (int priority : new int[] {0, 10, -1, 5}) {
            client.create(
                    "level" + priority,
                    options -> options.put("priority", priority)
                            .put("namespace", "levels")
                            .put("task", "any"));
            client.push(List.of(item("level" + priority, null, null, IntNode.valueOf(priority))));
        }
        var order = new ArrayList<Integer>();
        for (int i = 0; i < 4; i++) {
            order.addAll(numbers(client.pop(PopQuery.across().with("namespace", "levels"))));
        }
        assertThat(order).containsExactly(10, 5, 0, -1);
    }

    @Test
    void consumersOfATaskReadAllItsQueuesAndNoOthers() throws Exception {
        for (String task : List.of("mail", "print")) {
            for (String queue : List.of("a", "b")) {
                client.create(
                        queue + "-" + task,
                        options -> options.put("namespace", "office").put("task", task));
                client.pushNumbers(queue + "-" + task, null, 0, 5);
            }
        }
        var queues = new ArrayList<String>();
        PopQuery query = PopQuery.across()
                .with("namespace", "office")
                .with("task", "mail")
                .group("g")
                .batch(3)
                .timeout(Duration.ofSeconds(1));
        int handled = new Consumption(client, query, 1, 10, PATIENCE)
                .run(messages -> messages.forEach(
                        message -> queues.add(message.get("queue").textValue())));
        assertThat(handled).isEqualTo(10);
        assertThat(queues).containsOnly("a-mail", "b-mail");
        assertThat(client.pop(query.once())).isEmpty();
        assertThat(client.pop(PopQuery.across().with("task", "print").batch(3))).hasSize(3);
    }

    @Test
    void anEncryptedQueueIsInClearForItsConsumersOnly() throws Exception {
        client.create("sealed", options -> options.put("encryptionEnabled", true));
        client.push(List.of(item("sealed", null, "card", object().put("card", "4111-1111"))));
        assertThat(postgres.query("select payload from sluice.messages where queue = 'sealed'"))
                .hasSize(1)
                .noneMatch(payload -> payload.contains("4111"));
        JsonNode message = client.pop(PopQuery.of("sealed")).get(0);
        assertThat(message.at("/data/card").textValue()).isEqualTo("4111-1111");
        JsonNode shown = client.get(path("/api/v1/messages/", message));
        assertThat(shown.get("isEncrypted").booleanValue()).isTrue();
        assertThat(shown.at("/payload/card").textValue()).isEqualTo("4111-1111");
    }

    private static String path(String route, JsonNode message) {
        return route + message.get("partitionId").textValue() + "/"
                + encoded(message.get("transactionId").textValue());
    }

    @Test
    void messagesAreBrowsedAndDeletedOneByOne() throws Exception {
        client.pushNumbers("browsed", "p", 0, 5);
        List<JsonNode> newest = listed("browsed", "&limit=2");
        List<JsonNode> next = listed("browsed", "&limit=2&offset=2");
        assertThat(newest).hasSize(2);
        assertThat(next).hasSize(2).doesNotContainAnyElementsOf(newest);
        JsonNode second = next.get(0);
        JsonNode shown = client.get(path("/api/v1/messages/", second));
        assertThat(shown.get("payload").intValue()).isEqualTo(2);
        assertThat(shown.get("status").textValue()).isEqualTo("pending");
        JsonNode deleted = client.delete(path("/api/v1/messages/", second));
        assertThat(deleted.get("success").booleanValue()).isTrue();
        assertThat(client.delete(path("/api/v1/messages/", second))
                        .get("success")
                        .booleanValue())
                .isFalse();
        assertThat(listed("browsed", "")).hasSize(4).doesNotContain(second);
        List<JsonNode> popped = client.pop(PopQuery.of("browsed").batch(10));
        assertThat(numbers(popped)).containsExactly(0, 1, 3, 4);
        client.acknowledge(popped, "completed", null, null);
        assertThat(listed("browsed", "&status=completed")).hasSize(4);
    }

    @Test
    void tracesOfAMessageAreFoundByItAndByName() throws Exception {
        client.pushNumbers("traced", null, 0, 2);
        List<JsonNode> popped = client.pop(PopQuery.of("traced").batch(2));
        client.trace(popped.get(0), object().put("step", "paid"), "order 7", "tenant/a");
        client.trace(popped.get(1), object().put("step", "sent"), "order 7");
        JsonNode own = client.get(path("/api/v1/traces/", popped.get(0))).get("traces");
        assertThat(own).hasSize(1);
        assertThat(own.at("/0/data/step").textValue()).isEqualTo("paid");
        JsonNode named = client.get("/api/v1/traces/by-name/" + encoded("order 7") + "?limit=10&offset=0");
        assertThat(named.get("total").intValue()).isEqualTo(2);
        assertThat(named.findValuesAsText("step")).containsExactlyInAnyOrder("paid", "sent");
        assertThat(client.get("/api/v1/traces/by-name/" + encoded("tenant/a")).get("traces"))
                .hasSize(1);
    }

    @Test
    void aGroupIsMovedBackToATimeAndForwardToTheEnd() throws Exception {
        client.pushNumbers("sought", null, 0, 3);
        PopQuery query = PopQuery.of("sought").group("g").batch(10);
        List<JsonNode> first = client.pop(query);
        client.acknowledge(first, "completed", "g", null);
        client.pushNumbers("sought", null, 3, 5);
        List<JsonNode> rest = client.pop(query);
        assertThat(numbers(rest)).containsExactly(3, 4);

        JsonNode back =
                seek(object().put("timestamp", first.get(2).get("createdAt").textValue()));
        assertThat(back.get("partitionsUpdated").intValue()).isEqualTo(1);
        assertThat(numbers(client.pop(query))).as("the lease is over").containsExactly(3, 4);
        seek(object().put("timestamp", "2020-01-01T00:00:00Z"));
        assertThat(numbers(client.pop(query))).isEqualTo(range(0, 5));
        assertThat(seek(object().put("toEnd", true)).get("seekToEnd").booleanValue())
                .isTrue();
        assertThat(client.pop(PopQuery.of("sought").group("g").once())).isEmpty();
        client.pushNumbers("sought", null, 5, 6);
        assertThat(numbers(client.pop(query.with("wait", true)))).containsExactly(5);
    }

    private static JsonNode seek(ObjectNode target) throws Exception {
        return client.post("/api/v1/consumer-groups/g/queues/sought/seek", target);
    }
}
