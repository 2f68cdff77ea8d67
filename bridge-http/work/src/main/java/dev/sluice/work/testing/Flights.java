package dev.sluice.work.testing;

import static java.util.Comparator.comparing;

import dev.sluice.work.AsyncHandler;
import dev.sluice.work.Outcome;
import dev.sluice.work.run.Runner;
import dev.sluice.work.run.Stop;
import dev.sluice.work.run.Verdict;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The works of asynchronous handlers that are in flight, and the tasks that wait for a time of the clock. */
final class Flights {
    /** A task that waits for its time. */
    private record Task(Instant at, Runnable action) {}

    /** A run that has begun; a later run of the same work is another one. */
    private static final class Flight {
        private final TestedWork work;

        Flight(TestedWork work) {
            this.work = work;
        }
    }

    /** A stage that has completed. */
    private record Completion(
            Flight flight,
            @Nullable Outcome outcome,
            @Nullable Throwable error) {}

    /** A run that has ended. */
    record Landing(TestedWork work, Verdict verdict) {}

    private final Runner runner;
    private final List<Flight> flights = new ArrayList<>();
    private final List<Task> tasks = new ArrayList<>();
    private final ConcurrentLinkedQueue<Completion> completed = new ConcurrentLinkedQueue<>();

    Flights(Runner runner) {
        this.runner = runner;
    }

    /** Lets a task wait for a time. */
    void add(Instant at, Runnable action) {
        tasks.add(new Task(at, action));
    }

    /** Begins a work. Returns the verdict on it; null: it is in flight. */
    @Nullable
    Verdict begin(TestedWork work) {
        Runner.Beginning beginning = runner.begin((AsyncHandler) work.handler(), work);
        CompletionStage<Outcome> stage = beginning.stage();
        if (stage == null) {
            return Objects.requireNonNull(beginning.verdict(), "a run that has ended has a verdict");
        }
        if (stage instanceof CompletableFuture<?> future) {
            work.onStop(() -> future.cancel(true));
        }
        if (work.isStopping()) {
            return runner.stopped(work);
        }
        var flight = new Flight(work);
        flights.add(flight);
        stage.whenComplete((outcome, error) -> completed.add(new Completion(flight, outcome, error)));
        return null;
    }

    /** Returns whether as many works of a type are in flight as may be. */
    boolean isFull(TestedType type) {
        int own = type.settings().concurrency();
        return type.handler() instanceof AsyncHandler
                && flights.stream()
                                .filter(each -> each.work.type().equals(type))
                                .count()
                        >= (own == 0 ? AsyncHandler.DEFAULT_CONCURRENCY : own);
    }

    /** Returns the times at which something happens to the works in flight; none if none is. */
    Stream<Instant> times() {
        return flights.isEmpty()
                ? Stream.of()
                : Stream.concat(tasks.stream().map(Task::at), flights.stream().map(each -> each.work.timeoutAt()));
    }

    /**
     * Lets happen what is due, the earliest first, until a run has ended: tasks run, and works run into their timeouts.
     *
     * @return null: nothing more is due, and no run has ended
     */
    @Nullable
    Landing next(Instant now) {
        while (true) {
            Completion completion = completed.poll();
            if (completion != null) {
                if (flights.remove(completion.flight())) {
                    return landing(completion);
                }
                continue; // The run had ended before.
            }
            Optional<Task> task = tasks.stream().min(comparing(Task::at));
            Optional<Flight> late = flights.stream().min(comparing(each -> each.work.timeoutAt()));
            Instant timeout = late.map(each -> each.work.timeoutAt()).orElse(Instant.MAX);
            if (task.isPresent()
                    && !task.get().at().isAfter(now)
                    && !task.get().at().isAfter(timeout)) {
                tasks.remove(task.get());
                task.get().action().run();
            } else if (!timeout.isAfter(now)) {
                return stop(late.orElseThrow().work, Stop.TIMEOUT);
            } else {
                return null;
            }
        }
    }

    private Landing landing(Completion completion) {
        TestedWork work = completion.flight().work;
        AsyncHandler handler = (AsyncHandler) work.handler();
        return new Landing(work, runner.decide(handler, work, completion.outcome(), completion.error()));
    }

    /** Ends a work at once. Returns null if it is not in flight. */
    @Nullable
    Landing stop(TestedWork work, Stop because) {
        if (!flights.removeIf(each -> each.work.equals(work))) {
            return null;
        }
        work.stop(because);
        return new Landing(work, runner.stopped(work));
    }
}
