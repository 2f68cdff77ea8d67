package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import dev.sluice.work.Enqueued;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.LaneOrder;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkId;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Works reach their handlers, each once if nothing fails, and leave nothing. */
class HandlingTest extends WorkFixture {
    @Test
    void aWorkReachesItsHandlerWithAllThatItWasGiven() throws Exception {
        var seen = new CopyOnWriteArrayList<Work>();
        var ids = new CopyOnWriteArrayList<WorkId>();
        WorkBuffer work = start(builder().handler("mail", (each, context) -> {
            ids.add(context.id());
            assertThat(context.attempt()).isEqualTo(1);
            seen.add(each);
            return Outcome.done();
        }));
        Instant deadline = Instant.parse("2100-01-01T00:00:00Z");
        Enqueued enqueued = work.enqueue(Work.of("mail", "{\"user\": 17}")
                .key("user-17")
                .idempotencyKey("once")
                .deadline(deadline)
                .metadata("tenant", "blue"));
        until(() -> seen.size() == 1);
        Work got = seen.get(0);
        assertThat(got.payloadText()).isEqualTo("{\"user\": 17}");
        assertThat(got.type()).isEqualTo("mail");
        assertThat(got.key()).isEqualTo("user-17");
        assertThat(got.idempotencyKey()).isEqualTo("once");
        assertThat(got.deadline()).isEqualTo(deadline);
        assertThat(got.metadata()).isEqualTo(Map.of("tenant", "blue"));
        assertThat(ids).containsExactly(enqueued.id());
        untilNothingIsLeft();
    }

    @Test
    void thousandsOfWorksRunOnceEachAndLeaveNothing() throws Exception {
        var runs = new ConcurrentHashMap<String, AtomicInteger>();
        WorkBuffer work = start(builder().concurrency(8).handler("count", (each, context) -> {
            runs.computeIfAbsent(each.payloadText(), key -> new AtomicInteger()).incrementAndGet();
            return Outcome.done();
        }));
        for (int batch = 0; batch < 20; batch++) {
            int first = batch * 250;
            work.enqueue(IntStream.range(first, first + 250)
                    .mapToObj(i -> Work.of("count", Integer.toString(i)))
                    .toList());
        }
        until(() -> runs.size() == 5_000);
        untilNothingIsLeft();
        assertThat(runs.values()).allSatisfy(count -> assertThat(count).hasValue(1));
        assertThat(work.waiting("count")).isZero();
    }

    @Test
    void keylessWorksDoNotWaitForOneThatHangsAndAreNotRepeatedBecauseOneFails() throws Exception {
        var runs = new ConcurrentHashMap<String, AtomicInteger>();
        var release = new CountDownLatch(1);
        WorkBuffer work = start(builder().concurrency(5).handler("mixed", (each, context) -> {
            int run = runs.computeIfAbsent(each.payloadText(), key -> new AtomicInteger())
                    .incrementAndGet();
            if (each.payloadText().equals("13")) {
                release.await();
            }
            if (each.payloadText().equals("57") && run == 1) {
                throw new IllegalStateException("first run of 57");
            }
            return Outcome.done();
        }));
        work.enqueue(IntStream.range(0, 100)
                .mapToObj(i -> Work.of("mixed", Integer.toString(i)))
                .toList());
        until(() -> runs.size() == 100 && runs.get("57").get() == 2);
        untilRows("select attempts from sluice.work_items");
        assertThat(runs.entrySet())
                .filteredOn(each -> !each.getKey().equals("57"))
                .allSatisfy(each -> assertThat(each.getValue()).hasValue(1));
        assertThat(count("work_claims")).as("the claim of the work that hangs").isEqualTo(1);
        release.countDown();
        untilNothingIsLeft();
    }

    @Test
    void worksOfAKeyRunOneAtATimeAndInOrderOnTwoEngines() throws Exception {
        var orders = new ConcurrentHashMap<String, List<Integer>>();
        var inside = new ConcurrentHashMap<String, AtomicInteger>();
        var most = new AtomicInteger();
        for (int engine = 0; engine < 2; engine++) {
            start(builder().concurrency(8).handler("ordered", (each, context) -> {
                AtomicInteger now = inside.computeIfAbsent(each.key(), key -> new AtomicInteger());
                most.accumulateAndGet(now.incrementAndGet(), Math::max);
                orders.computeIfAbsent(each.key(), key -> Collections.synchronizedList(new ArrayList<>()))
                        .add(Integer.parseInt(each.payloadText()));
                now.decrementAndGet();
                return Outcome.done();
            }));
        }
        WorkBuffer producer = start(builder());
        for (int i = 0; i < 50; i++) {
            int number = i;
            producer.enqueue(IntStream.range(0, 6)
                    .mapToObj(
                            key -> Work.of("ordered", Integer.toString(number)).key("key-" + key))
                    .toList());
        }
        until(() -> orders.size() == 6 && orders.values().stream().allMatch(each -> each.size() == 50));
        untilNothingIsLeft();
        assertThat(most).hasValue(1);
        assertThat(orders.values())
                .allSatisfy(each -> assertThat(each)
                        .containsExactlyElementsOf(
                                IntStream.range(0, 50).boxed().toList()));
    }

