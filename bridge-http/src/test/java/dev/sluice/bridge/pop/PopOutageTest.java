package dev.sluice.bridge.pop;

import static dev.sluice.bridge.pop.PopFixture.AUTO_ACK;
import static dev.sluice.bridge.pop.PopFixture.LONG;
import static dev.sluice.bridge.pop.PopFixture.NO_WAIT;
import static dev.sluice.bridge.pop.PopFixture.QUEUE;
import static dev.sluice.bridge.pop.PopFixture.SOON;
import static dev.sluice.bridge.pop.PopFixture.batch;
import static dev.sluice.bridge.pop.PopFixture.failure;
import static dev.sluice.bridge.pop.PopFixture.payloads;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.CommitOutcome;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What pops get while the database fails, and when its answer to a commit gets lost. */
class PopOutageTest {
    private static final Duration LEAST_FAILURE = Duration.ofMillis(100);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(1);
    private static final Duration ASK = Duration.ofMillis(PopDispatcher.ASK_OUTCOME_MILLIS);
    private static final Duration GIVE_BACK_PAUSE = Duration.ofSeconds(1);

    private final PopFixture pops = new PopFixture();
    private final FakeQueue queue = pops.queue;

    @AfterEach
    void close() {
        pops.close();
    }

    @Nested
    class WhileTheDatabaseIsAway {
        private final QueueException away = new QueueException("could not pop", new SQLException("gone", "08006"));

        @Test
        void thoseWhoDoNotWaitAreToldSoWithoutTryingEachTimeAndNotAtOnce() {
            queue.failure = away;
            for (int i = 0; i < 20; i++) {
                CompletableFuture<PopResult> answer = pops.pop(QUEUE, batch(1), NO_WAIT);
                pops.pass(LEAST_FAILURE.minusMillis(1));
                assertThat(answer).isNotDone();
                pops.pass(Duration.ofMillis(1));
                assertThat(failure(answer)).isSameAs(away);
            }
            assertThat(pops.transactions()).isLessThan(15);
        }

        @Test
        void thoseWhoWaitGoOnWaitingUntilItIsBack() {
            queue.failure = away;
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, batch(1), LONG);
            pops.pass(LONGEST_PAUSE);
            assertThat(pops.transactions()).isGreaterThanOrEqualTo(2);
            assertThat(answer).isNotDone();
            queue.add("q", "a");
            queue.failure = null;
            pops.pass(LONGEST_PAUSE);
            assertThat(payloads(answer)).containsExactly("a");
        }

        @Test
        void itIsTriedAtOnceWhenItIsSaidToBeBack() {
            queue.failure = away;
            CompletableFuture<PopResult> waiting = pops.pop(QUEUE, batch(1), LONG);
            pops.pass(LONGEST_PAUSE.multipliedBy(5));
            int before = pops.transactions();
            pops.pass(LONGEST_PAUSE.dividedBy(2));
            assertThat(pops.transactions()).as("pauses a second").isLessThanOrEqualTo(before + 1);
            assertThat(waiting).isNotDone();
            queue.add("other", "a");
            queue.failure = null;
            pops.dispatcher.databaseAnswers();
            assertThat(payloads(pops.pop(new PopTarget("other", null, "g"), batch(1), NO_WAIT)))
                    .containsExactly("a");
        }

