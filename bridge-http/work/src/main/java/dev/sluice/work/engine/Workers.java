package dev.sluice.work.engine;

import dev.sluice.work.Handler;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.run.Runner;
import dev.sluice.work.run.Verdict;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The pool of workers: runs the works that the dispatcher adds, at most {@code concurrency} at a time. A worker is a
 * task that takes works until none is left. A worker whose handler ignores its interrupt is replaced: its place goes to
 * another thread.
 */
final class Workers {
    private final int concurrency;
    private final int maxStuck;
    private final List<HandledType> types;
    private final ExecutorService threads = WorkThreads.forHandlers();
    private final Set<Begun> running = ConcurrentHashMap.newKeySet();
    private final Runner runner;
    private final Events events;
    private final Consumer<Ended> ended;

    /** Places that are taken. A stuck handler gives its place up if there is another one to replace it with. */
    private int places;

    private int stuck;
    private int next;

    /**
     * Makes a pool without works.
     *
     * @param maxStuck most workers that are replaced
     * @param ended gets each work whose run has ended, on the thread of its worker
     */
    Workers(
            int concurrency,
            int maxStuck,
            Collection<HandledType> types,
            Runner runner,
            Events events,
            Consumer<Ended> ended) {
        this.concurrency = concurrency;
        this.maxStuck = maxStuck;
        this.types = List.copyOf(types);
        this.runner = runner;
        this.events = events;
        this.ended = ended;
    }

    /** Adds works of a type. */
    void add(HandledType type, List<Begun> works) {
        int start;
        synchronized (this) {
            type.waiting.addAll(works);
            start = Math.min(works.size(), concurrency - places);
            places += Math.max(0, start);
        }
        for (int i = 0; i < start; i++) {
            try {
                threads.execute(this::work);
            } catch (RejectedExecutionException | OutOfMemoryError e) {
                synchronized (this) {
                    places -= start - i;
                }
                throw e;
            }
        }
    }

    /** Takes works until none is left that may run. */
    private void work() {
        for (Begun begun = take(null); begun != null; begun = take(begun)) {
            running.add(begun);
            Verdict verdict = begun.start() ? run(begun) : null;
            boolean counts = begun.end();
            if (verdict != null && counts) {
                ended.accept(new Ended(begun, verdict)); // Before a close could see that nothing runs.
            }
            if (!running.remove(begun)) {
                synchronized (this) {
                    stuck--;
                }
                return; // This worker was replaced.
            }
        }
    }

    private Verdict run(Begun begun) {
        events.tell(WorkEvent.Kind.STARTED, begun, null);
        return runner.run((Handler) begun.handler(), begun, begun.type()::ran);
    }

    /** Gives a place back if there was one, and returns the next work; null if no work may run. */
    private synchronized @Nullable Begun take(@Nullable Begun last) {
        if (last != null) {
            last.type().running--;
        }
        for (int i = 0; i < types.size(); i++) {
            HandledType type = types.get((next + i) % types.size());
            if (!type.waiting.isEmpty() && type.running < type.limit(concurrency)) {
                next = (next + i + 1) % types.size();
                type.running++;
                return type.waiting.poll();
            }
        }
        places--;
        return null;
    }

    /**
     * Replaces the worker of a handler that ignores its interrupt, unless too many were replaced.
     *
     * @return whether the run was given up: the caller stores its outcome
     */
    boolean replace(Begun begun) {
        synchronized (this) {
            if (stuck >= maxStuck || !running.remove(begun)) {
                return false;
            }
            stuck++;
            places--;
            begun.type().running--;
        }
        boolean counts = begun.giveUp();
        restart();
        return counts;
    }

    /** Starts a worker if works wait and there is a place. */
    private void restart() {
        synchronized (this) {
            boolean isNeeded = places < concurrency && types.stream().anyMatch(type -> !type.waiting.isEmpty());
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
        return type.running + type.waiting.size();
    }

    /** Returns how many handlers of a type run. */
    synchronized int running(HandledType type) {
        return type.running;
    }

    /** Returns how many works of a type wait for a worker. */
    synchronized int waiting(HandledType type) {
        return type.waiting.size();
    }

    /** Returns how many works run or wait for a worker. */
    synchronized int inProcess() {
        return types.stream()
                .mapToInt(type -> type.running + type.waiting.size())
                .sum();
    }

    /** Returns how many handlers were given up that have not ended. */
    synchronized int stuck() {
        return stuck;
    }

    /** Takes the works back that no worker has begun. */
    synchronized List<Begun> withdraw() {
        var works = new ArrayList<Begun>();
        for (HandledType type : types) {
            type.waiting.stream().filter(Begun::giveUp).forEach(works::add);
            type.waiting.clear();
        }
        return works;
    }

    /** Lets the threads end. */
    void close() {
        threads.shutdown();
    }
}
