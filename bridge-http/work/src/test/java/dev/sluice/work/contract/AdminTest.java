package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.work.BreakerAction;
import dev.sluice.work.BreakerSettings;
import dev.sluice.work.BreakerState;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkAdmin;
import dev.sluice.work.WorkAdmin.Filter;
import dev.sluice.work.WorkAdmin.Numbers;
import dev.sluice.work.WorkAdmin.Page;
import dev.sluice.work.WorkAdmin.Retried;
import dev.sluice.work.WorkAdmin.Retry;
import dev.sluice.work.WorkAdmin.Stats;
import dev.sluice.work.WorkAdmin.TypeInfo;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkId;
import dev.sluice.work.WorkInfo;
import dev.sluice.work.WorkLimits;
import dev.sluice.work.WorkState;
import dev.sluice.work.WorkStats;
import dev.sluice.work.WorkSummary;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Works are listed, retried and counted, whichever engine has them. */
class AdminTest extends WorkFixture {
    private static final HandlerSettings RETRIES_IN_AN_HOUR =
            HandlerSettings.DEFAULT.retry(RetryPolicy.ofWaits(Duration.ofHours(1)));

    private static List<WorkSummary> all(WorkBuffer work, Filter filter, int limit) {
        var works = new ArrayList<WorkSummary>();
        String next = null;
        do {
            Page page = work.admin().list(filter, next, limit);
            assertThat(page.works().size()).isLessThanOrEqualTo(limit);
            works.addAll(page.works());
            next = page.next();
        } while (next != null);
        return works;
    }

    private static Map<WorkState, Integer> states(List<WorkSummary> works) {
        var states = new HashMap<WorkState, Integer>();
        works.forEach(work -> states.merge(work.state(), 1, Integer::sum));
        return states;
    }

    @Test
    void aListHasEveryWorkOnceWhateverItsTableAndTheSizeOfPages() throws Exception {
        var release = new CountDownLatch(1);
        WorkBuffer work = start(builder()
                .claimAhead(Duration.ZERO)
                .concurrency(3)
                .handler(
                        "mixed",
                        (each, context) -> switch (each.payloadText()) {
                            case "\"fails\"" -> throw new IllegalStateException("no");
                            case "\"dies\"" -> Outcome.deadLetter("dead");
                            case "\"sleeps\"" -> Outcome.snooze(Duration.ofHours(1));
                            case "\"drops\"" -> Outcome.cancel();
                            default -> {
                                release.await();
                                yield Outcome.done();
                            }
                        },
                        RETRIES_IN_AN_HOUR));
        try {
            for (String what : List.of("fails", "dies", "sleeps", "drops")) {
                work.enqueue(IntStream.range(0, 7)
                        .mapToObj(i -> Work.of("mixed", "\"" + what + "\""))
                        .toList());
            }
            var expected = new HashMap<>(
                    Map.of(WorkState.RETRYING, 7, WorkState.DEAD, 7, WorkState.SNOOZED, 7, WorkState.CANCELLED, 7));
            Filter ofType = new Filter("mixed", Set.of());
            until(() -> states(all(work, ofType, 100)).equals(expected));
            work.enqueue(
                    IntStream.range(0, 20).mapToObj(i -> Work.of("mixed", "1")).toList());
            work.enqueue(IntStream.range(0, 5)
                    .mapToObj(i -> Work.of("mixed", "1").key("k" + i % 2))
                    .toList());
            work.enqueue(IntStream.range(0, 5)
                    .mapToObj(i -> Work.of("mixed", "1").delay(Duration.ofHours(1)))
                    .toList());
            expected.putAll(Map.of(WorkState.RUNNING, 3, WorkState.WAITING, 22, WorkState.SCHEDULED, 5));
            until(() -> states(all(work, ofType, 100)).equals(expected));
            for (int limit : List.of(1, 4, 7, 1_000)) {
                List<WorkSummary> works = all(work, ofType, limit);
                assertThat(states(works)).as("pages of %s", limit).isEqualTo(expected);
                assertThat(works).extracting(WorkSummary::id).doesNotHaveDuplicates();
            }
            for (WorkState state : expected.keySet()) {
                assertThat(states(all(work, new Filter(null, Set.of(state)), 3)))
                        .isEqualTo(Map.of(state, expected.get(state)));
            }
            assertThat(all(work, new Filter("other", Set.of()), 10)).isEmpty();
            assertThat(states(all(work, new Filter(null, Set.of(WorkState.DEAD, WorkState.WAITING)), 10)))
                    .isEqualTo(Map.of(WorkState.DEAD, 7, WorkState.WAITING, 22));
        } finally {
            release.countDown();
        }
    }

