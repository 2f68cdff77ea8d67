package dev.sluice.bridge.pop;

import dev.sluice.queue.Message;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.CommitOutcome;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives back popped messages that reached no client. While the database fails it tries again every second.
 *
 * <p>A lease that cannot be given back expires by itself. Messages popped with auto-ack have no lease: they are kept
 * until they are given back or the service stops, and logged if they are lost.
 *
 * <p>Any thread may call.
 */
final class GiveBacks {
    private static final Logger log = LoggerFactory.getLogger(GiveBacks.class);

    private static final String STOPS = "the service stops before the database is back";

    private static final long RETRY_MILLIS = 1000;
    /** Tries for a lease. Afterwards it has nearly expired, whatever its length. */
    private static final int LEASE_TRIES = 30;

    private final PopDispatcher.Return giveBack;
    private final PopDispatcher.Outcomes outcomes;
    private final Executor workers;
    private final Timers timers;
    private final Consumer<String> wake;
    /** Messages popped with auto-ack that are not given back yet. */
    private final Set<PopResult> kept = new HashSet<>();

    GiveBacks(
            PopDispatcher.Return giveBack,
            PopDispatcher.Outcomes outcomes,
            Executor workers,
            Timers timers,
            Consumer<String> wake) {
        this.giveBack = giveBack;
        this.outcomes = outcomes;
        this.workers = workers;
        this.timers = timers;
        this.wake = wake;
    }

    /** Gives back on a worker. */
    void later(PopTarget target, PopResult result) {
        keep(result);
        execute(result, () -> attempt(target, result, 1));
    }

    /** Gives back on this thread. Blocks. */
    void now(PopTarget target, PopResult result) {
        keep(result);
        attempt(target, result, 1);
    }

    private void keep(PopResult result) {
        if (result.leaseId() == null) {
            synchronized (kept) {
                kept.add(result);
            }
        }
    }

    private boolean release(PopResult result) {
        synchronized (kept) {
            return kept.remove(result);
        }
    }

    private void attempt(PopTarget target, PopResult result, int attempt) {
        try {
            giveBack.giveBack(target, result);
            given(result);
        } catch (OutcomeUnknownException e) {
            log.debug("The outcome of giving messages back is unknown, asking for it target={}", target, e);
            pause(result, () -> askOutcome(target, result, e, attempt));
        } catch (QueueException e) {
            boolean mayRetry = result.leaseId() == null || attempt < LEASE_TRIES;
            if (!e.isTransient() || !mayRetry) {
                refused(target, result, e);
                return;
            }
            log.debug("Could not give messages back, trying again target={}", target, e);
            pause(result, () -> attempt(target, result, attempt + 1));
        } catch (RuntimeException e) {
            refused(target, result, e);
        }
    }

    private void refused(PopTarget target, PopResult result, RuntimeException reason) {
        if (release(result)) {
            lost(result, String.valueOf(reason.getMessage()));
        } else {
            log.warn("Messages that reached nobody stay leased until the lease ends target={}", target, reason);
        }
    }

    private void given(PopResult result) {
        var unused = release(result);
        result.messages().stream().map(Message::queue).distinct().forEach(wake);
    }

    /**
     * Asks whether an attempt was committed. A second attempt without the answer could give back messages that another
     * consumer has popped since, which would then be delivered twice.
     */
    private void askOutcome(PopTarget target, PopResult result, OutcomeUnknownException unknown, int attempt) {
        CommitOutcome outcome;
        try {
            outcome = outcomes.outcomeOf(unknown);
        } catch (RuntimeException e) {
            log.debug("Could not ask for the outcome of giving back, asking again target={}", target, e);
            outcome = CommitOutcome.PENDING;
        }
        switch (outcome) {
            case COMMITTED -> given(result);
            case ROLLED_BACK -> attempt(target, result, attempt + 1);
            case PENDING -> pause(result, () -> askOutcome(target, result, unknown, attempt));
            case LOST -> {
                if (release(result)) {
                    lost(result, "the server does not know any more whether they were put back");
                }
            }
        }
    }

    private void pause(PopResult result, Runnable next) {
        long nanos = TimeUnit.MILLISECONDS.toNanos(RETRY_MILLIS);
        if (timers.after(nanos, () -> execute(result, next)) == null) {
            stopped(result);
        }
    }

    private void execute(PopResult result, Runnable task) {
        try {
            workers.execute(task);
        } catch (RejectedExecutionException e) {
            stopped(result);
        }
    }

    private void stopped(PopResult result) {
        if (release(result)) {
            lost(result, STOPS);
        }
    }

    /** Logs the messages that are lost because the service stops before the database is back. */
    void close() {
        synchronized (kept) {
            for (PopResult result : kept) {
                lost(result, STOPS);
            }
            kept.clear();
        }
    }

    /** Logs messages that were consumed and reached nobody, for the operator. */
    static void lost(PopResult result, String reason) {
        log.error(
                "Messages popped with auto-ack reached nobody and could not be put back; seek the group back if it"
                        + " needs them reason={} messages={}",
                reason,
                result.messages().stream()
                        .map(message -> message.queue() + "/" + message.partition() + "/" + message.transactionId())
                        .collect(Collectors.joining(", ")));
    }
}
