package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.work.AsyncHandler;
import dev.sluice.work.BreakerSettings;
import dev.sluice.work.BreakerState;
import dev.sluice.work.CloseReport;
import dev.sluice.work.Context;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkId;
import dev.sluice.work.WorkTimeoutException;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** An asynchronous handler keeps the promises of a handler, without a thread while its works are in flight. */
class AsyncTest extends WorkFixture {
    private static final HandlerSettings ONCE =
            HandlerSettings.DEFAULT.retry(RetryPolicy.never()).keepResults();

    /** The stages of the works in flight, by payload. */
    private final Map<String, CompletableFuture<Outcome>> flights = new ConcurrentHashMap<>();

    private final List<String> told = new CopyOnWriteArrayList<>();

    private CompletionStage<Outcome> fly(Work work, Context context) {
        var stage = new CompletableFuture<Outcome>();
        context.onStop(() -> told.add(work.payloadText() + " " + context.isCancelled() + " " + stage.isDone()));
        flights.put(work.payloadText(), stage);
        return stage;
    }

    @Test
    void moreWorksAreInFlightThanThereAreThreads() throws Exception {
        WorkBuffer work = start(builder().concurrency(2).asyncHandler("fly", this::fly, ONCE.concurrency(3_000)));
        work.enqueue(
                IntStream.range(0, 3_500).mapToObj(i -> Work.of("fly", "" + i)).toList());
        until(() -> flights.size() == 3_000);
        assertThat(work.stats().byType().get("fly").activeWorkers()).isEqualTo(3_000);
        assertThat(Thread.getAllStackTraces().keySet())
                .filteredOn(thread -> thread.getName().startsWith("sluice-work-async"))
                .hasSizeLessThanOrEqualTo(2);
        flights.values().forEach(stage -> stage.complete(Outcome.done()));
        until(() -> flights.size() == 3_500);
        flights.values().forEach(stage -> stage.complete(Outcome.done()));
        untilNothingIsLeft();
        assertThat(work.stats().total().completed()).isEqualTo(3_500);
        assertThat(told).isEmpty();
    }

    @Test
    void worksInFlightLeaveTheThreadsToOtherHandlers() throws Exception {
        var others = new AtomicInteger();
        Handler other = (each, context) -> {
            others.incrementAndGet();
            return Outcome.done();
        };
        WorkBuffer work = start(
                builder().concurrency(1).asyncHandler("fly", this::fly, ONCE).handler("plain", other));
        work.enqueue(List.of(Work.of("fly", "1"), Work.of("fly", "2")));
        until(() -> flights.size() == 2);
        work.enqueue(Work.of("plain", "1"));
        until(() -> others.get() == 1);
    }

    @Test
    void aTimeoutEndsTheStageTellsTheHandlerAndDropsALateOutcome() throws Exception {
        var stubborn = new CompletableFuture<Outcome>() {
            @Override
            public boolean cancel(boolean mayInterruptIfRunning) {
                told.add("cancel");
                return false;
            }
        };
        WorkBuffer work = start(builder()
                .maxStuck(0)
                .asyncHandler(
                        "slow",
                        (each, context) -> {
                            context.onStop(() -> told.add("stop"));
                            return stubborn;
                        },
                        ONCE.timeout(Duration.ofMillis(100))));
        work.enqueue(Work.of("slow", "1").idempotencyKey("k"));
        untilRows(
                "select error from sluice.dead_letters",
                "failed 1 time: " + WorkTimeoutException.class.getName() + ": the handler ran longer than PT0.1S");
        until(() -> told.size() == 2);
        assertThat(told).containsExactly("stop", "cancel");
        assertThat(stubborn.complete(Outcome.done("\"late\""))).isTrue();
        assertThat(work.closeAndReport()).isEqualTo(new CloseReport(0, 0, true));
        assertThat(postgres.query("select result is null from sluice.work_keys"))
                .containsExactly("t");
        assertThat(work.stats().total().completed()).isZero();
    }

