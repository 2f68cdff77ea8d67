package dev.sluice.bridge.repositories;

import dev.sluice.queue.sql.Effects;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;

/**
 * Runs the calls that endpoints make to repositories: calls that read on a few threads, calls that write on a few
 * others. So any number of requested lists leaves processors, memory and connections for the rest of the service. A
 * call does not begin while the database is known to refuse it. Any thread may call.
 */
public final class DatabaseExecutor implements AutoCloseable {
    private static final int MAX_WAITING = 1000;

    private final BoundedExecutor writers;
    private final BoundedExecutor readers;
    private final Runnable requireDatabase;
    private final Runnable requireWrites;

    /**
     * Starts no thread yet.
     *
     * @param requireDatabase throws {@code QueueException} while the database is known to be away
     * @param requireWrites throws {@code QueueException} while the database is known to be away or to take no writes
     */
    public DatabaseExecutor(RepositorySettings settings, Runnable requireDatabase, Runnable requireWrites) {
        this.writers =
                new BoundedExecutor("requests of administration", "sluice-admin", settings.writers(), MAX_WAITING);
        this.readers = new BoundedExecutor("requests that read", "sluice-readers", settings.readers(), MAX_WAITING);
        this.requireDatabase = requireDatabase;
        this.requireWrites = requireWrites;
    }

    /** Runs a task that only reads from the database. */
    public <T> CompletableFuture<T> read(Callable<T> task) {
        return readers.run(() -> {
            requireDatabase.run();
            return task.call();
        });
    }

    /**
     * Runs a task that writes to the database. If a task of several transactions fails after one of them has changed
     * something, the future fails with {@link OutcomeUnknownException}.
     */
    public <T> CompletableFuture<T> write(Callable<T> task) {
        return writers.run(() -> Effects.of(() -> {
            requireWrites.run();
            return task.call();
        }));
    }

    /** Throws {@code QueueException} while the database is known to be away. */
    public void requireDatabase() {
        requireDatabase.run();
    }

    /** Ends the running tasks, and waits for them for a few seconds. */
    @Override
    public void close() {
        writers.close();
        readers.close();
    }
}
