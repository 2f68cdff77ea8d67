package dev.sluice.bridge.pop;

import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/** The waiting requests on one target. Guarded by the dispatcher's lock. */
final class PopLane {
    /** Transactions of a lane at a time when any partition will do: they take different ones. */
    private static final int RUNS_PER_OPEN_LANE = 2;

    final PopTarget target;
    /** In order of arrival. Those in flight stay until their transaction is over. */
    final Set<Waiter> waiters = new LinkedHashSet<>();

    final int maxRuns;
    int runs;
    int inFlight;
    /** Something happened since the last run began. */
    boolean due;

    long lastRunNanos;

    @Nullable
    Future<?> timer;

    long timerNanos;

    PopLane(PopTarget target) {
        this.target = target;
        this.maxRuns = target.isOnePartition() ? 1 : RUNS_PER_OPEN_LANE;
    }

    /** A request with the answer it will get. Guarded by the dispatcher's lock. */
    static final class Waiter {
        final PopRequest request;
        final PopDispatcher.Client client;
        final long arrivedNanos;
        final long deadlineNanos;
        final boolean parks;
        final CompletableFuture<PopResult> answer = new CompletableFuture<>();
        boolean inFlight;
        /** Its answer is decided, whether or not it was given yet. */
        boolean isAnswered;

        @Nullable
        Future<?> alarm;

        Waiter(PopRequest request, PopDispatcher.Client client, long arrivedNanos, Duration patience, boolean parks) {
            this.request = request;
            this.client = client;
            this.arrivedNanos = arrivedNanos;
            this.deadlineNanos = arrivedNanos + patience.toNanos();
            this.parks = parks;
        }
    }

    /** Returns whether somebody waits that no run serves. */
    boolean hasIdleWaiters() {
        return waiters.size() > inFlight;
    }

    /**
     * Takes those whose turn it is.
     *
     * @param most how many at most
     * @param gone gets those who need no answer any more; they stay
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

    /**
     * Those who do not wait and came before this run, beyond what it can serve: if it finds too little, so would they.
     */
    List<Waiter> bystanders() {
        if (!hasIdleWaiters()) {
            return List.of();
        }
        var present = new ArrayList<Waiter>();
        for (Waiter waiter : waiters) {
            if (!waiter.inFlight && !waiter.parks) {
                present.add(waiter);
            }
        }
        return present;
    }
}