    @Test
    void aHandlerMayAskForMoreTimeWhileItsWorkIsInFlight() throws Exception {
        var stage = new CompletableFuture<Outcome>();
        WorkBuffer work = start(builder()
                .asyncHandler(
                        "long",
                        (each, context) -> {
                            context.extend(Duration.ofMinutes(1));
                            flights.put("1", stage);
                            return stage;
                        },
                        ONCE.timeout(Duration.ofMillis(50))));
        work.enqueue(Work.of("long", "1"));
        until(() -> flights.size() == 1);
        TimeUnit.MILLISECONDS.sleep(150);
        stage.complete(Outcome.done());
        until(() -> work.stats().total().completed() == 1);
        assertThat(count("dead_letters")).isZero();
    }

    @Test
    void aCancelEndsAWorkInFlight() throws Exception {
        WorkBuffer work = start(builder().asyncHandler("fly", this::fly, ONCE));
        WorkId id = work.enqueue(Work.of("fly", "1")).id();
        until(() -> flights.containsKey("1"));
        assertThat(work.cancel("fly", id)).isFalse();
        until(() -> flights.get("1").isCancelled());
        untilNothingIsLeft();
        assertThat(told).containsExactly("1 true false");
        assertThat(count("dead_letters")).isZero();
    }

    @Test
    void aCloseWaitsForWorksInFlightAndGivesTheOthersBackWithoutAnAttempt() throws Exception {
        WorkBuffer work = start(builder().closeTimeout(Duration.ofMillis(500)).asyncHandler("fly", this::fly, ONCE));
        work.enqueue(List.of(Work.of("fly", "1").key("a"), Work.of("fly", "2").key("b")));
        until(() -> flights.size() == 2);
        CompletableFuture.delayedExecutor(100, TimeUnit.MILLISECONDS)
                .execute(() -> flights.get("1").complete(Outcome.done()));
        assertThat(work.closeAndReport()).isEqualTo(new CloseReport(1, 0, true));
        assertThat(work.stats().total().completed()).isEqualTo(1);
        until(() -> flights.get("2").isCancelled());
        assertThat(told).containsExactly("2 false false");
        var again = new CopyOnWriteArrayList<String>();
        start(builder().handler("fly", (each, context) -> {
            again.add(each.payloadText() + " " + context.attempt() + " " + context.crashes());
            return Outcome.done();
        }));
        until(() -> !again.isEmpty());
        untilNothingIsLeft();
        assertThat(again).containsExactly("2 1 0");
    }

    @Test
    void theLossOfALeaseEndsAWorkInFlight() throws Exception {
        WorkBuffer work = start(builder().lease(Duration.ofSeconds(1)).asyncHandler("fly", this::fly, ONCE));
        work.enqueue(Work.of("fly", "1"));
        until(() -> flights.containsKey("1"));
        postgres.execute("delete from sluice.work_claims");
        until(() -> flights.get("1").isCancelled());
        assertThat(told).containsExactly("1 false false");
        assertThat(work.stats().total().completed()).isZero();
    }

    @Test
    void aLeaseIsRenewedWhileAWorkIsInFlight() throws Exception {
        WorkBuffer work = start(builder().lease(Duration.ofSeconds(1)).asyncHandler("fly", this::fly, ONCE));
        start(builder().asyncHandler("fly", this::fly, ONCE));
        work.enqueue(Work.of("fly", "1"));
        until(() -> flights.containsKey("1"));
        CompletableFuture<Outcome> first = flights.get("1");
        TimeUnit.MILLISECONDS.sleep(1_800);
        assertThat(flights.get("1")).isSameAs(first);
        first.complete(Outcome.done());
        untilNothingIsLeft();
        assertThat(told).isEmpty();
    }

    @Test
    void theThreadThatCompletesAStageIsNotHeldUp() throws Exception {
        var mayEnd = new CountDownLatch(1);
        var threads = new CopyOnWriteArrayList<Thread>();
        AsyncHandler handler = new AsyncHandler() {
            @Override
            public CompletionStage<Outcome> handle(Work work, Context context) {
                return fly(work, context);
            }

            @Override
            public void after(Work work, Context context, Outcome outcome) throws InterruptedException {
                threads.add(Thread.currentThread());
                mayEnd.await();
            }
        };
        WorkBuffer work = start(builder().asyncHandler("fly", handler, ONCE));
        work.enqueue(Work.of("fly", "1"));
        until(() -> flights.containsKey("1"));
        flights.get("1").complete(Outcome.done());
        until(() -> !threads.isEmpty());
        assertThat(work.stats().total().completed()).isZero();
        assertThat(threads.get(0)).isNotSameAs(Thread.currentThread());
        mayEnd.countDown();
        until(() -> work.stats().total().completed() == 1);
    }

