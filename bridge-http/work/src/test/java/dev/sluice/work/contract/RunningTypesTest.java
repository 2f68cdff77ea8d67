package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.work.CloseReport;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkLimits;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Types come and go while a buffer runs. */
class RunningTypesTest extends WorkFixture {
    private final List<String> seen = new CopyOnWriteArrayList<>();

    private final Handler notes = (each, context) -> {
        seen.add(each.type() + each.payloadText() + " " + context.attempt());
        return Outcome.done();
    };

    private final CountDownLatch mayEnd = new CountDownLatch(1);

    private final Handler waits = (each, context) -> {
        seen.add("began");
        mayEnd.await();
        return Outcome.done();
    };

    @Test
    void aBufferWithoutTypesBeginsToHandleOne() throws Exception {
        WorkBuffer work = start(builder());
        work.enqueue(Work.of("late", "1"));
        work.add("late", notes, HandlerSettings.DEFAULT);
        until(() -> seen.contains("late1 1"));
        work.enqueue(Work.of("late", "2"));
        until(() -> seen.contains("late2 1"));
        assertThat(work.stats().byType()).containsOnlyKeys("late");
        assertThat(work.closeAndReport()).isEqualTo(new CloseReport(0, 0, true));
        assertThatThrownBy(() -> work.add("later", notes, HandlerSettings.DEFAULT))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("the work buffer is closed");
    }

