package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.PriorityLane;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.LaneOrder;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Urgent works come first, and others move. In a lane, works begin in the order of their enqueue. */
class LanesTest extends WorkFixture {
    /** A run of a work: its lane and its number in the lane. */
    private record Run(PriorityLane lane, int number) {
        static Run of(Work work) {
            return new Run(work.priority(), Integer.parseInt(work.payloadText()));
        }
    }

    private final List<Run> runs = new CopyOnWriteArrayList<>();

    /** Enqueues works of each lane, the least urgent ones first. */
    private void enqueue(String type, int ofEach, PriorityLane... lanes) throws InterruptedException {
        WorkBuffer producer = start(builder());
        for (int number = 0; number < ofEach; number++) {
            var batch = new ArrayList<Work>();
            for (PriorityLane lane : lanes) {
                batch.add(Work.of(type, Integer.toString(number)).priority(lane));
            }
            producer.enqueue(batch);
        }
    }

    private static final PriorityLane[] FOUR = {
        PriorityLane.LOW, PriorityLane.NORMAL, PriorityLane.HIGH, PriorityLane.CRITICAL
    };

    private WorkBuffer.Builder one() {
        return builder().concurrency(1).claimAhead(Duration.ZERO);
    }

    private static Map<PriorityLane, Long> byLane(List<Run> runs) {
        return new EnumMap<>(runs.stream().collect(Collectors.groupingBy(Run::lane, Collectors.counting())));
    }

    private void assertOrderInsideLanes() {
        for (PriorityLane lane : PriorityLane.values()) {
            assertThat(runs.stream().filter(run -> run.lane() == lane).map(Run::number))
                    .as(lane.text())
                    .isSorted();
        }
    }

    private double meanPlace(PriorityLane lane) {
        return IntStream.range(0, runs.size())
                .filter(i -> runs.get(i).lane() == lane)
                .average()
                .orElseThrow();
    }

    @Test
    void underOverloadEachLaneHasItsShareCriticalWaitsLeastAndLowMoves() throws Exception {
        enqueue("lanes", 100, FOUR);
        start(one().handler("lanes", (each, context) -> {
            runs.add(Run.of(each));
            return Outcome.done();
        }));
        until(() -> runs.size() == 400);
        assertThat(byLane(runs.subList(0, 150)))
                .containsOnly(
                        Map.entry(PriorityLane.CRITICAL, 80L),
                        Map.entry(PriorityLane.HIGH, 40L),
                        Map.entry(PriorityLane.NORMAL, 20L),
                        Map.entry(PriorityLane.LOW, 10L));
        assertOrderInsideLanes();
        assertThat(meanPlace(PriorityLane.CRITICAL)).isLessThan(meanPlace(PriorityLane.HIGH));
        assertThat(meanPlace(PriorityLane.HIGH)).isLessThan(meanPlace(PriorityLane.NORMAL));
        assertThat(meanPlace(PriorityLane.NORMAL)).isLessThan(meanPlace(PriorityLane.LOW));
    }

    @Test
    void aClaimOfManyWorksIsDividedByTheWeightsToo() throws Exception {
        enqueue("many", 100, FOUR);
        var release = new CountDownLatch(1);
        start(builder().concurrency(30).claimAhead(Duration.ZERO).handler("many", (each, context) -> {
            runs.add(Run.of(each));
            release.await();
            return Outcome.done();
        }));
        until(() -> runs.size() == 30);
        assertThat(byLane(List.copyOf(runs)))
                .containsOnly(
                        Map.entry(PriorityLane.CRITICAL, 16L),
                        Map.entry(PriorityLane.HIGH, 8L),
                        Map.entry(PriorityLane.NORMAL, 4L),
                        Map.entry(PriorityLane.LOW, 2L));
        release.countDown();
    }

    @Test
    void theShareOfLanesWithoutWorksGoesToTheOthers() throws Exception {
        enqueue("two", 60, PriorityLane.LOW, PriorityLane.HIGH);
        start(one().handler("two", (each, context) -> {
            runs.add(Run.of(each));
            return Outcome.done();
        }));
        until(() -> runs.size() == 120);
        assertThat(byLane(runs.subList(0, 50)))
                .containsOnly(Map.entry(PriorityLane.HIGH, 40L), Map.entry(PriorityLane.LOW, 10L));
        assertOrderInsideLanes();
    }

    @Test
    void aStrictOrderStarvesLowWhileMoreUrgentWorksWait() throws Exception {
        enqueue("strict", 40, FOUR);
        start(one().lanes(LaneOrder.STRICT).handler("strict", (each, context) -> {
            runs.add(Run.of(each));
            return Outcome.done();
        }));
        until(() -> runs.size() == 160);
        for (PriorityLane lane : PriorityLane.values()) {
            assertThat(byLane(runs.subList(40 * lane.number(), 40 * lane.number() + 40)))
                    .containsOnly(Map.entry(lane, 40L));
        }
        assertOrderInsideLanes();
    }

