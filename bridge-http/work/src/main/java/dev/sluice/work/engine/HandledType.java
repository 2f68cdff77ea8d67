package dev.sluice.work.engine;

import dev.sluice.work.AsyncHandler;
import dev.sluice.work.BatchHandler;
import dev.sluice.work.Batching;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Hooks;
import dev.sluice.work.LaneOrder;
import dev.sluice.work.breaker.Breakers;
import dev.sluice.work.rules.Types;
import dev.sluice.work.share.LaneShares;
import dev.sluice.work.store.ItemRows;
import dev.sluice.work.store.TypeRows;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A type that this engine handles, with what the engine knows of its queue. The dispatcher owns the fields, except
 * those that {@link Workers} guards.
 */
final class HandledType {
    private static final int SMOOTHING = 16;

    private final String name;
    private final Hooks handler;
    private final HandlerSettings settings;
    private final Counts counts = new Counts();
    private final LaneShares lanes;
    private final Breakers breakers;

    private final Batching batching;
    private final AtomicBoolean isBeingRemoved = new AtomicBoolean();
    private final AtomicInteger givenBack = new AtomicInteger();

    /** Works that were claimed and have not started. Guarded by {@link Workers}. */
    final Waiting waiting;

    /** Calls of the handler that run. Guarded by {@link Workers}. */
    int running;

    /** The works of these calls. Guarded by {@link Workers}. */
    int runningWorks;

    private volatile TypeRows.@Nullable State state;
    private volatile boolean messagesLikely = true;
    private volatile boolean itemsLikely;
    private volatile double averageNanos = Double.NaN;
    private volatile boolean lacksKey;
    private volatile boolean isSlow;
    private volatile boolean isLeaving;
    private long nextLookNanos;
    private @Nullable Long restsUntilNanos;

    HandledType(
            String name,
            Hooks handler,
            Batching batching,
            HandlerSettings settings,
            LaneOrder order,
            Breakers breakers) {
        this.name = name;
        this.handler = handler;
        this.batching = batching;
        this.settings = settings;
        this.waiting = new Waiting(batching);
        this.lanes = new LaneShares(order);
        this.breakers = breakers;
    }

    String name() {
        return name;
    }

    String queue() {
        return Types.queue(name);
    }

    Hooks handler() {
        return handler;
    }

    /** Returns whether its handler takes many works at a time. */
    boolean isBatched() {
        return handler instanceof BatchHandler;
    }

    /** Returns whether its works are in flight without a thread. */
    boolean isAsync() {
        return handler instanceof AsyncHandler;
    }

    /** Returns whether the type is being removed: no further work of it begins. */
    boolean isLeaving() {
        return isLeaving;
    }

    /** Begins to remove the type. Returns false if somebody is doing that. */
    boolean leave() {
        isLeaving = true;
        return isBeingRemoved.compareAndSet(false, true);
    }

    /** Lets somebody else go on with the removal. */
    void leaveLater() {
        isBeingRemoved.set(false);
    }

    /** Counts works of it that were given back because the type or the engine closes. */
    AtomicInteger givenBack() {
        return givenBack;
    }

    /** Returns how many works a call has at most. */
    int batchSize() {
        return batching.size();
    }

    HandlerSettings settings() {
        return settings;
    }

    Counts counts() {
        return counts;
    }

    LaneShares lanes() {
        return lanes;
    }

    Breakers breakers() {
        return breakers;
    }

    /** Returns what was read of the queue; null: nothing yet. */
    TypeRows.@Nullable State state() {
        return state;
    }

    void state(TypeRows.State read) {
        state = read;
    }

    /** Returns the queue in the statements of items. */
    ItemRows.Queue itemQueue(TypeRows.State known) {
        return new ItemRows.Queue(known.queue(), known.queueId());
    }

    /**
     * Returns how many calls of its handler the engine may run at a time.
     *
     * @param total how many calls it runs of all handlers that need a thread
     */
    int limit(int total) {
        TypeRows.State known = state;
        int usual = isAsync() ? AsyncHandler.DEFAULT_CONCURRENCY : total;
        int most = isAsync() ? AsyncHandler.MAX_CONCURRENCY : total;
        int own = settings.concurrency() == 0 ? usual : settings.concurrency();
        Integer set = known == null ? null : known.concurrency();
        return Math.min(most, set == null ? own : set);
    }

    boolean messagesLikely() {
        return messagesLikely;
    }

    void messagesLikely(boolean value) {
        messagesLikely = value;
    }

    /** Returns whether there may be works to claim. */
    boolean isLikely() {
        return messagesLikely || itemsLikely;
    }

    boolean itemsLikely() {
        return itemsLikely;
    }

    void itemsLikely(boolean value) {
        itemsLikely = value;
    }

    long nextLookNanos() {
        return nextLookNanos;
    }

    void nextLookNanos(long nanos) {
        nextLookNanos = nanos;
    }

    /** Looks at that time if not before. */
    void lookBy(long nanos) {
        if (nanos - nextLookNanos < 0) {
            nextLookNanos = nanos;
        }
    }

    /** Returns whether its queue is encrypted and the engine has no key. */
    boolean lacksKey() {
        return lacksKey;
    }

    void lacksKey(boolean value) {
        lacksKey = value;
    }

    /** Returns whether the type rests because its works could not be claimed. */
    boolean rests(long now) {
        Long until = restsUntilNanos;
        return until != null && now - until < 0;
    }

    /**
     * Lets the type rest.
     *
     * @param untilNanos null: ends the rest
     * @return whether that is new
     */
    boolean rest(@Nullable Long untilNanos) {
        boolean isNew = (untilNanos == null) != (restsUntilNanos == null);
        restsUntilNanos = untilNanos;
        return isNew;
    }

    /** Notes how long a handler ran. Two threads may overwrite each other: it is an estimate. */
    @SuppressWarnings("NonAtomicVolatileUpdate")
    void ran(long nanos) {
        counts.durations().add(nanos);
        isSlow = false;
        double average = averageNanos;
        averageNanos = Double.isNaN(average) ? nanos : average + (nanos - average) / SMOOTHING;
    }

    /** Notes that works which were claimed ahead have waited too long. Until a handler has ended, none is. */
    void slow() {
        isSlow = true;
    }

    /** Returns how many works {@code workers} workers are expected to begin within a time. */
    int begunWithin(long nanos, int workers, int most) {
        double average = averageNanos;
        if (Double.isNaN(average) || isSlow) {
            return 0;
        }
        return (int) Math.min(most, Math.floor(nanos / Math.max(1, average)) * workers);
    }
}
