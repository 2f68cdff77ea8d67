package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Concurrency and rates hold on all engines together, by type and by limit key. */
class LimitsTest extends WorkFixture {
    /** Notes each time that works begin: when, by the clock that the limits use, and how many. */
    private static final String BEGUN = """
            create table begun (name text, at timestamptz, works bigint);
            create function note() returns trigger language plpgsql as $$ begin
              if new.running > old.running then
                insert into begun values (new.name, new.refilled_at, new.running - old.running);
              end if;
              return new;
            end $$;
            create trigger note after update on sluice.work_limits for each row execute function note();
            """;

    private final Map<String, AtomicInteger> inside = new ConcurrentHashMap<>();
    private final Map<String, AtomicInteger> most = new ConcurrentHashMap<>();
    private final AtomicInteger ended = new AtomicInteger();

    private Outcome watched(String what, long millis) throws InterruptedException {
        AtomicInteger now = inside.computeIfAbsent(what, key -> new AtomicInteger());
        most.computeIfAbsent(what, key -> new AtomicInteger()).accumulateAndGet(now.incrementAndGet(), Math::max);
        TimeUnit.MILLISECONDS.sleep(millis);
        now.decrementAndGet();
        ended.incrementAndGet();
        return Outcome.done();
    }

    private static List<Work> works(String type, int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> Work.of(type, Integer.toString(i)))
                .toList();
    }

    private void untilNoRoomIsUsed() {
        untilNothingIsLeft();
        untilRows("select count(*) from sluice.work_limits where running <> 0", "0");
        assertThat(postgres.query("select count(*) from sluice.work_lines")).containsExactly("0");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theConcurrencyOfATypeHoldsOnTwoEngines(boolean keyed) throws Exception {
        HandlerSettings settings = HandlerSettings.DEFAULT.limit(Limit.ofConcurrency(3));
        for (int engine = 0; engine < 2; engine++) {
            start(builder()
                    .concurrency(8)
                    .handler(
                            "slow",
                            (each, context) -> watched("all", 3),
                            keyed ? settings.limitKey("/tenant") : settings));
        }
        WorkBuffer producer = start(builder());
        producer.enqueue(IntStream.range(0, 200)
                .mapToObj(i -> Work.of("slow", "{\"tenant\": " + i % 5 + "}").key(i % 3 == 0 ? "k" + i % 20 : null))
                .toList());
        until(() -> ended.get() == 200);
        untilNoRoomIsUsed();
        assertThat(most.get("all")).hasValue(3);
        assertThat(producer.waiting("slow")).isZero();
    }

    @Test
    void theRateOfATypeIsExactOnTwoEngines() throws Exception {
        postgres.execute(BEGUN);
        var runs = new AtomicInteger();
        for (int engine = 0; engine < 2; engine++) {
            start(builder()
                    .concurrency(8)
                    .handler(
                            "call",
                            (each, context) -> {
                                runs.incrementAndGet();
                                return Outcome.done();
                            },
                            HandlerSettings.DEFAULT.limit(
                                    Limit.ofRate(40, Duration.ofSeconds(1)).burst(10))));
        }
        start(builder()).enqueue(works("call", 70));
        until(() -> runs.get() == 70);
        untilNoRoomIsUsed();
        assertRate("", 10, 40, 70);
    }

    @Test
    void theRateOfEachKeyIsExactAndKeysDoNotShareIt() throws Exception {
        postgres.execute(BEGUN);
        var runs = new AtomicInteger();
        for (int engine = 0; engine < 2; engine++) {
            start(builder()
                    .concurrency(8)
                    .handler(
                            "call",
                            (each, context) -> {
                                runs.incrementAndGet();
                                return Outcome.done();
                            },
                            HandlerSettings.DEFAULT
                                    .limitKey("/tenant")
                                    .limitOfEachKey(Limit.ofRate(20, Duration.ofSeconds(1))
                                            .burst(5))));
        }
        start(builder())
                .enqueue(IntStream.range(0, 75)
                        .mapToObj(i -> Work.of("call", "{\"tenant\": \"t" + i % 3 + "\"}"))
                        .toList());
        until(() -> runs.get() == 75);
        untilNoRoomIsUsed();
        for (int tenant = 0; tenant < 3; tenant++) {
            assertRate("=t" + tenant, 5, 20, 25);
        }
    }

    /** Asserts that no window has more than the burst and the rate, and that the rate is used. */
    private void assertRate(String name, int burst, int perSecond, int works) {
        assertThat(postgres.query("select sum(works) from begun where name = '" + name + "'"))
                .containsExactly(Integer.toString(works));
        assertThat(postgres.query("select f.at, t.at, sum(b.works) from begun f"
                        + " join begun t on t.name = f.name and t.at >= f.at"
                        + " join begun b on b.name = f.name and b.at between f.at and t.at"
                        + " where f.name = '" + name + "' group by f.at, t.at having sum(distinct 0) + sum(b.works) > "
                        + burst + " + " + perSecond + " * extract(epoch from t.at - f.at) + 0.001"))
                .as("windows with too many")
                .isEmpty();
        assertThat(postgres.query("select extract(epoch from max(at) - min(at)) between "
                        + ((works - burst) * 1.0 / perSecond - 0.001) + " and "
                        + ((works - burst) * 1.0 / perSecond + 2)
                        + " from begun where name = '" + name + "'"))
                .as("a work begins soon after it may")
                .containsExactly("t");
    }

    @Test
    void anOperatorChangesLimitsAndTheyStayOverRestarts() throws Exception {
        HandlerSettings settings = HandlerSettings.DEFAULT.limit(Limit.ofConcurrency(1));
        WorkBuffer first =
                start(builder().concurrency(8).handler("t", (each, context) -> watched("first", 2), settings));
        first.enqueue(works("t", 20));
        until(() -> ended.get() == 20);
        untilNoRoomIsUsed();
        assertThat(most.get("first")).hasValue(1);
        first.limit("t", Limit.ofConcurrency(4));
        first.close();
        WorkBuffer second =
                start(builder().concurrency(8).handler("t", (each, context) -> watched("second", 5), settings));
        second.enqueue(works("t", 60));
        until(() -> ended.get() == 80);
        untilNoRoomIsUsed();
        assertThat(most.get("second")).hasValue(4);
        second.limit("t", null);
        assertThat(postgres.query("select count(*) from sluice.work_limit_rules where by_operator"))
                .containsExactly("0");
        most.remove("second");
        second.enqueue(works("t", 20));
        until(() -> ended.get() == 100);
        untilNoRoomIsUsed();
        assertThat(most.get("second")).as("as the handler is set up").hasValue(1);
        WorkBuffer third = start(builder().concurrency(8).handler("u", (each, context) -> watched("third", 5)));
        third.limit("u", Limit.ofConcurrency(2));
        third.enqueue(works("u", 40));
        until(() -> ended.get() == 140);
        untilNoRoomIsUsed();
        assertThat(most.get("third").get()).isLessThanOrEqualTo(2);
    }

    @Test
    void aKeyThatGetsRoomRunsAtOnceAndOneWithALimitOfItsOwnHasThat() throws Exception {
        var release = new CountDownLatch(1);
        var running = new AtomicInteger();
        WorkBuffer work = start(builder()
                .concurrency(20)
                .handler(
                        "t",
                        (each, context) -> {
                            running.incrementAndGet();
                            release.await();
                            return Outcome.done();
                        },
                        HandlerSettings.DEFAULT.limitKey("header:Tenant").limitOfEachKey(Limit.ofConcurrency(2))));
        work.limitKey("t", "vip", Limit.ofConcurrency(5));
        for (String tenant : List.of("a", "vip")) {
            work.enqueue(IntStream.range(0, 9)
                    .mapToObj(i -> Work.of("t", "1").metadata("tenant", tenant))
                    .toList());
        }
        until(() -> running.get() == 7);
        work.limitEachKey("t", Limit.ofConcurrency(3));
        until(() -> running.get() == 8);
        work.limitKey("t", "vip", null);
        work.limitEachKey("t", Limit.ofConcurrency(9));
        until(() -> running.get() == 18);
        release.countDown();
        untilNoRoomIsUsed();
    }

    @Test
    void worksThatWaitInLinesRunIfTheTypeHasNoLimitsAnyMore() throws Exception {
        var release = new CountDownLatch(1);
        var runs = new AtomicInteger();
        HandlerSettings settings = HandlerSettings.DEFAULT.limitKey("/t").limitOfEachKey(Limit.ofConcurrency(1));
        WorkBuffer first = start(builder()
                .concurrency(4)
                .handler(
                        "t",
                        (each, context) -> {
                            runs.incrementAndGet();
                            release.await();
                            return Outcome.done();
                        },
                        settings));
        first.enqueue(IntStream.range(0, 30)
                .mapToObj(i -> Work.of("t", "{\"t\": 1, \"i\": " + i + "}").key(i % 2 == 0 ? null : "k" + i))
                .toList());
        until(() -> runs.get() == 1);
        first.close();
        assertThat(Integer.parseInt(
                        postgres.query("select count(*) from sluice.work_lines").get(0)))
                .isPositive();
        WorkBuffer second = start(builder().handler("t", (each, context) -> {
            runs.incrementAndGet();
            return Outcome.done();
        }));
        until(() -> runs.get() == 31);
        untilNoRoomIsUsed();
        assertThat(second.waiting("t")).isZero();
    }

    @Test
    void theEndOfAllLimitsWaitsForNoFlushThatRaisesAPartitionInALine() throws Exception {
        var runs = new AtomicInteger();
        WorkBuffer first = start(builder()
                .handler(
                        "t",
                        (each, context) -> watched("first", 60_000),
                        HandlerSettings.DEFAULT.limitKey("/t").limitOfEachKey(Limit.ofConcurrency(1))));
        first.enqueue(IntStream.range(0, 5)
                .mapToObj(i -> Work.of("t", "{\"t\": 1}").key("k" + i))
                .toList());
        untilRows("select count(*) from sluice.work_lines", "4");
        first.close();
        try (Connection flush = postgres.dataSource().getConnection();
                Statement statement = flush.createStatement()) {
            flush.setAutoCommit(false);
            statement.execute("select from sluice.cursors c where c.partition_id in"
                    + " (select n.partition_id from sluice.work_lines n) order by c.partition_id for no key update");
            WorkBuffer second = start(builder().handler("t", (each, context) -> {
                runs.incrementAndGet();
                return Outcome.done();
            }));
            until(() -> !postgres.query("select pid from pg_stat_activity where wait_event_type = 'Lock'")
                    .isEmpty());
            statement.execute("set local lock_timeout = '5s'; update sluice.work_lines set lane = 1");
            flush.commit();
            until(() -> runs.get() == 5);
            untilNoRoomIsUsed();
            assertThat(second.waiting("t")).isZero();
        }
    }

    @Test
    void theLimitKeyOfAWorkIsInTheNameOfItsPartitionWhereverItComesFrom() throws Exception {
        var seen = new ConcurrentHashMap<String, String>();
        start(builder()
                .handler(
                        "t",
                        (each, context) -> {
                            seen.put(each.payloadText(), each.limitKey() + " " + each.key());
                            return Outcome.done();
                        },
                        HandlerSettings.DEFAULT.limitKey("/tenant")));
        WorkBuffer producer = start(builder());
        producer.enqueue(Work.of("t", "{\"tenant\": \"a/b\"}"));
        producer.enqueue(Work.of("t", "{\"tenant\": 17}").key("order-1"));
        producer.enqueue(
                Work.of("t", "{\"tenant\": \"other\"}").limitKey("given").key("~x"));
        producer.enqueue(Work.of("t", "{}"));
        producer.enqueue(Work.of("t", "{\"tenant\": true}").delay(Duration.ofMillis(1)));
        try (var connection = postgres.dataSource().getConnection()) {
            connection.setAutoCommit(false);
            producer.enqueue(connection, Work.of("t", "{\"tenant\": \"outbox\"}"));
            connection.commit();
        }
        until(() -> seen.size() == 6);
        assertThat(seen)
                .isEqualTo(Map.of(
                        "{\"tenant\": \"a/b\"}", "a/b null",
                        "{\"tenant\": 17}", "17 order-1",
                        "{\"tenant\": \"other\"}", "given ~x",
                        "{}", "null null",
                        "{\"tenant\": true}", "true null",
                        "{\"tenant\": \"outbox\"}", "outbox null"));
        assertThat(postgres.query("select name from sluice.partitions order by name collate \"C\""))
                .contains("~@17/order-1", "~@given/=~x", "~normal@a%002fb", "~normal@outbox", "~normal@true");
        assertThatThrownBy(() -> Work.of("t", "1").limitKey("")).hasMessageContaining("limitKey must not be empty");
    }

    @Test
    void aRetryBeginsAsSoonAsThereIsRoom() throws Exception {
        var runs = new ConcurrentHashMap<String, AtomicInteger>();
        start(builder()
                        .concurrency(8)
                        .pollInterval(Duration.ofMinutes(1))
                        .handler(
                                "t",
                                (each, context) -> {
                                    int run = runs.computeIfAbsent(each.payloadText(), key -> new AtomicInteger())
                                            .incrementAndGet();
                                    return run == 1 ? Outcome.retry(Duration.ZERO, "again") : watched("t", 2);
                                },
                                HandlerSettings.DEFAULT.limit(Limit.ofConcurrency(2))))
                .enqueue(works("t", 60));
        until(() -> ended.get() == 60);
        untilNoRoomIsUsed();
    }

    @Test
    void retriesAndSnoozesWaitForRoomToo() throws Exception {
        var runs = new ConcurrentHashMap<String, AtomicInteger>();
        var works = new ArrayList<Work>();
        for (int i = 0; i < 60; i++) {
            works.add(Work.of("t", "{\"tenant\": " + i % 4 + ", \"i\": " + i + "}")
                    .key(i % 5 == 0 ? "key" + i % 3 : null));
        }
        for (int engine = 0; engine < 2; engine++) {
            start(builder()
                    .concurrency(6)
                    .handler(
                            "t",
                            (each, context) -> {
                                int run = runs.computeIfAbsent(each.payloadText(), key -> new AtomicInteger())
                                        .incrementAndGet();
                                watched("tenant " + each.limitKey(), 2);
                                if (run == 1) {
                                    return Outcome.retry(Duration.ofMillis(20), "again");
                                }
                                return run == 2 ? Outcome.snooze(Duration.ofMillis(10)) : Outcome.done();
                            },
                            HandlerSettings.DEFAULT.limitKey("/tenant").limitOfEachKey(Limit.ofConcurrency(1))));
        }
        start(builder()).enqueue(works);
        until(() -> runs.size() == 60 && runs.values().stream().allMatch(count -> count.get() == 3));
        untilNoRoomIsUsed();
        assertThat(most)
                .hasSize(4)
                .allSatisfy((tenant, count) -> assertThat(count).hasValue(1));
    }

    @Test
    void anEngineThatStartsCorrectsNumbersThatAreWrongAndForgetsIdleKeys() throws Exception {
        HandlerSettings settings = HandlerSettings.DEFAULT
                .limitKey("/t")
                .limit(Limit.ofConcurrency(2))
                .limitOfEachKey(Limit.ofConcurrency(1));
        WorkBuffer first = start(builder().handler("t", (each, context) -> watched("first", 0), settings));
        first.enqueue(List.of(Work.of("t", "{\"t\": 1}"), Work.of("t", "{\"t\": 2}")));
        until(() -> ended.get() == 2);
        untilNoRoomIsUsed();
        first.close();
        postgres.execute("update sluice.work_limits set running = 2 where name in ('', '=1')");
        WorkBuffer second = start(builder().handler("t", (each, context) -> watched("second", 0), settings));
        untilRows("select name, running from sluice.work_limits", "|0");
        second.enqueue(Work.of("t", "{\"t\": 1}"));
        until(() -> ended.get() == 3);
        untilNoRoomIsUsed();
    }
}
