package dev.sluice.bridge.pop;

import dev.sluice.queue.Message;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
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
 * Gives back messages that were popped and reached nobody. While the database is away it tries again every second. A lease
 * that cannot be given back ends by itself; messages popped with auto-ack do not come back otherwise, so those are kept until
 * they are given back or the service stops.
 *
 * <p>Any thread may call.
 */
final class GiveBacks {
    private static final Logger log = LoggerFactory.getLogger(GiveBacks.class);

    private static final long RETRY_MILLIS = 1000;
    /** Tries for a lease. Afterwards it has nearly ended, whatever its length. */
    private static final int LEASE_TRIES = 30;

    private final PopDispatcher.Return giveBack;
    private final Executor workers;
    private final ScheduledExecutorService clock;
    private final Consumer<String> wake;
    private final Set<PopResult> kept = new HashSet<>();

    GiveBacks(PopDispatcher.Return giveBack, Executor workers, ScheduledExecutorService clock, Consumer<String> wake) {
        this.giveBack = giveBack;
        this.workers = workers;
        this.clock = clock;
        this.wake = wake;
    }

    /** Gives back on a worker. */
    void later(PopTarget target, PopResult result) {
        keep(result);
        execute(target, result, 1);
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

    private void done(PopResult result) {
        synchronized (kept) {
            kept.remove(result);
        }
    }

    private void execute(PopTarget target, PopResult result, int attempt) {
        try {
            workers.execute(() -> attempt(target, result, attempt));
        } catch (RejectedExecutionException e) {
            log.debug("The service stops; messages that reached nobody are not given back target={}", target, e);
        }
    }

    private void attempt(PopTarget target, PopResult result, int attempt) {
        try {
            giveBack.giveBack(target, result);
            done(result);
            result.messages().stream().map(Message::queue).distinct().forEach(wake);
        } catch (QueueException e) {
            boolean mayWait = result.leaseId() == null || attempt < LEASE_TRIES;
            if (!e.isTransient() || !mayWait) {
                log.warn("Messages that reached nobody stay leased until the lease ends target={}", target, e);
                return;
            }
            log.debug("Messages that reached nobody could not be given back yet target={}", target, e);
            try {
                var unused =
                        clock.schedule(() -> execute(target, result, attempt + 1), RETRY_MILLIS, TimeUnit.MILLISECONDS);
            } catch (RejectedExecutionException stopping) {
                log.debug("The service stops; messages that reached nobody are not given back", stopping);
            }
        } catch (RuntimeException e) {
            log.warn("Messages that reached nobody could not be given back target={}", target, e);
        }
    }

    /** Names the messages that nobody gets any more, because the service stops before the database is back. */
    void close() {
        synchronized (kept) {
            for (PopResult result : kept) {
                lost(result, "the service stops before the database is back");
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
