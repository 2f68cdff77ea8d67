package dev.sluice.bridge.pop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.QueueException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class AcknowledgeDispatcherTest {
    private final List<List<String>> transactions = new CopyOnWriteArrayList<>();
    private final List<String> released = new CopyOnWriteArrayList<>();
    private volatile CountDownLatch gate = new CountDownLatch(0);
    private volatile @Nullable RuntimeException failure;
    private final AcknowledgeDispatcher dispatcher = new AcknowledgeDispatcher(
            this::acknowledge, (queue, partition) -> released.add(queue + "/" + partition), 1, 100);

    private List<AcknowledgeOutcome> acknowledge(List<Acknowledgement> acknowledgements) {
        transactions.add(
                acknowledgements.stream().map(Acknowledgement::transactionId).toList());
        try {
            assertThat(gate.await(120, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        RuntimeException toThrow = failure;
        if (toThrow != null) {
            throw toThrow;
        }
        var outcomes = new ArrayList<AcknowledgeOutcome>();
        for (Acknowledgement acknowledgement : acknowledgements) {
            if (acknowledgement.transactionId().equals("poison")) {
                throw new QueueException("ack", new SQLException("bad", "22000"));
            }
            outcomes.add(new AcknowledgeOutcome.Acknowledged(
                    "q",
                    acknowledgement.transactionId(),
                    acknowledgement.transactionId().startsWith("last"),
                    false));
        }
        return outcomes;
    }

    @AfterEach
    void close() {
        gate.countDown();
        dispatcher.close();
    }

    private CompletableFuture<List<AcknowledgeOutcome>> send(String... transactionIds) {
        var list = new ArrayList<Acknowledgement>();
        for (String id : transactionIds) {
            list.add(new Acknowledgement("g", 1, id, null, Acknowledgement.Verdict.COMPLETED, null));
        }
        return dispatcher.acknowledge(list).orTimeout(120, TimeUnit.SECONDS);
    }

    private static List<String> partitions(CompletableFuture<List<AcknowledgeOutcome>> answer) {
        return answer.join().stream()
                .map(outcome -> ((AcknowledgeOutcome.Acknowledged) outcome).partition())
                .toList();
    }

    @Test
    void answersEachRequestWithItsOwnOutcomes() {
        gate = new CountDownLatch(1);
        var first = send("a");
        await().until(() -> transactions.size() == 1);
        var second = send("b", "c");
        var third = send("d");
        gate.countDown();
        assertThat(partitions(first)).containsExactly("a");
        assertThat(partitions(second)).containsExactly("b", "c");
        assertThat(partitions(third)).containsExactly("d");
        assertThat(transactions).containsExactly(List.of("a"), List.of("b", "c", "d"));
    }

    @Test
    void answersNothingWithNothing() {
        assertThat(send().join()).isEmpty();
        assertThat(transactions).isEmpty();
    }

    @Test
    void tellsWhichPartitionsWereReleased() {
        send("a", "last-1", "last-1", "last-2").join();
        await().until(() -> released.size() == 2);
        assertThat(released).containsExactly("q/last-1", "q/last-2");
    }

    @Test
    void keepsARefusedRequestFromSpoilingOthers() {
        gate = new CountDownLatch(1);
        var first = send("a");
        await().until(() -> transactions.size() == 1);
        var good = send("b");
        var bad = send("c", "poison");
        var alsoGood = send("d");
        gate.countDown();
        assertThat(partitions(first)).containsExactly("a");
        assertThat(partitions(good)).containsExactly("b");
        assertThatThrownBy(bad::join).hasCauseInstanceOf(QueueException.class);
        assertThat(partitions(alsoGood)).containsExactly("d");
    }

    @Test
    void failsAllRequestsWhenTheDatabaseIsAway() {
        failure = new QueueException("ack", new SQLException("gone", "08006"));
        assertThatThrownBy(() -> send("a").join()).hasCauseInstanceOf(QueueException.class);
        failure = null;
        assertThat(partitions(send("a"))).containsExactly("a");
    }

    @Test
    void refusesMoreThanMayWait() {
        gate = new CountDownLatch(1);
        var first = send("a");
        await().until(() -> transactions.size() == 1);
        var hundred = new String[100];
        java.util.Arrays.fill(hundred, "x");
        var accepted = send(hundred);
        assertThatThrownBy(() -> send("y").join())
                .hasCauseInstanceOf(OverloadedException.class)
                .hasMessageContaining("ack.max.pending is 100");
        gate.countDown();
        assertThat(first.join()).hasSize(1);
        assertThat(accepted.join()).hasSize(100);
    }

    @Test
    void writesWhatWaitsBeforeItCloses() {
        gate = new CountDownLatch(1);
        var first = send("a");
        await().until(() -> transactions.size() == 1);
        var second = send("b");
        gate.countDown();
        dispatcher.close();
        assertThat(partitions(first)).containsExactly("a");
        assertThat(partitions(second)).containsExactly("b");
        assertThatThrownBy(() -> send("c").join()).hasCauseInstanceOf(OverloadedException.class);
    }

    /** A dispatcher with two threads, whose transactions wait for the gate. */
    private AcknowledgeDispatcher withTwoThreads() {
        gate = new CountDownLatch(1);
        return new AcknowledgeDispatcher(this::acknowledge, (queue, partition) -> {}, 2, 100_000);
    }

    private static List<Acknowledgement> many(int count) {
        return java.util.Collections.nCopies(
                count, new Acknowledgement("g", 1, "x", null, Acknowledgement.Verdict.COMPLETED, null));
    }

    @Test
    void requestsMergeUntilTheTransactionBeforeThemIsOver() {
        try (var two = withTwoThreads()) {
            var first = two.acknowledge(many(1));
            await().until(() -> transactions.size() == 1);
            var second = two.acknowledge(many(2));
            var third = two.acknowledge(many(AcknowledgeDispatcher.MERGED_FIRST - 3));
            gate.countDown();
            CompletableFuture.allOf(first, second, third).join();
        }
        assertThat(transactions).extracting(List::size).first().isEqualTo(1);
        assertThat(transactions).extracting(List::size).endsWith(AcknowledgeDispatcher.MERGED_FIRST - 1);
    }

    @Test
    void aTransactionBeginsBesideAnotherIfManyAcknowledgementsWait() {
        try (var two = withTwoThreads()) {
            var first = two.acknowledge(many(1));
            await().until(() -> transactions.size() == 1);
            var second = two.acknowledge(many(AcknowledgeDispatcher.MERGED_FIRST));
            await().until(() -> transactions.size() == 2);
            gate.countDown();
            CompletableFuture.allOf(first, second).join();
        }
    }

    @Test
    void aRequestDoesNotWaitForATransactionThatHangs() {
        try (var two = withTwoThreads()) {
            var hanging = two.acknowledge(many(1));
            await().until(() -> transactions.size() == 1);
            var next = two.acknowledge(many(1));
            await().until(() -> transactions.size() == 2);
            gate.countDown();
            CompletableFuture.allOf(hanging, next).join();
        }
    }
}
