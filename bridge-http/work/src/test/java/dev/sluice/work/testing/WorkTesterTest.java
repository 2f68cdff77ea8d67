package dev.sluice.work.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.PriorityLane;
import dev.sluice.work.BatchHandler;
import dev.sluice.work.Batching;
import dev.sluice.work.Enqueued;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.KeyConflictException;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkEvent.Kind;
import dev.sluice.work.WorkId;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The kit runs handlers inline, by a clock that stands. */
class WorkTesterTest {
    private static final Duration SECOND = Duration.ofSeconds(1);
    private static final Handler FAILS = (work, context) -> {
        throw new IllegalStateException("no luck");
    };

    private final List<String> ran = new ArrayList<>();

    private final Handler noting = (work, context) -> {
        ran.add(work.payloadText());
        return Outcome.done();
    };

    private static WorkTester with(Handler handler) {
        return WorkTester.builder().handler("t", handler).build();
    }

    private static Work work(int payload) {
        return Work.of("t", Integer.toString(payload));
    }

    @Test
    void aRetryRunsAtTheTimeOfItsPolicyAndNoEarlier() {
        WorkTester tester = with(FAILS);
        WorkId id = tester.enqueue(work(1)).id();
        Instant start = tester.now();
        assertThat(tester.runDue()).isEqualTo(1);
        assertThat(tester.state(id).dueAt()).isEqualTo(start.plusSeconds(1));
        assertThat(tester.advance(Duration.ofMillis(999))).isZero();
        assertThat(tester.advance(Duration.ofMillis(1))).isEqualTo(1);
        assertThat(tester.state(id))
                .extracting(WorkState::status, WorkState::attempts)
                .containsExactly(WorkStatus.WAITING, 2);
        assertThat(tester.runAll()).isEqualTo(3);
        assertThat(tester.runs(id))
                .extracting(TestedRun::at)
                .containsExactly(
                        start, start.plusSeconds(1), start.plusSeconds(3), start.plusSeconds(7), start.plusSeconds(15));
        assertThat(tester.runs(id))
                .extracting(TestedRun::outcome)
                .containsExactly(Kind.RETRIED, Kind.RETRIED, Kind.RETRIED, Kind.RETRIED, Kind.DEAD_LETTERED);
        assertThat(tester.deadLetters()).singleElement().satisfies(dead -> {
            assertThat(dead.reason()).isEqualTo("failed 5 times: java.lang.IllegalStateException: no luck");
            assertThat(dead.retries()).isEqualTo(4);
            assertThat(dead.errors()).contains("\"attempt\":1", "\"attempt\":5", "WorkTesterTest");
        });
        assertThat(tester.waiting()).isZero();
    }

    @Test
    void theJitterIsThatOfTheTest() {
        WorkTester tester = WorkTester.builder().handler("t", FAILS).jitter(0.5).build();
        WorkId id = tester.enqueue(work(1)).id();
        tester.runDue();
        assertThat(tester.state(id).dueAt())
                .as("a fifth, half of it")
                .isEqualTo(tester.now().plusMillis(1_100));
    }

    @Test
    void aHandlerThatSpendsMoreThanItsTimeoutIsInterruptedAtTheTimeout() {
        var tester = new WorkTester[1];
        tester[0] = WorkTester.builder()
                .handler(
                        "t",
                        (work, context) -> {
                            assertThat(context.remaining()).isEqualTo(SECOND);
                            tester[0].spend(Duration.ofMillis(400));
                            assertThat(context.remaining()).isEqualTo(Duration.ofMillis(600));
                            tester[0].spend(Duration.ofMinutes(1));
                            return Outcome.done();
                        },
                        HandlerSettings.DEFAULT.timeout(SECOND))
                .build();
        WorkId id = tester[0].enqueue(work(1)).id();
        tester[0].runDue();
        assertThat(tester[0].runs(id)).singleElement().satisfies(run -> {
            assertThat(run.took()).isEqualTo(SECOND);
            assertThat(run.outcome()).isEqualTo(Kind.RETRIED);
        });
        assertThat(tester[0].state(id).errors()).contains("ran longer than PT1S", "\"durationMs\":1000");
    }

