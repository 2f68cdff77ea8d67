package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.PriorityLane;
import dev.sluice.work.AsyncHandler;
import dev.sluice.work.BatchHandler;
import dev.sluice.work.Batching;
import dev.sluice.work.Context;
import dev.sluice.work.Enqueued;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkEvent.Kind;
import dev.sluice.work.WorkId;
import dev.sluice.work.testing.DeadLetter;
import dev.sluice.work.testing.TestedRun;
import dev.sluice.work.testing.WorkState;
import dev.sluice.work.testing.WorkStatus;
import dev.sluice.work.testing.WorkTester;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The kit for tests of handlers and the engine come to the same results. */
class TestingKitTest extends WorkFixture {
    private static final RetryPolicy POLICY = RetryPolicy.DEFAULT
            .exponential(Duration.ofMillis(10), Duration.ofMillis(40))
            .jitter(0)
            .maxAttempts(3)
            .neverOn(UnsupportedOperationException.class)
            .on(
                    ArithmeticException.class,
                    RetryPolicy.ofWaits(Duration.ofMillis(5)).jitter(0));
    private static final HandlerSettings SETTINGS =
            HandlerSettings.DEFAULT.retry(POLICY).keepResults().timeout(Duration.ofMillis(200));

    /** Lets time pass: that of the machine, or that of the kit. */
    private interface Sleeper {
        void sleep(Duration duration) throws InterruptedException;
    }

    /** Does what its payload says. */
    private record Scripted(Sleeper sleeper) implements Handler {
        @Override
        public void validate(Work work) {
            if (is(work, "invalid")) {
                throw new IllegalArgumentException("never valid");
            }
        }

        private static boolean is(Work work, String what) {
            return work.payloadText().equals('"' + what + '"');
        }

        @Override
        public void before(Work work, Context context) {
            if (is(work, "before")) {
                throw new IllegalStateException("before");
            }
        }

        @Override
        public void after(Work work, Context context, Outcome outcome) {
            if (is(work, "after")) {
                throw new IllegalStateException("after");
            }
        }

        @Override
        public Outcome onError(Work work, Context context, Throwable error) {
            return switch (String.valueOf(error.getMessage())) {
                case "error-dead" -> Outcome.deadLetter("decided");
                case "error-done" -> Outcome.done("1");
                case "error-retry" -> Outcome.retry(Duration.ofMillis(3), "decided");
                case "error-throws" -> throw new IllegalStateException("cannot decide");
                default -> null;
            };
        }

        @Override
        public Outcome handle(Work work, Context context) throws Exception {
            String what = work.payloadText().replace("\"", "");
            switch (what) {
                case "done", "before", "after" -> context.progress(100, "all");
                case "fails" -> throw new IllegalStateException("no \u0000 luck");
                case "never" -> throw new RuntimeException("outer", new UnsupportedOperationException("inner"));
                case "by-type" -> throw new ArithmeticException("by type");
                case "error-dead", "error-done", "error-retry", "error-throws" -> throw new IllegalStateException(what);
                case "null" -> {
                    return null;
                }
                case "slow" -> sleeper.sleep(Duration.ofMinutes(1));
                case "longer" -> {
                    context.extend(Duration.ofSeconds(10));
                    sleeper.sleep(Duration.ofMillis(300));
                }
                case "retry" -> {
                    context.log("attempt " + context.attempt());
                    return context.attempt() < 3 ? Outcome.retry(Duration.ofMillis(2), "not yet") : Outcome.done();
                }
                case "retry-for-ever" -> {
                    context.log("attempt " + context.attempt());
                    context.progress(context.attempt(), "trying");
                    return Outcome.retry("never");
                }
                case "snooze" -> {
                    return context.snoozes() < 4 ? Outcome.snooze(Duration.ofMillis(1)) : Outcome.done("\"awake\"");
                }
                case "dead" -> {
                    return Outcome.deadLetter("told so");
                }
                case "cancel" -> {
                    return Outcome.cancel();
                }
                default -> throw new AssertionError(what);
            }
            return Outcome.done("{\"attempt\":" + context.attempt() + "}");
        }
    }

