package dev.sluice.queue.transact;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.Message;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.transact.StreamCycle.Change;
import dev.sluice.queue.transact.StreamCycle.Refusal;
import dev.sluice.queue.transact.Streams.Part;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class StreamCyclesTest extends StreamFixture {
    @Nested
    class Cycles {
        private PopResult popped;

        @BeforeEach
        void pop() {
            fixture.pushOneByOne(1, 4);
            popped = fixture.pop(GROUP, 3);
        }

        @Test
        void moveStateResultsAndCursorOnTogether() {
            StreamCycle.Outcome outcome = cycle("6", popped, "t3", true);
            assertThat(outcome.refusal()).isNull();
            assertThat(outcome.queue()).isEqualTo("q");
            assertThat(outcome.pushes()).hasOnlyElementsOfType(PushOutcome.Queued.class);
            assertThat(outcome.acknowledged()).isEqualTo(new AcknowledgeOutcome.Acknowledged("q", "p", true, false));
            assertThat(state()).containsExactly("sum=6");
            assertThat(sink()).containsExactly("6");
            assertThat(cursor()).isEqualTo("3/false");
            assertThat(AdministrationFixture.transactionIds(fixture.pop(GROUP, 9)))
                    .containsExactly("t4");
            assertThat(fixture.broken()).isEmpty();
        }

        @Test
        void mayReturnTheMessagesThatTheyHaveNotRead() {
            cycle("1", popped, "t1", true);
            assertThat(cursor()).isEqualTo("1/false");
            assertThat(AdministrationFixture.transactionIds(fixture.pop(GROUP, 9)))
                    .containsExactly("t2", "t3", "t4");
        }

        @Test
        void mayKeepTheLease() {
            assertThat(cycle("1", popped, "t1", false).acknowledged())
                    .isEqualTo(new AcknowledgeOutcome.Acknowledged("q", "p", false, false));
            assertThat(cursor()).isEqualTo("1/true");
            assertThat(cycle("6", popped, "t3", false).acknowledged())
                    .isEqualTo(new AcknowledgeOutcome.Acknowledged("q", "p", false, false));
            assertThat(cursor()).isEqualTo("3/true");
            assertThat(fixture.pop(GROUP, 9).messages()).isEmpty();
            assertThat(cycle("7", popped, "t3", true).acknowledged())
                    .isEqualTo(new AcknowledgeOutcome.Acknowledged("q", "p", true, false));
            assertThat(cursor()).isEqualTo("3/false");
            assertThat(state()).containsExactly("sum=7");
            assertThat(fixture.broken()).isEmpty();
        }

        @Test
        void changeNothingWhenTheyComeAgain() {
            cycle("6", popped, "t3", true);
            StreamCycle.Outcome again = cycle("66", popped, "t3", true);
            assertThat(again.refusal()).isEqualTo(Refusal.LEASE_INVALID);
            assertThat(again.pushes()).isEmpty();
            assertThat(again.queue()).isEqualTo("q");
            assertThat(state()).containsExactly("sum=6");
            assertThat(sink()).containsExactly("6");
        }

        @Test
        void changeNothingWhenAnEarlierOneComesLate() {
            cycle("1", popped, "t1", false);
            cycle("3", popped, "t2", false);
            assertThat(cycle("1", popped, "t1", false).refusal()).isEqualTo(Refusal.LEASE_INVALID);
            assertThat(state()).containsExactly("sum=3");
        }

        @Test
        void changeNothingUnderALeaseThatIsOver() {
            expireLeases();
            assertThat(cycle("6", popped, "t3", true).refusal()).isEqualTo(Refusal.LEASE_INVALID);
            PopResult other = fixture.pop(GROUP, 3);
            assertThat(cycle("6", popped, "t3", true).refusal()).isEqualTo(Refusal.LEASE_INVALID);
            assertThat(state()).isEmpty();
            assertThat(sink()).isEmpty();
            assertThat(cycle("6", other, "t3", true).refusal()).isNull();
        }

        @Test
        void changeNothingForAMessageOutsideTheLease() {
            assertThat(cycle("9", popped, "t4", true).refusal()).isEqualTo(Refusal.NO_MESSAGE);
            assertThat(cycle("9", popped, "none", true).refusal()).isEqualTo(Refusal.NO_MESSAGE);
            var stranger = new Acknowledgement("nobody", fixture.partition("p"), "t1", null, Verdict.COMPLETED, null);
            assertThat(cycle(List.of(put("k", "1")), List.of(), stranger, true).refusal())
                    .isEqualTo(Refusal.NO_MESSAGE);
            assertThat(state()).isEmpty();
            assertThat(cursor()).isEqualTo("0/true");
        }

        @Test
        void doNotNeedToNameTheLease() {
            var unleased = new Acknowledgement(GROUP, fixture.partition("p"), "t4", null, Verdict.COMPLETED, null);
            assertThat(cycle(List.of(), List.of(), unleased, true).refusal()).isNull();
            assertThat(cursor()).isEqualTo("4/false");
        }

        @Test
        void makeADeadLetterOfTheMessageThatFailedAndReleaseTheRest() {
            StreamCycle.Outcome outcome =
                    cycle(List.of(put("sum", "1")), List.of(), upTo(popped, "t2", Verdict.FAILED), false);
            assertThat(outcome.acknowledged()).isEqualTo(new AcknowledgeOutcome.Acknowledged("q", "p", true, true));
            assertThat(fixture.postgres.query("select transaction_id, error, group_name from sluice.dead_letters"))
                    .containsExactly("t2|why|" + GROUP);
            assertThat(cursor()).isEqualTo("2/false");
            assertThat(state()).containsExactly("sum=1");
        }

        @Test
        void needNotReadAnything() {
            StreamCycle.Outcome outcome =
                    cycle(List.of(put("w", "1")), List.of(message("sink", "p", "x", "1")), null, true);
            assertThat(outcome.refusal()).isNull();
            assertThat(outcome.acknowledged()).isNull();
            assertThat(cursor()).isEqualTo("0/true");
            assertThat(state()).containsExactly("w=1");
        }

        @Test
        void leaveOutMessagesThatAreThere() {
            cycle("1", popped, "t1", false);
            StreamCycle.Outcome outcome = cycle(
                    List.of(),
                    List.of(message("sink", "p", "s-t1", "9"), message("sink", "p", "new", "2")),
                    upTo(popped, "t2", Verdict.COMPLETED),
                    false);
            assertThat(outcome.pushes().get(0)).isInstanceOf(PushOutcome.Duplicate.class);
            assertThat(outcome.pushes().get(1)).isInstanceOf(PushOutcome.Queued.class);
            assertThat(sink()).containsExactly("1", "2");
        }

        @Test
        void changeAKeyAsItsLastChangeSays() {
            cycle(List.of(put("a", "1"), put("b", "1"), put("c", "1")), List.of(), null, true);
            cycle(
                    List.of(
                            put("a", "2"),
                            put("a", "3"),
                            put("b", "2"),
                            new Change("b", null, null),
                            new Change("c", null, null),
                            put("c", "4"),
                            new Change("none", null, null)),
                    List.of(),
                    null,
                    true);
            assertThat(state()).containsExactly("a=3", "c=4");
        }

        @Test
        void pushIntoTheQueueTheyRead() {
            StreamCycle.Outcome outcome = cycle(
                    List.of(),
                    List.of(message("p", "echo"), message("q", "other", "o", "1")),
                    upTo(popped, "t3", Verdict.COMPLETED),
                    true);
            assertThat(outcome.refusal()).isNull();
            assertThat(fixture.broken()).isEmpty();
        }

        @Test
        void areRefusedWithoutTheirQueryOrPartition() {
            long partition = fixture.partition("p");
            assertThat(cycles.run(new StreamCycle(query + 9, partition, List.of(), List.of(), null, true)))
                    .isEqualTo(new StreamCycle.Outcome(null, Refusal.NO_QUERY, List.of(), null));
            assertThat(cycles.run(new StreamCycle(query, partition + 99, List.of(), List.of(), null, true)))
                    .isEqualTo(new StreamCycle.Outcome(null, Refusal.NO_PARTITION, List.of(), null));
        }

        @Test
        void ofTwoWorkersWithOneLeaseCountOnce() throws Exception {
            ExecutorService threads = Executors.newFixedThreadPool(4);
            try {
                var done = new ArrayList<Future<StreamCycle.Outcome>>();
                for (int i = 0; i < 4; i++) {
                    String sum = "sum of " + i;
                    done.add(threads.submit(() -> {
                        try (TransactionExecutor own = executor()) {
                            return own.run(new StreamCycle(
                                    query,
                                    fixture.partition("p"),
                                    List.of(put("sum", sum)),
                                    List.of(message("sink", "p", sum, "1")),
                                    upTo(popped, "t3", Verdict.COMPLETED),
                                    true));
                        }
                    }));
                }
                int committed = 0;
                for (Future<StreamCycle.Outcome> each : done) {
                    committed += each.get(60, TimeUnit.SECONDS).refusal() == null ? 1 : 0;
                }
                assertThat(committed).isEqualTo(1);
            } finally {
                threads.shutdownNow();
            }
            assertThat(sink()).hasSize(1);
        }
    }

    /** Workers lose their leases and send every cycle twice. */
    @Test
    void countsEveryMessageOnceHoweverTheWorkersFare() throws Exception {
        int messages = 300;
        int partitions = 3;
        for (int i = 0; i < messages; i++) {
            fixture.push(message("q", "p" + i % partitions, "t" + i, "1"));
        }
        fixture.configure(QueueOptions.DEFAULTS.toBuilder().redeliveryLimit(0)); // Lost leases make no dead letters.
        fixture.pop(GROUP, 1); // Registers the group.
        expireLeases();
        var applied = new AtomicInteger();
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            var workers = new ArrayList<Future<?>>();
            for (int worker = 0; worker < 4; worker++) {
                workers.add(threads.submit(() -> {
                    work(messages, applied);
                    return null;
                }));
            }
            for (Future<?> each : workers) {
                each.get(60, TimeUnit.SECONDS);
            }
        } finally {
            threads.shutdownNow();
        }
        assertThat(fixture.one("select sum(value::integer) from sluice.stream_state"))
                .isEqualTo(String.valueOf(messages));
        assertThat(fixture.one("select count(*) || '/' || sum(payload::integer) from sluice.messages"
                        + " where queue = 'sink'"))
                .isEqualTo(applied.get() + "/" + messages);
        assertThat(fixture.broken()).isEmpty();
    }

    private void work(int messages, AtomicInteger applied) throws InterruptedException {
        try (TransactionExecutor own = executor()) {
            for (int round = 0; ; round++) {
                PopResult popped = fixture.queue
                        .pop(new PopTarget("q", null, GROUP), List.of(new PopRequest(7, 1, false, Subscription.ALL)))
                        .get(0);
                if (popped.messages().isEmpty()) {
                    if (fixture.one("select coalesce(sum(value::integer), 0) from sluice.stream_state")
                            .equals(String.valueOf(messages))) {
                        return;
                    }
                    TimeUnit.MILLISECONDS.sleep(5);
                    continue;
                }
                long partition = popped.messages().get(0).partitionId();
                List<Message> batch = popped.messages();
                if (round % 5 == 4) {
                    expireLeases();
                }
                List<Streams.Row> before =
                        streams.state(query, partition, Part.ALL).orElseThrow();
                int sum = before.isEmpty() ? 0 : Integer.parseInt(before.get(0).value());
                Message last = batch.get(batch.size() - 1);
                var cycle = new StreamCycle(
                        query,
                        partition,
                        List.of(put("sum", String.valueOf(sum + batch.size()))),
                        List.of(NewMessage.builder(
                                        UUID.randomUUID(),
                                        "sink",
                                        "p",
                                        UUID.randomUUID().toString(),
                                        String.valueOf(batch.size()).getBytes(StandardCharsets.UTF_8))
                                .generatedTransactionId(true)
                                .build()),
                        new Acknowledgement(
                                GROUP, partition, last.transactionId(), popped.leaseId(), Verdict.COMPLETED, null),
                        true);
                for (int attempt = 0; attempt < 2; attempt++) {
                    if (own.run(cycle).refusal() == null) {
                        applied.incrementAndGet();
                    }
                }
            }
        }
    }
}
