package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.Enqueued;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkEvent.Kind;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Listeners get what happens to works, in order, and can hurt nobody. */
class EventsTest extends WorkFixture {
    private static final HandlerSettings FAST = HandlerSettings.DEFAULT.retry(RetryPolicy.DEFAULT
            .exponential(Duration.ofMillis(10), Duration.ofMillis(20))
            .maxAttempts(2));

    private static List<String> of(List<WorkEvent> events, Enqueued work) {
        return events.stream()
                .filter(event -> work.id().equals(event.id()) && event.kind() != Kind.ENQUEUED)
                .map(event -> event.kind() + " " + event.attempt())
                .toList();
    }

    @Test
    void aListenerGetsTheWholeLifeOfAWorkInOrder() throws Exception {
        var events = new CopyOnWriteArrayList<WorkEvent>();
        WorkBuffer work = start(builder()
                .listener(events::add)
                .handler(
                        "life",
                        (each, context) -> {
                            if (each.payloadText().equals("\"fails\"")) {
                                throw new IllegalStateException("no luck");
                            }
                            if (context.snoozes() == 0) {
                                return Outcome.snooze(Duration.ofMillis(1));
                            }
                            context.progress(50, "half");
                            return Outcome.done();
                        },
                        FAST));
        Enqueued done = work.enqueue(Work.of("life", "\"done\"").idempotencyKey("k"));
        Enqueued fails = work.enqueue(Work.of("life", "\"fails\""));
        work.enqueue(Work.of("life", "\"done\"").idempotencyKey("k"));
        until(() ->
                of(events, done).contains("COMPLETED 1") && of(events, fails).contains("DEAD_LETTERED 2"));
        assertThat(of(events, done))
                .containsExactly("STARTED 1", "SNOOZED 1", "STARTED 1", "PROGRESS 1", "COMPLETED 1");
        assertThat(of(events, fails))
                .containsExactly("STARTED 1", "FAILED 1", "RETRIED 1", "STARTED 2", "FAILED 2", "DEAD_LETTERED 2");
        assertThat(events)
                .filteredOn(event -> event.kind() == Kind.ENQUEUED)
                .extracting(WorkEvent::id)
                .as("without the repetition")
                .containsExactly(done.id(), fails.id());
        assertThat(events)
                .filteredOn(event -> event.detail() != null)
                .extracting(WorkEvent::detail)
                .containsExactlyInAnyOrder(
                        "50% half",
                        "java.lang.IllegalStateException: no luck",
                        "java.lang.IllegalStateException: no luck",
                        "failed 2 times: java.lang.IllegalStateException: no luck");
        assertThat(work.droppedEvents()).isZero();
    }

    @Test
    void aWorkOfATransactionIsAnEventAfterTheCommitAndNotAfterARollback() throws Exception {
        var events = new CopyOnWriteArrayList<WorkEvent>();
        WorkBuffer work = start(builder().listener(events::add));
        Enqueued committed;
        try (Connection connection = postgres.dataSource().getConnection()) {
            connection.setAutoCommit(false);
            work.enqueue(connection, Work.of("outbox", "1"));
            connection.rollback();
            committed = work.enqueue(connection, Work.of("outbox", "2"));
            assertThat(events).isEmpty();
            connection.commit();
            connection.setAutoCommit(true);
        }
        until(() -> !events.isEmpty());
        assertThat(events).containsExactly(new WorkEvent(Kind.ENQUEUED, "outbox", committed.id(), 0, null));
    }

    @Test
    void cancelsAndPausesAreEvents() throws Exception {
        var events = new CopyOnWriteArrayList<WorkEvent>();
        WorkBuffer work = start(builder().listener(events::add).handler("waits", (each, context) -> {
            if (each.payloadText().equals("1")) {
                return Outcome.snooze(Duration.ofHours(1));
            }
            new CountDownLatch(1).await(); // Until the work is cancelled.
            return Outcome.done();
        }));
        Enqueued waits = work.enqueue(Work.of("waits", "1"));
        Enqueued runs = work.enqueue(Work.of("waits", "2"));
        until(() -> of(events, waits).contains("SNOOZED 1") && of(events, runs).contains("STARTED 1"));
        work.cancel("waits", waits.id());
        work.cancel("waits", runs.id());
        until(() ->
                of(events, waits).contains("CANCELLED 0") && of(events, runs).contains("CANCELLED 1"));
        work.pause("waits");
        until(() -> events.contains(new WorkEvent(Kind.PAUSED, "waits", null, 0, null)));
        work.resume("waits");
        until(() -> events.contains(new WorkEvent(Kind.RESUMED, "waits", null, 0, null)));
    }

    @Test
    void aListenerThatThrowsOrHangsHurtsNeitherWorksNorOtherListenersNorTheClose() throws Exception {
        var never = new CountDownLatch(1);
        var seen = new AtomicInteger();
        WorkBuffer work = start(builder()
                .eventBuffer(600)
                .listener(event -> never.await())
                .listener(event -> {
                    throw new IllegalStateException("a broken listener");
                })
                .listener(event -> seen.incrementAndGet())
                .handler("calm", (each, context) -> Outcome.done()));
        for (int batch = 0; batch < 10; batch++) {
            work.enqueue(IntStream.range(0, 100)
                    .mapToObj(i -> Work.of("calm", Integer.toString(i)))
                    .toList());
            untilNothingIsLeft();
            int events = (batch + 1) * 300; // Enqueued, started, completed.
            until(() -> seen.get() == events);
        }
        // The listener that hangs has taken one event, and 600 wait for it.
        assertThat(work.droppedEvents()).isEqualTo(3_000 - 601);
        work.closeAndReport();
        assertThat(work.droppedEvents()).isEqualTo(3_000 - 1);
    }
}
