package dev.sluice.bridge.pop;

import static dev.sluice.bridge.pop.PopFixture.LONG;
import static dev.sluice.bridge.pop.PopFixture.NO_WAIT;
import static dev.sluice.bridge.pop.PopFixture.QUEUE;
import static dev.sluice.bridge.pop.PopFixture.SOON;
import static dev.sluice.bridge.pop.PopFixture.batch;
import static dev.sluice.bridge.pop.PopFixture.failure;
import static dev.sluice.bridge.pop.PopFixture.payloads;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.PopResult;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Which pops and wake-ups share a run. */
class PopMergingTest {
    private static final Duration GRACE = Duration.ofSeconds(2);
    private static final Duration PATIENCE = Duration.ofMillis(100);
    private static final Duration RUN = Duration.ofMillis(4);
    private static final Duration LONGEST_REST = Duration.ofMillis(5);

    private final PopFixture pops = new PopFixture();
    private final FakeQueue queue = pops.queue;

    @AfterEach
    void close() {
        pops.close();
    }

    @Test
    void aPopJoinsThoseThatWaitWithoutALookOfItsOwn() {
        CompletableFuture<PopResult> first = pops.pop(QUEUE, batch(1), LONG);
        CompletableFuture<PopResult> second = pops.pop(QUEUE, batch(1), LONG);
        assertThat(queue.transactions).containsExactly(1);
        queue.add("q", "a", "b");
        pops.wake("q");
        assertThat(payloads(first)).containsExactly("a");
        assertThat(payloads(second)).containsExactly("b");
        assertThat(queue.transactions).containsExactly(1, 2);
    }

    @Test
    void aPopLooksBehindARunThatFoundMessagesForAll() {
        CompletableFuture<PopResult> first = pops.pop(QUEUE, batch(1), LONG);
        CompletableFuture<PopResult> second = pops.pop(QUEUE, batch(1), LONG);
        queue.add("q", "a", "b", "c");
        pops.wake("q");
        assertThat(first).isDone();
        assertThat(second).isDone();
        assertThat(payloads(pops.pop(QUEUE, batch(1), LONG))).containsExactly("c");
    }

    @Test
    void aPopLooksIfAWakeUpFoundNobodyToServe() {
        queue.whenItBegins = () -> pops.dispatcher.wake("q");
        queue.beforeItEnds = () -> queue.add("q", "a");
        CompletableFuture<PopResult> first = pops.pop(QUEUE, batch(1), LONG);
        assertThat(payloads(first)).containsExactly("a");
    }

    @Test
    void aPopLooksBehindARunThatWasRefused() {
        var joined = new ArrayList<CompletableFuture<PopResult>>();
        queue.whenItBegins = () -> {
            joined.add(pops.enter(QUEUE, batch(1), LONG));
            queue.add("q", "a");
        };
        CompletableFuture<PopResult> refused = pops.pop(QUEUE, batch(FakeQueue.REFUSED_BATCH), LONG);
        assertThat(refused).isCompletedExceptionally();
        assertThat(joined)
                .singleElement()
                .satisfies(answer -> assertThat(payloads(answer)).containsExactly("a"));
    }

    @Test
    void aPopLooksBeforeItIsAnsweredEmpty() {
        CompletableFuture<PopResult> first = pops.pop(QUEUE, batch(1), LONG);
        CompletableFuture<PopResult> found = pops.pop(QUEUE, batch(1), SOON);
        queue.add("q", "a", "b"); // Nobody says so: another bridge pushed.
        pops.pass(SOON);
        assertThat(payloads(first)).containsExactly("a");
        assertThat(payloads(found)).containsExactly("b");
    }

    @Test
    void aPopThatLookedAtItsDeadlineInVainIsAnsweredEmptyThen() {
        CompletableFuture<PopResult> first = pops.pop(QUEUE, batch(1), LONG);
        CompletableFuture<PopResult> empty = pops.pop(QUEUE, batch(1), SOON);
        pops.pass(SOON.minusMillis(1));
        assertThat(empty).isNotDone();
        pops.pass(Duration.ofMillis(1));
        assertThat(payloads(empty)).isEmpty();
        assertThat(first).isNotDone();
        assertThat(queue.transactions).containsExactly(1, 2);
    }

