package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.Context;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** A work that fails runs again as its policy says, and ends in the dead letters with its history. */
class RetryTest extends WorkFixture {
    private static final RetryPolicy FAST =
            RetryPolicy.DEFAULT.exponential(Duration.ofMillis(10), Duration.ofMillis(20));
    private static final HandlerSettings SETTINGS = HandlerSettings.DEFAULT.retry(FAST);

    @Test
    void aWorkThatAlwaysFailsRunsAsOftenAsThePolicySaysAndKeepsItsHistory() throws Exception {
        var attempts = new CopyOnWriteArrayList<Integer>();
        WorkBuffer work = start(builder()
                .handler(
                        "fails",
                        (each, context) -> {
                            attempts.add(context.attempt());
                            throw new IllegalStateException("no \u0000 luck");
                        },
                        SETTINGS));
        work.enqueue(Work.of("fails", "{\"n\":1}"));
        untilRows("select count(*) from sluice.dead_letters", "1");
        assertThat(attempts).containsExactly(1, 2, 3, 4, 5);
        assertThat(postgres.query("select error, retries, group_name, payload,"
                        + " json_array_length(history::json), history::json->0->>'attempt', history::json->4->>'type',"
                        + " history::json->4->>'message', history::json->4->>'stack' like '%RetryTest%'"
                        + " from sluice.dead_letters"))
                .containsExactly("failed 5 times: java.lang.IllegalStateException: no \uFFFD luck|4|work|{\"n\":1}|5|1"
                        + "|java.lang.IllegalStateException|no \uFFFD luck|t");
        untilNothingIsLeft();
    }

    @Test
    void anErrorThatIsNeverRetriedMakesADeadLetterAtOnce() throws Exception {
        var runs = new AtomicInteger();
        WorkBuffer work = start(builder()
                .handler(
                        "wrong",
                        (each, context) -> {
                            runs.incrementAndGet();
                            throw new RuntimeException("wrapped", new IllegalArgumentException("never"));
                        },
                        HandlerSettings.DEFAULT.retry(FAST.neverOn(IllegalArgumentException.class))));
        work.enqueue(Work.of("wrong", "1"));
        untilRows("select retries from sluice.dead_letters", "0");
        assertThat(runs).hasValue(1);
    }

    @Test
    void aBlockingRetryKeepsTheOrderOfItsKey() throws Exception {
        var order = new CopyOnWriteArrayList<String>();
        WorkBuffer work = start(builder().handler("keyed", failsFirst("a", order), SETTINGS));
        work.enqueue(List.of(
                Work.of("keyed", "\"a\"").key("k"), Work.of("keyed", "\"b\"").key("k")));
        until(() -> order.size() == 3);
        assertThat(order).containsExactly("a", "a", "b");
        untilNothingIsLeft();
    }

    @Test
    void aDeferredRetryLetsOtherWorksOfItsKeyPass() throws Exception {
        var order = new CopyOnWriteArrayList<String>();
        RetryPolicy slow = RetryPolicy.DEFAULT.exponential(Duration.ofMillis(600), Duration.ofSeconds(1));
        WorkBuffer work = start(builder()
                .handler(
                        "keyed",
                        failsFirst("a", order),
                        HandlerSettings.DEFAULT.retry(slow).deferRetries()));
        work.enqueue(List.of(
                Work.of("keyed", "\"a\"").key("k"), Work.of("keyed", "\"b\"").key("k")));
        until(() -> order.size() == 3);
        assertThat(order).containsExactly("a", "b", "a");
        untilNothingIsLeft();
    }

    private static Handler failsFirst(String which, List<String> order) {
        return (each, context) -> {
            String name = each.payloadText().replace("\"", "");
            order.add(name);
            return name.equals(which) && context.attempt() == 1 ? Outcome.retry("first") : Outcome.done();
        };
    }