    /** Lets a task run later: by the clock of the machine, or by that of the kit. */
    private interface Delays {
        Executor after(Duration delay);
    }

    /** Does what its payload says: at once, or by a stage that completes later. */
    private record Flying(Scripted scripted, Delays delays) implements AsyncHandler {
        @Override
        public void validate(Work work) {
            scripted.validate(work);
        }

        @Override
        public void before(Work work, Context context) {
            scripted.before(work, context);
        }

        @Override
        public void after(Work work, Context context, Outcome outcome) {
            scripted.after(work, context, outcome);
        }

        @Override
        public Outcome onError(Work work, Context context, Throwable error) {
            return scripted.onError(work, context, error);
        }

        @Override
        public CompletionStage<Outcome> handle(Work work, Context context) throws Exception {
            if (Scripted.is(work, "slow")) {
                return new CompletableFuture<>();
            }
            if (Scripted.is(work, "longer")) {
                context.extend(Duration.ofSeconds(10));
                return CompletableFuture.supplyAsync(Outcome::done, delays.after(Duration.ofMillis(300)));
            }
            if (work.metadata().containsKey("at-once")) {
                return CompletableFuture.completedFuture(scripted.handle(work, context));
            }
            return CompletableFuture.supplyAsync(
                    () -> {
                        try {
                            return scripted.handle(work, context);
                        } catch (Exception e) {
                            throw new CompletionException(e);
                        }
                    },
                    delays.after(Duration.ofMillis(20)));
        }
    }

    @Test
    void aHandlerSeesTheSameKeysAndThePriorityThatTheEngineShows() throws Exception {
        String tenant = "{\"tenant\":\"acme\",\"i\":%d}";
        List<Work> works = List.of(
                Work.of("keys", tenant.formatted(0)),
                Work.of("keys", tenant.formatted(1)).key("k").priority(PriorityLane.HIGH),
                Work.of("keys", tenant.formatted(2)).limitKey("other").priority(PriorityLane.LOW),
                Work.of("keys", tenant.formatted(3)).limitKey("l".repeat(300)).key("k".repeat(250)),
                Work.of("keys", tenant.formatted(4)).key("~@other/x"),
                Work.of("keys", "{\"i\":5}"),
                Work.of("keys", "{\"i\":6}").conflate("c"));
        HandlerSettings settings = HandlerSettings.DEFAULT.limitKey("/tenant");
        var inKit = new TreeSet<String>();
        WorkTester tester = WorkTester.builder()
                .handler("keys", (each, context) -> noted(inKit, each), settings)
                .build();
        works.forEach(tester::enqueue);
        tester.runAll();
        var inEngine = new ConcurrentSkipListSet<String>();
        start(builder().handler("keys", (each, context) -> noted(inEngine, each), settings))
                .enqueue(works);
        until(() -> inEngine.size() == works.size());
        assertThat(inKit).containsExactlyElementsOf(inEngine);
        assertThat(inKit).anyMatch(each -> each.contains("HIGH k acme"));
    }

    private static Outcome noted(Set<String> seen, Work work) {
        seen.add(work.payloadText() + " " + work.priority() + " " + work.key() + " " + work.limitKey());
        return Outcome.done();
    }

    private static final List<String> SCRIPTS = List.of(
            "done",
            "before",
            "after",
            "invalid",
            "fails",
            "never",
            "by-type",
            "error-dead",
            "error-done",
            "error-retry",
            "error-throws",
            "null",
            "slow",
            "longer",
            "retry",
            "retry-for-ever",
            "snooze",
            "dead",
            "cancel");

