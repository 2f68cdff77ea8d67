package dev.sluice.work.base;

import dev.sluice.work.QueueFullException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Bounds how many works of a type wait. The count is at most {@link #COUNTED_FOR} old; what this process has enqueued
 * since is added. So several processes together can exceed the bound by what they enqueue within that time.
 */
public final class Room {
    static final Duration COUNTED_FOR = Duration.ofMillis(200);

    private static final Duration PAUSE = Duration.ofMillis(20);

    private final long most;
    private final boolean blocks;
    private final ToLongFunction<String> waiting;
    private final LongSupplier nanos;
    private final Map<String, Count> counts = new ConcurrentHashMap<>();

    private volatile boolean closed;

    private record Count(long works, long atNanos) {}

    /**
     * Makes room.
     *
     * @param most most works that wait; 0: any number
     * @param blocks whether {@link #take} waits until there is room
     * @param waiting counts the works of a type that wait
     */
    public Room(long most, boolean blocks, ToLongFunction<String> waiting, LongSupplier nanos) {
        this.most = most;
        this.blocks = blocks;
        this.waiting = waiting;
        this.nanos = nanos;
    }

    /**
     * Takes room for works of a type.
     *
     * @throws QueueFullException if there is none, unless this object blocks
     * @throws IllegalArgumentException if there can never be room for so many
     * @throws InterruptedException if the thread was interrupted while it waited
     * @throws IllegalStateException if this object was closed
     */
    public void take(String type, int works) throws InterruptedException {
        if (!blocks) {
            takeAtOnce(type, works);
            return;
        }
        while (!closed && refusal(type, works) != null) {
            Thread.sleep(PAUSE.toMillis());
        }
        if (closed) {
            throw new IllegalStateException("the work buffer is closed");
        }
    }

    /** Ends all that wait for room. */
    public void close() {
        closed = true;
    }

    /** Takes room as {@link #take} does, but never waits for it. */
    public void takeAtOnce(String type, int works) {
        QueueFullException refusal = refusal(type, works);
        if (refusal != null) {
            throw refusal;
        }
    }

    /** Takes room. Returns why there is none; null: it is taken. */
    private @Nullable QueueFullException refusal(String type, int works) {
        if (most == 0) {
            return null;
        }
        if (works > most) {
            throw new IllegalArgumentException(
                    "at most " + most + " works of type " + type + " may wait, and one call enqueues " + works);
        }
        long before = tryTake(type, works);
        return before + works <= most ? null : new QueueFullException(type, before, most, works);
    }

    /** Takes room if there is some. Returns how many works waited. */
    private long tryTake(String type, int works) {
        long[] before = new long[1];
        counts.compute(type, (key, known) -> {
            Count count = known == null || nanos.getAsLong() - known.atNanos() >= COUNTED_FOR.toNanos()
                    ? new Count(waiting.applyAsLong(type), nanos.getAsLong())
                    : known;
            before[0] = count.works();
            return count.works() + works <= most ? new Count(count.works() + works, count.atNanos()) : count;
        });
        return before[0];
    }
}