    @Test
    void aKeyHasAWorkOfEachClaimInAnyLane() throws Exception {
        WorkBuffer producer = start(builder());
        for (int i = 0; i < 40; i++) {
            producer.enqueue(Work.of("keys", "0").key("low-" + i).priority(PriorityLane.LOW));
            producer.enqueue(Work.of("keys", "0").key("high-" + i).priority(PriorityLane.HIGH));
        }
        var release = new CountDownLatch(1);
        start(builder().concurrency(10).claimAhead(Duration.ZERO).handler("keys", (each, context) -> {
            runs.add(Run.of(each));
            release.await();
            return Outcome.done();
        }));
        until(() -> runs.size() == 10);
        assertThat(byLane(List.copyOf(runs)))
                .containsOnly(Map.entry(PriorityLane.HIGH, 8L), Map.entry(PriorityLane.LOW, 2L));
        release.countDown();
        until(() -> runs.size() == 80);
    }

    @Test
    void worksThatRunAgainObeyTheLanesToo() throws Exception {
        var failing = new CountDownLatch(1);
        HandlerSettings again = HandlerSettings.DEFAULT.retry(
                RetryPolicy.DEFAULT.exponential(Duration.ofMillis(1), Duration.ofMillis(1)));
        enqueue("again", 10, PriorityLane.LOW);
        WorkBuffer first = start(one().handler(
                        "again",
                        (each, context) -> {
                            failing.countDown();
                            throw new IllegalStateException("the first run of each");
                        },
                        again.retry(RetryPolicy.DEFAULT.exponential(Duration.ofHours(1), Duration.ofHours(1)))));
        untilRows("select count(*), min(lane), max(lane) from sluice.work_items where owner is null", "10|3|3");
        first.close();
        postgres.execute("update sluice.work_items set available_at = now() - interval '1 minute'");
        enqueue("again", 20, PriorityLane.CRITICAL);
        start(one().lanes(LaneOrder.STRICT)
                .handler(
                        "again",
                        (each, context) -> {
                            runs.add(Run.of(each));
                            return Outcome.done();
                        },
                        again));
        until(() -> runs.size() == 30);
        assertThat(byLane(runs.subList(0, 20))).containsOnly(Map.entry(PriorityLane.CRITICAL, 20L));
        untilNothingIsLeft();
    }

    @Test
    void worksThatRunAgainShareTheirLaneWithThoseThatRunFirst() throws Exception {
        enqueue("mixed", 5, PriorityLane.HIGH, PriorityLane.LOW);
        WorkBuffer first = start(one().handler("mixed", (each, context) -> Outcome.snooze(Duration.ofHours(1))));
        untilRows("select count(*) from sluice.work_items where owner is null", "10");
        first.close();
        postgres.execute("update sluice.work_items set available_at = now() - interval '1 minute'");
        enqueue("mixed", 15, PriorityLane.HIGH, PriorityLane.LOW);
        start(one().handler("mixed", (each, context) -> {
            runs.add(Run.of(each));
            return Outcome.done();
        }));
        until(() -> runs.size() == 40);
        assertThat(byLane(runs.subList(0, 25)))
                .containsOnly(Map.entry(PriorityLane.HIGH, 20L), Map.entry(PriorityLane.LOW, 5L));
    }

    @Test
    void typesTakeTurnsSoNoneWaitsForTheWorksOfAnother() throws Exception {
        enqueue("endless", 200, PriorityLane.CRITICAL);
        enqueue("small", 5, PriorityLane.LOW);
        var order = new CopyOnWriteArrayList<String>();
        start(one().handler("endless", (each, context) -> {
                    order.add(each.type());
                    return Outcome.done();
                })
                .handler("small", (each, context) -> {
                    order.add(each.type());
                    return Outcome.done();
                }));
        until(() -> order.size() == 205);
        assertThat(order.lastIndexOf("small")).isLessThan(50);
    }

    @Test
    void enginesThatClaimTheSameLaneWaitForEachOtherNoLongerThanAClaim() throws Exception {
        enqueue("shared", 300, PriorityLane.NORMAL);
        for (int engine = 0; engine < 3; engine++) {
            start(builder()
                    .concurrency(2)
                    .claimAhead(Duration.ZERO)
                    .pollInterval(Duration.ofMinutes(1))
                    .listen(false)
                    .handler("shared", (each, context) -> {
                        runs.add(Run.of(each));
                        Thread.sleep(2);
                        return Outcome.done();
                    }));
        }
        until(() -> runs.size() == 300);
        untilNothingIsLeft();
        assertThat(runs).doesNotHaveDuplicates();
    }
}
