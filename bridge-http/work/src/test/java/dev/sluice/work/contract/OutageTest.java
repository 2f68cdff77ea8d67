package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkEvent;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/** PostgreSQL does not answer for longer than a lease, and the engine lives. */
class OutageTest extends OutageFixture {
    @Test
    void aHandlerThatEndsDuringAnOutageKeepsItsOutcome() throws Exception {
        var runs = new CopyOnWriteArrayList<Integer>();
        var ends = new CountDownLatch(1);
        WorkBuffer work = start(withLease(isAway::get).handler("a", (each, context) -> {
            runs.add(context.crashes());
            while (ends.getCount() > 0) {
                Thread.onSpinWait(); // Ignores the interrupt.
            }
            return Outcome.done();
        }));
        work.enqueue(Work.of("a", "1"));
        until(() -> runs.size() == 1);
        isAway.set(true);
        untilRows("select lease_until < now() - interval '300 ms' from sluice.work_claims", "t");
        ends.countDown();
        isAway.set(false);
        untilNothingIsLeft();
        assertThat(runs).containsExactly(0);
        assertThat(work.stats().total().completed()).isEqualTo(1);
    }

    @Test
    void aHandlerThatIsInterruptedByAnOutageRunsAgainWithoutACrashAndWithoutAnAttempt() throws Exception {
        var runs = new CopyOnWriteArrayList<String>();
        WorkBuffer work = start(withLease(isAway::get).handler("a", (each, context) -> {
            runs.add("attempt " + context.attempt() + ", crashes " + context.crashes());
            if (runs.size() == 1) {
                TimeUnit.MINUTES.sleep(5);
            }
            return Outcome.done();
        }));
        work.enqueue(Work.of("a", "1"));
        until(() -> runs.size() == 1);
        isAway.set(true);
        untilRows("select lease_until < now() - interval '300 ms' from sluice.work_claims", "t");
        isAway.set(false);
        untilNothingIsLeft();
        assertThat(runs).containsExactly("attempt 1, crashes 0", "attempt 1, crashes 0");
    }

    @Test
    void eventsOfAnOutageAreDeliveredAfterIt() throws Exception {
        var failures = new AtomicInteger();
        BooleanSupplier fails = () -> {
            boolean isOfEvents = Thread.currentThread().getName().equals("sluice-work-event-queue");
            return isAway.get() && isOfEvents && failures.incrementAndGet() > 0;
        };
        var ends = new CountDownLatch(1);
        WorkBuffer work = start(withLease(fails)
                .eventQueue(Set.of(WorkEvent.Kind.STARTED, WorkEvent.Kind.COMPLETED))
                .handler("a", (each, context) -> {
                    ends.await();
                    return Outcome.done();
                }));
        isAway.set(true);
        work.enqueue(Work.of("a", "1"));
        until(() -> failures.get() > 1);
        isAway.set(false);
        ends.countDown();
        untilRows(
                "select string_agg(payload::json->>'event', ' ' order by seq) from sluice.messages"
                        + " where queue = 'sluice.events'",
                "started completed");
        assertThat(work.droppedEvents()).isZero();
    }

    @Test
    void aHandlerIsAskedToEndBeforeItsLeaseEndsWhileTheRenewalHangs() throws Exception {
        var hangs = new CountDownLatch(1);
        BooleanSupplier renewalHangs = () -> {
            if (Thread.currentThread().getName().equals("sluice-work-leases") && isAway.get()) {
                try {
                    hangs.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
            return false;
        };
        var leasedWhenAsked = new CopyOnWriteArrayList<String>();
        WorkBuffer work =
                start(withLease(renewalHangs).lease(Duration.ofSeconds(4)).handler("a", (each, context) -> {
                    isAway.set(true);
                    try {
                        TimeUnit.MINUTES.sleep(5);
                    } catch (InterruptedException e) {
                        leasedWhenAsked.addAll(postgres.query("select lease_until > now() from sluice.work_claims"));
                    }
                    return Outcome.done();
                }));
        work.enqueue(Work.of("a", "1"));
        until(() -> !leasedWhenAsked.isEmpty());
        hangs.countDown();
        assertThat(leasedWhenAsked).containsExactly("t");
        untilNothingIsLeft();
    }

    @Test
    void aWorkOfAClaimIsNotLostWhenItsHandlerIsAskedToEndAndTheOthersFinish() throws Exception {
        var began = new CountDownLatch(2);
        var others = new CountDownLatch(1);
        var runs = new AtomicInteger();
        enqueueInOnePartition("a", "\"A\"", "\"B\"");
        WorkBuffer work = start(withLease(
                        () -> isAway.get() && Thread.currentThread().getName().equals("sluice-work-leases"))
                .handler("a", (each, context) -> {
                    if (each.payloadText().equals("\"B\"")) {
                        began.countDown();
                        while (others.getCount() > 0) {
                            Thread.onSpinWait();
                        }
                    } else if (runs.incrementAndGet() == 1) {
                        began.countDown();
                        TimeUnit.MINUTES.sleep(5);
                    }
                    return Outcome.done();
                }));
        assertThat(began.await(30, TimeUnit.SECONDS)).isTrue();
        isAway.set(true);
        until(() -> runs.get() == 2);
        isAway.set(false);
        others.countDown();
        untilNothingIsLeft();
        assertThat(runs).hasValue(2);
        assertThat(work.stats().total().completed()).isEqualTo(2);
    }
}
