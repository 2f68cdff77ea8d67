package dev.sluice.bridge.pop;

import dev.sluice.queue.PopTarget;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The pop requests that wait on one target. Guarded by the waiting room's lock. */
final class WaitingList {
    /** Concurrent runs if any partition will do: they take different partitions. */
    private static final int RUNS_ON_ANY_PARTITION = 2;
    /** Most rest after a run. */
    private static final long LONGEST_REST_NANOS = TimeUnit.MILLISECONDS.toNanos(5);
    /** Time of a run after which another one may start beside it. */
    static final Duration PATIENCE = Duration.ofMillis(100);

    final PopTarget target;
    /** In order of arrival. Waiters in flight stay until their run ends. */
    final Set<Waiter> waiters = new LinkedHashSet<>();

    private final int maxRuns;
    int runs;
    int inFlight;
    /** There may be messages that no run has looked for. */
    boolean due = true;
    /** The last run did not find messages for all its waiters. */
    private boolean isShort;
    /** The end of the rest after a run that came back short. */
    long restNanos;

    long lastRunNanos;

    Timers.@Nullable Timer timer;

    long timerNanos;

    /**
     * One transaction for a waiting list. Every run ends exactly once.
     *
     * @param list the list
     * @param served the waiters it pops for
     * @param bystanders see {@link #bystanders}
     */
    record Run(WaitingList list, List<Waiter> served, List<Waiter> bystanders) {}

    WaitingList(PopTarget target) {
        this.target = target;
        this.maxRuns = target.isOnePartition() ? 1 : RUNS_ON_ANY_PARTITION;
    }

    /**
     * Returns how many runs there may be at once. While messages come no faster than they are popped it is one: what
     * comes during a run is collected for the next one. But a run that hangs does not hold up the others.
     */
    int maxRuns(long now) {
        return isShort && now - lastRunNanos < PATIENCE.toNanos() ? 1 : maxRuns;
    }

    /** Notes the end of a run. */
    void ran(boolean cameBackShort, long now) {
        isShort = cameBackShort;
        restNanos = now + Math.min(now - lastRunNanos, LONGEST_REST_NANOS);
    }

    /** Returns whether the next run has to wait. */
    boolean rests(long now) {
        return isShort && restNanos - now > 0;
    }

    /** Makes the list due, and ends its rest. */
    void lookNow() {
        due = true;
        restNanos = lastRunNanos;
    }

    /**
     * Adds a waiter. If the last run came back short, one that waits need not look again. Any other makes the list due.
     */
    void add(Waiter waiter) {
        waiters.add(waiter);
        if (!waiter.waits || !isShort) {
            lookNow();
        }
    }

    /** Returns whether there is a waiter that no run serves. */
    boolean hasIdleWaiters() {
        return waiters.size() > inFlight;
    }

    /**
     * Takes the oldest idle waiters into flight.
     *
     * @param most how many at most
     * @param gone receives the waiters whose client is gone; they stay in the list
     */
    List<Waiter> take(int most, List<Waiter> gone) {
        var taken = new ArrayList<Waiter>();
        for (Waiter waiter : waiters) {
            if (taken.size() == most) {
                break;
            }
            if (waiter.inFlight) {
                continue;
            }
            if (waiter.client.isGone()) {
                gone.add(waiter);
            } else {
                waiter.inFlight = true;
                taken.add(waiter);
            }
        }
        inFlight += taken.size();
        return taken;
    }

    /** Notes that no run serves the waiter any more. */
    void land(Waiter waiter) {
        if (waiter.inFlight && waiters.contains(waiter)) {
            inFlight--;
        }
        waiter.inFlight = false;
    }

    /** Removes a waiter. Returns whether it was here. */
    boolean remove(Waiter waiter) {
        boolean removed = waiters.remove(waiter);
        inFlight -= removed && waiter.inFlight ? 1 : 0;
        return removed;
    }

    /**
     * Returns the requests that are queued before a run but are not part of it. If the run comes back short, a query of
     * their own would find nothing either.
     */
    List<Waiter> bystanders() {
        return hasIdleWaiters()
                ? waiters.stream().filter(waiter -> !waiter.inFlight).toList()
                : List.of();
    }
}
