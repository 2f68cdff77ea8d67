package dev.sluice.work.testing;

import dev.sluice.queue.MessageIds;
import dev.sluice.work.AsyncHandler;
import dev.sluice.work.BatchHandler;
import dev.sluice.work.Batching;
import dev.sluice.work.Enqueued;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Hooks;
import dev.sluice.work.Work;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkEvent.Kind;
import dev.sluice.work.WorkId;
import dev.sluice.work.rules.JsonText;
import dev.sluice.work.run.Refusal;
import dev.sluice.work.run.Runner;
import dev.sluice.work.run.Stop;
import dev.sluice.work.run.Verdict;
import dev.sluice.work.run.VerdictEvents;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Runs handlers on the calling thread, by a clock that stands until the test moves it.
 *
 * <pre>{@code
 * WorkTester tester = WorkTester.builder().handler("mail", new Mail(refusingServer)).build();
 * WorkId id = tester.enqueue(Work.of("mail", "{\"user\":17}")).id();
 * tester.runDue();
 * assertThat(tester.state(id).attempts()).isEqualTo(1);
 * tester.advance(Duration.ofSeconds(1)); // The first wait of the default policy.
 * assertThat(tester.runs(id)).hasSize(2);
 * }</pre>
 *
 * <p>A handler that waits calls {@link #spend} in the test instead of {@code Thread.sleep}. If that takes it beyond its
 * timeout, {@code spend} throws an {@link InterruptedException} at the time of the timeout. An asynchronous handler
 * gets a {@link #delayedExecutor} in the test, or a stage that the test completes: the next call that runs works sees
 * it.
 *
 * <p>Not safe for use by many threads.
 */
public final class WorkTester {
    /** Most runs of one call: a handler that snoozes for no time would run for ever. */
    public static final int MAX_RUNS = 100_000;

    private final Map<String, TestedType> types;
    private final Runner runner;
    private final Flights flights;
    private final MessageIds ids = new MessageIds();
    private final Keys keys = new Keys();
    private final Map<WorkId, TestedWork> works = new LinkedHashMap<>();
    private final List<WorkEvent> events = new ArrayList<>();
    private final List<TestedRun> runs = new ArrayList<>();
    private final Set<String> paused = new HashSet<>();
    private final Instant start;
    private Instant now;

    /** The works whose handler runs, and whether it was interrupted. */
    private List<TestedWork> running = List.of();

    private boolean interrupted;

    private WorkTester(Builder builder) {
        this.types = Map.copyOf(builder.types);
        double jitter = builder.jitter;
        this.runner = new Runner("test", () -> jitter);
        this.flights = new Flights(runner);
        this.start = builder.start;
        this.now = start;
    }

    /** Returns a builder. */
    public static Builder builder() {
        return new Builder();
    }

    /** A kit under construction; each method sets the setting of its name. */
    public static final class Builder {
        private final Map<String, TestedType> types = new HashMap<>();
        private Instant start = Instant.parse("2000-01-01T00:00:00Z");
        private double jitter;

        private Builder() {}

        /** Adds a handler with the default settings. */
        public Builder handler(String type, Handler handler) {
            return handler(type, handler, HandlerSettings.DEFAULT);
        }

        /** Adds a handler. */
        public Builder handler(String type, Handler handler, HandlerSettings settings) {
            return add(type, handler, Batching.ofSize(1), settings);
        }

        /** Adds a handler of batches. */
        public Builder batchHandler(String type, BatchHandler handler, Batching batching, HandlerSettings settings) {
            return add(type, handler, batching, settings);
        }

        /** Adds an asynchronous handler. As many of its works are in flight as in one engine. */
        public Builder asyncHandler(String type, AsyncHandler handler, HandlerSettings settings) {
            return add(type, handler, Batching.ofSize(1), settings);
        }

        private Builder add(String type, Hooks handler, Batching batching, HandlerSettings settings) {
            if (types.putIfAbsent(type, new TestedType(type, handler, batching, settings)) != null) {
                throw new IllegalArgumentException("type " + type + " has a handler");
            }
            return this;
        }

        /** Sets the time at which the clock stands first. */
        public Builder startAt(Instant value) {
            start = value;
            return this;
        }

        /** Sets which part of the jitter of its policy each retry waits, from 0 (the default) to less than 1. */
        public Builder jitter(double value) {
            jitter = value;
            return this;
        }

        /** Makes the kit. */
        public WorkTester build() {
            return new WorkTester(this);
        }
    }

    /** Returns the time of the clock. */
    public Instant now() {
        return now;
    }

    /** Returns the time since the start, in nanoseconds. */
    long nanos() {
        return Duration.between(start, now).toNanos();
    }

    /**
     * Enqueues a work, as {@code WorkBuffer.enqueue} does. Runs nothing.
     *
     * @throws IllegalArgumentException if the type has no handler, or the payload is no JSON text
     */
    public Enqueued enqueue(Work work) {
        JsonText.check(work.payload());
        TestedType type = types.get(work.type());
        if (type == null) {
            throw new IllegalArgumentException("type " + work.type() + " has no handler in the test");
        }
        Enqueued duplicate = keys.find(work, now);
        if (duplicate != null) {
            return duplicate;
        }
        var tested = new TestedWork(this, type, work, new WorkId(ids.next()), works.size());
        WorkId replaced = schedule(tested);
        keys.take(tested);
        works.put(tested.id(), tested);
        events.add(new WorkEvent(Kind.ENQUEUED, work.type(), tested.id(), 0, null));
        return new Enqueued(tested.id(), false, false, null, replaced);
    }

    /** Sets when a new work is due, and drops the one that it replaces. Returns that one; null: none. */
    private @Nullable WorkId schedule(TestedWork tested) {
        List<TestedWork> others = unfinished().filter(tested::coalescesWith).toList();
        Optional<TestedWork> old =
                others.stream().filter(TestedWork::isScheduled).findFirst();
        tested.waitBeside(others, old.orElse(null));
        old.ifPresent(each -> {
            each.end(Verdict.Finish.cancelled());
            ended(each);
            String by = "replaced by " + tested.id();
            events.add(new WorkEvent(Kind.CANCELLED, each.type().name(), each.id(), 0, by));
        });
        return old.map(TestedWork::id).orElse(null);
    }

    private Stream<TestedWork> unfinished() {
        return works.values().stream()
                .filter(each -> each.status == WorkStatus.WAITING || each.status == WorkStatus.RUNNING);
    }

    /**
     * Runs the works that are due, and those that become due because of that, until none is due at the time of the
     * clock. The clock moves only by what handlers {@link #spend}.
     *
     * @return how many calls of handlers there were
     * @throws IllegalStateException if there were more than {@link #MAX_RUNS}
     */
    public int runDue() {
        if (!running.isEmpty()) {
            throw new IllegalStateException("a handler must not run further works; it calls spend() to wait");
        }
        int calls = 0;
        land();
        while (runNext()) {
            calls = checked(calls + 1);
            land();
        }
        return calls;
    }

    /** Ends the runs in flight whose stages have completed, or that have run into their timeouts. */
    private void land() {
        for (Flights.Landing each = flights.next(now); each != null; each = flights.next(now)) {
            ran(each.work(), each.verdict());
        }
    }

    private static int checked(int calls) {
        if (calls > MAX_RUNS) {
            throw new IllegalStateException("handlers ran " + MAX_RUNS + " times, and works are still due");
        }
        return calls;
    }

    /**
     * Moves the clock, and runs each work at the time at which it is due, as {@link #runDue} does.
     *
     * @return how many calls of handlers there were
     */
    public int advance(Duration duration) {
        if (duration.isNegative()) {
            throw new IllegalArgumentException("duration must be 0 or more, was " + duration);
        }
        return advanceTo(now.plus(duration));
    }

    /**
     * Moves the clock until no work waits that can run.
     *
     * @return how many calls of handlers there were
     */
    public int runAll() {
        return advanceTo(Instant.MAX);
    }

    private int advanceTo(Instant end) {
        int calls = runDue();
        for (Instant next = nextDue(); next != null && !next.isAfter(end); next = nextDue()) {
            now = next.isAfter(now) ? next : now;
            calls = checked(calls + runDue());
        }
        if (!end.equals(Instant.MAX) && end.isAfter(now)) {
            now = end;
        }
        return calls;
    }

    /** Returns the next time at which a work is due, or the call of a batch handler; null: never. */
    private @Nullable Instant nextDue() {
        Stream<Instant> starts = unfinished()
                .filter(each ->
                        each.dueAt != null && !paused.contains(each.type().name()))
                .flatMap(each -> Stream.of(
                        Objects.requireNonNull(each.dueAt),
                        Objects.requireNonNull(each.dueAt)
                                .plus(each.type().batching().linger())));
        return Stream.concat(starts, flights.times())
                .filter(each -> each.isAfter(now))
                .min(Comparator.naturalOrder())
                .orElse(null);
    }

    /** Runs one call, or refuses a work. Returns whether there was one. */
    private boolean runNext() {
        var choice = new Choice(
                unfinished()
                        .filter(each -> !paused.contains(each.type().name()) && !flights.isFull(each.type()))
                        .toList(),
                now);
        for (TestedWork each : choice.due()) {
            Verdict refusal = Refusal.of(each, now);
            if (refusal != null) {
                end(each, refusal);
                return true;
            }
        }
        List<TestedWork> call = choice.next();
        if (!call.isEmpty()) {
            run(call);
        }
        return !call.isEmpty();
    }

    private void run(List<TestedWork> call) {
        running = call;
        interrupted = false;
        call.forEach(TestedWork::begin);
        call.forEach(each -> tell(Kind.STARTED, each, null));
        List<Verdict> verdicts = verdicts(call);
        running = List.of();
        Thread.interrupted();
        for (int i = 0; i < verdicts.size(); i++) {
            ran(call.get(i), verdicts.get(i));
        }
    }

    /** Calls the handler of works. Returns a verdict for each; none if the work is in flight now. */
    private List<Verdict> verdicts(List<TestedWork> call) {
        TestedWork first = call.get(0);
        if (first.handler() instanceof BatchHandler batch) {
            return runner.run(batch, call, nanos -> {});
        }
        return first.handler() instanceof Handler handler
                ? List.of(runner.run(handler, first, nanos -> {}))
                : Stream.ofNullable(flights.begin(first)).toList();
    }

    /** Ends a run with a verdict. */
    private void ran(TestedWork work, Verdict verdict) {
        int attempt = work.attempt();
        Duration took = Duration.ofNanos(work.elapsedNanos());
        runs.add(new TestedRun(work.id(), attempt, now.minus(took), took, end(work, verdict)));
    }

    /** Ends a work with a verdict. Returns the last event of it. */
    private Kind end(TestedWork work, Verdict verdict) {
        List<WorkEvent> told = VerdictEvents.of(work.type().name(), work, verdict);
        events.addAll(told);
        work.end(verdict);
        ended(work);
        return told.get(told.size() - 1).kind();
    }

    /** Frees what a work held that is finished. */
    private void ended(TestedWork work) {
        if (work.status == WorkStatus.WAITING) {
            return;
        }
        keys.finish(work, now);
        unfinished()
                .filter(each -> each.dueAt == null && each.coalescesWith(work))
                .forEach(each -> each.dueAt = now);
    }

    void tell(Kind kind, TestedWork work, @Nullable String detail) {
        events.add(new WorkEvent(kind, work.type().name(), work.id(), work.attempt(), detail));
    }

    /**
     * Lets time pass in a handler, instead of {@code Thread.sleep}.
     *
     * @throws InterruptedException if the handler runs into its timeout, or its work was cancelled. The clock then
     *     stands at that time. Thrown once in a run: a handler that catches it and goes on ignores the interrupt
     */
    public void spend(Duration duration) throws InterruptedException {
        Instant end = now.plus(duration);
        List<TestedWork> open =
                running.stream().filter(each -> !each.isStopping()).toList();
        Instant lastTimeout = now;
        for (TestedWork each : open) {
            if (!each.timeoutAt().isAfter(end)) {
                each.stop(Stop.TIMEOUT);
                lastTimeout = each.timeoutAt().isAfter(lastTimeout) ? each.timeoutAt() : lastTimeout;
            }
        }
        boolean toEnd = !running.isEmpty() && running.stream().allMatch(TestedWork::isStopping);
        if (toEnd && !interrupted) {
            interrupted = true;
            now = lastTimeout;
            throw new InterruptedException("the works are to end");
        }
        now = end;
    }

    /**
     * Returns an executor that runs each task when the clock has moved by the delay, as that of
     * {@link java.util.concurrent.CompletableFuture#delayedExecutor} does by the time of the machine. Asynchronous
     * handlers complete their stages with it. While another handler {@link #spend}s time, no task runs.
     */
    public Executor delayedExecutor(Duration delay) {
        return task -> flights.add(now.plus(delay), task);
    }

    /**
     * Cancels a work. A handler that runs is asked to end: its next {@link #spend} throws. A work in flight ends at
     * once.
     *
     * @throws IllegalArgumentException if there is no such work
     */
    public void cancel(WorkId id) {
        TestedWork work = find(id);
        Flights.Landing landing = flights.stop(work, Stop.CANCEL);
        if (landing != null) {
            ran(work, landing.verdict());
        } else if (work.status == WorkStatus.RUNNING) {
            work.stop(Stop.CANCEL);
        } else if (work.status == WorkStatus.WAITING) {
            work.end(Verdict.Finish.cancelled());
            ended(work);
            events.add(new WorkEvent(Kind.CANCELLED, work.type().name(), id, 0, null));
        }
    }

    /**
     * Counts a crash of a work that waits, as if an engine had died while the work was begun.
     *
     * @throws IllegalStateException if the work does not wait
     */
    public void crash(WorkId id) {
        TestedWork work = find(id);
        if (work.status != WorkStatus.WAITING) {
            throw new IllegalStateException("work " + id + " does not wait, it is " + work.status);
        }
        work.crash();
    }

    /** Lets no work of a type run until {@link #resume}. */
    public void pause(String type) {
        if (paused.add(type)) {
            events.add(new WorkEvent(Kind.PAUSED, type, null, 0, null));
        }
    }

    /** Lets works of a type run again. */
    public void resume(String type) {
        if (paused.remove(type)) {
            events.add(new WorkEvent(Kind.RESUMED, type, null, 0, null));
        }
    }

    private TestedWork find(WorkId id) {
        TestedWork work = works.get(id);
        if (work == null) {
            throw new IllegalArgumentException("there is no work " + id);
        }
        return work;
    }

    /**
     * Returns what has become of a work.
     *
     * @throws IllegalArgumentException if there is no such work
     */
    public WorkState state(WorkId id) {
        return find(id).state();
    }

    /** Returns what the handler of a work has reported, as {@code WorkBuffer.progress} does. */
    public Optional<String> progress(WorkId id) {
        TestedWork work = find(id);
        return work.status == WorkStatus.DEAD_LETTER ? Optional.empty() : Optional.ofNullable(work.progress());
    }

    /** Returns all runs that have ended, in order. */
    public List<TestedRun> runs() {
        return List.copyOf(runs);
    }

    /** Returns the runs of a work that have ended, in order. */
    public List<TestedRun> runs(WorkId id) {
        return runs.stream().filter(run -> run.id().equals(id)).toList();
    }

    /** Returns all events, in order. */
    public List<WorkEvent> events() {
        return List.copyOf(events);
    }

    /** Returns the dead letters, in the order of the enqueue. */
    public List<DeadLetter> deadLetters() {
        return works.values().stream()
                .filter(each -> each.status == WorkStatus.DEAD_LETTER)
                .map(TestedWork::deadLetter)
                .toList();
    }

    /** Returns how many works wait. */
    public int waiting() {
        return (int) works.values().stream()
                .filter(each -> each.status == WorkStatus.WAITING)
                .count();
    }
}
