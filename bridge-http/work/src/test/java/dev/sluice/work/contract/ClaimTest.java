package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What an engine claims, when it looks, and what becomes of claims that it loses or cannot finish. */
class ClaimTest extends WorkFixture {
    private static final Duration NEVER = Duration.ofHours(1);

    /** More than a test takes that needs no look by chance. */
    private static final Duration SOON = Duration.ofSeconds(15);

    @Test
    void anEngineClaimsNoMoreWorksThanItCanRunAtOnce() throws Exception {
        var began = new CountDownLatch(3);
        var release = new CountDownLatch(1);
        WorkBuffer work = start(builder().concurrency(3).handler("narrow", (each, context) -> {
            began.countDown();
            release.await();
            return Outcome.done();
        }));
        work.enqueue(IntStream.range(0, 100)
                .mapToObj(i -> Work.of("narrow", Integer.toString(i)))
                .toList());
        assertThat(began.await(30, TimeUnit.SECONDS)).isTrue();
        assertThat(work.waiting("narrow")).isEqualTo(97);
        WorkBuffer other = start(builder().concurrency(2).handler("narrow", (each, context) -> {
            release.await();
            return Outcome.done();
        }));
        until(() -> other.waiting("narrow") == 95);
        release.countDown();
        until(() -> work.waiting("narrow") == 0);
        untilNothingIsLeft();
    }

    @Test
    void handlersRunOnVirtualThreadsWhereTheJvmHasThem() throws Exception {
        var virtual = new CopyOnWriteArrayList<Boolean>();
        WorkBuffer work = start(builder().handler("thread", (each, context) -> {
            virtual.add(isVirtual(Thread.currentThread()));
            return Outcome.done();
        }));
        work.enqueue(Work.of("thread", "1"));
        until(() -> virtual.size() == 1);
        assertThat(virtual).containsExactly(Runtime.version().feature() >= 21);
    }

    private static boolean isVirtual(Thread thread) {
        try {
            return (boolean) MethodHandles.publicLookup()
                    .findVirtual(Thread.class, "isVirtual", MethodType.methodType(boolean.class))
                    .invoke(thread);
        } catch (NoSuchMethodException e) {
            return false;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void aSnoozeAndARetryRunAtTheirTimesAndNotAtTheNextLook() throws Exception {
        var runs = new CopyOnWriteArrayList<String>();
        WorkBuffer work = start(builder()
                .pollInterval(NEVER)
                .handler(
                        "timed",
                        (each, context) -> {
                            runs.add(context.attempt() + "/" + context.snoozes());
                            if (context.snoozes() == 0) {
                                return Outcome.snooze(Duration.ofMillis(200));
                            }
                            return context.attempt() == 1 ? Outcome.retry("once") : Outcome.done();
                        },
                        HandlerSettings.DEFAULT.retry(RetryPolicy.ofWaits(Duration.ofMillis(300)))));
        long before = System.nanoTime();
        work.enqueue(Work.of("timed", "1"));
        until(() -> runs.size() == 3);
        assertThat(Duration.ofNanos(System.nanoTime() - before)).isBetween(Duration.ofMillis(500), SOON);
        assertThat(runs).containsExactly("1/0", "1/1", "2/1");
        untilNothingIsLeft();
    }

    @Test
    void aWorkThatAnotherEngineHasTakenOverIsStoppedAndItsLateOutcomeDropped() throws Exception {
        var stopping = new AtomicBoolean();
        var began = new CountDownLatch(1);
        var second = new CopyOnWriteArrayList<String>();
        Handler handler = (each, context) -> {
            if (context.crashes() > 0) { // Whichever engine it is.
                second.add(context.attempt() + "/" + context.crashes());
                return Outcome.done();
            }
            began.countDown();
            try {
                TimeUnit.MINUTES.sleep(5);
            } catch (InterruptedException e) {
                stopping.set(context.isStopping());
            }
            return Outcome.deadLetter("the late outcome of the first engine");
        };
        WorkBuffer first = start(builder().lease(Duration.ofSeconds(1)).handler("fenced", handler));
        first.enqueue(Work.of("fenced", "1").idempotencyKey("k"));
        assertThat(began.await(30, TimeUnit.SECONDS)).isTrue();
        start(builder().handler("fenced", handler));
        postgres.execute("update sluice.work_claims set owner = gen_random_uuid(), lease_until = now()");
        until(() -> stopping.get() && second.size() >= 1);
        untilRows("select finished_at is not null from sluice.work_keys", "t");
        first.close();
        assertThat(second).as("one crash, no attempt").containsExactly("1/1");
        assertThat(count("dead_letters")).isZero();
        untilNothingIsLeft();
    }

    @Test
    void outcomesAreStoredWhenPostgresAnswersAgain() throws Exception {
        var pool = new MoodyPool(postgres.dataSource());
        var runs = new AtomicInteger();
        var began = new CountDownLatch(10);
        var release = new CountDownLatch(1);
        WorkBuffer work = start(WorkBuffer.builder(pool.dataSource())
                .closeTimeout(Duration.ofSeconds(2))
                .concurrency(10)
                .handler(
                        "outage",
                        (each, context) -> {
                            runs.incrementAndGet();
                            began.countDown();
                            release.await();
                            return Outcome.done(each.payloadText());
                        },
                        HandlerSettings.DEFAULT.keepResults()));
        work.enqueue(IntStream.range(0, 10)
                .mapToObj(i -> Work.of("outage", Integer.toString(i)).idempotencyKey("k" + i))
                .toList());
        assertThat(began.await(30, TimeUnit.SECONDS)).isTrue();
        pool.refusesAll(true);
        release.countDown();
        int refused = pool.refused();
        until(() -> pool.refused() > refused);
        assertThat(postgres.query("select count(*) from sluice.work_keys where finished_at is not null"))
                .containsExactly("0");
        pool.refusesAll(false);
        untilRows("select count(*) from sluice.work_keys where result is not null", "10");
        untilNothingIsLeft();
        assertThat(runs).hasValue(10);
    }

    @Test
    void worksOfOtherProgramsAreFoundAlthoughThePoolRefusesToListen() throws Exception {
        var pool = new MoodyPool(postgres.dataSource());
        pool.refusesToListen(true);
        var runs = new AtomicInteger();
        start(WorkBuffer.builder(pool.dataSource())
                .pollInterval(Duration.ofMillis(100))
                .handler("polled", (each, context) -> {
                    runs.incrementAndGet();
                    return Outcome.done();
                }));
        until(() -> pool.refused() > 0);
        WorkBuffer producer = start(builder().listen(false));
        producer.enqueue(List.of(Work.of("polled", "1"), Work.of("polled", "2")));
        until(() -> runs.get() == 2);
        untilNothingIsLeft();
    }
}