    @Test
    void aPopBehindMoreOthersThanARunServesIsAnsweredEmptyAtItsDeadline() {
        var others = new ArrayList<CompletableFuture<PopResult>>();
        for (int i = 0; i < WaitingRoom.MAX_MERGED; i++) {
            others.add(pops.pop(QUEUE, batch(1), LONG));
        }
        CompletableFuture<PopResult> last = pops.pop(QUEUE, batch(1), SOON);
        pops.pass(SOON.minusMillis(1));
        assertThat(last).isNotDone();
        pops.pass(Duration.ofMillis(1));
        assertThat(payloads(last)).isEmpty();
        assertThat(others).noneMatch(CompletableFuture::isDone);
    }

    @Test
    void aPopLooksIfItCameWhileARunFoundOnlyGoneClients() {
        var isGone = new AtomicBoolean();
        var later = new ArrayList<CompletableFuture<PopResult>>();
        CompletableFuture<PopResult> first = pops.dispatcher.pop(QUEUE, batch(1), LONG, isGone::get);
        CompletableFuture<Void> next = first.thenRun(() -> later.add(pops.enter(QUEUE, batch(1), LONG)));
        pops.work();
        isGone.set(true);
        queue.add("q", "a");
        pops.wake("q");
        assertThat(next).isCompleted();
        assertThat(later)
                .singleElement()
                .satisfies(answer -> assertThat(payloads(answer)).containsExactly("a"));
    }

    @Test
    void aPopThatCouldNotLookFailsAfterTheGrace() {
        CompletableFuture<PopResult> first = pops.pop(QUEUE, batch(1), LONG);
        CompletableFuture<PopResult> late = pops.enter(QUEUE, batch(1), SOON);
        pops.timers.advance(SOON.plus(GRACE).minusMillis(1));
        assertThat(late).isNotDone();
        pops.timers.advance(Duration.ofMillis(1));
        assertThat(failure(late)).hasMessageContaining("waited too long for its turn");
        assertThat(first).isNotDone();
    }

    @Test
    void wakeUpsDuringARunShareTheNextOne() {
        var answers = new ArrayList<CompletableFuture<PopResult>>();
        for (int i = 0; i < 4; i++) {
            answers.add(pops.pop(QUEUE, batch(1), LONG));
        }
        queue.add("q", "a");
        queue.whenItBegins = () -> {
            answers.add(pops.enter(QUEUE, batch(1), LONG));
            for (int i = 0; i < 3; i++) {
                pops.dispatcher.wake("q");
            }
            pops.work();
            assertThat(queue.transactions).containsExactly(1, 4); // No second run beside this one.
        };
        queue.beforeItEnds = () -> queue.add("q", "b", "c", "d", "e");
        pops.wake("q");
        assertThat(queue.transactions).containsExactly(1, 4, 4);
        assertThat(answers).allSatisfy(answer -> assertThat(payloads(answer)).hasSize(1));
    }

    @Test
    void aRunThatHangsDoesNotHoldUpOthers() {
        CompletableFuture<PopResult> first = pops.pop(QUEUE, batch(1), LONG);
        var meanwhile = new ArrayList<CompletableFuture<PopResult>>();
        queue.whenItBegins = () -> {
            meanwhile.add(pops.enter(QUEUE, batch(1), LONG));
            queue.add("q", "a");
            pops.timers.advance(PATIENCE.minusMillis(1));
            pops.wake("q");
            assertThat(meanwhile.get(0)).isNotDone();
            pops.timers.advance(Duration.ofMillis(1));
            pops.wake("q");
            assertThat(payloads(meanwhile.get(0))).containsExactly("a");
        };
        pops.wake("q");
        assertThat(first).isNotDone();
        assertThat(queue.transactions).startsWith(1, 1, 1);
    }

