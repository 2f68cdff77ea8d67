package dev.sluice.work.engine;

import dev.sluice.queue.LimitKey;
import dev.sluice.queue.Message;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.WorkHeaders;
import dev.sluice.work.Callbacks;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Hooks;
import dev.sluice.work.Work;
import dev.sluice.work.WorkId;
import dev.sluice.work.breaker.Breakers;
import dev.sluice.work.breaker.Permit;
import dev.sluice.work.callback.CallbackHeaders;
import dev.sluice.work.rules.Types;
import dev.sluice.work.run.Report;
import dev.sluice.work.run.Run;
import dev.sluice.work.run.Stop;
import dev.sluice.work.run.StopActions;
import dev.sluice.work.store.Place;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A work that this engine has claimed: the run of its handler. The worker, the watch and the dispatcher use it; the
 * phase says who may end it. Only one of them can, so the outcome of a handler that was given up is dropped.
 */
final class Begun implements Run {
    /** Reserved names of headers: no client can set them. */
    static final String KEY_HEADER = Types.KEY_HEADER;

    static final String CONFLATION_HEADER = "sluice.work-conflation-key";
    static final String DEADLINE_HEADER = Types.DEADLINE_HEADER;

    /** The priority of a work with a key, unless it is normal. Those of works without a key are in their partitions. */
    static final String PRIORITY_HEADER = WorkHeaders.PRIORITY;

    private enum Phase {
        WAITING,
        RUNNING,
        ENDED
    }

    /**
     * What the rows say of a work.
     *
     * @param claim the claim that has it; null: it is an item
     * @param closes whether its partition is closed until it is done
     * @param limited the name of the limits whose room it takes; null: it takes none
     * @param errors its history in clear; null: none
     * @param report what earlier runs reported, in clear; null: nothing
     */
    record History(
            @Nullable ClaimHold claim,
            boolean closes,
            @Nullable String limited,
            int attempts,
            int crashes,
            long snoozes,
            @Nullable String errors,
            @Nullable String report) {
        static History first(ClaimHold claim, boolean closes, @Nullable String errors, @Nullable String report) {
            return new History(claim, closes, claim.limited(), 0, 0, 0, errors, report);
        }
    }

    private final HandledType type;
    private final Message message;
    private final PriorityLane lane;
    private final History history;
    private final Report report;
    private final Reports reports;
    private final LongSupplier nanos;
    private final long claimedNanos;

    /** The permission of a circuit breaker; null: none was asked. */
    private volatile @Nullable Permit permit;

    private @Nullable UUID lease;
    private Phase phase = Phase.WAITING;
    private Stop stop = Stop.NONE;
    private @Nullable Thread thread;
    private @Nullable Call call;

    /** Ends the run if it is to end and has no thread; null: it has one, or has not begun. */
    private @Nullable Runnable detached;

    private final StopActions stopActions = new StopActions();
    private long startedNanos;
    private long timeoutNanos;
    private long interruptedNanos;

    /**
     * Makes the run of a work.
     *
     * @param message payload and headers in clear
     * @param lane the lane in which it was claimed
     * @param reports gets the work when its handler reports something
     * @param nanos the clock of this process
     */
    Begun(HandledType type, Message message, PriorityLane lane, History history, Reports reports, LongSupplier nanos) {
        this.type = type;
        this.message = message;
        this.lane = lane;
        this.history = history;
        this.report = new Report(history.report());
        this.reports = reports;
        this.nanos = nanos;
        this.claimedNanos = nanos.getAsLong();
    }

    HandledType type() {
        return type;
    }

    History history() {
        return history;
    }

    /** Returns when the work was claimed, by the clock of this process. */
    long claimedNanos() {
        return claimedNanos;
    }

    /** Sets the id of the lease, if the work is an item. */
    Begun leased(UUID id) {
        lease = id;
        return this;
    }

    /** Returns the id of the lease of an item; null: the work is in a claim. */
    @Nullable
    UUID lease() {
        return lease;
    }

    Message message() {
        return message;
    }

    /** Returns the key of the work; null: none. */
    @Nullable
    String key() {
        return Types.isShared(message.partition()) ? null : Types.keyOf(message.partition());
    }

    Report report() {
        return report;
    }

