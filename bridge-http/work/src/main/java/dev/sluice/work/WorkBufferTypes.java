package dev.sluice.work;

import dev.sluice.work.engine.Operations;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** What a program does with the types of a {@link WorkBuffer} while it runs. Safe for use by many threads. */
abstract sealed class WorkBufferTypes permits WorkBuffer {
    private final Operations operations;

    WorkBufferTypes(Operations operations) {
        this.operations = operations;
    }

    /**
     * Adds a handler while the buffer runs. When this returns, works of the type are claimed.
     *
     * @throws IllegalArgumentException if the type has a handler, also one that is being removed, or no type may have
     *     that name
     * @throws IllegalStateException if the buffer is closed
     * @throws dev.sluice.queue.QueueException if PostgreSQL failed; the type has no handler then
     */
    public void add(String type, Handler handler, HandlerSettings settings) {
        operations.add(type, new Operations.Registered(handler, Batching.ofSize(1), settings));
    }

    /**
     * Adds a handler whose works need no thread while they are in flight. See {@link #add}.
     *
     * @throws IllegalArgumentException also if the concurrency is more than {@link AsyncHandler#MAX_CONCURRENCY}
     */
    public void addAsync(String type, AsyncHandler handler, HandlerSettings settings) {
        checkAsync(settings);
        operations.add(type, new Operations.Registered(handler, Batching.ofSize(1), settings));
    }

    /** Adds a handler that gets many works in one call. See {@link #add}. */
    public void addBatch(String type, BatchHandler handler, Batching batching, HandlerSettings settings) {
        operations.add(type, new Operations.Registered(handler, batching, settings));
    }

    static void checkAsync(HandlerSettings settings) {
        if (settings.concurrency() > AsyncHandler.MAX_CONCURRENCY) {
            throw new IllegalArgumentException("concurrency of an asynchronous handler must be 0 to "
                    + AsyncHandler.MAX_CONCURRENCY + ", was " + settings.concurrency());
        }
    }

    /** Removes the handler of a type, as {@link #remove(String, Duration)} does within the close timeout. */
    public CloseReport remove(String type) throws InterruptedException {
        return remove(type, operations.closeTimeout());
    }

    /**
     * Removes the handler of a type while the buffer runs. Claims no further works of the type, waits for its handlers,
     * asks those to end that have not ended within the timeout, and gives back what has not finished: it runs in
     * another engine, or when the type is added again, and has cost no attempt. Other types are not touched. The works
     * of the type stay in its queue. The handler may be added again when this returns.
     *
     * <p>If the thread is interrupted, the type is not claimed any more, and a further call goes on.
     *
     * @param timeout how long the handlers may take
     * @return what was left
     * @throws IllegalArgumentException if the type has no handler here, or another thread is removing it
     */
    public CloseReport remove(String type, Duration timeout) throws InterruptedException {
        if (timeout.isNegative()) {
            throw new IllegalArgumentException("timeout must be 0 or more, was " + timeout);
        }
        return operations.remove(type, timeout);
    }

    /** Returns how many works of a type wait that no engine has claimed, without those that are scheduled. */
    public long waiting(String type) {
        return operations.waiting(type);
    }

    /**
     * Stops all engines from claiming works of a type, until {@link #resume}. Works that run go on. Engines of other
     * programs notice within their poll interval.
     */
    public void pause(String type) {
        operations.pause(type);
    }

    /** Lets engines claim works of a type again. */
    public void resume(String type) {
        operations.resume(type);
    }

    /**
     * Sets how many works of a type each engine runs at a time. Stays set over restarts.
     *
     * @param concurrency at most as many as the engine runs in total; null: as its handler is set up
     */
    public void concurrency(String type, @Nullable Integer concurrency) {
        operations.concurrency(type, concurrency);
    }

    /**
     * Sets the limit of the works of a type on all engines together. Stays set over restarts. Engines of other programs
     * notice within their poll interval.
     *
     * @param limit null: as the handler is set up
     */
    public void limit(String type, @Nullable Limit limit) {
        operations.limit(type, limit);
    }

    /**
     * Sets the limit of the works of each limit key of a type. See {@link #limit}.
     *
     * @param limit null: as the handler is set up
     */
    public void limitEachKey(String type, @Nullable Limit limit) {
        operations.limitEachKey(type, limit);
    }

    /**
     * Sets the limit and the weight of one limit key of a type, which count instead of those of each key. See
     * {@link #limit}.
     *
     * @param limit null: as for each key
     */
    public void limitKey(String type, String key, @Nullable Limit limit) {
        operations.limitKey(type, key, limit);
    }

    /**
     * Forces the circuit breakers of a type, of works with any target, in all engines; or resets them. Engines of other
     * programs notice within their poll interval. What is forced stays so over restarts.
     */
    public void breaker(String type, BreakerAction action) {
        operations.breaker(type, action);
    }
}
