package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.CloseReport;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.time.Duration;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** A stop of an engine costs no attempt and loses nothing. */
class CloseTest extends WorkFixture {
    @Test
    void aCloseWaitsForTheHandlersThatRun() throws Exception {
        var began = new CountDownLatch(2);
        WorkBuffer work = start(builder().concurrency(2).handler("brief", (each, context) -> {
            began.countDown();
            TimeUnit.MILLISECONDS.sleep(300);
            return Outcome.done();
        }));
        work.enqueue(IntStream.range(0, 10)
                .mapToObj(i -> Work.of("brief", "" + i).idempotencyKey("k" + i))
                .toList());
        assertThat(began.await(30, TimeUnit.SECONDS)).isTrue();
        CloseReport report = work.closeAndReport();
        assertThat(report.isStored()).isTrue();
        assertThat(report.stuck()).isZero();
        untilRows("select count(*) from sluice.work_claims", "0");
        assertThat(postgres.query("select count(*) >= 2 from sluice.work_keys where finished_at is not null"))
                .containsExactly("t");
        assertThat(count("work_items")
                        + work.waiting("brief")
                        + Long.parseLong(
                                postgres.query("select count(*) from sluice.work_keys where finished_at is not null")
                                        .get(0)))
                .isGreaterThanOrEqualTo(10);
    }

    @Test
    void aWorkThatIsInterruptedByACloseRunsElsewhereWithItsAttemptsAndCrashes() throws Exception {
        var began = new CountDownLatch(1);
        var second = new CopyOnWriteArrayList<String>();
        WorkBuffer first = start(builder().closeTimeout(Duration.ZERO).handler("long", (each, context) -> {
            began.countDown();
            TimeUnit.MINUTES.sleep(5);
            return Outcome.done();
        }));
        first.enqueue(Work.of("long", "1").key("k"));
        assertThat(began.await(30, TimeUnit.SECONDS)).isTrue();
        assertThat(first.closeAndReport()).isEqualTo(new CloseReport(1, 0, true));
        start(builder().handler("long", (each, context) -> {
            second.add(context.attempt() + "/" + context.crashes() + "/" + each.key());
            return Outcome.done();
        }));
        until(() -> !second.isEmpty());
        assertThat(second).containsExactly("1/0/k");
        untilNothingIsLeft();
    }

    @Test
    void aCloseEndsOnTimeAlthoughAHandlerIgnoresItsInterrupt() throws Exception {
        var ignores = new AtomicBoolean(true);
        var began = new CountDownLatch(1);
        WorkBuffer work = start(builder().closeTimeout(Duration.ofMillis(50)).handler("stubborn", (each, context) -> {
            began.countDown();
            while (ignores.get()) {
                Thread.onSpinWait();
            }
            return Outcome.done();
        }));
        work.enqueue(Work.of("stubborn", "1"));
        assertThat(began.await(30, TimeUnit.SECONDS)).isTrue();
        CloseReport report = work.closeAndReport();
        ignores.set(false);
        assertThat(report).isEqualTo(new CloseReport(1, 1, true));
        assertThat(postgres.query("select attempts, crashes, owner is null from sluice.work_items"))
                .containsExactly("0|0|t");
    }

    @Test
    void aCloseOfAnInterruptedThreadGivesTheWorksBackAtOnceAndLeavesTheThreadInterrupted() throws Exception {
        var began = new CountDownLatch(1);
        WorkBuffer work = start(builder().closeTimeout(Duration.ofMinutes(5)).handler("long", (each, context) -> {
            began.countDown();
            TimeUnit.MINUTES.sleep(5);
            return Outcome.done();
        }));
        work.enqueue(Work.of("long", "1"));
        assertThat(began.await(30, TimeUnit.SECONDS)).isTrue();
        Thread.currentThread().interrupt();
        work.close();
        assertThat(Thread.interrupted()).isTrue();
        assertThat(work.closeAndReport()).isEqualTo(new CloseReport(1, 0, true));
        assertThat(postgres.query("select attempts, crashes, owner is null from sluice.work_items"))
                .containsExactly("0|0|t");
    }

    @Test
    void aThreadThatIsInterruptedWhileItClosesGivesTheWorksBackAtOnce() throws Exception {
        var began = new CountDownLatch(1);
        WorkBuffer work = start(builder().closeTimeout(Duration.ofMinutes(5)).handler("long", (each, context) -> {
            began.countDown();
            TimeUnit.MINUTES.sleep(5);
            return Outcome.done();
        }));
        work.enqueue(Work.of("long", "1"));
        assertThat(began.await(30, TimeUnit.SECONDS)).isTrue();
        var isInterrupted = new AtomicBoolean();
        var closing = new Thread(() -> {
            work.close();
            isInterrupted.set(Thread.currentThread().isInterrupted());
        });
        closing.start();
        until(() -> closing.getState() == Thread.State.TIMED_WAITING);
        closing.interrupt();
        closing.join(30_000);
        assertThat(isInterrupted).isTrue();
        assertThat(work.closeAndReport()).isEqualTo(new CloseReport(1, 0, true));
    }

    @Test
    void aCloseEndsThoseThatWaitForRoom() throws Exception {
        WorkBuffer work = start(builder().maxQueueSize(1).blockWhenFull(true));
        work.enqueue(Work.of("full", "1"));
        var failure = new AtomicReference<Throwable>();
        var waiting = new Thread(() -> {
            try {
                work.enqueue(Work.of("full", "2"));
            } catch (InterruptedException | RuntimeException e) {
                failure.set(e);
            }
        });
        waiting.start();
        until(() -> waiting.getState() == Thread.State.TIMED_WAITING);
        work.close();
        waiting.join(30_000);
        assertThat(failure.get()).isInstanceOf(IllegalStateException.class).hasMessage("the work buffer is closed");
    }
}
