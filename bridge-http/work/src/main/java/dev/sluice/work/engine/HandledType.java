package dev.sluice.work.engine;

import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Hooks;
import dev.sluice.work.rules.Types;
import dev.sluice.work.store.ItemRows;
import dev.sluice.work.store.TypeRows;
import java.util.ArrayDeque;
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

    /** Works that were claimed and have not started. Guarded by {@link Workers}. */
    final ArrayDeque<Begun> waiting = new ArrayDeque<>();

    /** Works whose handlers run. Guarded by {@link Workers}. */
    int running;

    private volatile TypeRows.@Nullable State state;
    private volatile boolean messagesLikely = true;
    private volatile boolean itemsLikely;
    private volatile double averageNanos = Double.NaN;
    private long nextLookNanos;

    HandledType(String name, Hooks handler, HandlerSettings settings) {
        this.name = name;
        this.handler = handler;
        this.settings = settings;
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

    HandlerSettings settings() {
        return settings;
    }

    Counts counts() {
        return counts;
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

    /** Returns how many works of the type the engine may run at a time. */
    int limit(int total) {
        TypeRows.State known = state;
        int own = settings.concurrency() == 0 ? total : settings.concurrency();
        Integer set = known == null ? null : known.concurrency();
        return Math.min(total, set == null ? own : set);
    }

    boolean messagesLikely() {
        return messagesLikely;
    }

    void messagesLikely(boolean value) {
        messagesLikely = value;
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

    /** Notes how long a handler ran. Two threads may overwrite each other: it is an estimate. */
    @SuppressWarnings("NonAtomicVolatileUpdate")
    void ran(long nanos) {
        counts.durations().add(nanos);
        double average = averageNanos;
        averageNanos = Double.isNaN(average) ? nanos : average + (nanos - average) / SMOOTHING;
    }

    /** Returns how many works {@code workers} workers are expected to begin within a time. */
    int begunWithin(long nanos, int workers, int most) {
        double average = averageNanos;
        if (Double.isNaN(average)) {
            return 0;
        }
        return (int) Math.min(most, Math.floor(nanos / Math.max(1, average)) * workers);
    }
}
