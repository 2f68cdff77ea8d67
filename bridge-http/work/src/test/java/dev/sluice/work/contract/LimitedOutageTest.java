package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.rules.Types;
import dev.sluice.work.store.ItemRows.Holder;
import dev.sluice.work.store.LimitRows;
import dev.sluice.work.store.LineRows;
import dev.sluice.work.store.LineRows.DueItem;
import dev.sluice.work.store.LineRows.ItemInLine;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The lease of a retry of a type with limits ends in an outage, and the engine lives. */
class LimitedOutageTest extends OutageFixture {
    private static final String LEASE_ENDED =
            "select available_at < now() - interval '300 ms' from sluice.work_items where owner is not null";

    /** Whether leases cannot be renewed, although everything else works. */
    private final AtomicBoolean leasesAreAway = new AtomicBoolean();

    private final AtomicInteger statementsOfDispatcher = new AtomicInteger();
    private final List<String> runs = new CopyOnWriteArrayList<>();
    private final AtomicInteger inside = new AtomicInteger();
    private final AtomicInteger most = new AtomicInteger();
    private final CountDownLatch ends = new CountDownLatch(1);

    private boolean fails() {
        String thread = Thread.currentThread().getName();
        if (thread.equals("sluice-work-dispatcher")) {
            statementsOfDispatcher.incrementAndGet();
        }
        return isAway.get() || (leasesAreAway.get() && thread.equals("sluice-work-leases"));
    }

    private static HandlerSettings limits(boolean keyed) {
        return keyed
                ? HandlerSettings.DEFAULT.limitKey("/t").limitOfEachKey(Limit.ofConcurrency(1))
                : HandlerSettings.DEFAULT.limit(Limit.ofConcurrency(1));
    }

    /** A handler that fails once, and then ignores interrupts until it may end. */
    private Handler retryThen(Outcome last) {
        return (each, context) -> {
            runs.add(each.payloadText() + " " + context.crashes());
            most.accumulateAndGet(inside.incrementAndGet(), Math::max);
            try {
                if (runs.size() == 1) {
                    return Outcome.retry(Duration.ZERO, "again");
                }
                while (ends.getCount() > 0) {
                    Thread.onSpinWait();
                }
                return runs.size() == 2 ? last : Outcome.done();
            } finally {
                inside.decrementAndGet();
            }
        };
    }

    /** Starts an engine, and lets the lease of a retry end while its handler runs. */
    private WorkBuffer startAndLetALeaseEnd(boolean keyed, Outcome last) throws Exception {
        WorkBuffer work = start(withLease(this::fails)
                .pollInterval(Duration.ofMillis(50))
                .concurrency(4)
                .handler("a", retryThen(last), limits(keyed)));
        work.enqueue(Work.of("a", "{\"t\": 1}"));
        until(() -> runs.size() == 2);
        leasesAreAway.set(true);
        isAway.set(true);
        untilRows(LEASE_ENDED, "t");
        return work;
    }

    /** Lets PostgreSQL answer, and waits until the engine has looked for works and claimed several times. */
    private void letTheEngineLook() {
        isAway.set(false);
        int before = statementsOfDispatcher.get();
        until(() -> statementsOfDispatcher.get() > before + 30);
    }

    private void untilAllIsDone() {
        untilNothingIsLeft();
        untilRows("select count(*) from sluice.work_limits where running <> 0", "0");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aRetryThatEndsDuringAnOutageKeepsItsOutcome(boolean keyed) throws Exception {
        WorkBuffer work = startAndLetALeaseEnd(keyed, Outcome.done());
        ends.countDown();
        isAway.set(false);
        untilAllIsDone();
        assertThat(runs).containsExactly("{\"t\": 1} 0", "{\"t\": 1} 0");
        assertThat(work.stats().total().completed()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aRetryTakesItsRoomAsLongAsItRuns(boolean keyed) throws Exception {
        WorkBuffer work = startAndLetALeaseEnd(keyed, Outcome.done());
        try (WorkBuffer producer = builder().start()) {
            producer.enqueue(Work.of("a", "{\"t\": 1, \"next\": 2}"));
        }
        letTheEngineLook();
        assertThat(runs).hasSize(2);
        ends.countDown();
        untilAllIsDone();
        until(() -> work.stats().total().completed() == 2);
        assertThat(runs).containsExactly("{\"t\": 1} 0", "{\"t\": 1} 0", "{\"t\": 1, \"next\": 2} 0");
        assertThat(most).hasValue(1);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aRetryThatIsPutOffAfterAnOutageWaitsAsLongAsItSays(boolean keyed) throws Exception {
        startAndLetALeaseEnd(keyed, Outcome.snooze(Duration.ofHours(1)));
        letTheEngineLook();
        ends.countDown();
        untilRows("select count(*) from sluice.work_items where owner is null", "1");
        letTheEngineLook();
        assertThat(runs).hasSize(2);
        assertThat(postgres.query("select line is null, limited is null, crashes, available_at > now()"
                        + " + interval '50 minutes' from sluice.work_items"))
                .containsExactly("t|t|0|t");
    }

    @Test
    void aRetryThatAnotherEngineHasPutIntoALineIsLost() throws Exception {
        WorkBuffer work = startAndLetALeaseEnd(true, Outcome.done());
        long queue = Long.parseLong(
                postgres.query("select queue_id from sluice.work_items").get(0));
        try (Connection connection = postgres.dataSource().getConnection()) {
            connection.setAutoCommit(false);
            var other = new Holder(UUID.randomUUID(), LEASE, List.of());
            var lines = new LineRows("sluice");
            var limits = new LimitRows("sluice");
            limits.lock(connection, queue);
            limits.giveBack(connection, lines.endExpired(connection, queue, 10, other));
            List<DueItem> due = lines.dueItems(connection, queue, 10, other);
            List<ItemInLine> lined = due.stream()
                    .map(each -> new ItemInLine(each.place(), Types.line(each.partition())))
                    .toList();
            assertThat(lined).hasSize(1);
            lines.addItems(connection, lined);
            limits.await(connection, queue, List.of(lined.get(0).name()), 0);
            connection.commit();
        }
        isAway.set(false);
        ends.countDown();
        untilAllIsDone();
        assertThat(runs).as("the outcome of the second run counts nowhere").hasSize(3);
        assertThat(runs.get(2)).isEqualTo("{\"t\": 1} 1");
        until(() -> work.stats().total().completed() == 1);
    }
}