        @Test
        void thoseWhoWaitAreAnsweredAtTheirDeadline() {
            queue.failure = away;
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, batch(1), Duration.ofMillis(300));
            pops.pass(Duration.ofMillis(299));
            assertThat(answer).isNotDone();
            pops.pass(Duration.ofMillis(1));
            assertThat(failure(answer)).isSameAs(away);
        }

        @Test
        void thoseWhoseFailureIsHeldAreToldWhenTheServiceStops() {
            queue.failure = away;
            var answers = new ArrayList<CompletableFuture<PopResult>>();
            for (int i = 0; i < 6; i++) {
                answers.add(pops.pop(QUEUE, batch(1), NO_WAIT));
            }
            assertThat(answers).noneMatch(CompletableFuture::isDone);
            pops.dispatcher.close();
            assertThat(answers).allSatisfy(answer -> assertThat(failure(answer)).isSameAs(away));
        }
    }

    @Nested
    class WhenTheOutcomeOfATransactionIsUnknown {
        @Test
        void thoseWhoAskedGetTheMessagesOnceItIsKnownToBeCommitted() {
            queue.losesAnswers = true;
            queue.add("q", "a");
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, AUTO_ACK, NO_WAIT);
            pops.pass(ASK.multipliedBy(2));
            assertThat(queue.outcomesAsked).isEqualTo(2);
            assertThat(answer).isNotDone();
            queue.outcome = CommitOutcome.COMMITTED;
            pops.pass(ASK);
            assertThat(payloads(answer)).containsExactly("a");
            assertThat(queue.returned).isEmpty();
        }

        @Test
        void thoseWhoAskedAreServedAgainOnceItIsKnownToBeRolledBack() {
            queue.losesAnswers = true;
            queue.add("q", "a");
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, AUTO_ACK, LONG);
            pops.pass(ASK);
            queue.losesAnswers = false;
            queue.add("q", "a"); // What rolling back does.
            queue.outcome = CommitOutcome.ROLLED_BACK;
            pops.pass(ASK);
            assertThat(payloads(answer)).containsExactly("a");
            assertThat(queue.returned).isEmpty();
        }

        @Test
        void thoseWhoAskedAreToldSoInTimeAndTheMessagesAreGivenBackOnceItIsKnown() {
            queue.losesAnswers = true;
            queue.add("q", "a");
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, AUTO_ACK, SOON);
            pops.pass(SOON.plusSeconds(4));
            assertThat(failure(answer)).isInstanceOf(OutcomeUnknownException.class);
            assertThat(queue.returned).isEmpty();
            queue.outcome = CommitOutcome.COMMITTED;
            pops.pass(ASK);
            assertThat(queue.returned)
                    .singleElement()
                    .satisfies(returned -> assertThat(payloads(returned)).containsExactly("a"));
        }

        @Test
        void thoseWhoAskedAreToldSoWhenNobodyWillKnow() {
            queue.losesAnswers = true;
            queue.outcome = CommitOutcome.LOST;
            queue.add("q", "a");
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, AUTO_ACK, LONG);
            pops.pass(ASK);
            assertThat(failure(answer)).isInstanceOf(OutcomeUnknownException.class);
            assertThat(pops.dispatcher.waiting()).isZero();
        }

        @Test
        void othersAreServedMeanwhile() {
            queue.losesAnswers = true;
            queue.add("q", "a");
            CompletableFuture<PopResult> first = pops.pop(QUEUE, AUTO_ACK, LONG);
            pops.pass(ASK);
            queue.losesAnswers = false;
            queue.add("q", "b");
            CompletableFuture<PopResult> second = pops.pop(QUEUE, batch(1), LONG);
            assertThat(payloads(second)).containsExactly("b");
            assertThat(first).isNotDone();
        }

        @Test
        void messagesAreGivenBackHoweverOftenThatFails() {
            queue.losesAnswers = true;
            queue.add("q", "a");
            queue.giveBackFailures = 2;
            popWithoutAnswer();
            pops.pass(ASK.plus(GIVE_BACK_PAUSE));
            assertThat(queue.returned).isEmpty();
            pops.pass(GIVE_BACK_PAUSE);
            assertThat(queue.returned).hasSize(1);
            assertThat(queue.giveBacks).isEqualTo(3);
        }

        private void popWithoutAnswer() {
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, AUTO_ACK, SOON);
            pops.pass(SOON.plusSeconds(4));
            assertThat(failure(answer)).isInstanceOf(OutcomeUnknownException.class);
            queue.outcome = CommitOutcome.COMMITTED;
        }

        private void popAndGiveBackWithoutAnswer() {
            queue.losesAnswers = true;
            queue.add("q", "a");
            queue.unknownGiveBacks = 1;
            popWithoutAnswer();
            pops.pass(ASK);
            assertThat(queue.giveBacks).isOne();
        }

        @Test
        void messagesThatWereGivenBackWithoutAnAnswerAreNotGivenBackTwice() {
            popAndGiveBackWithoutAnswer();
            int asked = queue.outcomesAsked;
            pops.pass(GIVE_BACK_PAUSE.multipliedBy(5));
            assertThat(queue.outcomesAsked).isEqualTo(asked + 1);
            assertThat(queue.giveBacks).isOne();
        }

        @Test
        void messagesAreGivenBackAgainOnceTheFirstTryIsKnownToBeRolledBack() {
            popAndGiveBackWithoutAnswer();
            queue.outcome = CommitOutcome.ROLLED_BACK;
            pops.pass(GIVE_BACK_PAUSE);
            assertThat(queue.returned).hasSize(1);
        }

        @Test
        void thoseWhoAskedAreToldSoWhenTheServiceStops() {
            queue.losesAnswers = true;
            queue.add("q", "a");
            CompletableFuture<PopResult> answer = pops.pop(QUEUE, AUTO_ACK, LONG);
            pops.pass(ASK);
            pops.dispatcher.close();
            assertThat(failure(answer)).isInstanceOf(OutcomeUnknownException.class);
        }
    }
}
