package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pops from all queues of a namespace, over two bridges on one database. Each test has a namespace of its own. */
class PopAcrossQueuesTest {
    private static final Duration LONG = Duration.ofSeconds(120);

    @TempDir
    private static Path directory;

    private static TestPostgres postgres;
    private static RunningBridge a;
    private static RunningBridge b;

    @BeforeAll
    static void start() {
        // The poll is so rare that it cannot bring a message.
        Map<String, String> seldom = Map.of("pop.poll.interval.ms", "600000");
        postgres = TestPostgres.empty();
        a = RunningBridge.start(postgres.url(), directory.resolve("a"), seldom);
        b = RunningBridge.start(postgres.url(), directory.resolve("b"), seldom);
        await().atMost(LONG)
                .until(() -> postgres.query(
                                "select count(*) from pg_stat_activity where query like 'listen %' and datname = current_database()")
                        .equals(List.of("2")));
    }

    @AfterAll
    static void stop() {
        a.close();
        b.close();
        postgres.close();
    }

    private static void push(RunningBridge bridge, String queue, String partition, int payload) {
        assertThat(bridge.push("{\"items\":[{\"queue\":\"" + queue + "\",\"partition\":\"" + partition
                                + "\",\"payload\":" + payload + "}]}")
                        .body())
                .contains("\"queued\"");
    }

    private static JsonNode pop(RunningBridge bridge, String query) {
        String body = bridge.get("/api/v1/pop?" + query).body();
        return RunningBridge.json(body.isEmpty() ? "{}" : body);
    }

    private static CompletableFuture<JsonNode> parked(RunningBridge bridge, String query) {
        return CompletableFuture.supplyAsync(() -> pop(bridge, query + "&wait=true&timeout=50000"));
    }

    /** Waits until a pop has run and found nothing. It is then registered for its queues. */
    private static void awaitTried(String group) {
        await().atMost(LONG)
                .until(() -> !postgres.query(
                                "select 1 from sluice.pending_subscriptions_across where group_name = '" + group + "'")
                        .isEmpty());
    }

    private static List<String> data(JsonNode answer) {
        var data = new ArrayList<String>();
        answer.path("messages").forEach(message -> data.add(message.path("data").asText()));
        return data;
    }

    @Test
    void givesMessagesOfSeveralQueuesUnderOneLeaseAndTakesTheirAcks() {
        push(a, "shop.orders", "p1", 1);
        push(a, "shop.orders", "p2", 2);
        push(a, "shop.bills", "p1", 3);
        push(a, "store.orders", "p1", 4);
        JsonNode answer = pop(a, "namespace=shop&batch=10&partitions=10");
        assertThat(data(answer)).containsExactlyInAnyOrder("1", "2", "3");
        assertThat(answer.path("partitionsClaimed").asInt()).isEqualTo(3);
        for (JsonNode message : answer.path("messages")) {
            assertThat(message.path("leaseId")).isEqualTo(answer.path("leaseId"));
            assertThat(message.path("queue").asText())
                    .isEqualTo(message.path("data").asInt() == 3 ? "shop.bills" : "shop.orders");
        }
        assertThat(answer.path("queue"))
                .isEqualTo(answer.path("messages").get(0).path("queue"));
        for (JsonNode result : a.acknowledge(answer)) {
            assertThat(result.path("success").asBoolean()).isTrue();
        }
        assertThat(pop(b, "namespace=shop&batch=10&partitions=10")).isEmpty();
        assertThat(data(pop(b, "task=orders&autoAck=true"))).containsExactly("4");
    }

    @Test
    void isWokenByAPushToAQueueThatCameLater() {
        for (RunningBridge pusher : List.of(a, b)) {
            String group = pusher == a ? "near" : "far";
            CompletableFuture<JsonNode> answer =
                    parked(a, "namespace=later&autoAck=true&subscriptionMode=new&consumerGroup=" + group);
            awaitTried(group);
            push(pusher, "later." + group, "p", 1);
            assertThat(data(answer.orTimeout(120, java.util.concurrent.TimeUnit.SECONDS)
                            .join()))
                    .containsExactly("1");
            // Then by another push, when the namespace of the queue is known.
            CompletableFuture<JsonNode> again = parked(a, "namespace=later&autoAck=true&consumerGroup=" + group);
            push(pusher, "later." + group, "p", 2);
            assertThat(data(again.orTimeout(120, java.util.concurrent.TimeUnit.SECONDS)
                            .join()))
                    .containsExactly("2");
        }
    }

    @Test
    void isWokenByAnAckThatFreesAPartition() {
        push(a, "freed.q", "p", 1);
        push(a, "freed.q", "p", 2);
        JsonNode first = pop(a, "namespace=freed");
        assertThat(data(first)).containsExactly("1");
        CompletableFuture<JsonNode> answer = parked(a, "namespace=freed");
        a.acknowledge(first);
        assertThat(data(answer.orTimeout(120, java.util.concurrent.TimeUnit.SECONDS)
                        .join()))
                .containsExactly("2");
    }

    @Test
    void isWokenByTheEndOfALease() {
        push(a, "ended.q", "p", 1);
        postgres.execute("update sluice.queues set lease_time_s = 2 where name = 'ended.q'");
        assertThat(data(pop(a, "namespace=ended"))).containsExactly("1");
        assertThat(data(pop(b, "namespace=ended&wait=true&timeout=50000"))).containsExactly("1");
    }

    @Test
    void losesNothingToAClientThatHasGone() throws IOException {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), a.port())) {
            String query = "namespace=gone&wait=true&timeout=50000&subscriptionMode=new&consumerGroup=left";
            socket.getOutputStream()
                    .write(("GET /api/v1/pop?" + query + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            awaitTried("left");
        }
        push(a, "gone.q", "p", 1);
        assertThat(data(pop(a, "namespace=gone&wait=true&timeout=50000&consumerGroup=left")))
                .containsExactly("1");
    }
}