    @Test
    void aFailureIsAFailedAttemptHoweverItComes() throws Exception {
        var errors = new CopyOnWriteArrayList<String>();
        AsyncHandler handler = new AsyncHandler() {
            @Override
            public CompletionStage<Outcome> handle(Work work, Context context) throws IOException {
                return switch (work.payloadText()) {
                    case "1" -> throw new IOException("at once");
                    case "2" -> CompletableFuture.failedFuture(new IOException("later"));
                    case "3" ->
                        CompletableFuture.<Outcome>failedFuture(new IOException("wrapped"))
                                .thenApply(outcome -> outcome);
                    case "4" -> CompletableFuture.completedFuture(null);
                    default -> null;
                };
            }

            @Override
            public Outcome onError(Work work, Context context, Throwable error) {
                errors.add(work.payloadText() + error.getClass().getSimpleName());
                return null;
            }
        };
        WorkBuffer work = start(builder().asyncHandler("fails", handler, ONCE));
        work.enqueue(IntStream.rangeClosed(1, 5)
                .mapToObj(i -> Work.of("fails", "" + i))
                .toList());
        untilRows(
                "select payload, error from sluice.dead_letters order by payload",
                "1|failed 1 time: java.io.IOException: at once",
                "2|failed 1 time: java.io.IOException: later",
                "3|failed 1 time: java.io.IOException: wrapped",
                "4|failed 1 time: java.lang.NullPointerException: the stage of the handler completed with null"
                        + " instead of an outcome",
                "5|failed 1 time: java.lang.NullPointerException: the handler returned null instead of a stage");
        assertThat(errors)
                .containsExactlyInAnyOrder(
                        "1IOException",
                        "2IOException",
                        "3IOException",
                        "4NullPointerException",
                        "5NullPointerException");
    }

    @Test
    void aHandlerThatHangsBeforeItsStageIsReplaced() throws Exception {
        var mayEnd = new CountDownLatch(1);
        WorkBuffer work = start(builder()
                .concurrency(1)
                .asyncHandler(
                        "hangs",
                        (each, context) -> {
                            while (each.payloadText().equals("0") && mayEnd.getCount() > 0) {
                                Thread.onSpinWait();
                            }
                            return CompletableFuture.completedFuture(Outcome.done());
                        },
                        ONCE.timeout(Duration.ofMillis(100))));
        work.enqueue(List.of(Work.of("hangs", "0"), Work.of("hangs", "1")));
        untilRows("select payload from sluice.dead_letters", "0");
        until(() -> work.stats().total().completed() == 1);
        mayEnd.countDown();
        until(() -> work.stats().byType().get("hangs").activeWorkers() == 0);
        work.enqueue(Work.of("hangs", "2"));
        until(() -> work.stats().total().completed() == 2);
    }

    @Test
    void aCircuitBreakerCountsStagesAndEventsTellOfThem() throws Exception {
        var events = new CopyOnWriteArrayList<WorkEvent.Kind>();
        WorkBuffer work = start(builder()
                .listener(event -> events.add(event.kind()))
                .asyncHandler(
                        "down",
                        (each, context) -> CompletableFuture.failedFuture(new IOException("down")),
                        ONCE.breaker(BreakerSettings.consecutive(2))));
        work.enqueue(List.of(Work.of("down", "1"), Work.of("down", "2")));
        until(() -> work.stats().breakers().get("down").state() == BreakerState.OPEN);
        until(() -> events.contains(WorkEvent.Kind.BREAKER) && events.contains(WorkEvent.Kind.DEAD_LETTERED));
        assertThat(events).contains(WorkEvent.Kind.STARTED, WorkEvent.Kind.FAILED);
    }

    @Test
    void tooManyInFlightAreRefused() {
        assertThatThrownBy(() -> builder().asyncHandler("fly", this::fly, ONCE.concurrency(10_001)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("concurrency of an asynchronous handler must be 0 to 10000, was 10001");
    }
}
