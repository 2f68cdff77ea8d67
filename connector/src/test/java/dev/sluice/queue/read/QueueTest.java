package dev.sluice.queue.read;

import static dev.sluice.queue.Messages.message;
import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.AcknowledgeOutcome.Acknowledged;
import dev.sluice.queue.AcknowledgeOutcome.LeaseInvalid;
import dev.sluice.queue.AcknowledgeOutcome.NotFound;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.Message;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopResult.Status;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class QueueTest {
    private static final PopTarget ANY = new PopTarget("q", null, PopTarget.DEFAULT_GROUP);

    private TestPostgres postgres;
    private QueueWriter writer;
    private Queue queue;

    @BeforeEach
    void open() {
        postgres = TestPostgres.withSchema();
        writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
        queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
    }

    @AfterEach
    void close() {
        writer.close();
        postgres.close();
    }

    private static PopRequest batch(int batch) {
        return new PopRequest(batch, 1, false, Subscription.ALL);
    }

    private PopResult pop(PopTarget target, int batch) {
        return queue.pop(target, List.of(batch(batch))).get(0);
    }

    private static List<String> transactionIds(PopResult result) {
        return result.messages().stream().map(Message::transactionId).toList();
    }

    private static Acknowledgement verdict(Message message, PopResult result, Verdict verdict) {
        return new Acknowledgement(
                PopTarget.DEFAULT_GROUP,
                message.partitionId(),
                message.transactionId(),
                result.leaseId(),
                verdict,
                null);
    }

    private List<AcknowledgeOutcome> complete(PopResult result) {
        return queue.acknowledge(result.messages().stream()
                .map(message -> verdict(message, result, Verdict.COMPLETED))
                .toList());
    }

    /** Ends every lease and every delay, as time would. */
    private void letTimePass() {
        postgres.execute(
                "update sluice.cursors set available_at = now() - interval '1 second' where available_at > now()");
    }

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
            assertThat(first.payload()).isEqualTo("{\"a\": 1}");
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
            complete(pop(ANY, 1)); // From now on each partition is ready since its push.
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
    class Acks {
        @Test
        void inAnyOrderMoveThePositionOverWhatIsContiguous() {
            writer.write(run(1, 4), List.of());
            PopResult result = pop(ANY, 4);
            ack(result, 2);
            ack(result, 0);
            assertThat(postgres.query("select position, acked from sluice.cursors"))
                    .containsExactly("1|{[3,4)}");
            assertThat(ack(result, 1)).isEqualTo(new Acknowledged("q", "p", false, false));
            assertThat(ack(result, 3)).isEqualTo(new Acknowledged("q", "p", true, false));
            assertThat(postgres.query("select position, acked, lease_id is null from sluice.cursors"))
                    .containsExactly("4|{}|t");
        }

        private AcknowledgeOutcome ack(PopResult result, int index) {
            return queue.acknowledge(List.of(verdict(result.messages().get(index), result, Verdict.COMPLETED)))
                    .get(0);
        }

        @Test
        void survivesTheLeaseSoThatOnlyTheRestIsDeliveredAgain() {
            writer.write(run(1, 4), List.of());
            PopResult first = pop(ANY, 4);
            ack(first, 1);
            ack(first, 2);
            letTimePass();
            PopResult again = pop(ANY, 4);
            assertThat(transactionIds(again)).containsExactly("t1", "t4");
            complete(again);
            assertThat(pop(ANY, 4).messages()).isEmpty();
        }

        @Test
        void afterTheLeaseEndedChangeNothing() {
            writer.write(run(1, 2), List.of());
            PopResult late = pop(ANY, 2);
            letTimePass();
            assertThat(complete(late)).allMatch(LeaseInvalid.class::isInstance);
            PopResult holder = pop(ANY, 2);
            assertThat(complete(late)).allMatch(LeaseInvalid.class::isInstance);
            assertThat(complete(holder)).allMatch(Acknowledged.class::isInstance);
        }

        @Test
        void ofUnknownMessagesPartitionsAndGroupsAreNotFound() {
            writer.write(run(1, 1), List.of());
            PopResult result = pop(ANY, 1);
            long partition = result.messages().get(0).partitionId();
            assertThat(queue.acknowledge(List.of(
                            new Acknowledgement(
                                    PopTarget.DEFAULT_GROUP,
                                    partition,
                                    "none",
                                    result.leaseId(),
                                    Verdict.COMPLETED,
                                    null),
                            new Acknowledgement(
                                    PopTarget.DEFAULT_GROUP, partition, "none", null, Verdict.COMPLETED, null),
                            new Acknowledgement(
                                    PopTarget.DEFAULT_GROUP, partition + 99, "t1", null, Verdict.COMPLETED, null),
                            new Acknowledgement(
                                    "nobody", partition, "none", result.leaseId(), Verdict.COMPLETED, null))))
                    .allMatch(NotFound.class::isInstance);
            assertThat(queue.acknowledge(List.of())).isEmpty();
        }

        @Test
        void ofAGroupThatNeverPoppedAreTakenAndChangeNothing() {
            writer.write(run(1, 1), List.of());
            long partition = pop(ANY, 1).messages().get(0).partitionId();
            assertThat(queue.acknowledge(
                            List.of(new Acknowledgement("nobody", partition, "t1", null, Verdict.COMPLETED, null))))
                    .containsExactly(new AcknowledgeOutcome.Unread("q", "p"));
            assertThat(pop(new PopTarget("q", null, "nobody"), 1).messages()).hasSize(1);
        }

        @Test
        void ofAGroupThatNeverPoppedAreNotTakenIfTheyNameALeaseOrNoMessage() {
            writer.write(run(1, 2), List.of());
            PopResult result = pop(ANY, 1);
            long partition = result.messages().get(0).partitionId();
            assertThat(queue.acknowledge(List.of(
                            new Acknowledgement("nobody", partition, "t1", result.leaseId(), Verdict.COMPLETED, null),
                            new Acknowledgement("nobody", partition, "t2", null, Verdict.FAILED, null),
                            new Acknowledgement("nobody", partition, "t3", null, Verdict.COMPLETED, null))))
                    .containsExactly(
                            new AcknowledgeOutcome.LeaseInvalid("q", "p"),
                            new AcknowledgeOutcome.Unread("q", "p"),
                            new NotFound());
        }

        @Test
        void ofAGroupThatNeverPoppedReachAsFarAsTheirLimitAndNoFurther() {
            for (int i = 0; i < 11; i++) {
                writer.write(run(1 + i * 1_000, 1_000 + i * 1_000), List.of());
            }
            long partition = pop(ANY, 1).messages().get(0).partitionId();
            int oldest = 11_000 - Acknowledge.UNLEASED_REACH + 1;
            assertThat(queue.acknowledge(List.of(
                            new Acknowledgement("nobody", partition, "t" + oldest, null, Verdict.COMPLETED, null),
                            new Acknowledgement(
                                    "nobody", partition, "t" + (oldest - 1), null, Verdict.COMPLETED, null))))
                    .containsExactly(new AcknowledgeOutcome.Unread("q", "p"), new NotFound());
        }

        @Test
        void withoutALeaseIdReachAsFarAsTheirLimitAndNoFurther() {
            for (int i = 0; i < 11; i++) {
                writer.write(run(1 + i * 1_000, 1_000 + i * 1_000), List.of());
            }
            PopResult result = pop(ANY, 1);
            long partition = result.messages().get(0).partitionId();
            assertThat(ackWithoutLease(partition, "t" + Acknowledge.UNLEASED_REACH))
                    .isInstanceOf(Acknowledged.class);
            assertThat(ackWithoutLease(partition, "t" + (Acknowledge.UNLEASED_REACH + 1)))
                    .isInstanceOf(NotFound.class);
        }

        private AcknowledgeOutcome ackWithoutLease(long partition, String transactionId) {
            return queue.acknowledge(List.of(new Acknowledgement(
                            PopTarget.DEFAULT_GROUP, partition, transactionId, null, Verdict.COMPLETED, null)))
                    .get(0);
        }

        @Test
        void withoutALeaseIdAreTaken() {
            writer.write(run(1, 3), List.of());
            PopResult result = pop(ANY, 2);
            long partition = result.messages().get(0).partitionId();
            for (String transactionId : List.of("t3", "t1", "t2")) {
                assertThat(queue.acknowledge(List.of(new Acknowledgement(
                                PopTarget.DEFAULT_GROUP, partition, transactionId, null, Verdict.COMPLETED, null))))
                        .first()
                        .isInstanceOf(Acknowledged.class);
            }
            assertThat(postgres.query("select position, available_at is null from sluice.cursors"))
                    .containsExactly("3|t");
        }

        @Test
        void repeatedDoNoHarm() {
            writer.write(run(1, 2), List.of());
            PopResult result = pop(ANY, 2);
            ack(result, 0);
            assertThat(ack(result, 0)).isInstanceOf(NotFound.class);
            assertThat(postgres.query("select position from sluice.cursors")).containsExactly("1");
        }

        @Test
        void thatFailDeliverOnlyTheFailedAgain() {

            writer.write(run(1, 3), List.of());
            PopResult result = pop(ANY, 3);
            queue.acknowledge(List.of(
                    verdict(result.messages().get(0), result, Verdict.COMPLETED),
                    verdict(result.messages().get(1), result, Verdict.FAILED),
                    verdict(result.messages().get(2), result, Verdict.COMPLETED)));
            assertThat(transactionIds(pop(ANY, 3))).containsExactly("t2");
        }

        @Test
        void thatFailHoldBackByTheDelayDoubled() {
            postgres.execute("alter table sluice.queues alter retry_delay_ms set default 1000");
            writer.write(run(1, 1), List.of());
            for (int attempt = 0; attempt < 3; attempt++) {
                PopResult result = pop(ANY, 1);
                queue.acknowledge(List.of(verdict(result.messages().get(0), result, Verdict.FAILED)));
                Duration wait = pop(ANY, 1).nextReadyIn();
                long base = 1000L << attempt;
                assertThat(wait).isBetween(Duration.ofMillis(base - 900), Duration.ofMillis(base + base / 5 + 1));
                letTimePass();
            }
        }

        @Test
        void thatFailBeyondTheLimitBuryTheMessage() {
            postgres.execute("alter table sluice.queues alter retry_limit set default 2");
            writer.write(run(1, 2), List.of());
            for (int attempt = 0; attempt < 2; attempt++) {
                PopResult result = pop(ANY, 1);
                assertThat(transactionIds(result)).containsExactly("t1");
                assertThat(queue.acknowledge(List.of(verdict(result.messages().get(0), result, Verdict.FAILED))))
                        .containsExactly(new Acknowledged("q", "p", true, false));
                letTimePass();
            }
            PopResult last = pop(ANY, 1);
            assertThat(queue.acknowledge(List.of(verdict(last.messages().get(0), last, Verdict.FAILED))))
                    .containsExactly(new Acknowledged("q", "p", true, true));
            assertThat(transactionIds(pop(ANY, 5))).containsExactly("t2");
            assertThat(postgres.query("select transaction_id, payload, error, retries, seq from sluice.dead_letters"))
                    .containsExactly("t1|{\"tx\":\"t1\"}|Retries exhausted|2|1");
        }

        @Test
        void ofKindDlqBuryAtOnce() {
            writer.write(run(1, 2), List.of());
            PopResult result = pop(ANY, 2);
            var said = new Acknowledgement(
                    PopTarget.DEFAULT_GROUP,
                    result.messages().get(1).partitionId(),
                    "t2",
                    result.leaseId(),
                    Verdict.DLQ,
                    "bad");
            assertThat(queue.acknowledge(List.of(said))).containsExactly(new Acknowledged("q", "p", false, true));
            assertThat(postgres.query("select transaction_id, error, retries from sluice.dead_letters"))
                    .containsExactly("t2|bad|0");
        }

        @Test
        void ofKindRetryGiveTheMessageBackAtOnce() {
            writer.write(run(1, 1), List.of());
            for (int i = 0; i < 10; i++) {
                PopResult result = pop(ANY, 1);
                assertThat(transactionIds(result)).containsExactly("t1");
                queue.acknowledge(List.of(verdict(result.messages().get(0), result, Verdict.RETRY)));
            }
            assertThat(postgres.query("select count(*) from sluice.dead_letters"))
                    .containsExactly("0");
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

    @Nested
    class LeasesThatEndWithoutAWord {
        @Test
        void areToldApartMessageByMessageAndBuryTheFirstAtTheLimit() {
            postgres.execute("alter table sluice.queues alter redelivery_limit set default 4");
            writer.write(run(1, 3), List.of());
            var sizes = new ArrayList<Integer>();
            for (int i = 0; i < 4; i++) {
                sizes.add(pop(ANY, 3).messages().size());
                letTimePass();
            }
            assertThat(sizes).containsExactly(3, 3, 3, 1);
            assertThat(transactionIds(pop(ANY, 3))).containsExactly("t2", "t3");
            assertThat(postgres.query("select transaction_id, error, retries from sluice.dead_letters"))
                    .containsExactly("t1|delivered 4 times without an ack|3");
        }

        @Test
        void areForgottenWhenAnyAckArrives() {
            postgres.execute("alter table sluice.queues alter redelivery_limit set default 2");
            writer.write(run(1, 4), List.of());
            for (int i = 0; i < 3; i++) {
                PopResult result = pop(ANY, 4);
                queue.acknowledge(List.of(verdict(result.messages().get(0), result, Verdict.COMPLETED)));
                letTimePass();
            }
            assertThat(postgres.query("select count(*) from sluice.dead_letters"))
                    .containsExactly("0");
        }

        @Test
        void meanNothingWhenTheLimitIsZero() {
            postgres.execute("alter table sluice.queues alter redelivery_limit set default 0");
            writer.write(run(1, 2), List.of());
            for (int i = 0; i < 30; i++) {
                assertThat(pop(ANY, 2).messages()).hasSize(2);
                letTimePass();
            }
        }
    }

    @Nested
    class Extensions {
        @Test
        void lengthenALiveLeaseAndNeverShortenIt() {
            writer.write(run(1, 1), List.of());
            UUID lease = pop(ANY, 1).leaseId();
            Instant longer = queue.extend(lease, Duration.ofMinutes(15)).orElseThrow();
            assertThat(queue.extend(lease, Duration.ofSeconds(1))).hasValue(longer);
            assertThat(pop(ANY, 1).nextReadyIn()).isGreaterThan(Duration.ofSeconds(800));
        }

        @Test
        void ofEndedOrUnknownLeasesFindNothing() {
            writer.write(run(1, 1), List.of());
            UUID lease = pop(ANY, 1).leaseId();
            letTimePass();
            assertThat(queue.extend(lease, Duration.ofMinutes(1))).isEmpty();
            assertThat(queue.extend(UUID.randomUUID(), Duration.ofMinutes(1))).isEmpty();
        }
    }

    @Nested
    class ManyConsumers {
        @Test
        void getEveryMessageOnceAndInOrderWhileWritersWrite() throws Exception {
            int partitions = 10;
            int perPartition = 200;
            var taken = new ConcurrentHashMap<String, List<Long>>();
            var pool = Executors.newFixedThreadPool(8);
            var written = new AtomicBoolean();
            var count = new AtomicInteger();
            try {
                var tasks = new ArrayList<Callable<Void>>();
                for (int w = 0; w < 2; w++) {
                    int offset = w;
                    tasks.add(() -> {
                        try (var mine = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
                            for (int i = 0; i < perPartition / 2; i += 5) {
                                var messages = new ArrayList<NewMessage>();
                                for (int p = 0; p < partitions; p++) {
                                    for (int k = 0; k < 5; k++) {
                                        messages.add(message("p" + p, "w" + offset + "-" + (i + k)));
                                    }
                                }
                                mine.write(messages, List.of());
                            }
                        }
                        return null;
                    });
                }
                for (int c = 0; c < 6; c++) {
                    tasks.add(() -> {
                        while (count.get() < partitions * perPartition) {
                            PopResult result = pop(ANY, 7);
                            for (Message message : result.messages()) {
                                taken.computeIfAbsent(message.partition(), unused -> new ArrayList<>())
                                        .add(message.seq());
                            }
                            if (!result.messages().isEmpty()) {
                                assertThat(complete(result)).allMatch(Acknowledged.class::isInstance);
                            }
                            count.addAndGet(result.messages().size());
                            if (written.get() && result.messages().isEmpty() && result.nextReadyIn() == null) {
                                return null;
                            }
                        }
                        return null;
                    });
                }
                var futures = tasks.stream().map(pool::submit).toList();
                for (Future<Void> future : futures.subList(0, 2)) {
                    future.get();
                }
                written.set(true);
                for (Future<Void> future : futures) {
                    future.get();
                }
            } finally {
                pool.shutdownNow();
            }
            for (int p = 0; p < partitions; p++) {
                var seqs = taken.get("p" + p);
                assertThat(new HashSet<>(seqs)).as("delivered of p%d", p).hasSize(perPartition);
                assertThat(seqs).as("order of p%d", p).isSorted().hasSize(perPartition);
            }
            assertThat(
                            postgres.query(
                                    "select count(*) from sluice.cursors where available_at is not null or lease_id is not null"))
                    .as("cursors left ready or leased")
                    .containsExactly("0");
        }
    }
}
