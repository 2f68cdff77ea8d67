package dev.sluice.queue.read;

import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.AcknowledgeOutcome.Acknowledged;
import dev.sluice.queue.AcknowledgeOutcome.LeaseInvalid;
import dev.sluice.queue.AcknowledgeOutcome.NotFound;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class AcknowledgeTest extends QueueFixture {
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
        void ofAGroupThatNeverPoppedAreAcceptedAndChangeNothing() {
            writer.write(run(1, 1), List.of());
            long partition = pop(ANY, 1).messages().get(0).partitionId();
            assertThat(queue.acknowledge(
                            List.of(new Acknowledgement("nobody", partition, "t1", null, Verdict.COMPLETED, null))))
                    .containsExactly(new AcknowledgeOutcome.Unread("q", "p"));
            assertThat(pop(new PopTarget("q", null, "nobody"), 1).messages()).hasSize(1);
        }

        @Test
        void ofAGroupThatNeverPoppedAreRejectedIfTheyNameALeaseOrNoMessage() {
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
            int oldest = 11_000 - UnleasedSearch.REACH + 1;
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
            assertThat(ackWithoutLease(partition, "t" + UnleasedSearch.REACH)).isInstanceOf(Acknowledged.class);
            assertThat(ackWithoutLease(partition, "t" + (UnleasedSearch.REACH + 1)))
                    .isInstanceOf(NotFound.class);
        }

        private AcknowledgeOutcome ackWithoutLease(long partition, String transactionId) {
            return queue.acknowledge(List.of(new Acknowledgement(
                            PopTarget.DEFAULT_GROUP, partition, transactionId, null, Verdict.COMPLETED, null)))
                    .get(0);
        }

        @Test
        void withoutALeaseIdAreAccepted() {
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
        void areIdempotent() {
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
        void thatFailBeyondTheLimitMakeADeadLetter() {
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
        void ofKindDlqMakeADeadLetterAtOnce() {
            writer.write(run(1, 2), List.of());
            PopResult result = pop(ANY, 2);
            var acknowledgement = new Acknowledgement(
                    PopTarget.DEFAULT_GROUP,
                    result.messages().get(1).partitionId(),
                    "t2",
                    result.leaseId(),
                    Verdict.DLQ,
                    "bad");
            assertThat(queue.acknowledge(List.of(acknowledgement)))
                    .containsExactly(new Acknowledged("q", "p", false, true));
            assertThat(postgres.query("select transaction_id, error, retries from sluice.dead_letters"))
                    .containsExactly("t2|bad|0");
        }

        @Test
        void ofKindRetryReturnTheMessageAtOnce() {
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
}