    @Test
    void worksBehindManyDeletedOnesAreListed() throws Exception {
        WorkBuffer work = start(builder());
        for (int i = 0; i < 130; i++) { // Each in a segment of its own.
            work.enqueue(Work.of("deleted", "1").key("k"));
        }
        assertThat(count("segments")).isEqualTo(130);
        postgres.execute("update sluice.segments set payloads = array[null]::text[], has_deletions = true"
                + " where first_seq between 2 and 125");
        work.enqueue(Work.of("later", "1"));
        assertThat(all(work, new Filter(null, Set.of(WorkState.WAITING)), 100)).hasSize(1 + 5 + 1);
        assertThat(all(work, new Filter(null, Set.of(WorkState.WAITING)), 3)).hasSize(1 + 5 + 1);
    }

    @Test
    void worksAreListedOnceBehindManyPartitionsThatHaveNone() throws Exception {
        WorkBuffer work = start(builder());
        work.enqueue(IntStream.range(0, 450)
                .mapToObj(i -> Work.of("many", "1").key("k" + i))
                .toList());
        List<WorkSummary> works = all(work, new Filter("many", Set.of(WorkState.WAITING)), 100);
        assertThat(works).hasSize(450).extracting(WorkSummary::id).doesNotHaveDuplicates();
        postgres.execute("insert into sluice.partitions (queue_id, name) select q.id, 'idle' || i from sluice.queues q,"
                + " generate_series(1, 25000) i where q.name = 'work.many';"
                + " insert into sluice.cursors (group_id, partition_id, lane, position) select g.id, p.id, 2, 0"
                + " from sluice.partitions p join sluice.consumer_groups g using (queue_id) where p.name like 'idle%'");
        WorkId last = work.enqueue(Work.of("many", "1").key("last")).id();
        work.enqueue(Work.of("other", "1"));
        assertThat(all(work, new Filter("many", Set.of(WorkState.WAITING)), 1_000))
                .hasSize(451)
                .extracting(WorkSummary::id)
                .endsWith(last);
        assertThat(all(work, new Filter(null, Set.of(WorkState.WAITING)), 1_000))
                .hasSize(452);
    }