    @Test
    void aDelayADeadlineAndAnAgeAreThoseOfTheClock() {
        WorkTester tester = WorkTester.builder()
                .handler("t", noting, HandlerSettings.DEFAULT.maxAge(Duration.ofMinutes(1)))
                .build();
        tester.enqueue(work(1).delay(SECOND));
        WorkId late = tester.enqueue(work(2).runAt(tester.now().plusSeconds(20))
                        .deadline(tester.now().plusSeconds(20)))
                .id();
        WorkId old = tester.enqueue(work(3).delay(Duration.ofSeconds(61))).id();
        assertThat(tester.runDue()).isZero();
        tester.runAll();
        assertThat(ran).containsExactly("1");
        assertThat(tester.state(late).reason()).isEqualTo("deadline: it was 2000-01-01T00:00:20Z");
        assertThat(tester.state(old).reason())
                .isEqualTo("too old: created at 2000-01-01T00:00:00Z, may begin within PT1M");
        assertThat(tester.now()).isEqualTo(Instant.parse("2000-01-01T00:01:01Z"));
    }

    @Test
    void lanesAndKeysKeepTheirOrder() {
        WorkTester tester = with((work, context) -> {
            ran.add(work.payloadText());
            return work.payloadText().equals("4") && context.attempt() == 1 ? Outcome.retry("first") : Outcome.done();
        });
        tester.enqueue(work(1).priority(PriorityLane.LOW));
        tester.enqueue(work(2));
        tester.enqueue(work(3).priority(PriorityLane.CRITICAL));
        tester.enqueue(work(4).key("k"));
        tester.enqueue(work(5).key("k"));
        tester.runDue();
        assertThat(ran).as("5 waits for the retry of 4").containsExactly("3", "2", "4", "1");
        tester.advance(SECOND);
        assertThat(ran).containsExactly("3", "2", "4", "1", "4", "5");
    }

    @Test
    void aRepetitionReturnsTheFirstWorkUntilItsWindowEnds() {
        WorkTester tester = WorkTester.builder()
                .handler(
                        "t",
                        (work, context) -> Outcome.done("42"),
                        HandlerSettings.DEFAULT.keepResults().idempotencyWindow(Duration.ofHours(1)))
                .build();
        Work once = work(1).idempotencyKey("k");
        Enqueued first = tester.enqueue(once);
        assertThat(tester.enqueue(once)).isEqualTo(new Enqueued(first.id(), true, false, null));
        tester.runDue();
        assertThat(tester.enqueue(once)).isEqualTo(new Enqueued(first.id(), true, true, "42"));
        assertThatThrownBy(() -> tester.enqueue(work(2).idempotencyKey("k")))
                .isInstanceOfSatisfying(
                        KeyConflictException.class,
                        e -> assertThat(e.storedHash())
                                .isEqualTo("6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"));
        tester.advance(Duration.ofHours(1));
        assertThat(tester.enqueue(once).isDuplicate()).isFalse();
    }

    @Test
    void debounceAndConflationReplaceWhatWaits() {
        WorkTester tester = with(noting);
        WorkId first = tester.enqueue(work(1).debounce("k", SECOND, Duration.ofSeconds(3)))
                .id();
        for (int i = 2; i <= 4; i++) {
            tester.advance(Duration.ofMillis(900));
            assertThat(tester.enqueue(work(i).debounce("k", SECOND, Duration.ofSeconds(3)))
                            .replaced())
                    .isNotNull();
        }
        assertThat(tester.state(first).status()).isEqualTo(WorkStatus.CANCELLED);
        tester.advance(Duration.ofMillis(299));
        assertThat(ran).isEmpty();
        tester.advance(Duration.ofMillis(1));
        assertThat(ran).as("after the longest wait").containsExactly("4");

        tester.enqueue(work(5).conflate("k"));
        WorkId held = tester.enqueue(work(6).conflate("k")).id();
        assertThat(tester.state(held).dueAt()).isNull();
        assertThat(tester.enqueue(work(7).conflate("k")).replaced()).isEqualTo(held);
        tester.runDue();
        assertThat(ran).containsExactly("4", "5", "7");
    }

    @Test
    void aBatchIsCalledWhenItIsFullOrHasLingered() {
        var calls = new ArrayList<List<String>>();
        WorkTester tester = WorkTester.builder()
                .batchHandler(
                        "t",
                        items -> {
                            calls.add(items.stream()
                                    .map(item -> item.work().payloadText())
                                    .toList());
                            return BatchHandler.all(items, Outcome.done());
                        },
                        new Batching(3, SECOND),
                        HandlerSettings.DEFAULT)
                .build();
        for (int i = 1; i <= 5; i++) {
            tester.enqueue(work(i));
        }
        tester.runDue();
        assertThat(calls).containsExactly(List.of("1", "2", "3"));
        tester.advance(Duration.ofMillis(999));
        assertThat(calls).hasSize(1);
        tester.advance(Duration.ofMillis(1));
        assertThat(calls).containsExactly(List.of("1", "2", "3"), List.of("4", "5"));
        WorkId crashed = tester.enqueue(work(6)).id();
        tester.crash(crashed);
        tester.enqueue(work(7).key("k"));
        tester.enqueue(work(8).key("k"));
        tester.runAll();
        assertThat(calls.subList(2, calls.size())).containsExactlyInAnyOrder(List.of("6"), List.of("7"), List.of("8"));
    }