    @Test
    void aSnoozeCountsNoAttempt() throws Exception {
        var runs = new CopyOnWriteArrayList<String>();
        WorkBuffer work = start(builder()
                .handler(
                        "sleepy",
                        (each, context) -> {
                            runs.add(context.attempt() + "/" + context.snoozes());
                            if (context.snoozes() < 7) {
                                return Outcome.snooze(Duration.ofMillis(1));
                            }
                            throw new IllegalStateException("awake");
                        },
                        HandlerSettings.DEFAULT.retry(FAST.maxAttempts(2))));
        work.enqueue(Work.of("sleepy", "1"));
        untilRows("select retries from sluice.dead_letters", "1");
        assertThat(runs).containsExactly("1/0", "1/1", "1/2", "1/3", "1/4", "1/5", "1/6", "1/7", "2/7");
    }

    @Test
    void aHandlerDecidesAboutItsErrorsAndItsHooksRunInOrder() throws Exception {
        var calls = new CopyOnWriteArrayList<String>();
        var handler = new Handler() {
            @Override
            public void validate(Work work) {
                calls.add("validate");
                if (work.payloadText().equals("\"invalid\"")) {
                    throw new IllegalArgumentException("not a number");
                }
            }

            @Override
            public void before(Work work, Context context) {
                calls.add("before");
            }

            @Override
            public Outcome handle(Work work, Context context) {
                calls.add("handle");
                if (work.payloadText().equals("1")) {
                    throw new IllegalStateException("one");
                }
                return Outcome.done();
            }

            @Override
            public void after(Work work, Context context, Outcome outcome) {
                calls.add("after");
            }

            @Override
            public Outcome onError(Work work, Context context, Throwable error) {
                calls.add("error " + error.getMessage());
                return Outcome.deadLetter("decided");
            }
        };
        WorkBuffer work = start(builder().concurrency(1).handler("hooks", handler, SETTINGS));
        work.enqueue(Work.of("hooks", "1"));
        untilRows("select error from sluice.dead_letters", "decided");
        work.enqueue(Work.of("hooks", "2"));
        until(() -> calls.contains("after"));
        work.enqueue(Work.of("hooks", "\"invalid\""));
        untilRows(
                "select error from sluice.dead_letters order by id",
                "decided",
                "invalid: java.lang.IllegalArgumentException: not a number");
        assertThat(calls)
                .containsExactly(
                        "validate",
                        "before",
                        "handle",
                        "error one",
                        "validate",
                        "before",
                        "handle",
                        "after",
                        "validate");
    }

    @Test
    void aDeadLetterOfAKeyLetsTheNextWorkRun() throws Exception {
        var done = new CopyOnWriteArrayList<String>();
        WorkBuffer work = start(builder().handler("keyed", (each, context) -> {
            if (each.payloadText().equals("1")) {
                return Outcome.deadLetter("bad");
            }
            done.add(each.payloadText());
            return Outcome.done();
        }));
        work.enqueue(
                List.of(Work.of("keyed", "1").key("k"), Work.of("keyed", "2").key("k")));
        until(() -> done.size() == 1);
        untilRows("select error from sluice.dead_letters", "bad");
        untilNothingIsLeft();
    }

    @Test
    void attemptsAndErrorsSurviveARestartOfTheEngine() throws Exception {
        var attempts = new CopyOnWriteArrayList<Integer>();
        Handler handler = (each, context) -> {
            attempts.add(context.attempt());
            throw new IllegalStateException("attempt " + context.attempt());
        };
        HandlerSettings settings =
                HandlerSettings.DEFAULT.retry(RetryPolicy.ofWaits(Duration.ofMillis(1), Duration.ofSeconds(1)));
        WorkBuffer first = start(builder().handler("restart", handler, settings));
        first.enqueue(Work.of("restart", "1"));
        untilRows("select attempts from sluice.work_items", "2");
        first.close();
        start(builder().handler("restart", handler, settings));
        untilRows("select history::json->2->>'message' from sluice.dead_letters", "attempt 3");
        assertThat(attempts).containsExactly(1, 2, 3);
    }
}
