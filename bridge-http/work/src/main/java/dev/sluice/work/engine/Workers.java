package dev.sluice.work.engine;

import dev.sluice.work.AsyncHandler;
import dev.sluice.work.BatchHandler;
import dev.sluice.work.Handler;
import dev.sluice.work.Outcome;
import dev.sluice.work.base.WorkThreads;
import dev.sluice.work.run.Runner;
import dev.sluice.work.run.Stop;
import dev.sluice.work.run.Verdict;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The pool of workers: runs the works that the dispatcher adds, at most {@code concurrency} calls of handlers at a
 * time. A worker is a task that takes works until none is left; a batch takes one worker. A worker whose handler
 * ignores its interrupt is replaced: its place goes to another thread.
 *
 * <p>The works of asynchronous handlers take no worker. A few threads of their own begin them and decide about them
 * when their stages have completed; meanwhile they have no thread.
 */
final class Workers {
    private final int concurrency;
    private final int maxStuck;
    private final TypeSet types;
    private final ExecutorService threads = WorkThreads.forHandlers();
    private final Set<Begun> running = ConcurrentHashMap.newKeySet();
    private final Runner runner;
    private final Events events;
    private final Consumer<Ended> ended;
    private final GivenUp undecided;
    private final LongSupplier nanos;

    /** The threads of asynchronous handlers. */
    private final ThreadPoolExecutor async;

    /** Places that are taken. A stuck handler gives its place up if there is another one to replace it with. */
    private int places;

    private int stuck;
    private int next;

    /**
     * Makes a pool without works.
     *
     * @param settings how many calls run at a time, and how many workers are replaced at most
     * @param ended gets each work whose run has ended, on the thread of its worker
     * @param undecided decides about works of asynchronous handlers that ran into their timeouts
     * @param nanos the clock of this process
     */
    Workers(
            EngineSettings settings,
            TypeSet types,
            Runner runner,
            Events events,
            Consumer<Ended> ended,
            GivenUp undecided,
            LongSupplier nanos) {
        this.concurrency = settings.concurrency();
        this.maxStuck = settings.maxStuck();
        this.types = types;
        this.async = WorkThreads.bounded("sluice-work-async", settings.concurrency());
        this.runner = runner;
        this.events = events;
        this.ended = ended;
        this.undecided = undecided;
        this.nanos = nanos;
    }

    /** Adds works of a type. */
    void add(HandledType type, List<Begun> works) {
        int start;
        synchronized (this) {
            type.waiting.addAll(works);
            if (type.isAsync()) {
                works.forEach(work -> async.execute(() -> begin(type)));
                return;
            }
            int calls = Math.min(works.size(), type.waiting.ready(nanos.getAsLong()));
            start = Math.max(0, Math.min(calls, concurrency - places));
            places += start;
        }
        start(start);
    }

    /** Starts workers for batches whose works have lingered. */
    void startReady() {
        int start;
        synchronized (this) {
            long now = nanos.getAsLong();
            int calls = 0;
            for (HandledType type : types.all()) {
                if (type.isBatched()) {
                    calls += Math.min(type.waiting.ready(now), type.limit(concurrency) - type.running);
                }
            }
            start = Math.max(0, Math.min(calls, concurrency - places));
            places += start;
        }
        start(start);
    }

    /** Returns when {@link #startReady} or {@link #late} has something to do; null: not before works are added. */
    synchronized @Nullable Long nextNanos() {
        long now = nanos.getAsLong();
        Long first = null;
        for (HandledType type : types.all()) {
            Long ready = type.isBatched() ? type.waiting.nextNanos(now) : null;
            first = earlier(earlier(first, ready), type.waiting.lateNanos());
        }
        return first;
    }

    private static @Nullable Long earlier(@Nullable Long one, @Nullable Long other) {
        return one == null || (other != null && other - one < 0) ? other : one;
    }

    /** Begins the first work that waits, of a type whose handler is asynchronous. */
    @SuppressWarnings("CatchingUnchecked")
    private void begin(HandledType type) {
        Begun begun = takeAsync(type);
        if (begun == null) {
            return;
        }
        running.add(begun);
        boolean goesOn = false;
        try {
            goesOn = begin((AsyncHandler) begun.handler(), begun);
        } catch (Throwable e) { // Such as a stage that is none.
            finish(begun, runner.unexpected(begun, e));
        }
        if (!goesOn) {
            over(begun);
        }
    }

