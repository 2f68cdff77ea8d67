package dev.sluice.bridge.workflow;

import static dev.sluice.bridge.workflow.Consumption.together;
import static dev.sluice.bridge.workflow.LibraryClient.item;
import static dev.sluice.bridge.workflow.LibraryClient.object;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
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
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Producers and consumers at work. */
class WorkflowTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @TempDir
    private static Path directory;

    @AutoClose
    private static final TestPostgres postgres = TestPostgres.withSchema().withoutSyncs();

    private static RunningBridge bridge;
    private static LibraryClient client;

    @BeforeAll
    static void start() {
        bridge = RunningBridge.start(postgres.url(), directory);
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

    /** Consumes until there is nothing for a while; returns the numbers in the order they came. */
    private static List<Integer> consumeAll(PopQuery query, int limit) throws Exception {
        var numbers = new CopyOnWriteArrayList<Integer>();
        new Consumption(client, query.timeout(Duration.ofSeconds(2)), 1, limit, PATIENCE)
                .run(messages -> numbers.addAll(numbers(messages)));
        return numbers;
    }

    @Nested
    class Messages {
        @Test
        void areHandledOnceAndInOrderByManyConsumersWhileManyProduce() throws Exception {
            client.create("busy");
            var order = new ConcurrentHashMap<String, List<Integer>>();
            var tasks = new ArrayList<Callable<Integer>>();
            for (int producer = 0; producer < 8; producer++) {
                String partition = "p" + producer;
                order.put(partition, new CopyOnWriteArrayList<>());
                tasks.add(() -> {
                    for (int from = 0; from < 250; from += 10) {
                        client.pushNumbers("busy", partition, from, from + 10);
                    }
                    return 0;
                });
            }
            PopQuery query = PopQuery.of("busy").batch(20).timeout(Duration.ofSeconds(1));
            tasks.add(() -> new Consumption(client, query, 5, 2000, PATIENCE).run(messages -> {
                for (JsonNode message : messages) {
                    order.get(message.get("partition").textValue())
                            .add(message.get("data").intValue());
                }
            }));
            assertThat(together(tasks)).endsWith(2000);
            assertThat(order.values()).allSatisfy(each -> assertThat(each).isEqualTo(range(0, 250)));
            assertThat(client.pop(PopQuery.of("busy").once())).isEmpty();
        }

        @Test
        void areInStrictOrderHoweverMany() throws Exception {
            int count = 100_000;
            client.create("many");
            for (int from = 0; from < count; from += 5000) {
                client.pushNumbers("many", null, from, from + 5000);
            }
            assertThat(consumeAll(PopQuery.of("many").batch(5000), count)).isEqualTo(range(0, count));
        }

        @Test
        void areSeenByEveryGroupAndByOneMemberOfIt() throws Exception {
            client.create("groups");
            for (int partition = 0; partition < 4; partition++) {
                client.pushNumbers("groups", "p" + partition, partition * 25, partition * 25 + 25);
            }
            for (String group : List.of("billing", "shipping")) {
                var seen = new CopyOnWriteArrayList<Integer>();
                PopQuery query = PopQuery.of("groups").group(group).batch(5).timeout(Duration.ofSeconds(1));
                int handled = new Consumption(client, query, 3, 100, PATIENCE)
                        .run(messages -> seen.addAll(numbers(messages)));
                assertThat(handled).isEqualTo(100);
                assertThat(seen).containsExactlyInAnyOrderElementsOf(range(0, 100));
            }
        }

        @Test
        void haveEveryFieldOfTheContract() throws Exception {
            JsonNode queued = client.push(List.of(item("fields", "p", "t-1", object().put("n", 1))))
                    .get(0);
            JsonNode message = client.pop(PopQuery.of("fields", "p").group("g")).get(0);
            assertThat(new TreeSet<>(names(message)))
                    .isEqualTo(new TreeSet<>(Set.of(
                            "id",
                            "transactionId",
                            "traceId",
                            "data",
                            "producerSub",
                            "createdAt",
                            "partitionId",
                            "partition",
                            "queue",
                            "leaseId",
                            "consumerGroup")));
            assertThat(message.get("id")).isEqualTo(queued.get("message_id"));
            assertThat(message.get("partitionId")).isEqualTo(queued.get("partition_id"));
            assertThat(message.get("traceId").isNull()).isTrue();
            assertThat(message.get("producerSub").isNull()).isTrue();
            assertThat(message.get("consumerGroup").textValue()).isEqualTo("g");
            assertThat(message.get("createdAt").textValue())
                    .matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z");
            JsonNode taken = client.complete(message, "g").get(0);
            assertThat(taken.get("leaseReleased").booleanValue()).isTrue();
            assertThat(taken.get("queueName").textValue()).isEqualTo("fields");
            assertThat(taken.get("partitionName").textValue()).isEqualTo("p");
            assertThat(taken.get("error").isNull()).isTrue();
        }

        @Test
        void arePushedTogetherByAProducerThatCollectsThem() throws Exception {
            var buffer = new PushBuffer(client, 100);
            for (int i = 0; i < 250; i++) {
                buffer.add(item("collected", null, null, IntNode.valueOf(i)));
            }
            buffer.flush();
            assertThat(consumeAll(PopQuery.of("collected").batch(250), 250)).isEqualTo(range(0, 250));
        }

        @Test
        void areDuplicatesByTheirTransactionIdWithinTheirPartition() throws Exception {
            ObjectNode first = item("twice", "a", "t", IntNode.valueOf(1));
            JsonNode queued = client.push(List.of(first)).get(0);
            JsonNode again = client.push(List.of(
                    item("twice", "a", "t", IntNode.valueOf(2)),
                    item("twice", "b", "t", IntNode.valueOf(3)),
                    item("twice", "b", "t", IntNode.valueOf(4))));
            assertThat(again.findValuesAsText("status")).containsExactly("duplicate", "queued", "duplicate");
            assertThat(again.get(0).get("message_id")).isEqualTo(queued.get("message_id"));
            assertThat(again.get(2).get("message_id")).isEqualTo(again.get(1).get("message_id"));
            assertThat(numbers(client.pop(PopQuery.of("twice").batch(10).with("partitions", 10))))
                    .containsExactlyInAnyOrder(1, 3);
        }

        @Test
        void ofSeveralPartitionsComeInOnePop() throws Exception {
            for (int partition = 0; partition < 6; partition++) {
                client.pushNumbers("several", "p" + partition, 0, 3);
            }
            List<JsonNode> popped = client.pop(PopQuery.of("several").batch(100).with("partitions", 4));
            assertThat(popped).hasSize(12);
            assertThat(popped)
                    .extracting(message -> message.get("leaseId"))
                    .containsOnly(popped.get(0).get("leaseId"));
            assertThat(numbers(popped)).isEqualTo(List.of(0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2));
            List<JsonNode> rest = client.pop(PopQuery.of("several").batch(4).with("partitions", 10));
            assertThat(numbers(rest)).isEqualTo(List.of(0, 1, 2, 0));
            for (JsonNode result : client.acknowledge(popped, "completed", null, null)) {
                assertThat(result.get("success").booleanValue()).isTrue();
            }
            assertThat(client.acknowledge(popped, "completed", null, null).findValuesAsText("error"))
                    .containsOnly("Invalid or expired lease");
        }

        @Test
        void reachProducersAndConsumersByTheServerThatIsUp() throws Exception {
            String down = "http://127.0.0.1:1";
            var both = new Transport(List.of(down, bridge.url()), Duration.ofMillis(100), null);
            var two = new LibraryClient(both);
            assertThat(two.pushNumbers("fails-over", null, 0, 3)).hasSize(3);
            assertThat(numbers(two.pop(PopQuery.of("fails-over").batch(3)))).isEqualTo(range(0, 3));
        }
    }

    private static List<String> names(JsonNode object) {
        var names = new ArrayList<String>();
        object.fieldNames().forEachRemaining(names::add);
        return names;
    }

    @Nested
    class Failures {
        @Test
        void areRetriedAndThenMakeADeadLetter() throws Exception {
            client.create("failing", options -> options.put("retryLimit", 2));
            client.pushNumbers("failing", null, 0, 2);
            var tries = new AtomicInteger();
            PopQuery query = PopQuery.of("failing").group("g").timeout(Duration.ofSeconds(1));
            new Consumption(client, query, 1, 1, PATIENCE).run(messages -> {
                if (numbers(messages).contains(0)) {
                    tries.incrementAndGet();
                    throw new IllegalStateException("card refused");
                }
            });
            assertThat(tries).hasValue(3);
            List<JsonNode> letters = client.deadLetters("failing", "g");
            assertThat(letters).hasSize(1);
            JsonNode letter = letters.get(0);
            assertThat(letter.get("errorMessage").textValue()).isEqualTo("card refused");
            assertThat(letter.get("retryCount").intValue()).isEqualTo(2);
            assertThat(letter.get("data").intValue()).isZero();
            assertThat(letter.get("consumerGroup").textValue()).isEqualTo("g");
            assertThat(client.deadLetters("failing", "other")).isEmpty();
        }

        @Test
        void ofAWholeBatchAreRetriedTogether() throws Exception {
            client.create("batch-fails", options -> options.put("retryLimit", 1));
            client.pushNumbers("batch-fails", null, 0, 3);
            var deliveries = new ArrayList<List<Integer>>();
            for (int i = 0; i < 2; i++) {
                List<JsonNode> popped = client.pop(PopQuery.of("batch-fails").batch(3));
                deliveries.add(numbers(popped));
                client.acknowledge(popped, "failed", null, "no");
            }
            assertThat(deliveries).containsExactly(range(0, 3), range(0, 3));
            assertThat(client.pop(PopQuery.of("batch-fails").once())).isEmpty();
            assertThat(client.deadLetters("batch-fails", null)).hasSize(3);
        }

        @Test
        void mayGoToTheDeadLettersAtOnceOrBackWithoutCounting() throws Exception {
            client.create("at-once", options -> options.put("retryLimit", 0));
            client.pushNumbers("at-once", null, 0, 2);
            for (int i = 0; i < 3; i++) {
                List<JsonNode> popped = client.pop(PopQuery.of("at-once"));
                assertThat(numbers(popped)).containsExactly(0);
                assertThat(client.acknowledge(popped.get(0), "retry", null, null)
                                .get(0)
                                .get("leaseReleased")
                                .booleanValue())
                        .isTrue();
            }
            JsonNode result = client.acknowledge(
                            client.pop(PopQuery.of("at-once")).get(0), "dlq", null, null)
                    .get(0);
            assertThat(result.get("dlq").booleanValue()).isTrue();
            JsonNode letter = client.deadLetters("at-once", null).get(0);
            assertThat(letter.get("retryCount").intValue()).isZero();
            assertThat(letter.get("errorMessage").textValue()).isEmpty();
            assertThat(numbers(client.pop(PopQuery.of("at-once")))).containsExactly(1);
        }

        @Test
        void ofAGroupThatNeverReadChangeNothing() throws Exception {
            client.pushNumbers("unread", null, 0, 1);
            JsonNode message = client.pop(PopQuery.of("unread")).get(0);
            ObjectNode noLease = message.deepCopy();
            noLease.remove("leaseId");
            JsonNode taken =
                    client.acknowledge(noLease, "failed", "stranger", null).get(0);
            assertThat(taken.get("success").booleanValue()).isTrue();
            assertThat(taken.get("error").isNull()).isTrue();
            assertThat(taken.get("leaseReleased").isNull()).isTrue();
            assertThat(taken.get("queueName").textValue()).isEqualTo("unread");
            JsonNode wrongLease = client.complete(message, "stranger").get(0);
            assertThat(wrongLease.get("error").textValue()).isEqualTo("Invalid or expired lease");
            JsonNode unknown = client.complete(noLease.put("transactionId", "none"), "stranger")
                    .get(0);
            assertThat(unknown.get("success").booleanValue()).isFalse();
            assertThat(unknown.get("error").textValue()).isEqualTo("Message not found");
            assertThat(unknown.get("leaseReleased").isNull()).isTrue();
            assertThat(client.pop(PopQuery.of("unread").group("stranger").once()))
                    .hasSize(1);
        }

        @Test
        void ofTheClientAreNotTriedAgain() throws Exception {
            var transport = new Transport(List.of(bridge.url()), Duration.ofMillis(1), null);
            var counting = new LibraryClient(transport);
            assertThatThrownBy(() -> counting.post("/api/v1/push", object()))
                    .isInstanceOf(ClientException.class)
                    .hasMessage("items array is required");
            assertThat(transport.attempts()).isEqualTo(1);
        }
    }

    @Nested
    class Leases {
        @Test
        void thatEndGiveTheirMessagesToOthers() throws Exception {
            client.create("lease-ends", options -> options.put("leaseTime", 1));
            client.pushNumbers("lease-ends", null, 0, 2);
            List<JsonNode> first = client.pop(PopQuery.of("lease-ends").batch(2));
            client.create("lease-ends"); // The next one is long.
            List<JsonNode> second = client.pop(PopQuery.of("lease-ends").batch(2));
            assertThat(numbers(second)).isEqualTo(numbers(first));
            assertThat(client.complete(first.get(0), null).get(0).get("error").textValue())
                    .isEqualTo("Invalid or expired lease");
            assertThat(client.acknowledge(second, "completed", null, null).findValuesAsText("success"))
                    .containsExactly("true", "true");
        }

        @Test
        void thatAreRenewedEndLater() throws Exception {
            client.create("lease-renewed", options -> options.put("leaseTime", 30));
            client.pushNumbers("lease-renewed", null, 0, 2);
            List<JsonNode> held = client.pop(PopQuery.of("lease-renewed").batch(2));
            Instant before = Instant.now();
            List<JsonNode> renewed = client.renew(held);
            assertThat(renewed).hasSize(1);
            assertThat(Instant.parse(renewed.get(0).get("newExpiresAt").textValue()))
                    .isAfter(before.plusSeconds(50));
            assertThat(client.pop(PopQuery.of("lease-renewed").once())).isEmpty();
            assertThat(client.acknowledge(held, "completed", null, null).findValuesAsText("success"))
                    .containsExactly("true", "true");
        }
    }

    @Nested
    class Transactions {
        @Test
        void moveAMessageOnFromQueueToQueue() throws Exception {
            client.pushNumbers("stage-1", null, 0, 20);
            PopQuery query = PopQuery.of("stage-1").batch(5).timeout(Duration.ofSeconds(1));
            for (int i = 0; i < 4; i++) {
                List<JsonNode> popped = client.pop(query);
                LibraryClient.Transaction transaction = client.transaction();
                for (JsonNode message : popped) {
                    transaction.push(item(
                            "stage-2",
                            null,
                            null,
                            IntNode.valueOf(message.get("data").intValue() * 10)));
                    transaction.acknowledge(message, "completed", null);
                }
                assertThat(transaction.commit().get("results")).hasSize(2 * popped.size());
            }
            assertThat(client.pop(PopQuery.of("stage-1").once())).isEmpty();
            assertThat(numbers(client.pop(PopQuery.of("stage-2").batch(20))))
                    .isEqualTo(range(0, 20).stream().map(n -> n * 10).toList());
        }

        @Test
        void thatFailLeaveNothingBehind() throws Exception {
            client.pushNumbers("rolled-1", null, 0, 1);
            List<JsonNode> popped = client.pop(PopQuery.of("rolled-1"));
            ObjectNode unknown = popped.get(0).deepCopy();
            unknown.put("transactionId", "nobody");
            assertThatThrownBy(() -> client.transaction()
                            .push(item("rolled-2", null, null, IntNode.valueOf(1)))
                            .acknowledge(popped.get(0), "completed", null)
                            .acknowledge(unknown, "completed", null)
                            .commit())
                    .hasMessage("ACK operation failed: Message not found");
            assertThat(client.pop(PopQuery.of("rolled-2").once())).isEmpty();
            assertThat(client.acknowledge(popped, "completed", null, null)
                            .get(0)
                            .get("success")
                            .booleanValue())
                    .isTrue();
        }

        @Test
        void acknowledgeForAGroup() throws Exception {
            client.pushNumbers("grouped-1", null, 0, 1);
            List<JsonNode> popped = client.pop(PopQuery.of("grouped-1").group("g"));
            client.transaction().acknowledge(popped.get(0), "completed", "g").commit();
            assertThat(client.pop(PopQuery.of("grouped-1").group("g").once())).isEmpty();
            assertThat(client.pop(PopQuery.of("grouped-1").group("h").once())).hasSize(1);
        }
    }

    @Nested
    class Subscriptions {
        @Test
        void toWhatIsNewSkipWhatIsOld() throws Exception {
            client.pushNumbers("new-only", null, 0, 5);
            for (Map.Entry<String, String> each :
                    Map.of("subscriptionMode", "new", "subscriptionFrom", "now").entrySet()) {
                PopQuery query =
                        PopQuery.of("new-only").group(each.getKey()).batch(10).with(each.getKey(), each.getValue());
                assertThat(client.pop(query.once())).isEmpty();
            }
            client.pushNumbers("new-only", null, 5, 8);
            for (String group : List.of("subscriptionMode", "subscriptionFrom")) {
                assertThat(numbers(
                                client.pop(PopQuery.of("new-only").group(group).batch(10))))
                        .isEqualTo(range(5, 8));
            }
            assertThat(numbers(client.pop(PopQuery.of("new-only").group("all").batch(10))))
                    .isEqualTo(range(0, 8));
        }

        @Test
        void ofAQueueThatDoesNotExistYetMissNothing() throws Exception {
            PopQuery query = PopQuery.of("unborn").group("g").with("subscriptionMode", "new");
            assertThat(client.pop(query.once())).isEmpty();
            client.pushNumbers("unborn", null, 0, 2);
            assertThat(numbers(client.pop(query.batch(2)))).isEqualTo(range(0, 2));
        }

        /** As programs in different languages write a time; the service is asked in all of them. */
        @Test
        void fromATimeBeginThere() throws Exception {
            client.pushNumbers("from-a-time", null, 0, 2);
            String before = postgres.query(
                            "select to_char(now() + interval '1 microsecond', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')")
                    .get(0);
            client.pushNumbers("from-a-time", null, 2, 4);
            for (String time : List.of(before + "Z", before + "+00:00", before, before.replace('T', ' '))) {
                List<JsonNode> popped = client.pop(PopQuery.of("from-a-time")
                        .group("since " + time)
                        .batch(10)
                        .with("subscriptionFrom", time));
                assertThat(numbers(popped)).as(time).isEqualTo(range(2, 4));
            }
            assertThat(numbers(client.pop(PopQuery.of("from-a-time")
                            .group("since ever")
                            .batch(10)
                            .with("subscriptionFrom", "1970-01-01"))))
                    .isEqualTo(range(0, 4));
            assertThat(client.pop(
                            PopQuery.of("from-a-time").group("since when").with("subscriptionFrom", "yesterday or so")))
                    .isEmpty();
        }
    }

    @Nested
    class Maintenance {
        @Test
        void ofPushesKeepsEveryMessageAndDeliversItOnceAndInOrder() throws Exception {
            client.pushNumbers("kept", null, 0, 50);
            JsonNode on = client.post("/api/v1/system/maintenance", object().put("enabled", true));
            assertThat(on.get("maintenanceMode").booleanValue()).isTrue();
            for (int from = 50; from < 150; from += 10) {
                assertThat(client.pushNumbers("kept", null, from, from + 10).findValuesAsText("status"))
                        .containsOnly("buffered");
            }
            awaitBuffered(100);
            assertThat(numbers(client.pop(PopQuery.of("kept").group("during").batch(200))))
                    .isEqualTo(range(0, 50));
            JsonNode off = client.post("/api/v1/system/maintenance", object().put("enabled", false));
            assertThat(off.get("maintenanceMode").booleanValue()).isFalse();
            assertThat(consumeAll(PopQuery.of("kept").batch(200), 150)).isEqualTo(range(0, 150));
            awaitBuffered(0);
        }

        private static void awaitBuffered(int messages) {
            await().atMost(PATIENCE)
                    .until(() -> client.get("/api/v1/system/maintenance")
                                    .get("bufferedMessages")
                                    .intValue()
                            == messages);
        }

        @Test
        void ofPopsGivesNothingUntilItEnds() throws Exception {
            client.pushNumbers("paused", null, 0, 3);
            client.post("/api/v1/system/maintenance/pop", object().put("enabled", true));
            assertThat(client.pop(PopQuery.of("paused").once())).isEmpty();
            client.post("/api/v1/system/maintenance/pop", object().put("enabled", false));
            assertThat(numbers(client.pop(PopQuery.of("paused").batch(3)))).isEqualTo(range(0, 3));
        }
    }
}
