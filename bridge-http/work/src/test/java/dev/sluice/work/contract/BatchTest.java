package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.work.BatchHandler;
import dev.sluice.work.Batching;
import dev.sluice.work.CloseReport;
import dev.sluice.work.Context;
import dev.sluice.work.Enqueued;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkId;
import dev.sluice.work.WorkStats;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** A batch handler gets many works in one call, and everything else stays per work. */
class BatchTest extends WorkFixture {
    private static final Batching LONG = Batching.ofSize(10).linger(Duration.ofMinutes(1));
    private static final HandlerSettings FAST = HandlerSettings.DEFAULT.retry(RetryPolicy.DEFAULT
            .exponential(Duration.ofMillis(10), Duration.ofMillis(20))
            .maxAttempts(2));

    /** Notes the payloads of each call. */
    private final List<List<String>> calls = new CopyOnWriteArrayList<>();

    private BatchHandler noting() {
        return noting(items -> BatchHandler.all(items, Outcome.done()));
    }

    private BatchHandler noting(BatchHandler handler) {
        return items -> {
            calls.add(payloads(items));
            return handler.handle(items);
        };
    }

    private static List<String> payloads(List<BatchHandler.Item> items) {
        return items.stream().map(item -> item.work().payloadText()).toList();
    }

    private static List<Work> works(String type, int number) {
        return IntStream.range(0, number)
                .mapToObj(i -> Work.of(type, Integer.toString(i)))
                .toList();
    }

    @Test
    void aCallGetsAtMostAsManyWorksAsItsSizeAndTakesOneWorker() throws Exception {
        start(builder()).enqueue(works("rows", 25));
        var running = new AtomicInteger();
        var most = new AtomicInteger();
        start(builder()
                .concurrency(2)
                .batchHandler(
                        "rows",
                        noting(items -> {
                            most.accumulateAndGet(running.incrementAndGet(), Math::max);
                            TimeUnit.MILLISECONDS.sleep(50);
                            running.decrementAndGet();
                            return BatchHandler.all(items, Outcome.done());
                        }),
                        Batching.ofSize(10),
                        HandlerSettings.DEFAULT));
        until(() -> calls.stream().mapToInt(List::size).sum() == 25);
        untilNothingIsLeft();
        assertThat(calls).allSatisfy(call -> assertThat(call).hasSizeLessThanOrEqualTo(10));
        assertThat(calls).hasSizeLessThanOrEqualTo(4);
        assertThat(calls.stream().flatMap(List::stream)).doesNotHaveDuplicates();
        assertThat(most).hasValueLessThanOrEqualTo(2);
    }

    @Test
    void aCallStartsAsSoonAsItIsFull() throws Exception {
        WorkBuffer work = start(builder()
                .batchHandler("rows", noting(), new Batching(3, Duration.ofMinutes(1)), HandlerSettings.DEFAULT));
        work.enqueue(Work.of("rows", "1"));
        work.enqueue(Work.of("rows", "2"));
        untilRows("select sum(last_seq - first_seq + 1) from sluice.work_claims", "2");
        assertThat(calls).isEmpty();
        assertThat(work.stats().byType().get("rows"))
                .extracting(WorkStats.OfWorks::processing, WorkStats.OfWorks::activeWorkers)
                .as("works that linger are in process and take no worker")
                .containsExactly(2L, 0L);
        work.enqueue(Work.of("rows", "3"));
        until(() -> calls.size() == 1);
        assertThat(calls.get(0)).containsExactlyInAnyOrder("1", "2", "3");
        untilNothingIsLeft();
    }

    @Test
    void aCallStartsWhenItsFirstWorkHasLingered() throws Exception {
        Duration linger = Duration.ofMillis(300);
        var since = new ArrayList<Long>();
        WorkBuffer work = start(builder()
                .batchHandler(
                        "rows",
                        noting(items -> {
                            since.add(System.nanoTime());
                            return BatchHandler.all(items, Outcome.done());
                        }),
                        new Batching(10, linger),
                        HandlerSettings.DEFAULT));
        long before = System.nanoTime();
        work.enqueue(Work.of("rows", "1"));
        work.enqueue(Work.of("rows", "2"));
        untilNothingIsLeft();
        until(() -> calls.size() == 1);
        assertThat(calls.get(0)).containsExactlyInAnyOrder("1", "2");
        assertThat(since.get(0) - before).isGreaterThanOrEqualTo(linger.toNanos());
    }