    /** Returns the lane in which the work was claimed: that of the most urgent work of its key. */
    PriorityLane lane() {
        return lane;
    }

    /** Returns the priority with which the work was enqueued. */
    PriorityLane priority() {
        String text = message.headers().get(PRIORITY_HEADER);
        if (text != null) {
            return PriorityLane.of(PRIORITY_HEADER, text);
        }
        return Types.isShared(message.partition()) ? lane : PriorityLane.NORMAL;
    }

    @Override
    public boolean hasBreaker() {
        return type.breakers().haveTargets();
    }

    @Override
    public @Nullable Duration putOff(@Nullable String target) {
        Breakers.Answer answer = type.breakers().ask(target, permit);
        permit = answer.permit();
        return answer.putOff();
    }

    @Override
    public void tellBreaker(@Nullable Throwable error) {
        Permit mine = permit;
        if (mine != null && error != null) {
            mine.failed(elapsedNanos(), error);
        } else if (mine != null) {
            mine.succeeded(elapsedNanos());
        }
    }

    /** Hands permissions to works that were claimed with them, and gives back those that are left. */
    static void permit(@Nullable List<Permit> permits, List<Begun> works) {
        for (int i = 0; permits != null && i < permits.size(); i++) {
            if (i < works.size()) {
                works.get(i).permit = permits.get(i);
            } else {
                permits.get(i).giveBack();
            }
        }
    }

    /** Gives back a permission of a circuit breaker that the run has not used. */
    void endPermit() {
        Permit mine = permit;
        if (mine != null) {
            mine.giveBack();
        }
    }

    Place place() {
        return new Place(message.partitionId(), message.seq());
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
        return history.closes();
    }

    @Override
    public Instant createdAt() {
        return Replays.bornAt(message);
    }

    @Nullable
    String idempotencyKey() {
        return header(KEY_HEADER);
    }

    @Nullable
    String header(String name) {
        return message.headers().get(name);
    }

    Callbacks callbacks() {
        return CallbackHeaders.of(message.headers());
    }

    @Nullable
    String conflationKey() {
        return message.headers().get(CONFLATION_HEADER);
    }

    @Override
    public @Nullable Instant deadline() {
        String text = message.headers().get(DEADLINE_HEADER);
        try {
            return text == null ? null : Instant.parse(text);
        } catch (DateTimeParseException e) { // Not one of ours.
            return null;
        }
    }

    @Override
    public Work work() {
        return Run.handled(
                        type.name(),
                        message.payload(),
                        new Run.Keys(key(), LimitKey.keyOf(message.partition()), idempotencyKey(), callbacks()),
                        deadline(),
                        Run.metadata(message.headers()))
                .priority(priority());
    }

    /**
     * Begins the run on the calling thread. Returns false if the run was ended before.
     *
     * @param stops runs what the handler wants to run when it is asked to end
     */
    synchronized boolean start(Executor stops) {
        stopActions.runOn(stops);
        boolean begins = begin();
        if (begins) {
            thread = Thread.currentThread();
        }
        return begins;
    }

    /** Begins the run as part of a call, which has the thread. Returns false if the run was ended before. */
    synchronized boolean start(Call shared, Executor stops) {
        stopActions.runOn(stops);
        call = shared;
        return begin();
    }

    private boolean begin() {
        if (phase != Phase.WAITING) {
            return false;
        }
        phase = Phase.RUNNING;
        startedNanos = nanos.getAsLong();
        timeoutNanos = startedNanos + type.settings().timeout().toNanos();
        return true;
    }

    /**
     * Ends the run on the thread that began it. Afterwards nothing interrupts the thread for this run.
     *
     * @return whether the outcome counts; false if the run was given up before
     */
    synchronized boolean end() {
        thread = null;
        Thread.interrupted();
        return giveUp();
    }

    /**
     * Lets the run go on without a thread. Afterwards nothing interrupts the thread that began it.
     *
     * @param toEnd runs if the work is to end; at once if it was asked to before
     * @return false if the run was given up before
     */
    boolean detach(Runnable toEnd) {
        boolean isToEnd;
        synchronized (this) {
            thread = null;
            Thread.interrupted();
            if (phase == Phase.ENDED) {
                return false;
            }
            detached = toEnd;
            isToEnd = stop != Stop.NONE;
        }
        if (isToEnd) {
            toEnd.run();
        }
        return true;
    }

