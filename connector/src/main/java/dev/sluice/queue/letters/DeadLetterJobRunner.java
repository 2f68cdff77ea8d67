package dev.sluice.queue.letters;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.admin.DeadLetters;
import dev.sluice.queue.letters.DeadLetterJob.Action;
import dev.sluice.queue.letters.DeadLetterJob.Done;
import dev.sluice.queue.letters.DeadLetterJob.Refusal;
import dev.sluice.queue.letters.DeadLetterJobs.Advance;
import dev.sluice.queue.transact.Redrive;
import dev.sluice.queue.transact.Redrive.Verdict;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Does jobs of {@link DeadLetterJobs}, a few at a time, in steps. A step is one transaction: it moves or deletes some
 * letters, and stores in the row of the job how far the job is. The row is locked and names this runner, so a runner
 * that has lost a job to another one changes nothing. If a process dies, its leases end, and another process goes on
 * with the first letter that is not done. So each letter is moved once.
 *
 * <p>If a step fails because PostgreSQL refuses something, the next step has half as many letters, down to one: a
 * letter that cannot be moved is refused alone. If PostgreSQL cannot be reached, the step is tried again.
 *
 * <p>Owned by one thread.
 */
public final class DeadLetterJobRunner implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(DeadLetterJobRunner.class);

    /** How long a job of a process that died waits for another one. */
    public static final Duration LEASE = Duration.ofSeconds(15);

    /** Most jobs that a runner does at a time, in turns. */
    static final int MAX_JOBS = 4;

    /** Most letters of a step. */
    static final int STEP = 500;

    /** How long a job with a rate may do nothing before its next step. */
    private static final double LONGEST_GAP_S = 0.5;

    private static final long FAILED_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final DeadLetterJobs jobs;
    private final DeadLetters letters;
    private final Redrive redrive;
    private final Consumer<Set<String>> wake;
    private final Duration lease;
    private final LongSupplier nanos;
    private final UUID owner = UUID.randomUUID();
    private final List<Held> held = new ArrayList<>();

    /** A job that this runner has. */
    private static final class Held {
        private final DeadLetterJob job;
        private long position;
        private int refused;
        private boolean isCancelled;
        private int step;
        private long dueNanos;

        Held(DeadLetterJob job, long now) {
            this.job = job;
            this.position = job.position();
            this.refused = job.errors().size();
            this.isCancelled = job.cancelRequested();
            this.step = STEP;
            this.dueNanos = now;
        }

        boolean redrives() {
            return job.order().action() == Action.REDRIVE;
        }

        /** Returns how many letters the next step may have. */
        int limit() {
            Integer rate = job.order().rate();
            return rate == null ? step : (int) Math.max(1, Math.min(step, rate * LONGEST_GAP_S));
        }

        /** Sets when the next step is due, after a step that began at a time and did some letters. */
        void did(long count, long begun) {
            Integer rate = job.order().rate();
            dueNanos = rate == null ? begun : begun + TimeUnit.SECONDS.toNanos(count) / rate;
        }
    }

    /** The letters of a step; the id up to which the job is then done; whether none is left behind them. */
    private record Next(List<Long> ids, long position, boolean isLast) {}

    /**
     * Makes a runner.
     *
     * @param redrive nobody else uses it
     * @param wake gets the queues that have new messages
     */
    public DeadLetterJobRunner(DeadLetterJobs jobs, DeadLetters letters, Redrive redrive, Consumer<Set<String>> wake) {
        this(jobs, letters, redrive, wake, LEASE, System::nanoTime);
    }

    DeadLetterJobRunner(
            DeadLetterJobs jobs,
            DeadLetters letters,
            Redrive redrive,
            Consumer<Set<String>> wake,
            Duration lease,
            LongSupplier nanos) {
        this.jobs = jobs;
        this.letters = letters;
        this.redrive = redrive;
        this.wake = wake;
        this.lease = lease;
        this.nanos = nanos;
    }

    /**
     * Takes jobs, and does one step of each job that is due.
     *
     * @param idle how long to wait if there is nothing to do
     * @return how long to wait before the next call
     * @throws QueueException if PostgreSQL failed and this runner has no job
     */
    public Duration turn(Duration idle) {
        if (held.size() < MAX_JOBS) {
            for (DeadLetterJob job : jobs.claim(owner, lease, MAX_JOBS - held.size())) {
                log.info("Runs a job on dead letters job={} action={} letters={}", job.id(), action(job), job.total());
                held.removeIf(each -> each.job.id() == job.id()); // Its lease had ended. What is stored counts.
                held.add(new Held(job, nanos.getAsLong()));
            }
        }
        for (Held each : List.copyOf(held)) {
            if (each.dueNanos - nanos.getAsLong() <= 0) {
                run(each);
            }
        }
        long wait = idle.toNanos();
        long now = nanos.getAsLong();
        for (Held each : held) {
            wait = Math.min(wait, Math.max(0, each.dueNanos - now));
        }
        return Duration.ofNanos(wait);
    }

    private static String action(DeadLetterJob job) {
        return job.order().action() == Action.REDRIVE ? "redrive" : "delete";
    }

    /** Does a step. Keeps the job if that fails. */
    private void run(Held job) {
        long begun = nanos.getAsLong();
        try {
            if (job.isCancelled) {
                finish(job);
                return;
            }
            Next next = next(job, job.limit());
            long position = job.position;
            Optional<Boolean> cancelled = next.ids().isEmpty() ? skip(job, next) : doLetters(job, next);
            if (cancelled.isEmpty()) {
                lose(job);
                return;
            }
            job.step = Math.min(STEP, job.step * 2);
            job.isCancelled = cancelled.get();
            long done = next.ids().stream()
                    .filter(id -> id > position && id <= job.position)
                    .count();
            job.did(done, begun);
            if (!job.isCancelled && next.isLast() && job.position >= next.position()) {
                finish(job);
            }
        } catch (QueueException e) {
            failed(job, e, begun);
        }
    }

    /** Returns the letters of the next step. */
    private Next next(Held job, int limit) {
        List<Long> ids = job.job.order().letters();
        if (ids == null) {
            DeadLetters.Slice slice = letters.next(job.job.order().filter(), job.position, job.job.lastLetter(), limit);
            Long through = slice.through();
            return new Next(slice.ids(), through == null ? job.position : through, through == null);
        }
        List<Long> left = ids.stream().filter(id -> id > job.position).toList();
        List<Long> some = left.subList(0, Math.min(limit, left.size()));
        long last = some.isEmpty() ? job.position : some.get(some.size() - 1);
        return new Next(some, last, some.size() == left.size());
    }

    /** Goes past letters that do not match. */
    private Optional<Boolean> skip(Held job, Next next) {
        if (next.position() == job.position) {
            return Optional.of(job.isCancelled);
        }
        Optional<Boolean> cancelled =
                jobs.advance(job.job.id(), owner, lease, new Advance(next.position(), Done.NOTHING, List.of()));
        job.position = next.position();
        return cancelled;
    }

    private Optional<Boolean> doLetters(Held job, Next next) {
        if (!job.redrives()) {
            Optional<Boolean> cancelled = jobs.delete(job.job.id(), owner, lease, next.ids(), next.position());
            job.position = next.position();
            return cancelled;
        }
        record Stored(boolean isCancelled, Advance advance) {}
        var stored = new AtomicReference<Optional<Stored>>(Optional.empty());
        Optional<Redrive.Step> step;
        try {
            step = redrive.step(next.ids(), job.job.order().target(), (connection, done) -> {
                Advance advance = advance(job, next, done);
                stored.set(jobs.advance(connection, job.job.id(), owner, lease, advance)
                        .map(isCancelled -> new Stored(isCancelled, advance)));
                return stored.get().isPresent();
            });
        } finally {
            redrive.close(); // The pool may have one connection for this thread.
        }
        if (step.isPresent() && !step.get().queues().isEmpty()) {
            wake.accept(step.get().queues());
        }
        Optional<Stored> result = step.isPresent() ? stored.get() : Optional.empty();
        result.ifPresent(done -> {
            job.position = done.advance().position();
            job.refused += done.advance().errors().size();
        });
        return result.map(Stored::isCancelled);
    }

    private static Advance advance(Held job, Next next, Redrive.Step step) {
        boolean isAll = step.verdicts().size() == next.ids().size();
        var errors = new ArrayList<Refusal>();
        step.refusals().forEach((id, reason) -> {
            if (job.refused + errors.size() < DeadLetterJobs.MAX_ERRORS) {
                errors.add(new Refusal(id, reason));
            }
        });
        return new Advance(
                isAll ? next.position() : step.verdicts().lastKey(),
                new Done(
                        step.count(Verdict.MOVED),
                        step.count(Verdict.DUPLICATE),
                        0,
                        step.count(Verdict.GONE),
                        step.count(Verdict.REFUSED)),
                errors);
    }

    private void failed(Held job, QueueException failure, long begun) {
        job.dueNanos = begun + FAILED_NANOS;
        String reason = String.valueOf(failure.getMessage());
        log.warn("A step of a job on dead letters failed and is tried again job={} reason={}", job.job.id(), reason);
        boolean isOfOne = job.limit() == 1;
        try {
            Optional<Boolean> cancelled;
            if (!failure.isTransient() && isOfOne) {
                cancelled = refuse(job, reason);
            } else {
                cancelled = jobs.renew(job.job.id(), owner, lease, reason);
            }
            if (cancelled.isEmpty()) {
                lose(job);
                return;
            }
            job.isCancelled = cancelled.get();
            if (!failure.isTransient()) {
                job.step = Math.max(1, job.limit() / 2);
                job.dueNanos = begun;
            }
        } catch (QueueException e) {
            log.debug("A job on dead letters could not be kept", e); // If its lease ends, another process takes it.
        }
    }

    /** Goes past a letter that PostgreSQL refuses. */
    private Optional<Boolean> refuse(Held job, String reason) {
        Next next = next(job, 1);
        List<Refusal> errors = next.ids().isEmpty() || job.refused >= DeadLetterJobs.MAX_ERRORS
                ? List.of()
                : List.of(new Refusal(next.ids().get(0), reason));
        Optional<Boolean> cancelled = jobs.advance(
                job.job.id(),
                owner,
                lease,
                new Advance(next.position(), new Done(0, 0, 0, 0, next.ids().size()), errors));
        job.position = next.position();
        job.refused += errors.size();
        return cancelled;
    }

    private void finish(Held job) {
        jobs.finish(job.job.id(), owner);
        held.remove(job);
        log.info("A job on dead letters has ended job={} cancelled={}", job.job.id(), job.isCancelled);
    }

    private void lose(Held job) {
        held.remove(job);
        log.warn("Another process runs a job on dead letters; this one stops job={}", job.job.id());
    }

    /** Gives the jobs back, so that another process goes on at once. */
    @Override
    public void close() {
        List<Long> ids = held.stream().map(each -> each.job.id()).toList();
        held.clear();
        try {
            if (!ids.isEmpty()) {
                jobs.release(ids, owner);
            }
        } catch (QueueException e) {
            log.debug("Jobs on dead letters could not be given back; their leases end", e);
        }
    }
}
