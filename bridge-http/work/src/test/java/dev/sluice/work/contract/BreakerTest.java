package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.BreakerAction;
import dev.sluice.work.BreakerSettings;
import dev.sluice.work.BreakerState;
import dev.sluice.work.Context;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkEvent;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * An open circuit breaker stops works and costs them no attempt. The exact transitions are those of
 * {@code BreakersTest}.
 */
class BreakerTest extends WorkFixture {
    /** An hour is as good as for ever: a breaker that is open in a test stays so. */
    private static final BreakerSettings TWO =
            BreakerSettings.consecutive(2).openFor(Duration.ofHours(1)).halfOpenCalls(1);

    private static final HandlerSettings LATE_RETRY = HandlerSettings.DEFAULT.retry(RetryPolicy.DEFAULT
            .exponential(Duration.ofHours(1), Duration.ofHours(1))
            .maxAttempts(5));

    private static final HandlerSettings FAST_RETRY = HandlerSettings.DEFAULT.retry(RetryPolicy.DEFAULT
            .exponential(Duration.ofMillis(1), Duration.ofMillis(1))
            .maxAttempts(50));

    private WorkBuffer.Builder one() {
        return builder().concurrency(1).claimAhead(Duration.ZERO);
    }

    private static List<Work> works(String type, int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> Work.of(type, Integer.toString(i)))
                .toList();
    }

    private static BreakerState state(WorkBuffer work, String type) {
        return work.stats().breakers().get(type).state();
    }

    @Test
    void anOpenBreakerClaimsNothingAndWorksThatWaitLoseNoAttempt() throws Exception {
        var runs = new AtomicInteger();
        var told = new CopyOnWriteArrayList<String>();
        WorkBuffer work = start(one().listener(event -> {
                    if (event.kind() == WorkEvent.Kind.BREAKER) {
                        told.add(event.type() + " " + event.detail());
                    }
                })
                .handler(
                        "broken",
                        (each, context) -> {
                            runs.incrementAndGet();
                            throw new IllegalStateException("down");
                        },
                        LATE_RETRY.breaker(TWO)));
        work.enqueue(works("broken", 20));
        until(() -> state(work, "broken") == BreakerState.OPEN);
        untilRows("select count(*) from sluice.work_items where attempts > 0", "2");
        // The engine looks at everything again, and finds nothing that it may claim.
        work.enqueue(works("broken", 1));
        work.concurrency("broken", 1);
        until(() -> told.equals(List.of("broken OPEN")));
        assertThat(runs).hasValue(2);
        assertThat(work.waiting("broken")).isEqualTo(21);
        assertThat(postgres.query("select count(*) from sluice.work_items where attempts > 1"))
                .containsExactly("0");
    }

    @Test
    void theBreakerLetsAFewWorksThroughAfterItsTimeAndClosesWhenTheySucceed() throws Exception {
        var isBroken = new AtomicBoolean(true);
        var told = new CopyOnWriteArrayList<String>();
        WorkBuffer work = start(one().listener(event -> {
                    if (event.kind() == WorkEvent.Kind.BREAKER) {
                        told.add(event.detail());
                    }
                })
                .handler(
                        "heals",
                        (each, context) -> {
                            if (isBroken.get()) {
                                throw new IllegalStateException("down");
                            }
                            return Outcome.done();
                        },
                        FAST_RETRY.breaker(TWO.openFor(Duration.ofMillis(50)))));
        work.enqueue(works("heals", 20));
        until(() -> told.size() >= 5); // Open, half open, open, half open, open.
        isBroken.set(false);
        until(() -> work.stats().byType().get("heals").completed() == 20);
        untilNothingIsLeft();
        assertThat(state(work, "heals")).isEqualTo(BreakerState.CLOSED);
        until(() -> told.get(told.size() - 1).equals("CLOSED"));
        for (int i = 0; i < told.size() - 1; i++) {
            assertThat(told.get(i)).isEqualTo(i % 2 == 0 ? "OPEN" : "HALF_OPEN");
        }
        assertThat(count("dead_letters")).isZero();
    }

    @Test
    void worksThatWereClaimedBeforeTheBreakerOpenedAreGivenBack() throws Exception {
        var isBroken = new AtomicBoolean();
        var failures = new AtomicInteger();
        WorkBuffer work = start(builder()
                .concurrency(1)
                .claimAhead(Duration.ofSeconds(10))
                .handler(
                        "ahead",
                        (each, context) -> {
                            if (isBroken.get()) {
                                failures.incrementAndGet();
                                throw new IllegalStateException("down");
                            }
                            return Outcome.done();
                        },
                        LATE_RETRY.breaker(TWO)));
        work.enqueue(works("ahead", 50)); // The engine learns that the works are short, and claims many.
        until(() -> work.stats().total().completed() == 50);
        isBroken.set(true);
        work.enqueue(works("ahead", 100));
        until(() -> state(work, "ahead") == BreakerState.OPEN);
        until(() -> work.waiting("ahead") == 100 && count("work_claims") == 0);
        assertThat(failures).hasValue(2);
        assertThat(postgres.query("select count(*) from sluice.work_items where attempts > 0"))
                .containsExactly("2");
        assertThat(postgres.query("select coalesce(max(crashes), 0) from sluice.work_items"))
                .containsExactly("0");
    }

    /** Each work is for the target that its payload names; one target is broken. */
    private static final class Hosts implements Handler {
        final AtomicBoolean isBroken = new AtomicBoolean(true);
        final ConcurrentHashMap<String, AtomicInteger> runs = new ConcurrentHashMap<>();

        @Override
        public String target(Work work) {
            return work.payloadText().replace("\"", "");
        }

        @Override
        public Outcome handle(Work work, Context context) {
            runs.computeIfAbsent(target(work), host -> new AtomicInteger()).incrementAndGet();
            if (target(work).equals("bad") && isBroken.get()) {
                throw new IllegalStateException("down");
            }
            return Outcome.done();
        }
    }

    @Test
    void aBrokenTargetPutsOffItsWorksWithoutAnAttemptAndStopsNoOther() throws Exception {
        var hosts = new Hosts();
        WorkBuffer work = start(one().handler("hosts", hosts, LATE_RETRY.breaker(TWO)));
        for (int i = 0; i < 10; i++) {
            work.enqueue(List.of(Work.of("hosts", "\"bad\""), Work.of("hosts", "\"good\"")));
        }
        until(() -> work.stats().total().completed() == 10);
        untilRows(
                "select count(*), sum(attempts), min(available_at) > now() + interval '50 minutes'"
                        + " from sluice.work_items where owner is null",
                "10|2|t");
        assertThat(hosts.runs.get("bad")).hasValue(2);
        assertThat(work.stats().breakers().get("hosts").targets().get("bad")).isEqualTo(BreakerState.OPEN);
        assertThat(work.stats().breakers().get("hosts").targets().get("good")).isEqualTo(BreakerState.CLOSED);
        assertThat(state(work, "hosts")).isEqualTo(BreakerState.CLOSED);
        hosts.isBroken.set(false);
        work.breaker("hosts", BreakerAction.RESET);
        until(() -> work.stats().breakers().get("hosts").targets().get("bad") == BreakerState.CLOSED);
        postgres.execute("update sluice.work_items set available_at = now()");
        until(() -> work.stats().total().completed() == 20);
        untilNothingIsLeft();
    }

    @Test
    void aWorkOfAKeyKeepsItsOrderWhileItsTargetIsOpen() throws Exception {
        var hosts = new Hosts();
        WorkBuffer work = start(one().handler("hosts", hosts, FAST_RETRY.breaker(TWO.openFor(Duration.ofMillis(50)))));
        work.enqueue(Work.of("hosts", "\"bad\"").key("k"));
        work.enqueue(Work.of("hosts", "\"good\"").key("k"));
        until(() -> work.stats().breakers().get("hosts").targets().get("bad") == BreakerState.OPEN);
        assertThat(hosts.runs).doesNotContainKey("good");
        hosts.isBroken.set(false);
        until(() -> work.stats().total().completed() == 2);
        untilNothingIsLeft();
        assertThat(hosts.runs.get("good")).hasValue(1);
    }

    @Test
    void worksThatAreInvalidSnoozedCancelledOrMadeDeadLettersDoNotCount() throws Exception {
        WorkBuffer work = start(one().handler(
                        "odd",
                        new Handler() {
                            @Override
                            public void validate(Work each) {
                                if (each.payloadText().equals("\"invalid\"")) {
                                    throw new IllegalArgumentException("not valid");
                                }
                            }

                            @Override
                            public Outcome handle(Work each, Context context) {
                                return switch (each.payloadText()) {
                                    case "\"snooze\"" -> Outcome.snooze(Duration.ofHours(1));
                                    case "\"cancel\"" -> Outcome.cancel();
                                    default -> Outcome.deadLetter("no");
                                };
                            }
                        },
                        LATE_RETRY.breaker(BreakerSettings.consecutive(1).openFor(Duration.ofHours(1)))));
        for (String kind : List.of("invalid", "snooze", "cancel", "dead", "invalid", "snooze", "cancel", "dead")) {
            work.enqueue(Work.of("odd", "\"" + kind + "\""));
        }
        until(() -> count("dead_letters") == 4 && count("work_items") == 2 && count("work_claims") == 0);
        assertThat(state(work, "odd")).isEqualTo(BreakerState.CLOSED);
    }

    @Test
    void aTimeoutAndARetryCountAsFailures() throws Exception {
        WorkBuffer work = start(one().handler(
                        "slow",
                        (each, context) -> {
                            Thread.sleep(60_000);
                            return Outcome.done();
                        },
                        LATE_RETRY.timeout(Duration.ofMillis(30)).breaker(TWO))
                .handler("again", (each, context) -> Outcome.retry("later"), LATE_RETRY.breaker(TWO)));
        work.enqueue(works("slow", 5));
        work.enqueue(works("again", 5));
        until(() -> state(work, "slow") == BreakerState.OPEN && state(work, "again") == BreakerState.OPEN);
        untilRows("select sum(attempts) from sluice.work_items", "4");
    }

    @Test
    void anOperatorForcesAndResetsTheBreakersOfAllEnginesAndItStaysSoOverARestart() throws Exception {
        var runs = new AtomicInteger();
        Handler counting = (each, context) -> {
            runs.incrementAndGet();
            return Outcome.done();
        };
        WorkBuffer operator = start(one().handler("forced", counting));
        WorkBuffer other = start(one().handler("forced", counting));
        operator.breaker("forced", BreakerAction.FORCE_OPEN);
        until(() -> state(operator, "forced") == BreakerState.FORCED_OPEN);
        until(() -> state(other, "forced") == BreakerState.FORCED_OPEN);
        other.close();
        WorkBuffer restarted = start(one().handler("forced", counting));
        until(() -> state(restarted, "forced") == BreakerState.FORCED_OPEN);
        operator.enqueue(works("forced", 10));
        operator.concurrency("forced", 1); // Both engines look again.
        assertThat(operator.waiting("forced")).isEqualTo(10);
        assertThat(runs).hasValue(0);
        operator.breaker("forced", BreakerAction.RESET);
        until(() -> runs.get() == 10);
        assertThat(state(operator, "forced")).isEqualTo(BreakerState.CLOSED);
    }

    @Test
    void aBreakerThatIsForcedClosedLetsEverythingFail() throws Exception {
        var runs = new AtomicInteger();
        WorkBuffer work = start(one().handler(
                        "failing",
                        (each, context) -> {
                            runs.incrementAndGet();
                            throw new IllegalStateException("down");
                        },
                        LATE_RETRY.breaker(TWO)));
        work.breaker("failing", BreakerAction.FORCE_CLOSED);
        until(() -> state(work, "failing") == BreakerState.FORCED_CLOSED);
        work.enqueue(works("failing", 10));
        until(() -> runs.get() == 10);
        assertThat(state(work, "failing")).isEqualTo(BreakerState.FORCED_CLOSED);
        work.breaker("failing", BreakerAction.RESET);
        until(() -> state(work, "failing") == BreakerState.CLOSED);
    }
}
