package dev.sluice.bridge.pop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.Message;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.Subscription;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A dispatcher in front of a {@link FakeQueue}. The test decides when time passes and when workers run, so that nothing
 * happens behind its back.
 */
final class PopFixture implements AutoCloseable {
    static final PopTarget QUEUE = new PopTarget("q", null, "g");
    static final PopTarget PARTITION = new PopTarget("q", "p", "g");
    static final Duration LONG = Duration.ofMinutes(10);
    static final Duration SOON = Duration.ofSeconds(1);
    static final Duration NO_WAIT = Duration.ZERO;
    static final Duration POLL_INTERVAL = Duration.ofHours(1);
    static final int MAX_PARKED = 100;
    static final PopRequest AUTO_ACK = new PopRequest(1, 1, true, Subscription.ALL);

    final FakeQueue queue = new FakeQueue();
    final ManualTimers timers = new ManualTimers();
    final ManualWorkers workers = new ManualWorkers();
    final PopDispatcher dispatcher = new PopDispatcher(
            queue::pop,
            queue::outcomeOf,
            queue::namespaces,
            queue::giveBack,
            new PopDispatcherConfig(2, MAX_PARKED, POLL_INTERVAL),
            timers,
            workers);

    static PopRequest batch(int size) {
        return new PopRequest(size, 1, false, Subscription.ALL);
    }

    /** Pops, and runs no worker yet. */
    CompletableFuture<PopResult> enter(PopTarget target, PopRequest request, Duration wait) {
        return dispatcher.pop(target, request, wait, () -> false);
    }

    /** Pops, and runs the workers. */
    CompletableFuture<PopResult> pop(PopTarget target, PopRequest request, Duration wait) {
        CompletableFuture<PopResult> answer = enter(target, request, wait);
        work();
        return answer;
    }

    /** Runs the workers until they have nothing left to do. */
    void work() {
        boolean more = true;
        while (more) {
            more = workers.runOne();
        }
    }

    /** Wakes the waiters on a queue, and runs the workers. */
    void wake(String queueName) {
        dispatcher.wake(queueName);
        work();
    }

    /** Lets time pass, and runs the workers whenever a timer has fired. */
    void pass(Duration duration) {
        Duration left = duration;
        while (!left.isZero()) {
            Duration next = timers.untilNext(left);
            timers.advance(next);
            work();
            left = left.minus(next);
        }
    }

    int transactions() {
        return queue.transactions.size();
    }

    static List<String> payloads(PopResult result) {
        return result.messages().stream().map(Message::payloadText).toList();
    }

    /** Returns the payloads of an answer that must be there. */
    static List<String> payloads(CompletableFuture<PopResult> answer) {
        assertThat(answer).isDone();
        return payloads(answer.join());
    }

    /** Returns the failure of an answer that must be there. */
    static QueueException failure(CompletableFuture<PopResult> answer) {
        assertThat(answer).isDone();
        var failure = new AtomicReference<QueueException>();
        assertThatThrownBy(answer::get).cause().isInstanceOfSatisfying(QueueException.class, failure::set);
        return failure.get();
    }

    @Override
    public void close() {
        dispatcher.close();
    }
}