    /** A batch handler that gives each work another outcome, and one none. */
    private static Map<WorkId, Outcome> mixed(List<BatchHandler.Item> items) {
        Map<WorkId, Outcome> outcomes = new HashMap<>();
        for (BatchHandler.Item item : items) {
            switch (item.work().payloadText()) {
                case "1" -> outcomes.put(item.id(), Outcome.done("1"));
                case "2" -> outcomes.put(item.id(), Outcome.retry("two"));
                case "3" -> outcomes.put(item.id(), Outcome.deadLetter("three"));
                default -> {} // No outcome.
            }
        }
        return outcomes;
    }

    private static final BatchHandler THROWING = items -> {
        throw new IllegalStateException("all of them");
    };

    private static List<Work> works() {
        var works = new ArrayList<Work>();
        SCRIPTS.forEach(
                script -> works.add(Work.of("scripted", '"' + script + '"').idempotencyKey(script)));
        for (String script : SCRIPTS) {
            works.add(Work.of("flying", '"' + script + '"').idempotencyKey("flying " + script));
            works.add(Work.of("flying", '"' + script + '"')
                    .idempotencyKey("at once " + script)
                    .metadata("at-once", ""));
        }
        works.add(
                Work.of("scripted", "\"done\"").idempotencyKey("late").deadline(Instant.parse("1999-01-01T00:00:00Z")));
        works.add(Work.of("aged", "\"done\"").idempotencyKey("aged").delay(Duration.ofMillis(50)));
        for (int i = 1; i <= 4; i++) {
            works.add(Work.of("mixed", Integer.toString(i)).idempotencyKey("mixed " + i));
        }
        for (int i = 1; i <= 2; i++) {
            works.add(Work.of("throwing", Integer.toString(i)).idempotencyKey("throwing " + i));
        }
        return works;
    }

    private static final Batching BATCH = new Batching(4, Duration.ofMillis(200));

    /** What became of each work, by its idempotency key. */
    private static final class Results extends TreeMap<String, List<String>> {
        private static final long serialVersionUID = 1;

        void add(String work, Object what) {
            computeIfAbsent(work, key -> new ArrayList<>()).add(String.valueOf(what));
        }
    }

    @Test
    void everyScriptEndsInTheSameWay() throws Exception {
        assertThat(ofKit()).containsExactlyEntriesOf(ofEngine());
    }

    private Results ofKit() {
        var tester = new WorkTester[1];
        Scripted handler = new Scripted(duration -> tester[0].spend(duration));
        tester[0] = WorkTester.builder()
                .handler("scripted", handler, SETTINGS)
                .handler("aged", handler, SETTINGS.maxAge(Duration.ofMillis(10)))
                .asyncHandler("flying", new Flying(handler, delay -> tester[0].delayedExecutor(delay)), SETTINGS)
                .batchHandler("mixed", TestingKitTest::mixed, BATCH, SETTINGS)
                .batchHandler("throwing", THROWING, BATCH, SETTINGS)
                .build();
        var names = new HashMap<WorkId, String>();
        works().forEach(work -> names.put(tester[0].enqueue(work).id(), work.idempotencyKey()));
        tester[0].runAll();
        var results = new Results();
        addEvents(results, tester[0].events(), names);
        for (DeadLetter dead : tester[0].deadLetters()) {
            results.add(
                    names.get(dead.id()),
                    comparable(
                            dead.reason() + "|" + dead.retries() + "|" + lines(dead.errors()) + "|" + dead.progress()));
        }
        names.forEach((id, name) -> {
            WorkState state = tester[0].state(id);
            results.add(name, "result " + state.result());
            requireConsistent(state, tester[0].runs(id), results.get(name));
        });
        return results;
    }

