package dev.sluice.bridge.jobs;

import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.letters.DeadLetterJobRunner;
import dev.sluice.queue.letters.DeadLetterJobs;
import dev.sluice.queue.letters.ErrorGroups;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Does the jobs on dead letters. Of several bridges on one database, one does a job, and another takes it over if that
 * one dies. Also computes the shapes of errors that an older version has stored, and deletes old jobs. One thread of
 * its own.
 */
public final class DeadLetterRuns implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(DeadLetterRuns.class);

    /** Time between two looks for jobs. */
    private static final Duration IDLE = Duration.ofSeconds(1);

    /** Time between two looks for errors without a shape, while there are none. */
    private static final long FOLD_NANOS = TimeUnit.SECONDS.toNanos(10);

    private static final long PRUNE_NANOS = TimeUnit.HOURS.toNanos(1);
    private static final long STOP_SECONDS = 5;

    private final DeadLetterJobRunner runner;
    private final DeadLetterJobs jobs;
    private final ErrorGroups groups;
    private final Duration kept;
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread thread = Threads.daemon("sluice-dead-letter-jobs", this::run);
    private long nextFoldNanos = System.nanoTime();
    private long nextPruneNanos = System.nanoTime();
    private boolean failing;

    /**
     * Makes it; {@link #start} begins.
     *
     * @param runner nobody else uses it
     * @param kept how long a job is kept after its end
     */
    public DeadLetterRuns(DeadLetterJobRunner runner, DeadLetterJobs jobs, ErrorGroups groups, Duration kept) {
        this.runner = runner;
        this.jobs = jobs;
        this.groups = groups;
        this.kept = kept;
    }

    /** Begins to look for jobs. */
    public void start() {
        thread.start();
    }

    private void run() {
        try {
            Duration wait = Duration.ZERO;
            while (!closed.await(wait.toNanos(), TimeUnit.NANOSECONDS)) {
                wait = turn();
            }
        } catch (InterruptedException e) {
            log.debug("The service stops, jobs on dead letters are given back");
        } finally {
            runner.close();
        }
    }

    private Duration turn() {
        try {
            Duration wait = runner.turn(IDLE);
            Duration fold = fold();
            prune();
            if (failing) {
                failing = false;
                log.info("Jobs on dead letters run again");
            }
            return wait.compareTo(fold) < 0 ? wait : fold;
        } catch (QueueException e) {
            if (!failing) {
                failing = true;
                log.warn("Jobs on dead letters wait until the database answers reason={}", e.getMessage());
            }
        } catch (RuntimeException | Error e) { // An exception would end the thread.
            log.error("The jobs on dead letters failed, the next turn tries again", e);
        }
        return IDLE;
    }

    /** Computes some shapes, if the time has come. Rests as long as that took, while more are left. */
    private Duration fold() {
        long begun = System.nanoTime();
        if (begun - nextFoldNanos < 0) {
            return Duration.ofNanos(nextFoldNanos - begun);
        }
        boolean more = groups.fold();
        long now = System.nanoTime();
        nextFoldNanos = now + (more ? now - begun : FOLD_NANOS);
        return Duration.ofNanos(nextFoldNanos - now);
    }

    private void prune() {
        long now = System.nanoTime();
        if (now - nextPruneNanos >= 0) {
            nextPruneNanos = now + PRUNE_NANOS;
            long pruned = jobs.prune(kept);
            if (pruned > 0) {
                log.info("Deleted old jobs on dead letters jobs={}", pruned);
            }
        }
    }

    /** Waits some seconds for the end of a step, then interrupts it. Jobs go on in another process. */
    @Override
    public void close() {
        closed.countDown();
        try {
            thread.join(TimeUnit.SECONDS.toMillis(STOP_SECONDS));
            thread.interrupt();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