    @Test
    void worksThatLingerTakeNoWorkerFromOtherTypes() throws Exception {
        var others = new AtomicInteger();
        WorkBuffer work = start(builder()
                .concurrency(1)
                .batchHandler("rows", noting(), LONG, HandlerSettings.DEFAULT)
                .handler("other", (each, context) -> {
                    others.incrementAndGet();
                    return Outcome.done();
                }));
        work.enqueue(Work.of("rows", "1"));
        untilRows("select count(*) from sluice.work_claims", "1");
        work.enqueue(Work.of("other", "1"));
        until(() -> others.get() == 1);
        assertThat(calls).isEmpty();
    }

    @Test
    void eachWorkOfACallHasAnOutcomeOfItsOwn() throws Exception {
        var snoozed = new AtomicInteger();
        var retried = new CopyOnWriteArrayList<Integer>();
        WorkBuffer work = start(builder()
                .batchHandler(
                        "rows",
                        items -> {
                            Map<WorkId, Outcome> outcomes = new HashMap<>();
                            for (BatchHandler.Item item : items) {
                                Context context = item.context();
                                outcomes.put(
                                        item.id(),
                                        switch (item.work().payloadText()) {
                                            case "\"retry\"" -> {
                                                retried.add(context.attempt());
                                                yield Outcome.retry("again");
                                            }
                                            case "\"snooze\"" -> {
                                                snoozed.set((int) context.snoozes());
                                                yield context.snoozes() < 2
                                                        ? Outcome.snooze(Duration.ofMillis(1))
                                                        : Outcome.done();
                                            }
                                            case "\"dead\"" -> Outcome.deadLetter("told so");
                                            case "\"cancel\"" -> Outcome.cancel();
                                            default -> Outcome.done("42");
                                        });
                            }
                            return outcomes;
                        },
                        Batching.ofSize(5),
                        FAST.keepResults()));
        work.enqueue(List.of(
                Work.of("rows", "\"done\"").idempotencyKey("done"),
                Work.of("rows", "\"retry\""),
                Work.of("rows", "\"snooze\""),
                Work.of("rows", "\"dead\""),
                Work.of("rows", "\"cancel\"").idempotencyKey("cancel")));
        untilRows(
                "select payload, error from sluice.dead_letters order by payload",
                "\"dead\"|told so",
                "\"retry\"|failed 2 times: Retry: again");
        untilNothingIsLeft();
        assertThat(retried).containsExactly(1, 2);
        assertThat(snoozed).hasValue(2);
        assertThat(postgres.query("select key, result from sluice.work_keys order by key"))
                .containsExactly("cancel|null", "done|42");
    }

    @Test
    void anExceptionCountsForAllWorksOfTheCall() throws Exception {
        WorkBuffer work = start(builder());
        work.enqueue(works("rows", 3));
        var attempts = new CopyOnWriteArrayList<Integer>();
        start(builder()
                .concurrency(1)
                .batchHandler(
                        "rows",
                        items -> {
                            items.forEach(item -> attempts.add(item.context().attempt()));
                            throw new IllegalStateException("no connection");
                        },
                        Batching.ofSize(10),
                        FAST));
        untilRows(
                "select payload, error, json_array_length(history::json) from sluice.dead_letters order by payload",
                "0|failed 2 times: java.lang.IllegalStateException: no connection|2",
                "1|failed 2 times: java.lang.IllegalStateException: no connection|2",
                "2|failed 2 times: java.lang.IllegalStateException: no connection|2");
        assertThat(attempts).containsExactlyInAnyOrder(1, 1, 1, 2, 2, 2);
    }

    @Test
    void aWorkWithoutAnOutcomeHasFailedAndTheOthersHaveNot() throws Exception {
        WorkBuffer work = start(builder());
        work.enqueue(works("rows", 3));
        start(builder()
                .concurrency(1)
                .batchHandler(
                        "rows",
                        items -> {
                            Map<WorkId, Outcome> outcomes = new HashMap<>();
                            items.stream()
                                    .filter(item -> !item.work().payloadText().equals("1"))
                                    .forEach(item -> outcomes.put(item.id(), Outcome.done()));
                            return outcomes;
                        },
                        Batching.ofSize(10),
                        FAST.retry(RetryPolicy.never())));
        untilRows(
                "select payload, error from sluice.dead_letters",
                "1|failed 1 time: java.lang.IllegalStateException: the batch handler returned no outcome for this"
                        + " work, and outcomes for 2 others");
        untilNothingIsLeft();
    }