    /** Lets the calling thread go on with a run that has none. Returns false if the run has ended, or is to end. */
    synchronized boolean attach() {
        if (phase != Phase.RUNNING || detached == null || stop != Stop.NONE) {
            return false;
        }
        detached = null;
        thread = Thread.currentThread();
        return true;
    }

    /** Ends the run whatever its handler does. Returns false if it has ended before. */
    synchronized boolean giveUp() {
        boolean counts = phase != Phase.ENDED;
        if (stop == Stop.NONE) {
            stopActions.end();
        }
        phase = Phase.ENDED;
        return counts;
    }

    /**
     * Asks the handler to end, and interrupts its thread. If other works run in the same call, the thread is
     * interrupted when all of them are to end. The first reason counts, but a cancellation counts in any case: also if
     * the handler has ended and its outcome is not stored.
     */
    void stop(Stop reason) {
        Call shared;
        Runnable toEnd;
        synchronized (this) {
            boolean isFirst = stop == Stop.NONE;
            if (reason == Stop.CANCEL || (isFirst && phase != Phase.ENDED)) {
                stop = reason;
            }
            if (phase == Phase.ENDED || !isFirst) {
                return;
            }
            interruptedNanos = nanos.getAsLong();
            if (thread != null) {
                thread.interrupt();
            }
            shared = call;
            toEnd = detached;
        }
        if (shared != null) {
            shared.stopped();
        }
        stopActions.run();
        if (toEnd != null) {
            toEnd.run();
        }
    }

    @Override
    public void onStop(Runnable action) {
        stopActions.add(action);
    }

    /** Returns whether the work was asked to end, or has ended. */
    synchronized boolean isToEnd() {
        return stop != Stop.NONE || phase == Phase.ENDED;
    }

    /** Returns the works of the call in which this one runs. */
    synchronized List<Begun> call() {
        return call == null ? List.of(this) : call.works();
    }

    @Override
    public synchronized Stop stopReason() {
        return stop;
    }

    synchronized boolean isRunning() {
        return phase == Phase.RUNNING;
    }

    /** Returns whether the handler runs beyond its timeout and was not asked to end. */
    synchronized boolean isOverdue() {
        return phase == Phase.RUNNING && stop == Stop.NONE && nanos.getAsLong() - timeoutNanos >= 0;
    }

    /** Returns whether the handler runs on although its thread was interrupted so long ago. */
    synchronized boolean ignoresInterruptFor(Duration grace) {
        if (phase != Phase.RUNNING || stop == Stop.NONE) {
            return false;
        }
        return call == null ? nanos.getAsLong() - interruptedNanos >= grace.toNanos() : call.ignoresInterruptFor(grace);
    }

    @Override
    public synchronized long elapsedNanos() {
        return nanos.getAsLong() - startedNanos;
    }

    @Override
    public WorkId id() {
        return new WorkId(message.id());
    }

    @Override
    public int attempt() {
        return history.attempts() + 1;
    }

    @Override
    public int crashes() {
        return history.crashes();
    }

    @Override
    public long snoozes() {
        return history.snoozes();
    }

    @Override
    public synchronized Duration remaining() {
        return Duration.ofNanos(timeoutNanos - nanos.getAsLong());
    }

    @Override
    public synchronized void extend(Duration fromNow) {
        Run.checkExtension(fromNow);
        long extended = nanos.getAsLong() + fromNow.toNanos();
        if (extended - timeoutNanos > 0) {
            timeoutNanos = extended;
        }
    }

    @Override
    public void progress(int percent, String text) {
        if (isEnded()) {
            return;
        }
        report.progress(percent, text);
        reports.progressed(this, Report.detail(percent, text));
    }

    @Override
    public void log(String line) {
        if (isEnded()) {
            return;
        }
        report.log(attempt(), line, nanos.getAsLong());
        reports.reported(this);
    }

    private synchronized boolean isEnded() {
        return phase == Phase.ENDED;
    }

    @Override
    public synchronized boolean isStopping() {
        return stop != Stop.NONE;
    }

    @Override
    public synchronized boolean isCancelled() {
        return stop == Stop.CANCEL;
    }
}
