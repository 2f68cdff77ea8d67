package dev.sluice.work.testing;

import dev.sluice.queue.LimitKey;
import dev.sluice.work.Coalescing;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Hooks;
import dev.sluice.work.Work;
import dev.sluice.work.WorkEvent.Kind;
import dev.sluice.work.WorkId;
import dev.sluice.work.rules.Types;
import dev.sluice.work.run.Failure;
import dev.sluice.work.run.Report;
import dev.sluice.work.run.Run;
import dev.sluice.work.run.Stop;
import dev.sluice.work.run.StopActions;
import dev.sluice.work.run.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A work of a {@link WorkTester}, and its run while there is one. */
final class TestedWork implements Run {
    private final WorkTester tester;
    private final TestedType type;
    private final Work work;
    private final WorkId id;
    private final int number;
    private final Instant createdAt;
    private Report report = new Report(null);

    WorkStatus status = WorkStatus.WAITING;

    /** When it is due; null: when the work with its conflation key has ended that is before it. */
    @Nullable
    Instant dueAt;

    /** When the first work was enqueued that this one has replaced, with its debounce key. */
    Instant firstAt;

    /** Whether it has run. */
    boolean hasRun;

    /** Whether works with its key wait until it is done. */
    boolean closes;

    private int attempts;
    private int crashes;
    private long snoozes;
    private int retries;
    private @Nullable String errors;
    private @Nullable String result;
    private @Nullable String reason;
    private StopActions stopActions = new StopActions();
    private Stop stop = Stop.NONE;
    private Instant startedAt;
    private Instant timeoutAt;

    /**
     * Makes a work that waits.
     *
     * @param number of works, in the order of the enqueue
     */
    TestedWork(WorkTester tester, TestedType type, Work work, WorkId id, int number) {
        this.number = number;
        this.tester = tester;
        this.type = type;
        this.work = work;
        this.id = id;
        this.createdAt = tester.now();
        this.firstAt = createdAt;
        this.startedAt = createdAt;
        this.timeoutAt = createdAt;
    }

    TestedType type() {
        return type;
    }

    /** Returns the work as it was enqueued. */
    Work enqueued() {
        return work;
    }

    int number() {
        return number;
    }

    boolean isKeyed() {
        return work.key() != null;
    }

    /** Returns whether another work has the same debounce or conflation key. */
    boolean coalescesWith(TestedWork other) {
        Coalescing own = work.coalescing();
        Coalescing its = other.work.coalescing();
        return own != null
                && its != null
                && own.key().equals(its.key())
                && own.conflates() == its.conflates()
                && type.equals(other.type);
    }

    /** Returns whether the work has not been stored in its queue yet. */
    boolean isScheduled() {
        return status == WorkStatus.WAITING && !hasRun && (dueAt == null || dueAt.isAfter(tester.now()));
    }

    /**
     * Sets when this new work is due.
     *
     * @param others the unfinished works that it coalesces with
     * @param old the one of them that it replaces; null: none
     */
    void waitBeside(List<TestedWork> others, @Nullable TestedWork old) {
        Coalescing how = work.coalescing();
        Instant now = tester.now();
        if (how == null) {
            Instant after = work.delay() == null ? now : now.plus(work.delay());
            dueAt = work.runAt() != null && work.runAt().isAfter(after) ? work.runAt() : after;
        } else if (how.quiet() != null && how.longest() != null) {
            firstAt = old == null ? now : old.firstAt;
            Instant latest = firstAt.plus(how.longest());
            Instant quiet = now.plus(how.quiet());
            dueAt = quiet.isBefore(latest) ? quiet : latest;
        } else {
            dueAt = others.size() > (old == null ? 0 : 1) ? null : now;
        }
    }

    void begin() {
        status = WorkStatus.RUNNING;
        hasRun = true;
        closes = isKeyed();
        stop = Stop.NONE;
        stopActions = new StopActions();
        stopActions.runOn(Runnable::run);
        startedAt = tester.now();
        timeoutAt = startedAt.plus(settings().timeout());
    }

    Instant timeoutAt() {
        return timeoutAt;
    }

    /** Asks the handler to end. The first reason counts. */
    void stop(Stop because) {
        stop = stop == Stop.NONE ? because : stop;
        stopActions.run();
    }

    void crash() {
        crashes++;
    }

