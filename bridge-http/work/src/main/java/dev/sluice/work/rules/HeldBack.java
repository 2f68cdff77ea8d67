package dev.sluice.work.rules;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Requests that could not be written because transactions that are still open have entered idempotency keys of them. A
 * group of requests is divided until it is known which of them must wait. The caller tries one group at a time, so that
 * other requests wait for one try at most.
 *
 * @param <R> the type of a request
 */
public final class HeldBack<R> {
    /** How long a request waits for such a transaction. */
    public static final Duration LONGEST = Duration.ofSeconds(30);

    /** How long a request rests between two tries. */
    private static final Duration REST = Duration.ofMillis(100);

    private final LongSupplier nanos;

    /** Groups that are divided, and requests that rest, each in the order in which they are due. */
    private final Deque<Group<R>> groups = new ArrayDeque<>();

    private final Deque<Group<R>> resting = new ArrayDeque<>();

    public HeldBack(LongSupplier nanos) {
        this.nanos = nanos;
    }

    /**
     * Requests that are tried together.
     *
     * @param sinceNanos when they came
     * @param dueNanos when they are tried next, at the earliest
     */
    public record Group<R>(List<R> requests, long sinceNanos, long dueNanos) {}

    /** Adds requests that could not be written together. */
    public void add(List<R> requests) {
        held(new Group<>(requests, nanos.getAsLong(), nanos.getAsLong()));
    }

    /** Keeps a group that was tried and is still held. Returns whether it is given up: it has waited long enough. */
    public boolean held(Group<R> tried) {
        List<R> all = tried.requests();
        long now = nanos.getAsLong();
        if (all.size() > 1) {
            int half = all.size() / 2;
            groups.add(new Group<>(List.copyOf(all.subList(0, half)), tried.sinceNanos(), now));
            groups.add(new Group<>(List.copyOf(all.subList(half, all.size())), tried.sinceNanos(), now));
            return false;
        }
        if (now - tried.sinceNanos() >= LONGEST.toNanos()) {
            return true;
        }
        resting.add(new Group<>(all, tried.sinceNanos(), now + REST.toNanos()));
        return false;
    }

    /** Takes the group that is tried next; null: none is due. */
    public @Nullable Group<R> next() {
        Group<R> rested = resting.peek();
        Group<R> group = groups.peek();
        if (rested == null || nanos.getAsLong() - rested.dueNanos() < 0) {
            return groups.poll();
        }
        return group == null || rested.dueNanos() - group.dueNanos() < 0 ? resting.poll() : groups.poll();
    }

    /** Returns how long the caller may wait until a group is due, at most {@code most}. */
    public long waitMillis(long most) {
        if (!groups.isEmpty()) {
            return 0;
        }
        Group<R> first = resting.peek();
        return first == null
                ? most
                : Math.min(most, Math.max(0, TimeUnit.NANOSECONDS.toMillis(first.dueNanos() - nanos.getAsLong()) + 1));
    }

    /** Takes all requests. */
    public List<R> drain() {
        var all = new ArrayList<R>();
        resting.forEach(each -> all.addAll(each.requests()));
        groups.forEach(each -> all.addAll(each.requests()));
        resting.clear();
        groups.clear();
        return all;
    }
}
