package dev.sluice.queue.read;

import static dev.sluice.queue.Messages.message;
import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AcknowledgeOutcome.Acknowledged;
import dev.sluice.queue.Message;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopResult.Status;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.Subscription;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class PopTest extends QueueFixture {
    @Nested
    class Pops {
        @Test
        void giveMessagesInOrderWithAllTheyHold() {
            UUID trace = UUID.randomUUID();
            var sent = NewMessage.builder(
                            UUID.randomUUID(),
                            "q",
                            "p",
                            "t1",
                            "{\"a\": 1}".getBytes(java.nio.charset.StandardCharsets.UTF_8))
                    .traceId(trace)
                    .producerSub("alice")
                    .build();
            Instant before = Instant.now().minusSeconds(60);
            writer.write(List.of(sent, message("p", "t2")), List.of());
            PopResult result = pop(ANY, 10);
            assertThat(result.status()).isEqualTo(Status.MESSAGES);
            assertThat(result.leaseId()).isNotNull();
            assertThat(result.partitionsClaimed()).isEqualTo(1);
            Message first = result.messages().get(0);
            assertThat(first.payloadText()).isEqualTo("{\"a\": 1}");
            assertThat(first.id()).isEqualTo(sent.id());
            assertThat(first.traceId()).isEqualTo(trace);
            assertThat(first.producerSub()).isEqualTo("alice");
            assertThat(first.partition()).isEqualTo("p");
            assertThat(first.queue()).isEqualTo("q");
            assertThat(first.seq()).isEqualTo(1);
            assertThat(first.createdAt()).isAfter(before);
            assertThat(result.messages().get(1).traceId()).isNull();
            assertThat(result.messages().get(1).producerSub()).isNull();
            assertThat(transactionIds(result)).containsExactly("t1", "t2");
        }

        @Test
        void takeNoMoreThanTheBatch() {
            writer.write(run(1, 5), List.of());
            assertThat(transactionIds(pop(ANY, 3))).containsExactly("t1", "t2", "t3");
        }

        @Test
        void readAcrossSegments() {
            for (int i = 1; i <= 20; i += 2) {
                writer.write(run(i, i + 1), List.of());
            }
            PopResult first = pop(ANY, 5);
            assertThat(transactionIds(first)).containsExactly("t1", "t2", "t3", "t4", "t5");
            complete(first);
            assertThat(transactionIds(pop(ANY, 6))).containsExactly("t6", "t7", "t8", "t9", "t10", "t11");
        }

        @Test
        void ofUnknownQueuesAndPartitionsFindNothingAndCreateNothing() {
            assertThat(pop(ANY, 1).status()).isEqualTo(Status.QUEUE_NOT_FOUND);
            writer.write(run(1, 1), List.of());
            assertThat(pop(new PopTarget("q", "none", PopTarget.DEFAULT_GROUP), 1)
                            .status())
                    .isEqualTo(Status.PARTITION_NOT_FOUND);
            assertThat(postgres.query("select count(*) from sluice.partitions")).containsExactly("1");
        }

        @Test
        void takeNoMoreBytesThanTheyMayAndLeaveTheRest() {
            var small = new Queue(postgres.dataSource(), new QueueConfig("sluice", 1_000));
            String payload = "\"" + "x".repeat(398) + "\"";
            for (int i = 1; i <= 6; i++) {
                writer.write(
                        List.of(message("q", "p", "t" + i, payload), message("q", "r", "u" + i, payload)), List.of());
            }
            var request = new PopRequest(100, 5, false, Subscription.ALL);
            var seen = new ArrayList<String>();
            for (int round = 0; round < 20 && seen.size() < 12; round++) {
                PopResult result = small.pop(ANY, List.of(request, request)).get(0);
                assertThat(result.messages()).hasSizeBetween(1, 3);
                seen.addAll(transactionIds(result));
                assertThat(complete(result)).last().isInstanceOf(Acknowledged.class);
            }
            assertThat(seen).hasSize(12).doesNotHaveDuplicates();
            assertThat(postgres.query("select count(*) from sluice.cursors where available_at is not null"))
                    .containsExactly("0");
        }

        @Test
        void takeOneMessageHoweverLarge() {
            var small = new Queue(postgres.dataSource(), new QueueConfig("sluice", 1));
            writer.write(run(1, 1), List.of());
            writer.write(run(2, 2), List.of());
            PopResult result = small.pop(ANY, List.of(new PopRequest(10, 1, true, Subscription.ALL)))
                    .get(0);
            assertThat(transactionIds(result)).containsExactly("t1");
            assertThat(transactionIds(pop(ANY, 10))).containsExactly("t2");
        }

        @Test
        void holdAPartitionForOneConsumerOfAGroup() {
            writer.write(run(1, 4), List.of());
            assertThat(pop(ANY, 2).messages()).hasSize(2);
            PopResult second = pop(ANY, 2);
            assertThat(second.status()).isEqualTo(Status.EMPTY);
            assertThat(second.nextReadyIn()).isBetween(Duration.ofSeconds(290), Duration.ofSeconds(300));
            PopResult specific = pop(new PopTarget("q", "p", PopTarget.DEFAULT_GROUP), 2);
            assertThat(specific.status()).isEqualTo(Status.LEASE_HELD);
            assertThat(specific.nextReadyIn()).isNotNull();
            assertThat(pop(new PopTarget("q", null, "other"), 2).messages()).hasSize(2);
        }

        @Test
        void giveEachConsumerThatWaitsItsOwnPartition() {
            writer.write(List.of(message("a", "1"), message("b", "2"), message("c", "3")), List.of());
            List<PopResult> results = queue.pop(ANY, List.of(batch(5), batch(5), batch(5), batch(5)));
            assertThat(results).extracting(result -> result.messages().size()).containsExactly(1, 1, 1, 0);
            assertThat(results.stream().map(PopResult::leaseId).filter(id -> id != null))
                    .doesNotHaveDuplicates();
        }

        @Test
        void fillABatchFromSeveralPartitions() {
            writer.write(
                    List.of(
                            message("a", "1"),
                            message("a", "2"),
                            message("b", "3"),
                            message("b", "4"),
                            message("c", "5")),
                    List.of());
            PopResult result = queue.pop(ANY, List.of(new PopRequest(3, 5, false, Subscription.ALL)))
                    .get(0);
            assertThat(transactionIds(result)).containsExactly("1", "2", "3");
            assertThat(result.partitionsClaimed()).isEqualTo(2);
            assertThat(complete(result)).allMatch(Acknowledged.class::isInstance);
        }

        @Test
        void withAutoAckLeaveNoLease() {
            writer.write(run(1, 3), List.of());
            PopResult result = queue.pop(ANY, List.of(new PopRequest(2, 1, true, Subscription.ALL)))
                    .get(0);
            assertThat(transactionIds(result)).containsExactly("t1", "t2");
            assertThat(result.leaseId()).isNull();
            assertThat(transactionIds(pop(ANY, 5))).containsExactly("t3");
        }

        @Test
        void skipDeletedMessages() {
            writer.write(run(1, 3), List.of());
            postgres.execute("update sluice.segments set payloads[2] = null");
            assertThat(transactionIds(pop(ANY, 3))).containsExactly("t1", "t3");
        }

        @Test
        void endTheirLeaseWhenAllButTheDeletedAreAcked() {
            writer.write(run(1, 4), List.of());
            postgres.execute("update sluice.segments set payloads[2] = null, payloads[4] = null");
            PopResult result = pop(ANY, 4);
            assertThat(complete(result)).last().isEqualTo(new Acknowledged("q", "p", true, false));
            assertThat(postgres.query("select position, available_at is null from sluice.cursors"))
                    .containsExactly("4|t");
        }

        @Test
        void holdNoLeaseOnDeletedMessagesAlone() {
            writer.write(run(1, 2), List.of());
            postgres.execute("update sluice.segments set payloads = array[null, null]::text[]");
            assertThat(pop(ANY, 2).messages()).isEmpty();
            writer.write(run(3, 3), List.of());
            assertThat(transactionIds(pop(ANY, 2))).containsExactly("t3");
        }

        @Test
        void goOnToAnotherPartitionWhenTheFirstHasNothingButDeletedMessages() {
            writer.write(List.of(message("a", "1")), List.of());
            complete(pop(ANY, 1)); // From now on, a partition is ready from its push on.
            writer.write(List.of(message("a", "2"), message("a", "3")), List.of());
            writer.write(List.of(message("b", "4")), List.of());
            postgres.execute("update sluice.segments set payloads = array[null, null]::text[] where first_seq = 2");
            assertThat(transactionIds(pop(ANY, 2))).containsExactly("4");
        }

        @Test
        void makeAnEmptyCursorIdleUntilTheNextPush() {
            writer.write(run(1, 1), List.of());
            complete(pop(ANY, 1));
            assertThat(postgres.query("select available_at is null from sluice.cursors"))
                    .containsExactly("t");
            PopResult empty = pop(ANY, 1);
            assertThat(empty.status()).isEqualTo(Status.EMPTY);
            assertThat(empty.nextReadyIn()).isNull();
            writer.write(run(2, 2), List.of());
            assertThat(transactionIds(pop(ANY, 1))).containsExactly("t2");
        }

        @Test
        void startLongestReadyFirst() {
            for (String partition : List.of("c", "a", "b")) {
                writer.write(List.of(message(partition, partition)), List.of());
                pop(new PopTarget("q", "none", PopTarget.DEFAULT_GROUP), 1);
            }
            var order = new ArrayList<String>();
            for (int i = 0; i < 3; i++) {
                order.addAll(transactionIds(pop(ANY, 1)));
            }
            assertThat(order).containsExactlyInAnyOrder("a", "b", "c");
        }
    }

    @Nested
    class Groups {
        @Test
        void readEverythingIndependently() {
            writer.write(run(1, 3), List.of());
            for (String group : List.of("g1", "g2", PopTarget.DEFAULT_GROUP)) {
                assertThat(transactionIds(pop(new PopTarget("q", null, group), 10)))
                        .containsExactly("t1", "t2", "t3");
            }
        }

        @Test
        void thatAreNewGetOnlyWhatIsPushedAfterTheirFirstPop() {
            writer.write(run(1, 3), List.of());
            var target = new PopTarget("q", null, "late");
            var request = List.of(new PopRequest(10, 1, false, Subscription.NEW));
            assertThat(queue.pop(target, request).get(0).messages()).isEmpty();
            writer.write(run(4, 4), List.of());
            writer.write(List.of(message("fresh", "t5")), List.of());
            assertThat(transactionIds(queue.pop(target, request).get(0))).containsExactly("t4");
            assertThat(transactionIds(queue.pop(target, request).get(0))).containsExactly("t5");
        }

        @Test
        void thatAreNewAndCameBeforeTheQueueGetItsFirstMessage() {
            var target = new PopTarget("later", null, "early");
            var request = List.of(new PopRequest(10, 1, false, Subscription.NEW));
            assertThat(queue.pop(target, request).get(0).status()).isEqualTo(Status.QUEUE_NOT_FOUND);
            assertThat(queue.pop(target, request).get(0).status()).isEqualTo(Status.QUEUE_NOT_FOUND);
            writer.write(List.of(message("later", "p", "t1", "1")), List.of());
            assertThat(transactionIds(queue.pop(target, request).get(0))).containsExactly("t1");
            var tooLate = new PopTarget("later", null, "late");
            assertThat(queue.pop(tooLate, request).get(0).messages()).isEmpty();
        }

        @Test
        void thatStartAtATimeGetWhatIsNotOlder() {
            writer.write(run(1, 1), List.of());
            postgres.execute("update sluice.segments set created_at = now() - interval '2 hours'");
            writer.write(run(2, 2), List.of());
            var subscription =
                    new Subscription(Subscription.Mode.ALL, Instant.now().minusSeconds(3600));
            var result = queue.pop(
                            new PopTarget("q", null, "timed"), List.of(new PopRequest(10, 1, false, subscription)))
                    .get(0);
            assertThat(transactionIds(result)).containsExactly("t2");
        }

        @Test
        void ofConsumersWithoutAGroupAlwaysStartAtTheBeginning() {
            writer.write(run(1, 1), List.of());
            var result = queue.pop(ANY, List.of(new PopRequest(10, 1, false, Subscription.NEW)))
                    .get(0);
            assertThat(transactionIds(result)).containsExactly("t1");
        }
    }

    @Nested
    class Delays {
        @Test
        void keepMessagesYoungerThanTheQueuesDelay() {
            postgres.execute("alter table sluice.queues alter delayed_processing_s set default 60");
            writer.write(run(1, 2), List.of());
            PopResult young = pop(ANY, 5);
            assertThat(young.messages()).isEmpty();
            assertThat(young.nextReadyIn()).isBetween(Duration.ofSeconds(50), Duration.ofSeconds(60));
            postgres.execute("update sluice.segments set created_at = now() - interval '61 seconds'");
            writer.write(run(3, 3), List.of());
            letTimePass();
            assertThat(transactionIds(pop(ANY, 5))).containsExactly("t1", "t2");
        }

        @Test
        void keepAPartitionUntilItsNewestMessageIsAsOldAsTheWindow() {
            postgres.execute("alter table sluice.queues alter window_buffer_s set default 60");
            writer.write(run(1, 2), List.of());
            PopResult open = pop(ANY, 5);
            assertThat(open.messages()).isEmpty();
            assertThat(open.nextReadyIn()).isBetween(Duration.ofSeconds(50), Duration.ofSeconds(60));
            postgres.execute("update sluice.partitions set last_push_at = now() - interval '61 seconds'");
            letTimePass();
            assertThat(transactionIds(pop(ANY, 5))).containsExactly("t1", "t2");
        }
    }
}
