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
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The order of a key wins over the lanes, and its works are served in the most urgent lane that waits among them. */
class KeyLaneTest extends WorkFixture {
    private final List<String> order = new CopyOnWriteArrayList<>();

    private static Work ofKey(String name, PriorityLane lane) {
        return Work.of("keys", "\"" + name + "\"").key("k").priority(lane);
    }

    private static List<Work> normals(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> Work.of("keys", "\"normal\""))
                .toList();
    }

    private WorkBuffer.Builder strict() {
        return builder().lanes(LaneOrder.STRICT).concurrency(1).claimAhead(Duration.ZERO);
    }

    private WorkBuffer.Builder recording() {
        return strict().handler("keys", (each, context) -> {
            order.add(each.payloadText().replace("\"", ""));
            return Outcome.done();
        });
    }

    private static String laneOfKey(String column) {
        return "select c." + column + " from sluice.cursors c join sluice.partitions p on p.id = c.partition_id"
                + " where p.name = 'k'";
    }

    @Test
    void aCriticalWorkRaisesTheWorksOfItsKeyBeforeItAndNoneBehindIt() throws Exception {
        WorkBuffer producer = start(builder());
        producer.enqueue(List.of(ofKey("low-1", PriorityLane.LOW), ofKey("low-2", PriorityLane.LOW)));
        producer.enqueue(normals(3));
        producer.enqueue(ofKey("critical", PriorityLane.CRITICAL));
        producer.enqueue(List.of(ofKey("low-3", PriorityLane.LOW), ofKey("low-4", PriorityLane.LOW)));
        assertThat(postgres.query(laneOfKey("lane"))).containsExactly("0");
        start(recording());
        until(() -> order.size() == 8);
        assertThat(order).containsExactly("low-1", "low-2", "critical", "normal", "normal", "normal", "low-3", "low-4");
    }

    @Test
    void aFirstWorkDoesNotDecideAboutTheLaneOfLaterOnes() throws Exception {
        WorkBuffer producer = start(builder());
        WorkBuffer engine = start(recording());
        producer.enqueue(ofKey("critical", PriorityLane.CRITICAL));
        until(() -> order.size() == 1);
        untilNothingIsLeft();
        engine.close();
        producer.enqueue(ofKey("low", PriorityLane.LOW));
        producer.enqueue(normals(2));
        start(recording());
        until(() -> order.size() == 4);
        assertThat(order).containsExactly("critical", "normal", "normal", "low");
    }

    @Test
    void aWorkThatIsEnqueuedWhileAnotherOfItsKeyRunsRaisesTheKeyToo() throws Exception {
        var running = new CountDownLatch(1);
        var release = new CountDownLatch(1);
        WorkBuffer work = start(strict().handler("keys", (each, context) -> {
            order.add(each.payloadText().replace("\"", ""));
            if (each.payloadText().equals("\"first\"")) {
                running.countDown();
                release.await();
            }
            return Outcome.done();
        }));
        work.enqueue(ofKey("first", PriorityLane.LOW));
        assertThat(running.await(30, TimeUnit.SECONDS)).isTrue();
        work.enqueue(normals(3));
        work.enqueue(ofKey("second", PriorityLane.LOW));
        work.enqueue(ofKey("third", PriorityLane.HIGH));
        work.enqueue(ofKey("fourth", PriorityLane.LOW));
        release.countDown();
        until(() -> order.size() == 7);
        assertThat(order).containsExactly("first", "second", "third", "normal", "normal", "normal", "fourth");
    }

    @Test
    void worksOfOneTransactionRaiseTheirKeyToo() throws Exception {
        WorkBuffer producer = start(builder());
        producer.enqueue(normals(2));
        producer.enqueue(List.of(ofKey("low", PriorityLane.LOW), ofKey("high", PriorityLane.HIGH)));
        start(recording());
        until(() -> order.size() == 4);
        assertThat(order).containsExactly("low", "high", "normal", "normal");
    }

    @Test
    void aScheduledWorkRaisesItsKeyWhenItIsDue() throws Exception {
        WorkBuffer producer = start(builder());
        producer.enqueue(ofKey("low", PriorityLane.LOW));
        producer.enqueue(ofKey("critical", PriorityLane.CRITICAL).delay(Duration.ofMillis(200)));
        assertThat(postgres.query(laneOfKey("lane"))).containsExactly("3");
        start(builder().handler("other", (each, context) -> Outcome.done())); // Moves what is due.
        untilRows(laneOfKey("lane"), "0");
    }

    @Test
    void aWorkThatHoldsItsKeyForARetryIsRaised() throws Exception {
        HandlerSettings slow = HandlerSettings.DEFAULT.retry(
                RetryPolicy.DEFAULT.exponential(Duration.ofHours(1), Duration.ofHours(1)));
        WorkBuffer work = start(strict().handler(
                        "keys",
                        (each, context) -> {
                            throw new IllegalStateException("not now");
                        },
                        slow));
        work.enqueue(ofKey("low", PriorityLane.LOW));
        untilRows("select lane from sluice.work_items where owner is null", "3");
        work.enqueue(ofKey("high", PriorityLane.HIGH));
        untilRows("select lane from sluice.work_items", "1");
    }

    @Test
    void aHandlerSeesThePriorityOfItsWorkAndNotThatOfItsKey() throws Exception {
        var seen = new CopyOnWriteArrayList<PriorityLane>();
        WorkBuffer producer = start(builder());
        for (PriorityLane lane : PriorityLane.values()) {
            producer.enqueue(ofKey("keyed", lane));
        }
        for (PriorityLane lane : PriorityLane.values()) {
            producer.enqueue(Work.of("keys", "1").priority(lane));
        }
        start(strict().handler("keys", (each, context) -> {
            seen.add(each.priority());
            return Outcome.done();
        }));
        until(() -> seen.size() == 8);
        for (PriorityLane lane : PriorityLane.values()) {
            assertThat(seen).filteredOn(each -> each == lane).hasSize(2);
        }
    }

    @Test
    void aKeyWhoseWorksAreOfOneLaneNeedsNoNotes() throws Exception {
        WorkBuffer producer = start(builder());
        for (int i = 0; i < 3; i++) {
            producer.enqueue(List.of(ofKey("high", PriorityLane.HIGH), ofKey("high", PriorityLane.HIGH)));
        }
        assertThat(postgres.query("select lane, lane_heads is null from sluice.partitions where name = 'k'"))
                .containsExactly("1|t");
    }

    @Test
    void whileWorksOfAKeyComeAndGoNoUrgentOneIsMissed() throws Exception {
        WorkBuffer producer = start(builder());
        start(builder().concurrency(4).handler("keys", (each, context) -> Outcome.done()));
        for (int i = 0; i < 150; i++) {
            PriorityLane lane = PriorityLane.ofNumber(i * 7 % 4);
            producer.enqueue(ofKey("any", lane));
        }
        untilNothingIsLeft();
        until(() -> producer.waiting("keys") == 0);
        producer.pause("keys");
        producer.enqueue(ofKey("any", PriorityLane.LOW));
        assertThat(postgres.query("select count(*) from sluice.cursors c join sluice.partitions p on"
                        + " p.id = c.partition_id where p.name = 'k' and c.available_at is not null and c.lane <> case"
                        + " when p.lane_heads[1] > c.position then 0 when p.lane_heads[2] > c.position then 1"
                        + " when p.lane_heads[3] > c.position then 2 else 3 end"))
                .containsExactly("0");
    }
}