    @Test
    void aTypeThatIsThereIsRefusedAndGoesOn() throws Exception {
        WorkBuffer work = start(builder().handler("there", notes));
        assertThatThrownBy(() -> work.add("there", notes, HandlerSettings.DEFAULT))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("type there has a handler");
        assertThatThrownBy(() -> work.remove("other"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("type other has no handler here");
        work.enqueue(Work.of("there", "1"));
        until(() -> seen.contains("there1 1"));
    }

    @Test
    void theSettingsOfATypeThatIsAddedCount() throws Exception {
        WorkBuffer work = start(builder().handler("there", notes));
        HandlerSettings limited =
                HandlerSettings.DEFAULT.limits(new WorkLimits(null, Limit.ofConcurrency(1), Limit.NONE));
        work.add("limited", waits, limited);
        work.enqueue(List.of(Work.of("limited", "1"), Work.of("limited", "2")));
        until(() -> !seen.isEmpty());
        assertThat(work.admin().types())
                .anyMatch(type -> type.type().equals("limited") && limited.equals(type.handler()));
        TimeUnit.MILLISECONDS.sleep(100);
        assertThat(seen).hasSize(1);
        mayEnd.countDown();
        until(() -> work.stats().total().completed() == 2);
    }

    @Test
    void theNumbersOfATypeThatIsRemovedAndAddedAgainAreOneSum() throws Exception {
        WorkBuffer work = start(builder().handler("again", notes));
        for (int i = 1; i <= 3; i++) {
            work.enqueue(Work.of("again", "" + i));
            int handled = i;
            until(() -> seen.contains("again" + handled + " 1"));
            assertThat(work.remove("again", Duration.ofSeconds(20)).isStored()).isTrue();
            work.add("again", notes, HandlerSettings.DEFAULT);
        }
        work.enqueue(Work.of("again", "4"));
        until(() -> seen.contains("again4 1"));
        work.close();
        assertThat(postgres.query("select sum(completed), sum(runs) from sluice.work_minutes"
                        + " where queue_id = (select id from sluice.queues where name = 'work.again')"))
                .containsExactly("4|4");
    }

    @Test
    void aRemovalWaitsForTheHandlersThatRunAndTouchesNoOtherType() throws Exception {
        WorkBuffer work = start(builder().handler("goes", waits).handler("stays", notes));
        work.enqueue(Work.of("goes", "1"));
        until(() -> seen.contains("began"));
        var left = CompletableFuture.supplyAsync(() -> remove(work, Duration.ofSeconds(20)));
        until(() -> {
            try {
                work.add("goes", notes, HandlerSettings.DEFAULT);
                return true;
            } catch (IllegalArgumentException e) {
                return e.getMessage().equals("type goes has a handler that is being removed");
            }
        });
        work.enqueue(Work.of("stays", "1"));
        until(() -> seen.contains("stays1 1"));
        assertThat(left).isNotDone();
        mayEnd.countDown();
        assertThat(left.get(20, TimeUnit.SECONDS)).isEqualTo(new CloseReport(0, 0, true));
        assertThat(work.stats().byType()).containsOnlyKeys("stays");
        work.enqueue(Work.of("goes", "2"));
        work.enqueue(Work.of("stays", "2"));
        until(() -> seen.contains("stays2 1"));
        assertThat(work.waiting("goes")).isEqualTo(1);
        work.add("goes", notes, HandlerSettings.DEFAULT);
        until(() -> seen.contains("goes2 1"));
        untilNothingIsLeft();
    }

    @Test
    void aRemovalGivesBackWhatDoesNotEndAndThatCostsNoAttempt() throws Exception {
        WorkBuffer work = start(builder().concurrency(2).handler("goes", waits));
        work.enqueue(IntStream.range(0, 4)
                .mapToObj(i -> Work.of("goes", "" + i).key("k" + i % 2))
                .toList());
        until(() -> seen.size() == 2);
        CloseReport left = work.remove("goes", Duration.ZERO);
        assertThat(left.stuck()).isZero();
        assertThat(left.isStored()).isTrue();
        assertThat(left.givenBack()).isGreaterThanOrEqualTo(2);
        assertThat(count("work_claims")).isZero();
        seen.clear();
        work.add("goes", notes, HandlerSettings.DEFAULT);
        until(() -> seen.size() == 4);
        assertThat(seen).containsExactlyInAnyOrder("goes0 1", "goes1 1", "goes2 1", "goes3 1");
        untilNothingIsLeft();
    }

    @Test
    void aRemovalEndsOnTimeAlthoughAHandlerIgnoresItsInterrupt() throws Exception {
        WorkBuffer work = start(builder().concurrency(1).handler("stuck", (each, context) -> {
            seen.add("began");
            while (mayEnd.getCount() > 0) {
                Thread.onSpinWait();
            }
            return Outcome.done();
        }));
        work.enqueue(Work.of("stuck", "1"));
        until(() -> seen.size() == 1);
        CloseReport left = work.remove("stuck", Duration.ZERO);
        assertThat(left).isEqualTo(new CloseReport(1, 1, true));
        work.add("stuck", notes, HandlerSettings.DEFAULT);
        until(() -> seen.contains("stuck1 1"));
        mayEnd.countDown();
        untilNothingIsLeft();
    }

    @Test
    void worksInFlightAreGivenBackByARemoval() throws Exception {
        WorkBuffer work = start(builder());
        work.addAsync(
                "fly",
                (each, context) -> {
                    seen.add("began");
                    return new CompletableFuture<>();
                },
                HandlerSettings.DEFAULT);
        work.enqueue(List.of(Work.of("fly", "1"), Work.of("fly", "2")));
        until(() -> seen.size() == 2);
        assertThat(work.remove("fly", Duration.ofMillis(50))).isEqualTo(new CloseReport(2, 0, true));
        assertThat(work.waiting("fly")).isEqualTo(2);
    }

    @Test
    void typesComeAndGoWhileWorksArriveAndNoneIsLostOrRunsTwice() throws Exception {
        var ran = new AtomicInteger();
        WorkBuffer work = start(builder().concurrency(4).handler("base", notes));
        Handler counts = (each, context) -> {
            ran.incrementAndGet();
            assertThat(context.attempt()).isEqualTo(1);
            return Outcome.done();
        };
        int rounds = 10;
        for (int round = 0; round < rounds; round++) {
            work.add("come", counts, HandlerSettings.DEFAULT);
            for (int i = 0; i < 20; i++) {
                work.enqueue(Work.of("come", "" + i));
            }
            remove(work, "come", Duration.ofSeconds(5));
        }
        work.add("come", counts, HandlerSettings.DEFAULT);
        until(() -> ran.get() == rounds * 20);
        untilNothingIsLeft();
        assertThat(ran).hasValue(rounds * 20);
        assertThat(count("dead_letters")).isZero();
    }

    private static CloseReport remove(WorkBuffer work, Duration timeout) {
        return remove(work, "goes", timeout);
    }

    private static CloseReport remove(WorkBuffer work, String type, Duration timeout) {
        try {
            return work.remove(type, timeout);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
