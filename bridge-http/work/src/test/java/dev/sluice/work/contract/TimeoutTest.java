package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.Context;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkTimeoutException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** A handler may run for so long, and a work may wait for so long. */
class TimeoutTest extends WorkFixture {
    private static final HandlerSettings SHORT =
            HandlerSettings.DEFAULT.timeout(Duration.ofMillis(100)).retry(RetryPolicy.never());

    @Test
    void aHandlerThatRunsTooLongIsInterruptedAndCountsAFailure() throws Exception {
        var interrupted = new CountDownLatch(1);
        WorkBuffer work = start(builder()
                .handler(
                        "slow",
                        (each, context) -> {
                            try {
                                TimeUnit.MINUTES.sleep(5);
                            } catch (InterruptedException e) {
                                assertThat(context.isStopping()).isTrue();
                                interrupted.countDown();
                            }
                            return Outcome.done(); // Too late: it does not count.
                        },
                        SHORT));
        work.enqueue(Work.of("slow", "1"));
        assertThat(interrupted.await(30, TimeUnit.SECONDS)).isTrue();
        untilRows(
                "select error from sluice.dead_letters",
                "failed 1 time: " + WorkTimeoutException.class.getName() + ": the handler ran longer than PT0.1S");
    }

    @Test
    void aTimeoutLongerThanTheLeaseIsNoReasonToRunAWorkTwice() throws Exception {
        var runs = new AtomicInteger();
        WorkBuffer work = start(builder().lease(Duration.ofSeconds(1)).handler("long", (each, context) -> {
            runs.incrementAndGet();
            TimeUnit.MILLISECONDS.sleep(2_500);
            return Outcome.done();
        }));
        start(builder().lease(Duration.ofSeconds(1)).handler("long", (each, context) -> {
            runs.incrementAndGet();
            return Outcome.done();
        }));
        work.enqueue(Work.of("long", "1"));
        until(() -> runs.get() > 0);
        untilNothingIsLeft();
        assertThat(runs).hasValue(1);
    }

    @Test
    void aHandlerMayAskForMoreTime() throws Exception {
        WorkBuffer work = start(builder()
                .handler(
                        "extends",
                        (each, context) -> {
                            context.extend(Duration.ofSeconds(20));
                            TimeUnit.MILLISECONDS.sleep(400);
                            assertThat(context.remaining()).isGreaterThan(Duration.ofSeconds(5));
                            return Outcome.done();
                        },
                        SHORT.idempotencyWindow(Duration.ofHours(1))));
        work.enqueue(Work.of("extends", "1").idempotencyKey("k"));
        untilRows("select finished_at is not null from sluice.work_keys", "t");
        assertThat(count("dead_letters")).isZero();
    }

    @Test
    void aHandlerThatIgnoresItsInterruptLosesItsPlaceAndItsOutcome() throws Exception {
        var ignores = new AtomicBoolean(true);
        var others = new AtomicInteger();
        var ended = new CountDownLatch(1);
        WorkBuffer work = start(builder()
                .concurrency(1)
                .handler(
                        "stuck",
                        (each, context) -> {
                            if (each.payloadText().equals("0")) {
                                while (ignores.get()) {
                                    Thread.onSpinWait();
                                }
                                ended.countDown();
                            } else {
                                others.incrementAndGet();
                            }
                            return Outcome.done();
                        },
                        SHORT));
        work.enqueue(List.of(Work.of("stuck", "0"), Work.of("stuck", "1"), Work.of("stuck", "2")));
        until(() -> others.get() == 2);
        untilRows("select payload from sluice.dead_letters", "0");
        ignores.set(false);
        assertThat(ended.await(30, TimeUnit.SECONDS)).isTrue();
        work.enqueue(Work.of("stuck", "3"));
        until(() -> others.get() == 3);
        untilNothingIsLeft();
        assertThat(count("dead_letters")).isEqualTo(1);
    }

    @Test
    void anOnErrorThatHangsStopsNoTimeoutAndThePolicyDecides() throws Exception {
        var ends = new CountDownLatch(1);
        var interrupted = new CountDownLatch(1);
        var asked = new CopyOnWriteArrayList<String>();
        Handler stuck = new Handler() {
            @Override
            public Outcome handle(Work work, Context context) {
                while (ends.getCount() > 0) {
                    Thread.onSpinWait();
                }
                return Outcome.done();
            }

            @Override
            public Outcome onError(Work work, Context context, Throwable error) {
                asked.add(error.getClass().getSimpleName());
                while (ends.getCount() > 0) {
                    Thread.onSpinWait();
                }
                return Outcome.done();
            }
        };
        Handler slow = (each, context) -> {
            try {
                TimeUnit.MINUTES.sleep(5);
            } catch (InterruptedException e) {
                interrupted.countDown();
            }
            return Outcome.done();
        };
        WorkBuffer work = start(builder().handler("stuck", stuck, SHORT).handler("slow", slow, SHORT));
        work.enqueue(Work.of("stuck", "\"stuck\""));
        until(() -> !asked.isEmpty());
        work.enqueue(Work.of("slow", "\"slow\""));
        assertThat(interrupted.await(30, TimeUnit.SECONDS)).isTrue();
        untilRows("select payload from sluice.dead_letters order by payload", "\"slow\"", "\"stuck\"");
        ends.countDown();
        assertThat(asked).containsExactly("WorkTimeoutException");
    }

    @Test
    void aWorkBeyondItsDeadlineBecomesADeadLetterAndDoesNotRun() throws Exception {
        var runs = new AtomicInteger();
        WorkBuffer work = start(builder().handler("late", (each, context) -> {
            runs.incrementAndGet();
            return Outcome.done();
        }));
        work.enqueue(Work.of("late", "1").deadline(Instant.parse("2020-01-01T00:00:00Z")));
        untilRows("select error from sluice.dead_letters", "deadline: it was 2020-01-01T00:00:00Z");
        assertThat(runs).hasValue(0);
    }

    @Test
    void aWorkThatIsTooOldToBeginBecomesADeadLetter() throws Exception {
        var runs = new AtomicInteger();
        WorkBuffer producer = start(builder());
        producer.enqueue(Work.of("aged", "1"));
        postgres.execute("update sluice.segments set created_at = created_at - interval '1 hour'");
        WorkBuffer work = start(builder()
                .handler(
                        "aged",
                        (each, context) -> {
                            runs.incrementAndGet();
                            return Outcome.done();
                        },
                        HandlerSettings.DEFAULT.maxAge(Duration.ofMinutes(30))));
        untilRows("select error like 'too old: created at %, may begin within PT30M' from sluice.dead_letters", "t");
        work.enqueue(Work.of("aged", "2"));
        until(() -> runs.get() == 1);
    }
}