    @Test
    void whatWokeAListBesideARunThatHangsIsLookedForWithoutAnotherWakeUp() {
        CompletableFuture<PopResult> first = pops.pop(QUEUE, batch(1), LONG);
        var meanwhile = new ArrayList<CompletableFuture<PopResult>>();
        queue.whenItBegins = () -> {
            meanwhile.add(pops.enter(QUEUE, batch(1), LONG));
            queue.add("q", "a");
            pops.wake("q");
            assertThat(meanwhile.get(0)).isNotDone();
            pops.pass(PATIENCE.multipliedBy(2));
            assertThat(payloads(meanwhile.get(0))).containsExactly("a");
        };
        pops.wake("q");
        assertThat(first).isNotDone();
        assertThat(queue.transactions).startsWith(1, 1, 1);
    }

    @Test
    void aListRestsAfterARunAsLongAsTheRunTook() {
        CompletableFuture<PopResult> first = popThatTakes(RUN);
        queue.add("q", "a");
        pops.wake("q");
        pops.pass(RUN.minusMillis(1));
        assertThat(first).isNotDone();
        pops.dispatcher.wake("q");
        pops.pass(Duration.ofMillis(1));
        assertThat(payloads(first)).containsExactly("a");
        assertThat(queue.transactions).containsExactly(1, 1);
    }

    @Test
    void aListDoesNotRestWhenItIsIdle() {
        CompletableFuture<PopResult> first = popThatTakes(RUN);
        pops.pass(RUN);
        queue.add("q", "a");
        pops.wake("q");
        assertThat(payloads(first)).containsExactly("a");
    }

    @Test
    void aListRestsForAFewMillisecondsAtMost() {
        CompletableFuture<PopResult> first = popThatTakes(Duration.ofSeconds(1));
        queue.add("q", "a");
        pops.wake("q");
        pops.pass(LONGEST_REST.minusMillis(1));
        assertThat(first).isNotDone();
        pops.pass(Duration.ofMillis(1));
        assertThat(payloads(first)).containsExactly("a");
    }

    @Test
    void aListDoesNotRestForAPopThatDoesNotWait() {
        CompletableFuture<PopResult> first = popThatTakes(RUN);
        queue.add("q", "a", "b");
        assertThat(payloads(pops.pop(QUEUE, batch(1), NO_WAIT))).containsExactly("b");
        assertThat(payloads(first)).containsExactly("a");
    }

    @Test
    void aListDoesNotRestForAPopWhoseTimeIsOver() {
        queue.whenItBegins = () -> pops.timers.advance(RUN);
        CompletableFuture<PopResult> answer = pops.pop(QUEUE, batch(1), RUN.plusMillis(1));
        queue.add("q", "a");
        pops.wake("q");
        assertThat(answer).isNotDone();
        pops.pass(Duration.ofMillis(1));
        assertThat(payloads(answer)).containsExactly("a");
    }

    @Test
    void aListDoesNotRestWhileItHasABacklog() {
        queue.add("q", "a", "b");
        assertThat(payloads(popThatTakes(RUN))).containsExactly("a");
        assertThat(payloads(pops.pop(QUEUE, batch(1), LONG))).containsExactly("b");
    }

    private CompletableFuture<PopResult> popThatTakes(Duration time) {
        queue.whenItBegins = () -> pops.timers.advance(time);
        return pops.pop(QUEUE, batch(1), LONG);
    }

    @Test
    void aBacklogIsServedByTwoRunsAtOnce() {
        queue.add("q", "a", "b", "c");
        var meanwhile = new ArrayList<List<String>>();
        pops.pop(QUEUE, batch(1), NO_WAIT).join();
        queue.whenItBegins = () -> meanwhile.add(payloads(pops.pop(QUEUE, batch(1), LONG)));
        assertThat(payloads(pops.pop(QUEUE, batch(1), LONG))).hasSize(1);
        assertThat(meanwhile)
                .singleElement()
                .satisfies(served -> assertThat(served).hasSize(1));
    }
}
