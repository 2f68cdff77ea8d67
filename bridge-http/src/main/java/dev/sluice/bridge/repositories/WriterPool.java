package dev.sluice.bridge.repositories;

import dev.sluice.queue.QueueException;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Lends writers to requests that write into the queue without the local log. One request uses a writer at a time. The
 * pool keeps writers because they cache transaction ids. It does not keep their connections: a writer returns its
 * connection to the connection pool after each use, and that pool replaces broken connections.
 *
 * @param <W> type of the writers. Closing a writer returns its connection; the writer can be used again
 */
public final class WriterPool<W extends AutoCloseable> implements AutoCloseable {
    private static final int MAX_WAITING = 1000;

    private final BoundedExecutor executor;
    private final Queue<W> free = new ConcurrentLinkedQueue<>();
    private final Runnable requireWrites;

    /**
     * Makes the writers.
     *
     * @param what names the requests in the message of a refusal
     * @param threadName name of the threads
     * @param size the number of writers
     * @param requireWrites throws {@link QueueException} while the database is known to be away or to take no writes
     */
    public WriterPool(String what, String threadName, int size, Supplier<W> writers, Runnable requireWrites) {
        this.executor = new BoundedExecutor(what, threadName, size, MAX_WAITING);
        this.requireWrites = requireWrites;
        for (int i = 0; i < size; i++) {
            free.add(writers.get());
        }
    }

    /** Runs a task with a writer as soon as one is free. */
    public <T> CompletableFuture<T> run(Function<W, T> task) {
        return executor.run(() -> {
            requireWrites.run();
            W writer = free.remove(); // The pool has one writer for each thread.
            try {
                return task.apply(writer);
            } finally {
                writer.close();
                free.add(writer);
            }
        });
    }

    /** Ends the running tasks, and waits for them for a few seconds. */
    @Override
    public void close() {
        executor.close();
    }
}