    @Test
    void aWorkWithTooManyCrashesDoesNotRun() {
        WorkTester tester = with(noting);
        WorkId id = tester.enqueue(work(1)).id();
        for (int i = 0; i < 3; i++) {
            tester.crash(id);
        }
        assertThat(tester.runDue()).isEqualTo(1);
        assertThat(ran).isEmpty();
        assertThat(tester.state(id).reason()).isEqualTo("crash_loop: 3 engines died while the work was begun");
        assertThatThrownBy(() -> tester.crash(id)).hasMessage("work " + id + " does not wait, it is DEAD_LETTER");
    }

    @Test
    void aCancelAndAPauseAreSeen() {
        var tester = new WorkTester[1];
        tester[0] = with((work, context) -> {
            tester[0].cancel(context.id());
            assertThat(context.isCancelled()).isTrue();
            tester[0].spend(SECOND);
            ran.add("never");
            return Outcome.done();
        });
        WorkId waits = tester[0].enqueue(work(1).delay(SECOND)).id();
        tester[0].cancel(waits);
        tester[0].pause("t");
        WorkId runs = tester[0].enqueue(work(2)).id();
        assertThat(tester[0].runAll()).isZero();
        tester[0].resume("t");
        assertThat(tester[0].runAll()).isEqualTo(1);
        assertThat(ran).isEmpty();
        assertThat(tester[0].state(waits).status()).isEqualTo(WorkStatus.CANCELLED);
        assertThat(tester[0].state(runs).status()).isEqualTo(WorkStatus.CANCELLED);
        assertThat(tester[0].now()).as("the interrupt came at once").isEqualTo("2000-01-01T00:00:00Z");
        assertThat(tester[0].events().stream().map(event -> event.kind()))
                .containsExactly(
                        Kind.ENQUEUED,
                        Kind.CANCELLED,
                        Kind.PAUSED,
                        Kind.ENQUEUED,
                        Kind.RESUMED,
                        Kind.STARTED,
                        Kind.CANCELLED);
    }

    /** A kit whose asynchronous handler waits for a stage as long as its payload says, in seconds. */
    private static WorkTester flying(List<String> told, HandlerSettings settings) {
        var tester = new WorkTester[1];
        tester[0] = WorkTester.builder()
                .handler("plain", (work, context) -> Outcome.done())
                .asyncHandler(
                        "t",
                        (work, context) -> {
                            context.onStop(() -> told.add("stop " + context.isCancelled()));
                            var stage = new CompletableFuture<Outcome>();
                            var unused = stage.whenComplete(
                                    (outcome, error) -> told.add("cancelled " + stage.isCancelled()));
                            Duration takes = Duration.ofSeconds(Long.parseLong(work.payloadText()));
                            return stage.completeAsync(Outcome::done, tester[0].delayedExecutor(takes));
                        },
                        settings)
                .build();
        return tester[0];
    }

    @Test
    void worksInFlightEndWhenTheirStagesCompleteAndOthersRunMeanwhile() {
        WorkTester tester = flying(ran, HandlerSettings.DEFAULT.concurrency(2));
        Instant start = tester.now();
        List<WorkId> ids =
                Stream.of(3, 1, 2).map(i -> tester.enqueue(work(i)).id()).toList();
        WorkId plain = tester.enqueue(Work.of("plain", "1")).id();
        assertThat(tester.runDue()).as("two in flight, and the other type").isEqualTo(3);
        assertThat(tester.state(plain).status()).isEqualTo(WorkStatus.DONE);
        assertThat(ids)
                .extracting(id -> tester.state(id).status())
                .containsExactly(WorkStatus.RUNNING, WorkStatus.RUNNING, WorkStatus.WAITING);
        assertThat(tester.advance(Duration.ofMillis(999))).isZero();
        assertThat(tester.advance(Duration.ofMillis(1))).as("there is a place").isEqualTo(1);
        assertThat(tester.runAll()).isZero();
        assertThat(tester.now()).isEqualTo(start.plusSeconds(3));
        assertThat(tester.runs()).extracting(TestedRun::id).containsExactly(plain, ids.get(1), ids.get(0), ids.get(2));
        assertThat(tester.runs(ids.get(2)))
                .containsExactly(
                        new TestedRun(ids.get(2), 1, start.plusSeconds(1), Duration.ofSeconds(2), Kind.COMPLETED));
        assertThat(ran).hasSize(3).containsOnly("cancelled false");
    }

