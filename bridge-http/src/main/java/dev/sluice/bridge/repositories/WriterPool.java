package dev.sluice.bridge.repositories;

import dev.sluice.queue.QueueException;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * A few writers for requests that write into the queue themselves, each used by one request at a time. They are kept
 * for what they remember of transaction ids, not for their connections: those go back to their pool after each use,
 * which replaces the broken ones.
 *
 * @param <W> what writes; closing it gives its connection back, and it can be used again
 */
public final class WriterPool<W extends AutoCloseable> implements AutoCloseable {
    private static final int MAX_WAITING = 1000;

    private final BoundedExecutor turns;
    private final Queue<W> free = new ConcurrentLinkedQueue<>();
    private final Runnable requireWrites;

    /**
     * Makes the writers.
     *
     * @param what the requests, for the message when too many wait
     * @param threadName name of the threads
     * @param size how many writers
     * @param requireWrites throws {@link QueueException} while the database is known to be away or to take no writes
     */
    public WriterPool(String what, String threadName, int size, Supplier<W> writers, Runnable requireWrites) {
        this.turns = new BoundedExecutor(what, threadName, size, MAX_WAITING);
        this.requireWrites = requireWrites;
        for (int i = 0; i < size; i++) {
            free.add(writers.get());
        }
    }

    /** Runs a task with a writer, when it is its turn. */
    public <T> CompletableFuture<T> run(Function<W, T> task) {
        return turns.run(() -> {
            requireWrites.run();
            W writer = free.remove(); // There is one for each thread.
            try {
                return task.apply(writer);
            } finally {
                writer.close();
                free.add(writer);
            }
        });
    }

    /** Ends the requests under way, waiting for them a little. */
    @Override
    public void close() {
        turns.close();
    }
}
