package dev.sluice.queue.read;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.AcknowledgeOutcome.Acknowledged;
import dev.sluice.queue.AcknowledgeOutcome.LeaseInvalid;
import dev.sluice.queue.AcknowledgeOutcome.NotFound;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.Message;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.admin.ConsumerGroups;
import dev.sluice.queue.admin.Queues;
import dev.sluice.queue.admin.Retention;
import dev.sluice.queue.admin.SeekTarget;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What a process remembers of its leases makes acknowledgements faster, and changes nothing else. */
class LeaseHintsTest extends QueueFixture {
    private static final int MESSAGES = 6;

    /** Another process on the same database, which does not know the leases of the first. */
    private Queue other;

    @BeforeEach
    void push() {
        other = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
        writer.write(messages("t", MESSAGES), List.of());
    }

    private static List<NewMessage> messages(String prefix, int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> message("q", "p", prefix + i, "1"))
                .toList();
    }

    private static List<Acknowledgement> completed(PopResult popped) {
        var all = new ArrayList<Acknowledgement>();
        popped.messages().forEach(each -> all.add(verdict(each, popped, Verdict.COMPLETED)));
        return all;
    }

    private String cursor() {
        return postgres.query("select position, acked, lease_id is null, available_at is null from sluice.cursors")
                .get(0);
    }

    @Nested
    class Alive {
        /** Without the segments, an acknowledgement that has to read them finds nothing. */
        @Test
        void theTransactionIdsAreNotReadAgain() {
            PopResult popped = pop(ANY, 3);
            postgres.execute("alter table sluice.segments rename to hidden;"
                    + " create table sluice.segments (like sluice.hidden including all)");

            assertThat(other.acknowledge(completed(popped))).hasOnlyElementsOfType(NotFound.class);
            assertThat(queue.acknowledge(completed(popped).subList(0, 1)))
                    .containsExactly(new Acknowledged("q", "p", false, false));
            assertThat(cursor()).isEqualTo("1|{}|f|f");
            assertThat(queue.acknowledge(completed(popped).subList(1, 3)))
                    .containsOnly(new Acknowledged("q", "p", true, false));
            assertThat(cursor()).isEqualTo("3|{}|t|f");
        }

        @Test
        void aWholeLeaseMayBeCompletedInAnyOrder() {
            PopResult popped = pop(ANY, MESSAGES);
            List<Acknowledgement> all = completed(popped);
            Collections.reverse(all);

            assertThat(queue.acknowledge(all)).hasSize(MESSAGES).containsOnly(new Acknowledged("q", "p", true, false));
            assertThat(cursor()).isEqualTo(MESSAGES + "|{}|t|t");
        }

        @Test
        void aFailureWithinTheLeaseIsNotCompleted() {
            PopResult popped = pop(ANY, 3);
            List<Acknowledgement> all = completed(popped);
            all.set(1, verdict(popped.messages().get(1), popped, Verdict.RETRY));

            queue.acknowledge(all);

            assertThat(cursor()).isEqualTo("1|{[3,4)}|t|f");
            assertThat(transactionIds(pop(ANY, 3))).containsExactly("t1", "t3", "t4");
        }

        @Test
        void wholeLeasesAndOthersAreAnsweredInTheOrderOfTheRequest() {
            writer.write(List.of(message("q", "other", "o", "1")), List.of());
            PopResult first = pop(new PopTarget("q", "p", PopTarget.DEFAULT_GROUP), 2);
            PopResult second = pop(new PopTarget("q", "other", PopTarget.DEFAULT_GROUP), 1);
            Message only = second.messages().get(0);
            var unknown = new Acknowledgement(
                    PopTarget.DEFAULT_GROUP, only.partitionId(), "x", second.leaseId(), Verdict.COMPLETED, null);
            List<Acknowledgement> mixed = completed(first);
            mixed.add(1, unknown);

            assertThat(queue.acknowledge(mixed))
                    .containsExactly(
                            new Acknowledged("q", "p", true, false),
                            new NotFound(),
                            new Acknowledged("q", "p", true, false));
        }

        @Test
        void anotherProcessMayHaveCompletedAPart() {
            PopResult popped = pop(ANY, 3);
            other.acknowledge(completed(popped).subList(1, 2));
            assertThat(cursor()).isEqualTo("0|{[2,3)}|f|f");

            assertThat(queue.acknowledge(completed(popped))).containsOnly(new Acknowledged("q", "p", true, false));
            assertThat(cursor()).isEqualTo("3|{}|t|f");
        }

        /** The lease holds what the pop delivered, even if a message is deleted meanwhile. */
        @Test
        void anotherProcessMayHaveDeletedAMessageOfTheLease() {
            PopResult popped = pop(ANY, 3);
            new Queues(postgres.dataSource(), "sluice")
                    .deleteMessage(popped.messages().get(1).partitionId(), "t1");

            assertThat(queue.acknowledge(completed(popped))).containsOnly(new Acknowledged("q", "p", true, false));
            assertThat(cursor()).isEqualTo("3|{}|t|f");
            assertThat(transactionIds(other.pop(ANY, List.of(batch(3))).get(0))).containsExactly("t3", "t4", "t5");
        }

        @Test
        void failuresOfMessagesBehindTheLeaseStayCounted() {
            PopResult all = pop(ANY, 2);
            queue.acknowledge(List.of(verdict(all.messages().get(1), all, Verdict.FAILED)));
            letTimePass();

            complete(pop(ANY, 1));

            assertThat(postgres.query("select position, failed_seqs, failed_counts from sluice.cursors"))
                    .containsExactly("1|{2}|{1}");
        }
    }

    @Nested
    class Over {
        /** Whatever ended the lease: the process that gave it answers as one that never knew it. */
        private void isRefusedByBoth(PopResult popped) {
            String before = cursor();
            List<AcknowledgeOutcome> ours = queue.acknowledge(completed(popped));

            assertThat(ours)
                    .isEqualTo(other.acknowledge(completed(popped)))
                    .doesNotHaveAnyElementsOfTypes(Acknowledged.class);
            assertThat(cursor()).isEqualTo(before);
        }

        @Test
        void anExpiredLeaseIsRefused() {
            PopResult popped = pop(ANY, 3);
            letTimePass();

            isRefusedByBoth(popped);
        }

        @Test
        void theMessagesMayBeLeasedByAnotherProcess() {
            PopResult popped = pop(ANY, 3);
            letTimePass();
            PopResult again = other.pop(ANY, List.of(batch(3))).get(0);

            isRefusedByBoth(popped);
            assertThat(other.acknowledge(completed(again))).containsOnly(new Acknowledged("q", "p", true, false));
        }

        @Test
        void aSeekEndsIt() {
            PopResult popped = pop(ANY, 3);
            new ConsumerGroups(postgres.dataSource(), "sluice")
                    .seek(PopTarget.DEFAULT_GROUP, "q", null, new SeekTarget.Beginning());

            isRefusedByBoth(popped);
            assertThat(transactionIds(pop(ANY, 3))).containsExactly("t0", "t1", "t2");
        }

        @Test
        void aClearEndsIt() {
            PopResult popped = pop(ANY, 3);
            new Queues(postgres.dataSource(), "sluice").clear("q", "p");

            isRefusedByBoth(popped);
        }

        @Test
        void aRetryEndsIt() {
            PopResult popped = pop(ANY, 3);
            other.acknowledge(List.of(verdict(popped.messages().get(0), popped, Verdict.RETRY)));

            isRefusedByBoth(popped);
        }

        @Test
        void aQueueOfTheSameNameIsAnotherQueue() {
            PopResult popped = pop(ANY, 3);
            new Queues(postgres.dataSource(), "sluice").delete("q");
            writer.write(messages("t", MESSAGES), List.of());
            PopResult again = pop(ANY, 3);

            assertThat(queue.acknowledge(completed(popped))).hasOnlyElementsOfType(NotFound.class);
            assertThat(complete(again)).containsOnly(new Acknowledged("q", "p", true, false));
        }

        @Test
        void retentionMayHaveDeletedItsMessages() {
            PopResult popped = pop(ANY, 3);
            letTimePass();
            new Queues(postgres.dataSource(), "sluice")
                    .configure(
                            "q",
                            "",
                            "",
                            QueueOptions.DEFAULTS.toBuilder()
                                    .retentionEnabled(true)
                                    .retention(Duration.ofSeconds(1))
                                    .build());
            postgres.execute("update sluice.segments set created_at = now() - interval '1 hour'");
            new Retention(postgres.dataSource(), "sluice", Duration.ofDays(30), (q, a, c, w) -> {}).sweep();

            isRefusedByBoth(popped);
        }

        @Test
        void anotherGroupDoesNotCompleteIt() {
            PopResult popped = pop(ANY, 3);
            PopResult ofGroup = pop(new PopTarget("q", null, "g"), 3);
            List<Acknowledgement> foreign = ofGroup.messages().stream()
                    .map(each -> new Acknowledgement(
                            "g", each.partitionId(), each.transactionId(), popped.leaseId(), Verdict.COMPLETED, null))
                    .toList();

            assertThat(queue.acknowledge(foreign)).hasOnlyElementsOfType(LeaseInvalid.class);
        }
    }

    @Nested
    class Bounded {
        private Queue remembering(int messages) {
            return new Queue(
                    postgres.dataSource(),
                    new QueueConfig("sluice", QueueConfig.DEFAULT_POP_MAX_BYTES, PayloadCipher.NONE, messages));
        }

        @Test
        void aProcessThatRemembersNothingAnswersTheSame() {
            queue = remembering(0);
            PopResult popped = pop(ANY, 3);

            assertThat(complete(popped)).hasSize(3).containsOnly(new Acknowledged("q", "p", true, false));
        }

        @Test
        void theOldestLeasesAreForgottenFirst() {
            var hints = new LeaseHints(20);
            LeaseHints.Hint first = hint("a", 6);
            LeaseHints.Hint second = hint("b", 6);
            LeaseHints.Hint third = hint("c", 1);
            hints.add(List.of(first, second));
            assertThat(hints.messages()).isEqualTo(20);

            hints.add(List.of(third));

            assertThat(hints.of(first.leaseId(), 1)).isNull();
            assertThat(hints.of(second.leaseId(), 1)).isSameAs(second);
            assertThat(hints.of(third.leaseId(), 1)).isSameAs(third);
            assertThat(hints.messages()).isEqualTo(15);
            hints.remove(List.of(second, third));
            assertThat(hints.messages()).isZero();
        }

        private static LeaseHints.Hint hint(String queue, int messages) {
            List<String> ids =
                    IntStream.range(0, messages).mapToObj(Integer::toString).toList();
            return new LeaseHints.Hint(UUID.randomUUID(), "g", 1, 1, queue, "p", 0, ids);
        }

        /** Two messages of a lease may have the same id if the window of duplicates is over. */
        @Test
        void aLeaseWithTheSameIdTwiceIsNotRemembered() {
            postgres.execute("update sluice.segments set transaction_ids[2] = 't0'");
            PopResult popped = pop(ANY, 3);

            complete(popped);

            assertThat(cursor()).isEqualTo("1|{[3,4)}|f|f");
        }
    }
}
