package dev.sluice.work.engine;

import dev.sluice.work.Batching;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The works of a type that were claimed and have not started, in the order in which they were claimed, and the choice
 * of those that run in one call. Guarded by {@link Workers}.
 *
 * <p>A work with a crash runs in a call of its own: if it kills the process again, no other work of its call is
 * suspected. A call has no two works with the same key.
 */
final class Waiting {
    private static final long LATE_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final Batching batching;
    private final ArrayDeque<Begun> works = new ArrayDeque<>();

    Waiting(Batching batching) {
        this.batching = batching;
    }

    int size() {
        return works.size();
    }

    boolean isEmpty() {
        return works.isEmpty();
    }

    void addAll(Collection<Begun> added) {
        works.addAll(added);
    }

    /** Returns how many calls the works fill, without those of a call that has room. */
    int full() {
        return works.size() / batching.size();
    }

    /** Returns how many works fit into the last call besides those that wait for it. */
    int roomInLast() {
        int last = works.size() % batching.size();
        return last == 0 ? 0 : batching.size() - last;
    }

    /** Returns whether a call may start: it is full, its first work has lingered, or runs alone. */
    boolean isReady(long now) {
        Begun first = works.peek();
        return first != null
                && (works.size() >= batching.size() || first.crashes() > 0 || now - lingersUntil(first) >= 0);
    }

    /** Returns about how many calls may start. */
    int ready(long now) {
        return isReady(now) ? Math.max(1, full()) : 0;
    }

    /** Returns when a call may start that may not start now; null: none. */
    @Nullable
    Long nextNanos(long now) {
        Begun first = works.peek();
        return first == null || isReady(now) ? null : lingersUntil(first);
    }

    private long lingersUntil(Begun first) {
        return first.claimedNanos() + batching.linger().toNanos();
    }

    /** Removes and returns the works of the next call. */
    List<Begun> take() {
        Begun first = works.remove();
        if (batching.size() == 1 || first.crashes() > 0) {
            return List.of(first);
        }
        var call = new ArrayList<Begun>(Math.min(batching.size(), works.size() + 1));
        var keys = new HashSet<String>();
        for (Begun next = first; next != null; next = works.peek()) {
            String key = next.key();
            boolean fits = call.isEmpty()
                    || (call.size() < batching.size() && next.crashes() == 0 && (key == null || !keys.contains(key)));
            if (!fits) {
                break;
            }
            if (!call.isEmpty()) {
                works.remove();
            }
            call.add(next);
            if (key != null) {
                keys.add(key);
            }
        }
        return call;
    }

    /** Returns when the first work is late: an engine with a free worker would have begun it. Null: none waits. */
    @Nullable
    Long lateNanos() {
        Begun first = works.peek();
        return first == null ? null : lingersUntil(first) + LATE_NANOS;
    }

    /** Removes and returns the works that are late. */
    List<Begun> drainLate(long now) {
        var late = new ArrayList<Begun>();
        for (Long at = lateNanos(); at != null && now - at >= 0; at = lateNanos()) {
            late.add(works.remove());
        }
        return late;
    }

    /** Removes and returns the works that fit. */
    List<Begun> drain(Predicate<Begun> fits) {
        var drained = works.stream().filter(fits).toList();
        works.removeIf(drained::contains);
        return drained;
    }

    /** Removes and returns all works. */
    List<Begun> drain() {
        var all = List.copyOf(works);
        works.clear();
        return all;
    }
}