    private static Executor delayed(Duration delay) {
        return CompletableFuture.delayedExecutor(delay.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** What the kit says of a work in three ways is the same. */
    private static void requireConsistent(WorkState state, List<TestedRun> runs, List<String> events) {
        long started =
                events.stream().filter(event -> event.startsWith("STARTED")).count();
        assertThat((long) runs.size()).isEqualTo(started);
        Kind last = switch (state.status()) {
            case WAITING, RUNNING -> throw new AssertionError("not at its end: " + events);
            case DONE -> Kind.COMPLETED;
            case CANCELLED -> Kind.CANCELLED;
            case DEAD_LETTER -> Kind.DEAD_LETTERED;
        };
        assertThat(events).anyMatch(event -> event.startsWith(last.name()));
        assertThat(state.status() == WorkStatus.DEAD_LETTER).isEqualTo(state.reason() != null);
        if (!runs.isEmpty()) {
            assertThat(runs.get(runs.size() - 1).outcome()).isEqualTo(last);
        }
    }

    private Results ofEngine() throws Exception {
        var events = new CopyOnWriteArrayList<WorkEvent>();
        Scripted handler = new Scripted(duration -> Thread.sleep(duration.toMillis()));
        WorkBuffer work = start(builder()
                .concurrency(30)
                .listener(events::add)
                .handler("scripted", handler, SETTINGS)
                .handler("aged", handler, SETTINGS.maxAge(Duration.ofMillis(10)))
                .asyncHandler("flying", new Flying(handler, TestingKitTest::delayed), SETTINGS)
                .batchHandler("mixed", TestingKitTest::mixed, BATCH, SETTINGS)
                .batchHandler("throwing", THROWING, BATCH, SETTINGS));
        List<Work> works = works();
        List<Enqueued> enqueued = work.enqueue(works);
        var names = new HashMap<WorkId, String>();
        for (int i = 0; i < works.size(); i++) {
            names.put(enqueued.get(i).id(), works.get(i).idempotencyKey());
        }
        untilRows("select count(*) from sluice.work_keys where finished_at is null", "0");
        untilNothingIsLeft();
        Set<Kind> last = Set.of(Kind.COMPLETED, Kind.CANCELLED, Kind.DEAD_LETTERED);
        until(() -> events.stream().filter(event -> last.contains(event.kind())).count() == works.size());
        var results = new Results();
        addEvents(results, events, names);
        for (String row : postgres.query("select message_id || '|' || error || '|' || retries || '|' ||"
                + " coalesce((select string_agg(e->>'attempt' || ' ' || (e->>'type') || ' ' || (e->>'message'), ', ')"
                + " from json_array_elements(history::json) e), '') || '|' || coalesce(progress, 'null')"
                + " from sluice.dead_letters")) {
            int end = row.indexOf('|');
            results.add(names.get(WorkId.of(row.substring(0, end))), comparable(row.substring(end + 1)));
        }
        for (String row :
                postgres.query("select key || '|result ' || coalesce(result, 'null') from sluice.work_keys")) {
            results.add(row.substring(0, row.indexOf('|')), row.substring(row.indexOf('|') + 1));
        }
        return results;
    }

    private static void addEvents(Results results, List<WorkEvent> events, Map<WorkId, String> names) {
        events.stream()
                .filter(event -> event.kind() != Kind.ENQUEUED)
                .forEach(event -> results.add(
                        names.get(event.id()),
                        comparable(event.kind() + " " + event.attempt() + " " + event.detail())));
    }

    /** Returns a text without what is another one in each run: times. */
    private static String comparable(String text) {
        return text.replaceAll("\\d{4}-\\d\\d-\\d\\dT[0-9:.]+Z", "TIME");
    }

    /** Returns attempt, type and message of each failure of a history. */
    private static String lines(String errors) {
        return errors == null
                ? ""
                : String.join(
                        ", ",
                        errors.lines()
                                .filter(line -> line.startsWith("{"))
                                .map(line -> line.replaceAll(
                                        "\\{\"attempt\":(\\d+),\"type\":\"([^\"]*)\",\"message\":\"([^\"]*)\".*",
                                        "$1 $2 $3"))
                                .toList());
    }
}