    @Test
    void aWorkThatIsNotValidIsNotInTheCall() throws Exception {
        start(builder()).enqueue(works("rows", 3));
        start(builder()
                .concurrency(1)
                .batchHandler(
                        "rows",
                        new BatchHandler() {
                            @Override
                            public void validate(Work work) {
                                if (work.payloadText().equals("1")) {
                                    throw new IllegalArgumentException("one");
                                }
                            }

                            @Override
                            public Map<WorkId, Outcome> handle(List<Item> items) {
                                calls.add(payloads(items));
                                return BatchHandler.all(items, Outcome.done());
                            }
                        },
                        Batching.ofSize(10),
                        FAST));
        untilRows("select error from sluice.dead_letters", "invalid: java.lang.IllegalArgumentException: one");
        until(() -> calls.size() == 1);
        assertThat(calls.get(0)).containsExactlyInAnyOrder("0", "2");
    }

    @Test
    void aCallHasOneWorkOfAKeyAndTheOrderOfTheKeyHolds() throws Exception {
        var works = new ArrayList<Work>();
        for (int i = 0; i < 30; i++) {
            works.add(Work.of("rows", Integer.toString(i)).key("k" + i % 3));
        }
        start(builder()).enqueue(works);
        for (int engine = 0; engine < 2; engine++) {
            start(builder().batchHandler("rows", noting(), Batching.ofSize(10), HandlerSettings.DEFAULT));
        }
        until(() -> calls.stream().mapToInt(List::size).sum() == 30);
        untilNothingIsLeft();
        for (int key = 0; key < 3; key++) {
            int of = key;
            assertThat(calls)
                    .allSatisfy(call -> assertThat(call.stream().filter(each -> Integer.parseInt(each) % 3 == of))
                            .hasSizeLessThanOrEqualTo(1));
            assertThat(calls.stream()
                            .flatMap(List::stream)
                            .map(Integer::parseInt)
                            .filter(each -> each % 3 == of))
                    .isSorted();
        }
    }

    @Test
    void aCancelOfOneWorkDoesNotInterruptTheOthers() throws Exception {
        var began = new CountDownLatch(1);
        var goOn = new CountDownLatch(1);
        var contexts = new CopyOnWriteArrayList<Context>();
        var cancelled = new CopyOnWriteArrayList<String>();
        var interrupted = new AtomicBoolean();
        WorkBuffer work = start(builder()
                .pollInterval(Duration.ofMillis(50))
                .batchHandler(
                        "rows",
                        items -> {
                            items.forEach(item -> contexts.add(item.context()));
                            began.countDown();
                            try {
                                goOn.await();
                            } catch (InterruptedException e) {
                                interrupted.set(true);
                            }
                            items.stream()
                                    .filter(item -> item.context().isCancelled())
                                    .forEach(item -> cancelled.add(item.work().payloadText()));
                            return BatchHandler.all(items, Outcome.deadLetter("ran"));
                        },
                        new Batching(2, Duration.ofMinutes(1)),
                        HandlerSettings.DEFAULT));
        Enqueued first = work.enqueue(Work.of("rows", "1"));
        work.enqueue(Work.of("rows", "2"));
        assertThat(began.await(30, TimeUnit.SECONDS)).isTrue();
        work.cancel("rows", first.id());
        until(() -> contexts.stream().anyMatch(Context::isCancelled));
        goOn.countDown();
        untilRows("select payload from sluice.dead_letters", "2");
        untilNothingIsLeft();
        assertThat(cancelled).containsExactly("1");
        assertThat(interrupted).isFalse();
    }

    @Test
    void aTimeoutIsThatOfEachWorkAndTheThreadIsInterruptedWhenAllAreOver() throws Exception {
        var remaining = new CopyOnWriteArrayList<Duration>();
        WorkBuffer work = start(builder()
                .batchHandler(
                        "rows",
                        items -> {
                            BatchHandler.Item longer = items.stream()
                                    .filter(item -> item.work().payloadText().equals("1"))
                                    .findFirst()
                                    .orElseThrow();
                            longer.context().extend(Duration.ofMillis(600));
                            Context shorter = items.get(items.indexOf(longer) == 0 ? 1 : 0)
                                    .context();
                            try {
                                new CountDownLatch(1).await();
                            } catch (InterruptedException e) {
                                remaining.add(longer.context().remaining());
                                remaining.add(shorter.remaining());
                            }
                            return BatchHandler.all(items, Outcome.done());
                        },
                        new Batching(2, Duration.ofMinutes(1)),
                        HandlerSettings.DEFAULT.timeout(Duration.ofMillis(100)).retry(RetryPolicy.never())));
        work.enqueue(works("rows", 2));
        untilRows("select count(*) from sluice.dead_letters where error like '%ran longer than PT0.1S'", "2");
        assertThat(remaining.get(0)).as("interrupted only when both are over").isNegative();
        assertThat(remaining.get(1)).isLessThan(Duration.ofMillis(-300));
    }