    @Test
    void aKeyMayLookLikeTheNameOfASharedPartition() throws Exception {
        var keys = new CopyOnWriteArrayList<String>();
        WorkBuffer work = start(builder().handler("odd", (each, context) -> {
            keys.add(String.valueOf(each.key()));
            return Outcome.done();
        }));
        for (String key : List.of("~normal.00", "Default", "=x", "~")) {
            work.enqueue(Work.of("odd", "1").key(key));
        }
        until(() -> keys.size() == 4);
        assertThat(keys).containsExactlyInAnyOrder("~normal.00", "Default", "=x", "~");
    }

    @Test
    void aMoreUrgentLaneIsServedFirst() throws Exception {
        var order = new CopyOnWriteArrayList<String>();
        WorkBuffer producer = start(builder());
        for (int i = 0; i < 20; i++) {
            producer.enqueue(Work.of("lanes", "\"low\"").priority(PriorityLane.LOW));
            producer.enqueue(Work.of("lanes", "\"normal\""));
            producer.enqueue(Work.of("lanes", "\"critical\"").priority(PriorityLane.CRITICAL));
        }
        start(builder()
                .lanes(LaneOrder.STRICT)
                .concurrency(1)
                .claimAhead(Duration.ZERO)
                .handler("lanes", (each, context) -> {
                    order.add(each.payloadText());
                    return Outcome.done();
                }));
        until(() -> order.size() == 60);
        assertThat(order.subList(0, 20)).containsOnly("\"critical\"");
        assertThat(order.subList(20, 40)).containsOnly("\"normal\"");
    }

    @Test
    void aWorkThatIsDueLaterRunsAtItsTime() throws Exception {
        var ran = new CountDownLatch(1);
        WorkBuffer work = start(builder().pollInterval(Duration.ofSeconds(20)).handler("later", (each, context) -> {
            ran.countDown();
            return Outcome.done();
        }));
        long before = System.nanoTime();
        work.enqueue(Work.of("later", "1").delay(Duration.ofMillis(700)));
        until(() -> ran.getCount() == 0);
        assertThat(Duration.ofNanos(System.nanoTime() - before))
                .isBetween(Duration.ofMillis(700), Duration.ofSeconds(10));
        untilNothingIsLeft();
    }

    @Test
    void aWorkOfATransactionRunsIfAndOnlyIfTheTransactionCommits() throws Exception {
        var seen = new CopyOnWriteArrayList<String>();
        WorkBuffer work = start(builder().handler("outbox", (each, context) -> {
            seen.add(each.payloadText());
            return Outcome.done();
        }));
        try (Connection connection = postgres.dataSource().getConnection()) {
            connection.setAutoCommit(false);
            work.enqueue(connection, Work.of("outbox", "\"rolled back\""));
            connection.rollback();
            for (int i = 0; i < 3; i++) {
                work.enqueue(connection, Work.of("outbox", Integer.toString(i)).key("one"));
            }
            assertThat(seen).isEmpty();
            connection.commit();
            connection.setAutoCommit(true);
        }
        until(() -> seen.size() == 3);
        assertThat(seen).containsExactly("0", "1", "2");
        assertThat(count("work_outbox")).isZero();
    }

    @Test
    void aPayloadThatIsNoJsonIsRefused() {
        WorkBuffer work = start(builder());
        assertThatThrownBy(() -> work.enqueue(Work.of("bad", "{\"a\":}")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("payload must be JSON: expected a value at index 5");
    }

    @Test
    void worksOfAnEncryptedQueueReachTheirHandlerInClearAndAreStoredSealed() throws Exception {
        PayloadCipher cipher = PayloadCipher.of("test:" + "0f".repeat(32), null);
        postgres.execute("insert into sluice.queues (name, namespace, task, encryption_enabled)"
                + " values ('work.secret', 'work', 'secret', true)");
        var seen = new CopyOnWriteArrayList<String>();
        WorkBuffer work = start(builder()
                .cipher(cipher)
                .handler(
                        "secret",
                        (each, context) -> {
                            seen.add(each.payloadText() + each.metadata());
                            if (context.attempt() == 1) {
                                throw new IllegalStateException("the password is hunter2");
                            }
                            return Outcome.deadLetter("given up");
                        },
                        HandlerSettings.DEFAULT));
        work.enqueue(Work.of("secret", "{\"password\":\"hunter2\"}").metadata("who", "hunter2"));
        try (Connection connection = postgres.dataSource().getConnection()) {
            work.enqueue(connection, Work.of("secret", "{\"password\":\"hunter2\"}"));
        }
        until(() -> seen.size() == 4);
        assertThat(seen).contains("{\"password\":\"hunter2\"}{who=hunter2}", "{\"password\":\"hunter2\"}{}");
        untilNothingIsLeft();
        assertThat(postgres.query("select count(*) from sluice.dead_letters where history is not null"))
                .containsExactly("2");
        for (String table : List.of("segments", "dead_letters", "work_items", "work_outbox")) {
            assertThat(postgres.query("select t::text from sluice." + table + " t where t::text like '%hunter2%'"))
                    .as(table)
                    .isEmpty();
        }
    }
}
