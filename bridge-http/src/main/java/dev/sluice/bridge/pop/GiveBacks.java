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
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives back messages that were popped and reached nobody. While the database is away it tries again every second. A
 * lease that cannot be given back ends by itself; messages popped with auto-ack do not come back otherwise, so those
 * are kept until they are given back or the service stops.
 *
 * <p>Any thread may call.
 */
final class GiveBacks {
    private static final Logger log = LoggerFactory.getLogger(GiveBacks.class);

    private static final String STOPS = "the service stops before the database is back";

    private static final long RETRY_MILLIS = 1000;
    /** Tries for a lease. Afterwards it has nearly ended, whatever its length. */
    private static final int LEASE_TRIES = 30;

    private final PopDispatcher.Return giveBack;
    private final PopDispatcher.Outcomes outcomes;
    private final Executor workers;
    private final ScheduledExecutorService clock;
    private final Consumer<String> wake;
    private final Set<PopResult> kept = new HashSet<>();

    GiveBacks(
            PopDispatcher.Return giveBack,
            PopDispatcher.Outcomes outcomes,
            Executor workers,
            ScheduledExecutorService clock,
            Consumer<String> wake) {
        this.giveBack = giveBack;
        this.outcomes = outcomes;
        this.workers = workers;
        this.clock = clock;
        this.wake = wake;
    }

    /** Gives back on a worker. */
    void later(PopTarget target, PopResult result) {
        keep(result);
        execute(result, () -> attempt(target, result, 1));
    }

    /** Gives back now; blocks. */
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

    private boolean done(PopResult result) {
        synchronized (kept) {
            return kept.remove(result);
        }
    }

    private void attempt(PopTarget target, PopResult result, int attempt) {
        try {
            giveBack.giveBack(target, result);
            given(result);
        } catch (OutcomeUnknownException e) {
            log.debug("It is unknown whether messages that reached nobody were given back target={}", target, e);
            pause(result, () -> settle(target, result, e, attempt));
        } catch (QueueException e) {
            boolean mayWait = result.leaseId() == null || attempt < LEASE_TRIES;
            if (!e.isTransient() || !mayWait) {
                refused(target, result, e);
                return;
            }
            log.debug("Messages that reached nobody could not be given back yet target={}", target, e);
            pause(result, () -> attempt(target, result, attempt + 1));
        } catch (RuntimeException e) {
            refused(target, result, e);
        }
    }

    private void refused(PopTarget target, PopResult result, RuntimeException reason) {
        if (done(result)) {
            lost(result, String.valueOf(reason.getMessage()));
        } else {
            log.warn("Messages that reached nobody stay leased until the lease ends target={}", target, reason);
        }
    }

    private void given(PopResult result) {
        var unused = done(result);
        result.messages().stream().map(Message::queue).distinct().forEach(wake);
    }

    /**
     * Finds out whether an attempt was committed. To try again without knowing could give back what another consumer
     * has popped since, which would then be delivered twice.
     */
    private void settle(PopTarget target, PopResult result, OutcomeUnknownException unknown, int attempt) {
        CommitOutcome outcome;
        try {
            outcome = outcomes.outcomeOf(unknown);
        } catch (RuntimeException e) {
            log.debug("The outcome of giving back cannot be asked for now target={}", target, e);
            outcome = CommitOutcome.PENDING;
        }
        switch (outcome) {
            case COMMITTED -> given(result);
            case ROLLED_BACK -> attempt(target, result, attempt + 1);
            case PENDING -> pause(result, () -> settle(target, result, unknown, attempt));
            case LOST -> {
                if (done(result)) {
                    lost(result, "the server does not know any more whether they were put back");
                }
            }
        }
    }

    private void pause(PopResult result, Runnable next) {
        try {
            var unused = clock.schedule(() -> execute(result, next), RETRY_MILLIS, TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
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
        if (done(result)) {
            lost(result, STOPS);
        }
    }

    /** Names the messages that nobody gets any more, because the service stops before the database is back. */
    void close() {
        synchronized (kept) {
            for (PopResult result : kept) {
                lost(result, STOPS);
            }
            kept.clear();
        }
    }

    /** Names messages that were consumed and reached nobody, for the operator. */
    static void lost(PopResult result, String reason) {
        log.error(
                "Messages popped with auto-ack reached nobody and could not be put back; seek the group back if it needs"
                        + " them reason={} messages={}",
                reason,
                result.messages().stream()
                        .map(message -> message.queue() + "/" + message.partition() + "/" + message.transactionId())
                        .collect(Collectors.joining(", ")));
    }
}