    @Test
    void aListOfDoneWorksIsRefusedInsteadOfEmpty() {
        assertThatThrownBy(() -> new Filter(null, Set.of(WorkState.DEAD, WorkState.DONE)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("works that are done are in no list; look for one by its id");
    }

    @Test
    void aPlaceThatIsNoneIsRefused() {
        WorkBuffer work = start(builder());
        assertThatThrownBy(() -> work.admin().list(new Filter(null, Set.of()), "nonsense", 10))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aWorkThatWaitsForItsRetryIsDueAtOnce() throws Exception {
        var fails = new AtomicBoolean(true);
        var runs = new AtomicInteger();
        WorkBuffer work = start(builder()
                .handler(
                        "flaky",
                        (each, context) -> {
                            runs.incrementAndGet();
                            return fails.get() ? Outcome.retry(Duration.ofHours(1), "not yet") : Outcome.done();
                        },
                        RETRIES_IN_AN_HOUR.retry(RetryPolicy.DEFAULT)));
        WorkId id = work.enqueue(Work.of("flaky", "1").key("k")).id();
        untilRows("select attempts from sluice.work_items where owner is null", "1");
        fails.set(false);
        assertThat(start(builder()).admin().retry("flaky", id))
                .as("by a buffer of another program")
                .isEqualTo(new Retried(Retry.DUE, id));
        untilNothingIsLeft();
        assertThat(runs).hasValue(2);
        assertThat(work.admin().retry("flaky", id)).isEqualTo(new Retried(Retry.NONE, id));
        assertThat(work.admin().retry("unknown", id)).isEqualTo(new Retried(Retry.NONE, id));
    }

    @Test
    void aDeadLetterIsReplayedOnceUnderItsIdAndWithItsErrors() throws Exception {
        var fails = new AtomicBoolean(true);
        var paused = new CountDownLatch(1);
        WorkBuffer work = start(builder()
                .listener(event -> {
                    if (event.kind() == WorkEvent.Kind.PAUSED) {
                        paused.countDown();
                    }
                })
                .handler(
                        "bad",
                        (each, context) -> {
                            if (fails.get()) {
                                throw new IllegalStateException("no luck");
                            }
                            return Outcome.done();
                        },
                        HandlerSettings.DEFAULT.retry(RetryPolicy.never())));
        WorkId id = work.enqueue(Work.of("bad", "{\"a\": 1}")).id();
        until(() -> count("dead_letters") == 1);
        fails.set(false);
        work.pause("bad");
        paused.await();
        assertThat(work.admin().retry("bad", id)).isEqualTo(new Retried(Retry.REPLAYED, id));
        assertThat(count("dead_letters")).isZero();
        WorkInfo waits = work.admin().find(null, null, id).orElseThrow();
        assertThat(waits.summary().state()).isEqualTo(WorkState.WAITING);
        assertThat(waits.errors()).contains("no luck");
        work.resume("bad");
        until(() -> work.admin().find("bad", null, id).orElseThrow().summary().state() == WorkState.DONE);
        assertThat(work.admin().retry("bad", id)).isEqualTo(new Retried(Retry.NONE, id));
    }

    @Test
    void typesAreThoseOfTheDatabaseAndOfTheHandlers() {
        HandlerSettings settings = HandlerSettings.DEFAULT
                .concurrency(3)
                .limitKey("/tenant")
                .limit(Limit.ofConcurrency(7))
                .limitOfEachKey(Limit.ofRate(10, Duration.ofSeconds(2)).burst(3).weight(5))
                .breaker(BreakerSettings.DEFAULT);
        WorkBuffer work = start(builder().handler("handled", (each, context) -> Outcome.done(), settings));
        postgres.execute("insert into sluice.queues (name, encryption_enabled)"
                + " values ('work.pushed', true), ('plain', false), ('work.no type', false)");
        work.pause("pushed");
        work.concurrency("pushed", 2);
        List<TypeInfo> types = work.admin().types();
        assertThat(types).extracting(TypeInfo::type).containsExactly("handled", "pushed");
        assertThat(types.get(0))
                .isEqualTo(new TypeInfo(
                        "handled",
                        false,
                        null,
                        null,
                        settings.limits(),
                        false,
                        new WorkStats.Breaker(BreakerState.CLOSED, Map.of()),
                        settings));
        assertThat(types.get(1).isEncrypted()).isTrue();
        assertThat(types.get(1).pausedSince()).isNotNull();
        assertThat(types.get(1).concurrency()).isEqualTo(2);
        assertThat(types.get(1).handler()).isNull();
        assertThat(types.get(1).limits()).isEqualTo(WorkLimits.NONE);
        assertThat(types.get(1).breaker()).isNull();
        work.limit("handled", Limit.NONE);
        work.breaker("handled", BreakerAction.FORCE_OPEN);
        TypeInfo changed = work.admin().types().get(0);
        assertThat(changed.limits())
                .as("what the operator has set counts")
                .isEqualTo(settings.limit(Limit.NONE).limits());
        assertThat(changed.handler()).isEqualTo(settings);
        assertThat(changed.isBreakerForced()).isTrue();
        until(() -> Objects.requireNonNull(work.admin().types().get(0).breaker())
                .state()
                .equals(BreakerState.FORCED_OPEN));
    }

    @Test
    void theNumbersOfAllEnginesAreSummedAfterTheyClose() throws Exception {
        var runs = new AtomicInteger();
        var engines = new ArrayList<WorkBuffer>();
        for (int i = 0; i < 2; i++) {
            engines.add(start(builder()
                    .concurrency(1)
                    .handler(
                            "shared",
                            (each, context) -> {
                                runs.incrementAndGet();
                                if (each.payloadText().equals("2")) {
                                    throw new IllegalStateException("no");
                                }
                                Thread.sleep(2);
                                return Outcome.done();
                            },
                            HandlerSettings.DEFAULT.retry(RetryPolicy.never()))));
        }
        engines.get(0)
                .enqueue(IntStream.range(0, 100)
                        .mapToObj(i -> Work.of("shared", "1"))
                        .toList());
        engines.get(0)
                .enqueue(IntStream.range(0, 3)
                        .mapToObj(i -> Work.of("shared", "2"))
                        .toList());
        until(() -> runs.get() == 103);
        untilNothingIsLeft();
        engines.forEach(WorkBuffer::close);
        WorkAdmin admin = start(builder()).admin();
        Stats stats = admin.stats(Duration.ofHours(1));
        Numbers shared = stats.byType().get("shared");
        assertThat(shared.completed()).isEqualTo(100);
        assertThat(shared.failed()).isEqualTo(3);
        assertThat(shared.deadLettered()).isEqualTo(3);
        assertThat(shared.deadLetters()).isEqualTo(3);
        assertThat(shared.average()).isBetween(Duration.ofMillis(1), Duration.ofSeconds(1));
        assertThat(shared.p95()).isGreaterThanOrEqualTo(Duration.ofMillis(2));
        assertThat(stats.total()).isEqualTo(shared);
        postgres.execute("update sluice.work_minutes set bucket = bucket - interval '2 hours'");
        assertThat(admin.stats(Duration.ofHours(1)).total().completed()).isZero();
        assertThat(admin.stats(Duration.ofHours(3)).total().completed()).isEqualTo(100);
    }

    @Test
    void aWindowOfMoreThanADayIsRefused() {
        WorkBuffer work = start(builder());
        assertThat(work.admin().stats(Duration.ofDays(1)).byType()).isEmpty();
        assertThatThrownBy(() -> work.admin().stats(Duration.ofHours(25)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("window");
    }

    @Test
    void worksAreCountedByStateOverAllEngines() throws Exception {
        var release = new CountDownLatch(1);
        start(builder()
                .claimAhead(Duration.ZERO)
                .concurrency(2)
                .handler(
                        "busy",
                        (each, context) -> switch (each.payloadText()) {
                            case "\"fails\"" -> throw new IllegalStateException("no");
                            case "\"sleeps\"" -> Outcome.snooze(Duration.ofHours(1));
                            default -> {
                                release.await();
                                yield Outcome.done();
                            }
                        },
                        RETRIES_IN_AN_HOUR));
        try {
            WorkBuffer work = start(builder());
            work.enqueue(List.of(Work.of("busy", "\"fails\""), Work.of("busy", "\"sleeps\"")));
            untilRows("select count(*) from sluice.work_items where owner is null", "2");
            work.enqueue(
                    IntStream.range(0, 5).mapToObj(i -> Work.of("busy", "1")).toList());
            work.enqueue(Work.of("busy", "1").delay(Duration.ofHours(1)));
            until(() -> work.admin().stats(Duration.ofHours(1)).total().processing() == 2);
            Numbers busy = work.admin().stats(Duration.ofHours(1)).byType().get("busy");
            assertThat(busy.pending()).isEqualTo(3);
            assertThat(busy.retrying()).isEqualTo(1);
            assertThat(busy.snoozed()).isEqualTo(1);
            assertThat(busy.scheduled()).isEqualTo(1);
            assertThat(busy.activeWorkers()).as("in this buffer").isZero();
        } finally {
            release.countDown();
        }
    }
}
