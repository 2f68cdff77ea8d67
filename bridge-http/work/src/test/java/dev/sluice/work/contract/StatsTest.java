package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkStats.OfWorks;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The numbers of a buffer are those of its works. */
class StatsTest extends WorkFixture {
    private static final HandlerSettings FAST = HandlerSettings.DEFAULT.retry(RetryPolicy.DEFAULT
            .exponential(Duration.ofMillis(1), Duration.ofMillis(2))
            .maxAttempts(3));

    @Test
    void outcomesAreCountedByTypeAndInTotal() throws Exception {
        WorkBuffer work = start(builder()
                .handler("good", (each, context) -> Outcome.done())
                .handler("dropped", (each, context) -> Outcome.cancel())
                .handler(
                        "bad",
                        (each, context) -> {
                            throw new IllegalStateException("no");
                        },
                        FAST));
        work.enqueue(IntStream.range(0, 20).mapToObj(i -> Work.of("good", "1")).toList());
        work.enqueue(IntStream.range(0, 4).mapToObj(i -> Work.of("bad", "1")).toList());
        work.enqueue(Work.of("dropped", "1"));
        until(() ->
                work.stats().total().deadLettered() == 4 && work.stats().total().completed() == 20);
        untilNothingIsLeft();
        OfWorks good = work.stats().byType().get("good");
        assertThat(good.completed()).isEqualTo(20);
        assertThat(good.failed()).isZero();
        OfWorks bad = work.stats().byType().get("bad");
        assertThat(bad.completed()).isZero();
        assertThat(bad.failed()).isEqualTo(12);
        assertThat(bad.deadLettered()).isEqualTo(4);
        OfWorks dropped = work.stats().byType().get("dropped");
        assertThat(dropped.completed())
                .as("a work that is cancelled is not done")
                .isZero();
        OfWorks total = work.stats().total();
        assertThat(total.failed()).isEqualTo(12);
        assertThat(total.pending()).isZero();
        assertThat(total.average()).isPositive();
        assertThat(total.p95()).isPositive();
    }

    @Test
    void worksThatWaitAndRunAreCountedWhileTheyDo() throws Exception {
        var release = new CountDownLatch(1);
        WorkBuffer work = start(builder().concurrency(2).handler("slow", (each, context) -> {
            release.await();
            return Outcome.done();
        }));
        work.enqueue(IntStream.range(0, 5).mapToObj(i -> Work.of("slow", "1")).toList());
        until(() -> work.stats().byType().get("slow").activeWorkers() == 2);
        OfWorks slow = work.stats().byType().get("slow");
        assertThat(slow.processing()).isEqualTo(2);
        assertThat(slow.pending()).isEqualTo(3);
        assertThat(slow.average()).isEqualTo(Duration.ZERO);
        release.countDown();
        until(() -> work.stats().byType().get("slow").completed() == 5);
        until(() -> work.stats().total().activeWorkers() == 0);
    }
}