    /** Returns whether the work is in flight now. */
    private boolean begin(AsyncHandler handler, Begun begun) {
        if (!begun.start(async)) {
            return false;
        }
        events.began(begun);
        Runner.Beginning beginning = runner.begin(handler, begun);
        CompletionStage<Outcome> stage = beginning.stage();
        if (stage == null) {
            finish(begun, Objects.requireNonNull(beginning.verdict(), "a run that has ended has a verdict"));
            return false;
        }
        if (stage instanceof CompletableFuture<?> future) {
            begun.onStop(() -> future.cancel(true));
        }
        if (!begun.detach(() -> stopped(begun))) {
            events.ran(begun);
            return false;
        }
        stage.whenComplete((outcome, error) -> async.execute(() -> decide(handler, begun, outcome, error)));
        return true;
    }

    /** Decides about a work whose stage has completed, unless it was to end before. */
    private void decide(AsyncHandler handler, Begun begun, @Nullable Outcome outcome, @Nullable Throwable error) {
        if (begun.attach()) {
            begun.type().ran(begun.elapsedNanos());
            finish(begun, runner.decide(handler, begun, outcome, error));
            over(begun);
        }
    }

    private void finish(Begun begun, Verdict verdict) {
        events.ran(begun);
        if (begun.end()) {
            ended.accept(new Ended(begun, verdict)); // Before a close could see that nothing runs.
        }
    }

    /** Ends a work in flight that is to end, whatever its stage does. */
    private void stopped(Begun begun) {
        if (!begun.giveUp()) {
            return;
        }
        events.ran(begun);
        begun.type().ran(begun.elapsedNanos());
        if (begun.stopReason() == Stop.TIMEOUT) {
            undecided.add(begun, async);
        } else {
            ended.accept(new Ended(begun, runner.stopped(begun)));
        }
        over(begun);
    }

    private synchronized @Nullable Begun takeAsync(HandledType type) {
        if (type.waiting.isEmpty() || type.running >= type.limit(concurrency)) {
            return null;
        }
        Begun begun = type.waiting.take().get(0);
        type.running++;
        type.runningWorks++;
        return begun;
    }

    /** Gives back the place of a work that was in flight, and the thread of one whose thread was replaced. */
    private void over(Begun begun) {
        HandledType type = begun.type();
        boolean isFirst = ends(List.of(begun));
        synchronized (this) {
            if (isFirst) {
                gaveBack(List.of(begun));
            } else {
                stuck--;
                async.setCorePoolSize(async.getCorePoolSize() - 1);
                async.setMaximumPoolSize(async.getMaximumPoolSize() - 1);
            }
            if (type.waiting.isEmpty()) {
                return;
            }
        }
        async.execute(() -> begin(type));
    }

    private void start(int workers) {
        for (int i = 0; i < workers; i++) {
            try {
                threads.execute(this::work);
            } catch (RejectedExecutionException | OutOfMemoryError e) {
                synchronized (this) {
                    places -= workers - i;
                }
                throw e;
            }
        }
    }

    /** Takes works until none is left that may run. */
    private void work() {
        for (List<Begun> call = take(List.of()); !call.isEmpty(); call = take(call)) {
            running.addAll(call);
            run(call);
            if (!ends(call)) {
                synchronized (this) {
                    stuck--;
                }
                return; // This worker was replaced.
            }
        }
    }

    /** Runs the works of a call. Whatever happens, the worker goes on. */
    @SuppressWarnings("CatchingUnchecked")
    private void run(List<Begun> call) {
        Begun first = call.get(0);
        try {
            if (first.handler() instanceof BatchHandler handler) {
                run(handler, new Call(call, nanos));
            } else {
                run((Handler) first.handler(), first);
            }
        } catch (Throwable e) {
            for (Begun each : call) {
                if (each.end()) {
                    ended.accept(new Ended(each, runner.unexpected(each, e)));
                }
            }
        }
    }

    private void run(Handler handler, Begun begun) {
        Verdict verdict = null;
        if (begun.start(async)) {
            events.began(begun);
            try {
                verdict = runner.run(handler, begun, begun.type()::ran);
            } finally {
                events.ran(begun);
            }
        }
        boolean counts = begun.end();
        if (verdict != null && counts) {
            ended.accept(new Ended(begun, verdict)); // Before a close could see that nothing runs.
        }
    }

    private void run(BatchHandler handler, Call call) {
        List<Begun> started = call.start(async);
        started.forEach(events::began);
        List<Verdict> verdicts;
        try {
            verdicts = started.isEmpty()
                    ? List.of()
                    : runner.run(handler, started, started.get(0).type()::ran);
        } finally {
            started.forEach(events::ran);
        }
        call.end();
        for (int i = 0; i < started.size(); i++) {
            if (started.get(i).giveUp()) {
                ended.accept(new Ended(started.get(i), verdicts.get(i)));
            }
        }
    }