    @Test
    void aCallThatIgnoresItsInterruptIsGivenUpAsAWhole() throws Exception {
        var ignores = new AtomicBoolean(true);
        WorkBuffer work = start(builder()
                .concurrency(1)
                .batchHandler(
                        "rows",
                        items -> {
                            while (ignores.get() && items.size() == 2) {
                                Thread.onSpinWait();
                            }
                            calls.add(payloads(items));
                            return BatchHandler.all(items, Outcome.done());
                        },
                        new Batching(2, Duration.ofMillis(100)),
                        HandlerSettings.DEFAULT.timeout(Duration.ofMillis(100)).retry(RetryPolicy.never())));
        work.enqueue(works("rows", 2));
        untilRows("select payload from sluice.dead_letters order by payload", "0", "1");
        work.enqueue(Work.of("rows", "2"));
        until(() -> calls.contains(List.of("2")));
        ignores.set(false);
        until(() -> calls.size() == 2);
        untilNothingIsLeft();
        assertThat(count("dead_letters")).isEqualTo(2);
    }

    @Test
    void aWorkWithACrashRunsInACallOfItsOwn() throws Exception {
        WorkBuffer producer = start(builder()
                .handler("rows", (each, context) -> Outcome.snooze(Duration.ofDays(1)), HandlerSettings.DEFAULT));
        producer.enqueue(works("rows", 6));
        untilRows("select count(*) from sluice.work_items where snoozes = 1 and owner is null", "6");
        producer.close();
        postgres.execute("update sluice.work_items set available_at = now() - (7 - payload::integer)"
                + " * interval '1 second', crashes = case payload when '2' then 1 else 0 end");
        start(builder()
                .concurrency(1)
                .batchHandler("rows", noting(), new Batching(10, Duration.ofMillis(50)), HandlerSettings.DEFAULT));
        untilNothingIsLeft();
        until(() -> calls.stream().mapToInt(List::size).sum() == 6);
        assertThat(calls).contains(List.of("2"));
        assertThat(calls.stream().filter(call -> call.contains("2"))).hasSize(1);
    }

    @Test
    void aCloseGivesBackWhatLingersAtNoCost() throws Exception {
        WorkBuffer work = start(builder().batchHandler("rows", noting(), LONG, HandlerSettings.DEFAULT));
        work.enqueue(works("rows", 3));
        untilRows("select sum(last_seq - first_seq + 1) from sluice.work_claims", "3");
        assertThat(work.closeAndReport()).isEqualTo(new CloseReport(3, 0, true));
        assertThat(calls).isEmpty();
        var attempts = new CopyOnWriteArrayList<String>();
        start(builder()
                .batchHandler(
                        "rows",
                        items -> {
                            items.forEach(item -> attempts.add(item.context().attempt() + "/"
                                    + item.context().crashes()));
                            return BatchHandler.all(items, Outcome.done());
                        },
                        Batching.ofSize(10),
                        HandlerSettings.DEFAULT));
        until(() -> attempts.size() == 3);
        assertThat(attempts).containsOnly("1/0");
    }

    @Test
    void aBatchingOutOfItsRangeIsRefused() {
        assertThat(new Batching(Batching.MAX_SIZE, Batching.MAX_LINGER).size()).isEqualTo(10_000);
        assertThatThrownBy(() -> Batching.ofSize(0)).hasMessage("size must be 1 to 10000, was 0");
        assertThatThrownBy(() -> Batching.ofSize(10_001)).hasMessage("size must be 1 to 10000, was 10001");
        assertThatThrownBy(() -> Batching.ofSize(1).linger(Duration.ofSeconds(61)))
                .hasMessage("linger must be 0 to PT1M, was PT1M1S");
        assertThatThrownBy(() -> Batching.ofSize(1).linger(Duration.ofMillis(-1)))
                .hasMessage("linger must be 0 to PT1M, was PT-0.001S");
    }
}
