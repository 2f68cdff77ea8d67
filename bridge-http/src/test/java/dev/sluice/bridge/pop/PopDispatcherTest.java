package dev.sluice.bridge.pop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.queue.Message;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.QueueNamespace;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.read.PopOutcomeUnknownException;
import dev.sluice.queue.sql.CommitOutcome;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class PopDispatcherTest {
    private static final PopTarget QUEUE = new PopTarget("q", null, "g");
    private static final Duration LONG = Duration.ofMinutes(10);
    /** Long enough for a transaction to begin on a busy machine. */
    private static final Duration SOON = Duration.ofSeconds(1);

    private static final Duration NO_WAIT = Duration.ZERO;
    private static final PopRequest AUTO_ACK = new PopRequest(1, 1, true, Subscription.ALL);

    private final FakeQueue queue = new FakeQueue();
    private final List<PopResult> returned = new CopyOnWriteArrayList<>();
    private final AtomicInteger giveBackFailures = new AtomicInteger();
    private final AtomicInteger unknownGiveBacks = new AtomicInteger();
    private final AtomicInteger giveBacks = new AtomicInteger();
    private PopDispatcher dispatcher = dispatcher(100, Duration.ofMinutes(10));

    /** Messages by queue name, each given once, without leases. A queue is in the namespace of its first letter. */
    private static final class FakeQueue implements PopDispatcher.PopTransaction {
        final Map<String, Deque<String>> messages = new HashMap<>();
        final AtomicInteger begun = new AtomicInteger();
        /** Transactions that have looked. */
        final AtomicInteger transactions = new AtomicInteger();

        final List<Integer> sizes = new CopyOnWriteArrayList<>();
        final List<Set<String>> lookUps = new CopyOnWriteArrayList<>();
        volatile @Nullable RuntimeException failure;
        volatile @Nullable RuntimeException placesFailure;
        volatile @Nullable Duration nextReadyIn;
        volatile CountDownLatch gate = new CountDownLatch(0);
        /** Whether the next transactions end without an answer to their commit. */
        volatile boolean losesAnswers;

        volatile CommitOutcome outcome = CommitOutcome.PENDING;
        final AtomicInteger outcomesAsked = new AtomicInteger();

        CommitOutcome outcomeOf(OutcomeUnknownException unknown) {
            outcomesAsked.incrementAndGet();
            return outcome;
        }

        @Override
        public List<PopResult> pop(PopTarget target, List<PopRequest> requests) {
            begun.incrementAndGet();
            sizes.add(requests.size());
            try {
                return look(target, requests);
            } finally {
                transactions.incrementAndGet();
            }
        }

        private List<PopResult> look(PopTarget target, List<PopRequest> requests) {
            try {
                assertThat(gate.await(120, TimeUnit.SECONDS)).isTrue();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            RuntimeException toThrow = failure;
            if (toThrow != null) {
                throw toThrow;
            }
            var results = new ArrayList<PopResult>();
            for (PopRequest request : requests) {
                if (request.batch() == 666) {
                    throw new IllegalArgumentException("cannot do");
                }
                results.add(take(target, request));
            }
            if (losesAnswers
                    && results.stream().anyMatch(result -> !result.messages().isEmpty())) {
                throw new PopOutcomeUnknownException("lost", results);
            }
            return results;
        }

        private synchronized PopResult take(PopTarget target, PopRequest request) {
            var taken = new ArrayList<Message>();
            for (String name : messages.keySet()) {
                Deque<String> available = messages.get(name);
                while (covers(target, name) && taken.size() < request.batch() && !available.isEmpty()) {
                    String payload = available.removeFirst();
                    taken.add(new Message(1, "p", name, 1, UUID.randomUUID(), "t", payload, null, null, Instant.EPOCH));
                }
            }
            return taken.isEmpty()
                    ? new PopResult(PopResult.Status.EMPTY, null, List.of(), 0, nextReadyIn)
                    : new PopResult(
                            PopResult.Status.MESSAGES, request.autoAck() ? null : UUID.randomUUID(), taken, 1, null);
        }

        private static boolean covers(PopTarget target, String name) {
            return target.scope() instanceof PopTarget.InQueue one
                    ? one.queue().equals(name)
                    : ((PopTarget.Across) target.scope()).matches(placeOf(name));
        }

        private static QueueNamespace placeOf(String name) {
            return new QueueNamespace(name.substring(0, 1), "task");
        }

        synchronized Map<String, QueueNamespace> places(Set<String> queues) {
            lookUps.add(queues);
            if (placesFailure != null) {
                throw placesFailure;
            }
            var places = new HashMap<String, QueueNamespace>();
            queues.forEach(name -> places.put(name, placeOf(name)));
            return places;
        }

        synchronized void add(String queueName, String... payloads) {
            messages.computeIfAbsent(queueName, name -> new ArrayDeque<>()).addAll(List.of(payloads));
        }
    }

    private PopDispatcher dispatcher(int maxParked, Duration pollInterval) {
        return new PopDispatcher(
                queue,
                queue::outcomeOf,
                queue::places,
                (target, result) -> {
                    giveBacks.incrementAndGet();
                    if (unknownGiveBacks.getAndDecrement() > 0) {
                        throw OutcomeUnknownException.because("the answer got lost");
                    }
                    if (giveBackFailures.getAndDecrement() > 0) {
                        throw new QueueException("could not give back", new SQLException("gone", "08006"));
                    }
                    returned.add(result);
                },
                new PopDispatcherConfig(2, maxParked, pollInterval));
    }

    @AfterEach
    void close() {
        queue.gate.countDown();
        dispatcher.close();
    }

    private CompletableFuture<PopResult> pop(PopTarget target, PopRequest request, Duration wait) {
        return dispatcher.pop(target, request, wait, () -> false);
    }

    private static PopRequest batch(int size) {
        return new PopRequest(size, 1, false, Subscription.ALL);
    }

    private static QueueException failure(CompletableFuture<PopResult> answer) {
        var failure = new AtomicReference<QueueException>();
        assertThatThrownBy(() -> answer.get(120, TimeUnit.SECONDS))
                .cause()
                .isInstanceOfSatisfying(QueueException.class, failure::set);
        return failure.get();
    }

    private static List<String> payloads(CompletableFuture<PopResult> answer) {
        return answer.orTimeout(120, TimeUnit.SECONDS).join().messages().stream()
                .map(Message::payload)
                .toList();
    }

    @Nested
    class ARequestThatDoesNotWait {
        @Test
        void getsWhatThereIs() {
            queue.add("q", "a", "b", "c");
            assertThat(payloads(pop(QUEUE, batch(2), NO_WAIT))).containsExactly("a", "b");
            assertThat(payloads(pop(QUEUE, batch(2), NO_WAIT))).containsExactly("c");
        }

        @Test
        void getsNothingAtOnceWhenThereIsNothing() {
            assertThat(payloads(pop(QUEUE, batch(2), NO_WAIT))).isEmpty();
            assertThat(dispatcher.waiting()).isZero();
        }

        @Test
        void seesWhatWasCommittedBeforeItCameEvenWhenOthersWait() {
            CompletableFuture<PopResult> parked = pop(new PopTarget("q", null, "g"), batch(1), LONG);
            await().until(() -> queue.transactions.get() == 1);
            queue.add("q", "a", "b");
            assertThat(payloads(pop(QUEUE, batch(1), NO_WAIT))).containsExactly("b");
            assertThat(payloads(parked)).containsExactly("a");
        }
    }

    @Nested
    class ARequestThatWaits {
        @Test
        void isAnsweredWhenItsQueueIsWoken() {
            CompletableFuture<PopResult> answer = pop(QUEUE, batch(5), LONG);
            await().until(() -> queue.transactions.get() == 1);
            queue.add("q", "a");
            dispatcher.wake("other");
            dispatcher.wake("other", "p");
            assertThat(answer).isNotDone();
            dispatcher.wake("q");
            assertThat(payloads(answer)).containsExactly("a");
        }

        @Test
        void isAnsweredWhenItsPartitionIsWoken() {
            CompletableFuture<PopResult> answer = pop(new PopTarget("q", "p", "g"), batch(5), LONG);
            await().until(() -> queue.transactions.get() == 1);
            queue.add("q", "a");
            dispatcher.wake("q", "other");
            assertThat(queue.transactions).hasValue(1);
            dispatcher.wake("q", "p");
            assertThat(payloads(answer)).containsExactly("a");
        }

        @Test
        void isNotForgottenWhenItIsWokenWhileItsTransactionRuns() {
            queue.gate = new CountDownLatch(1);
            CompletableFuture<PopResult> answer = pop(new PopTarget("q", "p", "g"), batch(5), LONG);
            await().until(() -> queue.begun.get() == 1);
            dispatcher.wake("q");
            queue.gate.countDown();
            await().until(() -> queue.begun.get() == 2);
            assertThat(answer).isNotDone();
        }

        @Test
        void isAnsweredEmptyAtItsDeadline() {
            long before = System.nanoTime();
            assertThat(payloads(pop(QUEUE, batch(5), Duration.ofMillis(150)))).isEmpty();
            assertThat(Duration.ofNanos(System.nanoTime() - before)).isGreaterThanOrEqualTo(Duration.ofMillis(150));
            assertThat(dispatcher.waiting()).isZero();
        }

        @Test
        void isTriedAgainWhenTheQueueSaid() {
            queue.nextReadyIn = Duration.ofMillis(50);
            CompletableFuture<PopResult> answer = pop(QUEUE, batch(5), LONG);
            await().until(() -> queue.transactions.get() >= 3);
            queue.add("q", "a");
            assertThat(payloads(answer)).containsExactly("a");
        }

        @Test
        void isTriedAgainAfterThePollInterval() {
            dispatcher.close();
            dispatcher = dispatcher(100, Duration.ofMillis(30));
            CompletableFuture<PopResult> answer = pop(QUEUE, batch(5), LONG);
            await().until(() -> queue.transactions.get() >= 3);
            queue.add("q", "a");
            assertThat(payloads(answer)).containsExactly("a");
        }

        @Test
        void isServedInOrderOfArrival() {
            var answers = new ArrayList<CompletableFuture<PopResult>>();
            for (int i = 0; i < 5; i++) {
                answers.add(pop(new PopTarget("q", "p", "g"), batch(1), LONG));
            }
            await().until(() -> dispatcher.waiting() == 5);
            queue.add("q", "a", "b", "c");
            dispatcher.wake("q");
            assertThat(payloads(answers.get(0))).containsExactly("a");
            assertThat(payloads(answers.get(1))).containsExactly("b");
            assertThat(payloads(answers.get(2))).containsExactly("c");
            assertThat(answers.subList(3, 5)).noneMatch(CompletableFuture::isDone);
        }

        @Test
        void givesBackWhatCameTooLate() {
            queue.gate = new CountDownLatch(1);
            queue.add("q", "a");
            CompletableFuture<PopResult> answer = pop(QUEUE, batch(1), SOON);
            assertThat(failure(answer)).isNotInstanceOf(OutcomeUnknownException.class);
            queue.gate.countDown();
            await().until(() -> returned.size() == 1);
            assertThat(returned.get(0).messages()).extracting(Message::payload).containsExactly("a");
        }

        @Test
        void getsWhatItsTransactionTookSoonAfterItsDeadlineWithAutoAck() {
            queue.gate = new CountDownLatch(1);
            queue.add("q", "a");
            CompletableFuture<PopResult> answer = pop(QUEUE, AUTO_ACK, SOON);
            long deadline = System.nanoTime() + SOON.toNanos();
            await().until(() -> System.nanoTime() - deadline > 0);
            queue.gate.countDown();
            assertThat(payloads(answer)).containsExactly("a");
            assertThat(returned).isEmpty();
        }

        @Test
        void isToldThatTheOutcomeIsUnknownWhenItsTransactionTakesTooLongWithAutoAck() {
            queue.gate = new CountDownLatch(1);
            queue.add("q", "a");
            CompletableFuture<PopResult> answer = pop(QUEUE, AUTO_ACK, SOON);
            assertThat(failure(answer)).isInstanceOf(OutcomeUnknownException.class);
            queue.gate.countDown();
            await().until(() -> returned.size() == 1);
            assertThat(returned.get(0).messages()).extracting(Message::payload).containsExactly("a");
        }

        @Test
        void isAnsweredSoonAfterItsDeadlineWhenItsTransactionFails() {
            queue.gate = new CountDownLatch(1);
            queue.failure = new QueueException("could not pop", new SQLException("canceled", "57014"));
            CompletableFuture<PopResult> answer =
                    pop(QUEUE, new PopRequest(1, 1, true, Subscription.ALL), Duration.ofMillis(300));
            await().pollDelay(Duration.ofMillis(600)).until(() -> queue.begun.get() == 1);
            queue.gate.countDown();
            assertThat(failure(answer).sqlState()).isEqualTo("57014");
        }

        @Test
        void getsNothingWhenItsClientHasGone() {
            var gone = new AtomicBoolean();
            CompletableFuture<PopResult> answer = dispatcher.pop(QUEUE, batch(1), LONG, gone::get);
            await().until(() -> queue.transactions.get() == 1);
            gone.set(true);
            queue.add("q", "a");
            dispatcher.wake("q");
            assertThat(payloads(answer)).isEmpty();
            assertThat(payloads(pop(QUEUE, batch(1), NO_WAIT))).containsExactly("a");
        }

        @Test
        void isForgottenAlthoughItCouldNotBeAskedOnce() {
            var asked = new AtomicInteger();
            CompletableFuture<PopResult> answer = dispatcher.pop(QUEUE, batch(1), LONG, () -> {
                if (!Thread.currentThread().getName().equals("sluice-pop-clock")) {
                    return false;
                }
                if (asked.incrementAndGet() == 1) {
                    throw new IllegalStateException("cannot be asked");
                }
                return true;
            });
            assertThat(payloads(answer)).isEmpty();
        }

        @Test
        void isForgottenSoonAfterItsClientHasGone() {
            var gone = new AtomicBoolean();
            CompletableFuture<PopResult> answer = dispatcher.pop(QUEUE, batch(1), LONG, gone::get);
            await().until(() -> queue.transactions.get() == 1);
            gone.set(true);
            await().until(() -> dispatcher.waiting() == 0);
            assertThat(payloads(answer)).isEmpty();
            assertThat(queue.transactions).hasValue(1);
        }

        @Test
        void isServedWithWhatDidNotReachAnother() {
            queue.add("q", "a");
            PopResult popped = pop(QUEUE, batch(1), NO_WAIT).join();
            CompletableFuture<PopResult> answer = pop(QUEUE, batch(1), LONG);
            await().until(() -> queue.transactions.get() == 2);
            queue.add("q", "a"); // What giving back does.
            dispatcher.takeBack(QUEUE, popped);
            assertThat(payloads(answer)).containsExactly("a");
            assertThat(returned).containsExactly(popped);
        }

        @Test
        void isAnsweredEmptyWhenTheServiceStops() {
            CompletableFuture<PopResult> answer = pop(QUEUE, batch(1), LONG);
            await().until(() -> queue.transactions.get() == 1);
            dispatcher.close();
            assertThat(payloads(answer)).isEmpty();
            assertThat(payloads(pop(QUEUE, batch(1), LONG))).isEmpty();
        }
    }

    @Nested
    class ARequestAcrossQueues {
        private final PopTarget across = new PopTarget(new PopTarget.Across("q", null), "g");

        @Test
        void isAnsweredWhenAnyOfItsQueuesIsWoken() {
            for (String name : List.of("qa", "qb")) {
                int before = queue.transactions.get();
                CompletableFuture<PopResult> answer = pop(across, batch(5), LONG);
                await().until(() -> queue.transactions.get() > before);
                queue.add(name, "of " + name);
                dispatcher.wake(name);
                assertThat(payloads(answer)).containsExactly("of " + name);
            }
            CompletableFuture<PopResult> answer = pop(across, batch(5), LONG);
            await().until(() -> dispatcher.waiting() == 1);
            queue.add("qc", "c");
            dispatcher.wake("qc", "p");
            assertThat(payloads(answer)).containsExactly("c");
        }

        @Test
        void isLeftAloneWhenAnotherQueueIsWoken() {
            CompletableFuture<PopResult> answer = pop(across, batch(5), LONG);
            await().until(() -> queue.transactions.get() == 1);
            dispatcher.wake("other");
            await().until(() -> queue.lookUps.size() == 1);
            dispatcher.wake("other");
            // Whatever would be done about these is done, when one that came later is served.
            assertThat(payloads(pop(new PopTarget("x", null, "g"), batch(1), NO_WAIT)))
                    .isEmpty();
            assertThat(queue.transactions).hasValue(2);
            assertThat(answer).isNotDone();
        }

        @Test
        void isFoundByNamesThatAreLookedUpTogetherAndNotEachTime() {
            queue.gate = new CountDownLatch(1);
            CompletableFuture<PopResult> unused = pop(new PopTarget("x", null, "g"), batch(1), NO_WAIT);
            CompletableFuture<PopResult> unused2 = pop(across, batch(5), LONG);
            await().until(() -> queue.begun.get() == 2); // No thread is free now.
            for (int i = 0; i < 50; i++) {
                dispatcher.wake("other" + i % 10);
            }
            queue.gate.countDown();
            await().until(() -> !queue.lookUps.isEmpty());
            assertThat(queue.lookUps)
                    .singleElement()
                    .satisfies(names -> assertThat(names).hasSize(10));
        }

        @Test
        void isTriedWhenItCannotBeFoundOutWhoWaits() {
            queue.placesFailure = new IllegalStateException("away");
            CompletableFuture<PopResult> answer = pop(across, batch(5), LONG);
            await().until(() -> queue.transactions.get() == 1);
            queue.add("qa", "a");
            dispatcher.wake("qa");
            assertThat(payloads(answer)).containsExactly("a");
        }

        @Test
        void isServedWithWhatDidNotReachAnother() {
            queue.add("qa", "a");
            PopResult popped = pop(across, batch(1), NO_WAIT).join();
            CompletableFuture<PopResult> answer = pop(across, batch(1), LONG);
            await().until(() -> queue.transactions.get() == 2);
            queue.add("qa", "a"); // What giving back does.
            dispatcher.takeBack(across, popped);
            assertThat(payloads(answer)).containsExactly("a");
        }

        @Test
        void leavesNoTraceWhenItIsOver() {
            assertThat(payloads(pop(across, batch(1), NO_WAIT))).isEmpty();
            await().until(() -> dispatcher.waiting() == 0);
            dispatcher.wake("qa");
            assertThat(payloads(pop(QUEUE, batch(1), NO_WAIT))).isEmpty();
            assertThat(queue.lookUps).isEmpty();
        }
    }

    @Nested
    class ManyRequests {
        @Test
        void areMergedIntoFewTransactions() {
            queue.gate = new CountDownLatch(1);
            var target = new PopTarget("q", "p", "g");
            var answers = new ArrayList<CompletableFuture<PopResult>>();
            answers.add(pop(target, batch(1), NO_WAIT));
            await().until(() -> queue.begun.get() == 1);
            for (int i = 0; i < 90; i++) {
                queue.add("q", "m" + i);
                answers.add(pop(target, batch(1), NO_WAIT));
            }
            queue.gate.countDown();
            long served = answers.stream()
                    .filter(answer -> !payloads(answer).isEmpty())
                    .count();
            assertThat(served).isEqualTo(90);
            assertThat(queue.sizes).startsWith(1, PopDispatcher.MAX_MERGED).hasSizeLessThanOrEqualTo(4);
        }

        @Test
        void areAnsweredTogetherWhenThereIsTooLittle() {
            queue.gate = new CountDownLatch(1);
            var target = new PopTarget("q", "p", "g");
            var answers = new ArrayList<CompletableFuture<PopResult>>();
            answers.add(pop(target, batch(1), NO_WAIT));
            await().until(() -> queue.begun.get() == 1);
            for (int i = 0; i < 99; i++) {
                answers.add(pop(target, batch(1), NO_WAIT));
            }
            queue.gate.countDown();
            assertThat(answers)
                    .allSatisfy(answer -> assertThat(payloads(answer)).isEmpty());
            assertThat(queue.transactions).hasValue(2);
        }

        @Test
        void areRefusedAboveTheLimit() {
            for (int i = 0; i < 100; i++) {
                CompletableFuture<PopResult> unused = pop(new PopTarget("q", "p" + i, "g"), batch(1), LONG);
            }
            assertThatThrownBy(() -> pop(QUEUE, batch(1), LONG).join())
                    .hasCauseInstanceOf(OverloadedException.class)
                    .hasMessageContaining("pop.max.parked is 100");
        }

        @Test
        void doNotSpoilEachOther() {
            queue.gate = new CountDownLatch(1);
            var target = new PopTarget("q", "p", "g");
            CompletableFuture<PopResult> first = pop(target, batch(1), NO_WAIT);
            await().until(() -> queue.begun.get() == 1);
            CompletableFuture<PopResult> bad = pop(target, batch(666), NO_WAIT);
            CompletableFuture<PopResult> good = pop(target, batch(1), NO_WAIT);
            queue.gate.countDown();
            assertThat(payloads(first)).isEmpty();
            assertThat(payloads(good)).isEmpty();
            assertThatThrownBy(bad::join).hasCauseInstanceOf(IllegalArgumentException.class);
            assertThat(dispatcher.waiting()).isZero();
        }
    }

    @Nested
    class WhileTheDatabaseIsAway {
        private final QueueException away = new QueueException("could not pop", new SQLException("gone", "08006"));

        @Test
        void thoseWhoDoNotWaitAreToldSoWithoutTryingEachTimeAndNotAtOnce() {
            queue.failure = away;
            for (int i = 0; i < 20; i++) {
                long before = System.nanoTime();
                assertThat(failure(pop(QUEUE, batch(1), NO_WAIT))).isSameAs(away);
                assertThat(Duration.ofNanos(System.nanoTime() - before)).isGreaterThanOrEqualTo(Duration.ofMillis(100));
            }
            assertThat(queue.transactions.get()).isLessThan(15);
        }

        @Test
        void thoseWhoWaitGoOnWaitingUntilItIsBack() {
            queue.failure = away;
            CompletableFuture<PopResult> answer = pop(QUEUE, batch(1), LONG);
            await().until(() -> queue.transactions.get() >= 2);
            assertThat(answer).isNotDone();
            queue.add("q", "a");
            queue.failure = null;
            assertThat(payloads(answer)).containsExactly("a");
        }

        @Test
        void itIsTriedAtOnceWhenItIsSaidToBeBack() throws Exception {
            queue.failure = away;
            CompletableFuture<PopResult> patient = pop(QUEUE, batch(1), LONG);
            await().until(() -> queue.transactions.get() >= 6); // By now it is left alone for a second each time.
            Thread.sleep(100); // The last of them has been noted.
            assertThat(patient).isNotDone();
            queue.add("other", "a");
            queue.failure = null;
            dispatcher.databaseAnswers();
            assertThat(payloads(pop(new PopTarget("other", null, "g"), batch(1), NO_WAIT)))
                    .containsExactly("a");
        }

        @Test
        void thoseWhoWaitAreAnsweredAtTheirDeadline() {
            queue.failure = away;
            long before = System.nanoTime();
            assertThat(failure(pop(QUEUE, batch(1), Duration.ofMillis(300)))).isSameAs(away);
            assertThat(Duration.ofNanos(System.nanoTime() - before)).isGreaterThanOrEqualTo(Duration.ofMillis(300));
        }
    }

    @Nested
    class WhenTheOutcomeOfATransactionIsUnknown {
        @Test
        void thoseWhoAskedGetTheMessagesOnceItIsKnownToBeCommitted() {
            queue.losesAnswers = true;
            queue.add("q", "a");
            CompletableFuture<PopResult> answer = pop(QUEUE, AUTO_ACK, NO_WAIT);
            await().until(() -> queue.outcomesAsked.get() >= 2);
            assertThat(answer).isNotDone();
            queue.outcome = CommitOutcome.COMMITTED;
            assertThat(payloads(answer)).containsExactly("a");
            assertThat(returned).isEmpty();
        }

        @Test
        void thoseWhoAskedAreServedAgainOnceItIsKnownToBeRolledBack() {
            queue.losesAnswers = true;
            queue.add("q", "a");
            CompletableFuture<PopResult> answer = pop(QUEUE, AUTO_ACK, LONG);
            await().until(() -> queue.outcomesAsked.get() >= 1);
            queue.losesAnswers = false;
            queue.add("q", "a"); // What rolling back does.
            queue.outcome = CommitOutcome.ROLLED_BACK;
            assertThat(payloads(answer)).containsExactly("a");
            assertThat(returned).isEmpty();
        }

        @Test
        void thoseWhoAskedAreToldSoInTimeAndTheMessagesAreGivenBackOnceItIsKnown() {
            queue.losesAnswers = true;
            queue.add("q", "a");
            CompletableFuture<PopResult> answer = pop(QUEUE, AUTO_ACK, SOON);
            assertThat(failure(answer)).isInstanceOf(OutcomeUnknownException.class);
            assertThat(returned).isEmpty();
            queue.outcome = CommitOutcome.COMMITTED;
            await().until(() -> returned.size() == 1);
            assertThat(returned.get(0).messages()).extracting(Message::payload).containsExactly("a");
        }

        @Test
        void thoseWhoAskedAreToldSoWhenNobodyWillKnow() {
            queue.losesAnswers = true;
            queue.outcome = CommitOutcome.LOST;
            queue.add("q", "a");
            assertThat(failure(pop(QUEUE, AUTO_ACK, LONG))).isInstanceOf(OutcomeUnknownException.class);
            assertThat(dispatcher.waiting()).isZero();
        }

        @Test
        void othersAreServedMeanwhile() {
            queue.losesAnswers = true;
            queue.add("q", "a");
            CompletableFuture<PopResult> first = pop(QUEUE, AUTO_ACK, LONG);
            await().until(() -> queue.outcomesAsked.get() >= 1);
            queue.losesAnswers = false;
            queue.add("q", "b");
            assertThat(payloads(pop(QUEUE, batch(1), LONG))).containsExactly("b");
            assertThat(first).isNotDone();
        }

        @Test
        void messagesAreGivenBackHoweverOftenThatFails() {
            queue.losesAnswers = true;
            queue.add("q", "a");
            giveBackFailures.set(2);
            assertThat(failure(pop(QUEUE, AUTO_ACK, SOON))).isInstanceOf(OutcomeUnknownException.class);
            queue.outcome = CommitOutcome.COMMITTED;
            await().until(() -> returned.size() == 1);
            assertThat(giveBackFailures).hasNegativeValue();
        }

        private void popAndGiveBackWithoutAnswer() {
            queue.losesAnswers = true;
            queue.add("q", "a");
            unknownGiveBacks.set(1);
            assertThat(failure(pop(QUEUE, AUTO_ACK, SOON))).isInstanceOf(OutcomeUnknownException.class);
            queue.outcome = CommitOutcome.COMMITTED;
            await().until(() -> giveBacks.get() == 1);
        }

        @Test
        void messagesThatWereGivenBackWithoutAnAnswerAreNotGivenBackTwice() {
            popAndGiveBackWithoutAnswer();
            int asked = queue.outcomesAsked.get();
            await().until(() -> queue.outcomesAsked.get() > asked);
            await().during(Duration.ofMillis(1500)).until(() -> giveBacks.get() == 1);
        }

        @Test
        void messagesAreGivenBackAgainOnceTheFirstTryIsKnownToBeRolledBack() {
            popAndGiveBackWithoutAnswer();
            queue.outcome = CommitOutcome.ROLLED_BACK;
            await().until(() -> returned.size() == 1);
        }

        @Test
        void thoseWhoAskedAreToldSoWhenTheServiceStops() {
            queue.losesAnswers = true;
            queue.add("q", "a");
            CompletableFuture<PopResult> answer = pop(QUEUE, AUTO_ACK, LONG);
            await().until(() -> queue.outcomesAsked.get() >= 1);
            dispatcher.close();
            assertThat(failure(answer)).isInstanceOf(OutcomeUnknownException.class);
        }

        @Test
        void thoseWhoseFailureIsHeldAreToldWhenTheServiceStops() {
            queue.failure = new QueueException("could not pop", new SQLException("gone", "08006"));
            CompletableFuture<PopResult> first = pop(QUEUE, batch(1), NO_WAIT);
            await().until(() -> queue.begun.get() >= 1);
            List<CompletableFuture<PopResult>> more = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                more.add(pop(QUEUE, batch(1), NO_WAIT));
            }
            dispatcher.close();
            await().until(first::isDone);
            await().until(() -> more.stream().allMatch(CompletableFuture::isDone));
        }
    }
}