    /** Ends the run, or refuses it. */
    void end(Verdict verdict) {
        Failure failure = Verdict.failureOf(verdict);
        if (failure != null) {
            errors = failure.addTo(errors, tester.now());
        }
        if (verdict instanceof Verdict.Again again) {
            attempts = again.attempts(attempts);
            snoozes = again.snoozes(snoozes);
            dueAt = again.until() == null ? tester.now().plus(again.delay()) : again.until();
            closes = again.closes();
            status = WorkStatus.WAITING;
        } else if (verdict instanceof Verdict.Finish finish) {
            result = settings().keepsResults() ? finish.result() : null;
            status = finish.isCancelled() ? WorkStatus.CANCELLED : WorkStatus.DONE;
            report = new Report(null);
        } else if (verdict instanceof Verdict.Bury bury) {
            reason = bury.reason();
            retries = bury.retries(attempts, crashes);
            status = WorkStatus.DEAD_LETTER;
            attempts += failure == null ? 0 : 1;
        }
    }

    /** Returns what a test sees of the work. */
    WorkState state() {
        return new WorkState(
                status,
                attempts,
                crashes,
                snoozes,
                status == WorkStatus.WAITING ? dueAt : null,
                result,
                reason,
                errors);
    }

    DeadLetter deadLetter() {
        return new DeadLetter(id, work, String.valueOf(reason), retries, errors, progress());
    }

    /** Returns the report as JSON text; null: nothing was reported. */
    @Nullable
    String progress() {
        return report.isEmpty() ? null : report.json(tester.now(), tester.nanos());
    }

    @Nullable
    String result() {
        return result;
    }

    /** Returns the name of the partition in which the engine would find the work: it carries the keys. */
    private String partition() {
        String place = settings().limits().key();
        String limitKey = work.limitKey();
        if (limitKey == null && place != null) {
            limitKey = LimitKey.parse(place).of(work.payload(), work.metadata());
        }
        String key = work.key();
        return Types.partition(
                key == null ? Types.partitionOfLane(work.priority(), 0) : Types.partitionOfKey(key), limitKey);
    }

    @Override
    public Work work() {
        String partition = partition();
        return Run.handled(
                        work.type(),
                        work.payload(),
                        new Run.Keys(
                                Types.isShared(partition) ? null : Types.keyOf(partition),
                                LimitKey.keyOf(partition),
                                work.idempotencyKey(),
                                work.callbacks()),
                        work.deadline(),
                        work.metadata())
                .priority(work.priority());
    }

    @Override
    public Hooks handler() {
        return type.handler();
    }

    @Override
    public HandlerSettings settings() {
        return type.settings();
    }

    @Override
    public boolean closes() {
        return closes;
    }

    @Override
    public Instant createdAt() {
        return createdAt;
    }

    @Override
    public @Nullable Instant deadline() {
        return work.deadline();
    }

    @Override
    public Stop stopReason() {
        return stop;
    }

    @Override
    public long elapsedNanos() {
        return Duration.between(startedAt, tester.now()).toNanos();
    }

    @Override
    public WorkId id() {
        return id;
    }

    @Override
    public int attempt() {
        return attempts + 1;
    }

    @Override
    public int crashes() {
        return crashes;
    }

    @Override
    public long snoozes() {
        return snoozes;
    }

    @Override
    public Duration remaining() {
        return Duration.between(tester.now(), timeoutAt);
    }

    @Override
    public void extend(Duration fromNow) {
        Run.checkExtension(fromNow);
        Instant extended = tester.now().plus(fromNow);
        timeoutAt = extended.isAfter(timeoutAt) ? extended : timeoutAt;
    }

    @Override
    public void progress(int percent, String text) {
        if (status == WorkStatus.RUNNING) {
            report.progress(percent, text);
            tester.tell(Kind.PROGRESS, this, Report.detail(percent, text));
        }
    }

    @Override
    public void log(String line) {
        if (status == WorkStatus.RUNNING) {
            report.log(attempt(), line, tester.nanos());
        }
    }

    @Override
    public boolean isStopping() {
        return stop != Stop.NONE;
    }

    @Override
    public void onStop(Runnable action) {
        if (status == WorkStatus.RUNNING) {
            stopActions.add(action);
        }
    }

    @Override
    public boolean isCancelled() {
        return stop == Stop.CANCEL;
    }
}