    @Test
    void aWorkInFlightRunsIntoItsTimeoutAndAWorkOfItsKeyWaits() {
        WorkTester tester = flying(ran, HandlerSettings.DEFAULT.timeout(Duration.ofSeconds(5)));
        Instant start = tester.now();
        WorkId slow = tester.enqueue(work(60).key("k")).id();
        WorkId next = tester.enqueue(work(1).key("k")).id();
        tester.advance(Duration.ofMillis(4_999));
        assertThat(ran).isEmpty();
        tester.advance(Duration.ofMillis(1));
        assertThat(ran).containsExactly("stop false", "cancelled true");
        assertThat(tester.state(slow).dueAt()).isEqualTo(start.plusSeconds(6));
        assertThat(tester.state(slow).errors()).contains("ran longer than PT5S", "\"durationMs\":5000");
        tester.runAll();
        assertThat(tester.state(slow).status()).isEqualTo(WorkStatus.DEAD_LETTER);
        assertThat(tester.runs(next))
                .extracting(TestedRun::outcome)
                .as("the outcomes that came late had no effect")
                .containsExactly(Kind.COMPLETED);
        assertThat(tester.runs(slow)).hasSize(5);
    }

    @Test
    void aCancelEndsAWorkInFlightAtOnce() {
        WorkTester tester = flying(ran, HandlerSettings.DEFAULT);
        WorkId id = tester.enqueue(work(60)).id();
        tester.advance(SECOND);
        tester.cancel(id);
        assertThat(ran).containsExactly("stop true", "cancelled true");
        assertThat(tester.runs(id))
                .containsExactly(new TestedRun(id, 1, tester.now().minus(SECOND), SECOND, Kind.CANCELLED));
        assertThat(tester.runAll()).isZero();
    }

    @Test
    void aTestCompletesAStageItself() {
        var stage = new CompletableFuture<Outcome>();
        WorkTester tester = WorkTester.builder()
                .asyncHandler("t", (work, context) -> stage, HandlerSettings.DEFAULT)
                .build();
        WorkId id = tester.enqueue(work(1)).id();
        tester.runDue();
        stage.complete(Outcome.deadLetter("told so"));
        assertThat(tester.state(id).status()).isEqualTo(WorkStatus.RUNNING);
        assertThat(tester.runDue()).isZero();
        assertThat(tester.state(id).reason()).isEqualTo("told so");
    }

    @Test
    void whatAHandlerReportsIsSeen() {
        WorkTester tester = with((work, context) -> {
            context.progress(40, "half way");
            context.log("line of attempt " + context.attempt());
            return context.attempt() == 1 ? Outcome.retry("again") : Outcome.deadLetter("enough");
        });
        WorkId id = tester.enqueue(work(1)).id();
        tester.runDue();
        assertThat(tester.progress(id).orElseThrow()).contains("\"percent\":40", "line of attempt 1");
        tester.runAll();
        assertThat(tester.progress(id)).isEmpty();
        assertThat(tester.deadLetters().get(0).progress())
                .contains("line of attempt 1", "\"at\":\"2000-01-01T00:00:01Z\",\"text\":\"line of attempt 2\"");
    }

    @Test
    void mistakesOfATestAreSaid() {
        WorkTester tester = with((work, context) -> Outcome.snooze(Duration.ZERO));
        assertThatThrownBy(() -> tester.enqueue(Work.of("other", "1")))
                .hasMessage("type other has no handler in the test");
        assertThatThrownBy(() -> tester.enqueue(Work.of("t", "{"))).hasMessageContaining("payload must be JSON");
        assertThatThrownBy(() -> tester.advance(Duration.ofSeconds(-1)))
                .hasMessage("duration must be 0 or more, was PT-1S");
        assertThatThrownBy(() -> tester.state(new WorkId(new UUID(0, 0)))).hasMessageContaining("no work");
        tester.enqueue(work(1));
        assertThatThrownBy(tester::runDue).hasMessage("handlers ran 100000 times, and works are still due");
    }
}
