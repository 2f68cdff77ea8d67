package dev.sluice.bridge.pop;

import static dev.sluice.bridge.pop.PopFixture.AUTO_ACK;
import static dev.sluice.bridge.pop.PopFixture.LONG;
import static dev.sluice.bridge.pop.PopFixture.NO_WAIT;
import static dev.sluice.bridge.pop.PopFixture.PARTITION;
import static dev.sluice.bridge.pop.PopFixture.POLL_INTERVAL;
import static dev.sluice.bridge.pop.PopFixture.QUEUE;
import static dev.sluice.bridge.pop.PopFixture.SOON;
import static dev.sluice.bridge.pop.PopFixture.batch;
import static dev.sluice.bridge.pop.PopFixture.failure;
import static dev.sluice.bridge.pop.PopFixture.payloads;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class PopDispatcherTest {
    private static final Duration CLIENT_CHECK = Duration.ofSeconds(1);
    private static final Duration GRACE = Duration.ofSeconds(2);
    private static final Duration AUTO_ACK_GRACE = Duration.ofSeconds(4);

    private final PopFixture pops = new PopFixture();
    private final FakeQueue queue = pops.queue;

    @AfterEach
    void close() {
        pops.close();
    }

    @Nested
    class ARequestThatDoesNotWait {
        @Test
        void getsWhatThereIs() {
            queue.add("q", "a", "b", "c");
            assertThat(payloads(pops.pop(QUEUE, batch(2), NO_WAIT))).containsExactly("a", "b");
            assertThat(payloads(pops.pop(QUEUE, batch(2), NO_WAIT))).containsExactly("c");
        }

        @Test
        void getsNothingAtOnceWhenThereIsNothing() {
            assertThat(payloads(pops.pop(QUEUE, batch(2), NO_WAIT))).isEmpty();
            assertThat(pops.dispatcher.waiting()).isZero();
        }

        @Test
        void seesWhatWasCommittedBeforeItCameEvenWhenOthersWait() {
            CompletableFuture<PopResult> waiting = pops.pop(QUEUE, batch(1), LONG);
            queue.add("q", "a", "b");
            assertThat(payloads(pops.pop(QUEUE, batch(1), NO_WAIT))).containsExactly("b");
            assertThat(payloads(waiting)).containsExactly("a");
        }

        @Test
        void failsWhenItsTurnDoesNotCome() {
            CompletableFuture<PopResult> answer = pops.enter(QUEUE, batch(1), NO_WAIT);
            pops.timers.advance(Duration.ofMillis(4999));
            assertThat(answer).isNotDone();
            pops.timers.advance(Duration.ofMillis(1));
            assertThat(failure(answer)).hasMessageContaining("waited too long for its turn");
        }
    }

    @Nested
    class ARequestThatWaits {
        @Test
        void isAnsweredWhenItsQueueIsWoken() {
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, batch(5), LONG);
            queue.add("q", "a");
            pops.wake("other");
            pops.dispatcher.wake("other", "p");
            pops.work();
            assertThat(answer).isNotDone();
            pops.wake("q");
            assertThat(payloads(answer)).containsExactly("a");
        }

        @Test
        void isAnsweredWhenItsPartitionIsWoken() {
            CompletableFuture<PopResult> answer = pops.pop(PARTITION, batch(5), LONG);
            queue.add("q", "a");
            pops.dispatcher.wake("q", "other");
            pops.work();
            assertThat(pops.transactions()).isOne();
            pops.dispatcher.wake("q", "p");
            pops.work();
            assertThat(payloads(answer)).containsExactly("a");
        }

        @Test
        void isAnsweredWhenAllAreWoken() {
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, batch(5), LONG);
            queue.add("q", "a");
            pops.dispatcher.wakeAll();
            pops.work();
            assertThat(payloads(answer)).containsExactly("a");
        }

        @Test
        void isNotForgottenWhenItIsWokenWhileItsTransactionRuns() {
            queue.beforeItEnds = () -> {
                queue.add("q", "a");
                pops.dispatcher.wake("q");
            };
            assertThat(payloads(pops.pop(PARTITION, batch(5), LONG))).containsExactly("a");
            assertThat(pops.transactions()).isEqualTo(2);
        }

        @Test
        void isAnsweredEmptyAtItsDeadline() {
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, batch(5), Duration.ofMillis(150));
            pops.pass(Duration.ofMillis(149));
            assertThat(answer).isNotDone();
            pops.pass(Duration.ofMillis(1));
            assertThat(payloads(answer)).isEmpty();
            assertThat(pops.dispatcher.waiting()).isZero();
        }

        @Test
        void isAnsweredAtOnceWhenALargeMessageFindsNoMemory() {
            var request = new PopRequest(1, 1, false, Subscription.ALL, FakeQueue.NO_MEMORY);
            CompletableFuture<PopResult> waits = pops.pop(QUEUE, batch(1), LONG);
            CompletableFuture<PopResult> lacksMemory = pops.pop(QUEUE, request, LONG);
            pops.wake("q");
            assertThat(lacksMemory.join().status()).isEqualTo(PopResult.Status.NO_MEMORY);
            assertThat(waits).isNotDone();
            queue.add("q", "a");
            pops.wake("q");
            assertThat(payloads(waits)).containsExactly("a");
        }

        @Test
        void isTriedAgainWhenTheQueueSaid() {
            queue.nextReadyIn = Duration.ofMillis(50);
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, batch(5), LONG);
            pops.pass(Duration.ofMillis(49));
            assertThat(pops.transactions()).isOne();
            pops.pass(Duration.ofMillis(51));
            assertThat(pops.transactions()).isEqualTo(3);
            queue.add("q", "a");
            pops.pass(Duration.ofMillis(50));
            assertThat(payloads(answer)).containsExactly("a");
        }

        @Test
        void isTriedAgainAfterThePollInterval() {
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, batch(5), POLL_INTERVAL.multipliedBy(9));
            pops.pass(POLL_INTERVAL.multipliedBy(2));
            assertThat(pops.transactions()).isEqualTo(2);
            queue.add("q", "a");
            pops.pass(POLL_INTERVAL.multipliedBy(2));
            assertThat(payloads(answer)).containsExactly("a");
        }

        @Test
        void isServedInOrderOfArrival() {
            var answers = new ArrayList<CompletableFuture<PopResult>>();
            for (int i = 0; i < 5; i++) {
                answers.add(pops.pop(PARTITION, batch(1), LONG));
            }
            assertThat(pops.dispatcher.waiting()).isEqualTo(5);
            queue.add("q", "a", "b", "c");
            pops.wake("q");
            assertThat(payloads(answers.get(0))).containsExactly("a");
            assertThat(payloads(answers.get(1))).containsExactly("b");
            assertThat(payloads(answers.get(2))).containsExactly("c");
            assertThat(answers.subList(3, 5)).noneMatch(CompletableFuture::isDone);
        }

        @Test
        void givesBackWhatCameTooLate() {
            queue.add("q", "a");
            queue.whenItBegins = () -> pops.timers.advance(SOON.plus(GRACE));
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, batch(1), SOON);
            assertThat(failure(answer)).isNotInstanceOf(OutcomeUnknownException.class);
            assertThat(queue.returned)
                    .singleElement()
                    .satisfies(returned -> assertThat(payloads(returned)).containsExactly("a"));
        }

        @Test
        void getsWhatItsTransactionTookSoonAfterItsDeadline() {
            queue.add("q", "a");
            queue.whenItBegins = () -> pops.timers.advance(SOON.plus(GRACE).minusMillis(1));
            assertThat(payloads(pops.pop(QUEUE, batch(1), SOON))).containsExactly("a");
            assertThat(queue.returned).isEmpty();
        }

        @Test
        void getsWhatItsTransactionTookSoonAfterItsDeadlineWithAutoAck() {
            queue.add("q", "a");
            queue.whenItBegins =
                    () -> pops.timers.advance(SOON.plus(AUTO_ACK_GRACE).minusMillis(1));
            assertThat(payloads(pops.pop(QUEUE, AUTO_ACK, SOON))).containsExactly("a");
            assertThat(queue.returned).isEmpty();
        }

        @Test
        void isToldThatTheOutcomeIsUnknownWhenItsTransactionTakesTooLongWithAutoAck() {
            queue.add("q", "a");
            queue.whenItBegins = () -> pops.timers.advance(SOON.plus(AUTO_ACK_GRACE));
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, AUTO_ACK, SOON);
            assertThat(failure(answer)).isInstanceOf(OutcomeUnknownException.class);
            assertThat(queue.returned)
                    .singleElement()
                    .satisfies(returned -> assertThat(payloads(returned)).containsExactly("a"));
        }

        @Test
        void isAnsweredSoonAfterItsDeadlineWhenItsTransactionFails() {
            queue.failure = new QueueException("could not pop", new SQLException("canceled", "57014"));
            queue.whenItBegins = () -> pops.timers.advance(Duration.ofMillis(600));
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, AUTO_ACK, Duration.ofMillis(300));
            assertThat(failure(answer)).isSameAs(queue.failure);
        }

        @Test
        void getsNothingWhenItsClientHasGone() {
            var gone = new AtomicBoolean();
            CompletableFuture<PopResult> answer = pops.dispatcher.pop(QUEUE, batch(1), LONG, gone::get);
            pops.work();
            gone.set(true);
            queue.add("q", "a");
            pops.wake("q");
            assertThat(payloads(answer)).isEmpty();
            assertThat(payloads(pops.pop(QUEUE, batch(1), NO_WAIT))).containsExactly("a");
        }

        @Test
        void isForgottenAlthoughItCouldNotBeAskedOnce() {
            var asked = new AtomicInteger();
            CompletableFuture<PopResult> answer = pops.dispatcher.pop(QUEUE, batch(1), LONG, () -> {
                int time = asked.incrementAndGet();
                if (time == 2) {
                    throw new IllegalStateException("expected");
                }
                return time > 2;
            });
            pops.work();
            pops.timers.advance(CLIENT_CHECK);
            assertThat(answer).isNotDone();
            pops.timers.advance(CLIENT_CHECK);
            assertThat(payloads(answer)).isEmpty();
        }

        @Test
        void isForgottenSoonAfterItsClientHasGone() {
            var gone = new AtomicBoolean();
            CompletableFuture<PopResult> answer = pops.dispatcher.pop(QUEUE, batch(1), LONG, gone::get);
            pops.work();
            gone.set(true);
            pops.pass(CLIENT_CHECK);
            assertThat(pops.dispatcher.waiting()).isZero();
            assertThat(payloads(answer)).isEmpty();
            assertThat(pops.transactions()).isOne();
        }

        @Test
        void isServedWithWhatDidNotReachAnother() {
            queue.add("q", "a");
            PopResult popped = pops.pop(QUEUE, batch(1), NO_WAIT).join();
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, batch(1), LONG);
            queue.add("q", "a"); // What giving back does.
            pops.dispatcher.takeBack(QUEUE, popped);
            pops.work();
            assertThat(payloads(answer)).containsExactly("a");
            assertThat(queue.returned).containsExactly(popped);
        }

        @Test
        void isAnsweredEmptyWhenTheServiceStops() {
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, batch(1), LONG);
            pops.dispatcher.close();
            assertThat(payloads(answer)).isEmpty();
            assertThat(payloads(pops.enter(QUEUE, batch(1), LONG))).isEmpty();
        }
    }

    @Nested
    class ARequestAcrossQueues {
        private final PopTarget across = new PopTarget(new PopTarget.Across("q", null), "g");

        @Test
        void isAnsweredWhenAnyOfItsQueuesIsWoken() {
            for (String name : List.of("qa", "qb")) {
                CompletableFuture<PopResult> answer = pops.pop(across, batch(5), LONG);
                queue.add(name, "of " + name);
                assertThat(answer).isNotDone();
                pops.wake(name);
                assertThat(payloads(answer)).containsExactly("of " + name);
            }
            CompletableFuture<PopResult> answer = pops.pop(across, batch(5), LONG);
            queue.add("qc", "c");
            pops.dispatcher.wake("qc", "p");
            pops.work();
            assertThat(payloads(answer)).containsExactly("c");
        }

        @Test
        void isLeftAloneWhenAnotherQueueIsWoken() {
            CompletableFuture<PopResult> answer = pops.pop(across, batch(5), LONG);
            pops.wake("other");
            pops.wake("other");
            assertThat(queue.lookUps).hasSize(1);
            assertThat(pops.transactions()).isOne();
            assertThat(answer).isNotDone();
        }

        @Test
        void isFoundByNamesThatAreLookedUpTogetherAndNotEachTime() {
            CompletableFuture<PopResult> unused = pops.pop(across, batch(5), LONG);
            for (int i = 0; i < 50; i++) {
                pops.dispatcher.wake("other" + i % 10);
            }
            pops.work();
            assertThat(queue.lookUps)
                    .singleElement()
                    .satisfies(names -> assertThat(names).hasSize(10));
        }

        @Test
        void isFoundByANameThatIsLookedUpAgainAfterAWhile() {
            CompletableFuture<PopResult> unused = pops.pop(across, batch(5), LONG);
            pops.wake("other");
            pops.timers.advance(Duration.ofMillis(QueueNamespaces.CACHE_MILLIS));
            pops.wake("other");
            assertThat(queue.lookUps).hasSize(2);
        }

        @Test
        void isTriedWhenItCannotBeFoundOutWhoWaits() {
            queue.lookUpFailure = new IllegalStateException("away");
            CompletableFuture<PopResult> answer = pops.pop(across, batch(5), LONG);
            queue.add("qa", "a");
            pops.wake("qa");
            assertThat(payloads(answer)).containsExactly("a");
        }

        @Test
        void isServedWithWhatDidNotReachAnother() {
            queue.add("qa", "a");
            PopResult popped = pops.pop(across, batch(1), NO_WAIT).join();
            CompletableFuture<PopResult> answer = pops.pop(across, batch(1), LONG);
            queue.add("qa", "a"); // What giving back does.
            pops.dispatcher.takeBack(across, popped);
            pops.work();
            assertThat(payloads(answer)).containsExactly("a");
        }

        @Test
        void leavesNoTraceWhenItIsOver() {
            assertThat(payloads(pops.pop(across, batch(1), NO_WAIT))).isEmpty();
            assertThat(pops.dispatcher.waiting()).isZero();
            pops.wake("qa");
            assertThat(payloads(pops.pop(QUEUE, batch(1), NO_WAIT))).isEmpty();
            assertThat(queue.lookUps).isEmpty();
        }
    }

    @Nested
    class ManyRequests {
        private final List<CompletableFuture<PopResult>> answers = new ArrayList<>();

        /** Pops once, and {@code count} times more while the first transaction runs. */
        private void popBehindATransaction(int count) {
            queue.whenItBegins = () -> {
                for (int i = 0; i < count; i++) {
                    answers.add(pops.enter(PARTITION, batch(1), NO_WAIT));
                }
            };
            answers.add(pops.pop(PARTITION, batch(1), NO_WAIT));
        }

        @Test
        void areMergedIntoFewTransactions() {
            for (int i = 0; i < 90; i++) {
                queue.add("q", "m" + i);
            }
            popBehindATransaction(90);
            assertThat(answers.stream().filter(answer -> !payloads(answer).isEmpty()))
                    .hasSize(90);
            assertThat(queue.transactions).containsExactly(1, WaitingRoom.MAX_MERGED, 90 - WaitingRoom.MAX_MERGED);
        }

        @Test
        void areAnsweredTogetherWhenThereIsTooLittle() {
            popBehindATransaction(99);
            assertThat(answers)
                    .hasSize(100)
                    .allSatisfy(answer -> assertThat(payloads(answer)).isEmpty());
            assertThat(queue.transactions).containsExactly(1, WaitingRoom.MAX_MERGED);
        }

        @Test
        void areRefusedAboveTheLimit() {
            for (int i = 0; i < PopFixture.MAX_PARKED; i++) {
                CompletableFuture<PopResult> unused = pops.pop(new PopTarget("q", "p" + i, "g"), batch(1), LONG);
            }
            assertThatThrownBy(() -> pops.enter(QUEUE, batch(1), LONG).join())
                    .hasCauseInstanceOf(OverloadedException.class)
                    .hasMessageContaining("pop.max.parked is 100");
        }

        @Test
        void doNotSpoilEachOther() {
            queue.whenItBegins = () -> {
                answers.add(pops.enter(PARTITION, batch(FakeQueue.REFUSED_BATCH), NO_WAIT));
                answers.add(pops.enter(PARTITION, batch(1), NO_WAIT));
            };
            assertThat(payloads(pops.pop(PARTITION, batch(1), NO_WAIT))).isEmpty();
            assertThatThrownBy(() -> answers.get(0).join()).hasCauseInstanceOf(IllegalArgumentException.class);
            assertThat(payloads(answers.get(1))).isEmpty();
            assertThat(pops.dispatcher.waiting()).isZero();
        }

        @Test
        void doNotHoldUpOthersWhileEachIsTriedAlone() {
            var meanwhile = new ArrayList<List<String>>();
            queue.whenItBegins = () -> {
                pops.work(); // The second run of the list finds no waiter, and ends.
                queue.whenItBegins = () -> meanwhile.add(payloads(pops.pop(QUEUE, batch(1), NO_WAIT)));
            };
            answers.add(pops.enter(QUEUE, batch(FakeQueue.REFUSED_BATCH), NO_WAIT));
            answers.add(pops.enter(QUEUE, batch(1), NO_WAIT));
            pops.work();
            assertThat(meanwhile).containsExactly(List.of());
            assertThat(queue.transactions).containsExactly(2, 1, 1, 1);
            assertThat(answers).allSatisfy(answer -> assertThat(answer).isDone());
            assertThat(pops.dispatcher.waiting()).isZero();
        }
    }
}