    /** Gives a place back if there was one, and returns the works of the next call; none if no work may run. */
    private synchronized List<Begun> take(List<Begun> last) {
        if (!last.isEmpty()) {
            gaveBack(last);
        }
        List<HandledType> all = types.all();
        for (int i = 0; i < all.size(); i++) {
            HandledType type = all.get((next + i) % all.size());
            if (!type.isAsync()
                    && !type.waiting.isEmpty()
                    && type.running < type.limit(concurrency)
                    && type.waiting.isReady(nanos.getAsLong())) {
                next = (next + i + 1) % all.size();
                List<Begun> call = type.waiting.take();
                type.running++;
                type.runningWorks += call.size();
                return call;
            }
        }
        places--;
        return List.of();
    }

    private static void gaveBack(List<Begun> call) {
        HandledType type = call.get(0).type();
        type.running--;
        type.runningWorks -= call.size();
    }

    /** Notes that a call runs no more. Returns false if that was noted before: one caller gets true. */
    private boolean ends(List<Begun> call) {
        boolean isFirst = running.remove(call.get(0));
        if (isFirst) {
            running.removeAll(call);
        }
        return isFirst;
    }

    /**
     * Replaces the worker of a handler that ignores its interrupt, unless too many were replaced.
     *
     * @return the works of the call whose runs were given up: the caller stores their outcomes
     */
    List<Begun> replace(Begun begun) {
        List<Begun> call = begun.call();
        synchronized (this) {
            if (stuck >= maxStuck || !ends(call)) {
                return List.of();
            }
            stuck++;
            gaveBack(call);
            if (begun.type().isAsync()) {
                async.setMaximumPoolSize(async.getMaximumPoolSize() + 1);
                async.setCorePoolSize(async.getCorePoolSize() + 1);
            } else {
                places--;
            }
        }
        List<Begun> givenUp = call.stream().filter(Begun::giveUp).toList();
        restart();
        return givenUp;
    }

    /** Starts a worker if works wait and there is a place. */
    private void restart() {
        synchronized (this) {
            boolean isNeeded = places < concurrency
                    && types.all().stream().anyMatch(type -> !type.isAsync() && !type.waiting.isEmpty());
            if (!isNeeded) {
                return;
            }
            places++;
        }
        threads.execute(this::work);
    }

    /** Returns the works whose handlers run. */
    Collection<Begun> running() {
        return running;
    }

    /** Returns how many works of a type run or wait for a worker. */
    synchronized int inProcess(HandledType type) {
        return type.runningWorks + type.waiting.size();
    }

    /** Returns how many calls of the handler of a type run. */
    synchronized int running(HandledType type) {
        return type.running;
    }

    /** Returns how many works of a type wait for a worker. */
    synchronized int waiting(HandledType type) {
        return type.waiting.size();
    }

    /** Returns whether no work runs or waits for a worker. */
    synchronized boolean isIdle() {
        return types.all().stream().allMatch(type -> type.running == 0 && type.waiting.isEmpty());
    }

    /**
     * Returns how many more works of a type could begin at once: those for which calls have room that wait for further
     * works, and those of the places that are free.
     */
    synchronized int free(HandledType type) {
        if (type.isAsync()) {
            return type.limit(concurrency) - type.running - type.waiting.size();
        }
        int taken = types.all().stream()
                .filter(each -> !each.isAsync())
                .mapToInt(each -> each.running + each.waiting.full())
                .sum();
        int free = Math.min(type.limit(concurrency) - type.running - type.waiting.full(), concurrency - taken);
        if (!type.isBatched()) {
            return free;
        }
        int room = type.waiting.roomInLast();
        return Math.max(0, room == 0 ? free * type.batchSize() : (free - 1) * type.batchSize() + room);
    }

    /** Returns how many handlers were given up that have not ended. */
    synchronized int stuck() {
        return stuck;
    }

    /** Takes the works back that no worker has begun. */
    synchronized List<Begun> withdraw() {
        var works = new ArrayList<Begun>();
        for (HandledType type : types.all()) {
            type.waiting.drain().stream().filter(Begun::giveUp).forEach(works::add);
        }
        return works;
    }

    /** Takes the works of a type back that no worker has begun. */
    synchronized List<Begun> withdraw(HandledType type) {
        return type.waiting.drain().stream().filter(Begun::giveUp).toList();
    }

    /** Takes the works of a type back that no worker has begun and that fit. */
    synchronized List<Begun> withdraw(HandledType type, Predicate<Begun> fits) {
        return type.waiting.drain(fits).stream().filter(Begun::giveUp).toList();
    }

    /** Takes the works of a type back that have waited too long for a worker. */
    synchronized List<Begun> late(HandledType type) {
        return type.waiting.drainLate(nanos.getAsLong()).stream()
                .filter(Begun::giveUp)
                .toList();
    }

    /** Lets the threads end. */
    void close() {
        threads.shutdown();
        async.shutdown();
    }
}
