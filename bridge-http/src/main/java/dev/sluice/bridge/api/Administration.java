package dev.sluice.bridge.api;

import dev.sluice.queue.ConsumerGroups;
import dev.sluice.queue.DeadLetters;
import dev.sluice.queue.MinuteCounters;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.Queues;
import dev.sluice.queue.Resources;
import dev.sluice.queue.ServerStatistics;
import dev.sluice.queue.StoredMessages;
import dev.sluice.queue.Traces;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import javax.sql.DataSource;

/**
 * What the routes of administration work on. Its parts block until PostgreSQL has answered, so they are only to be used inside
 * {@link #run}.
 */
public final class Administration implements AutoCloseable {
    private static final int MAX_WAITING = 1000;

    private final Turns turns;
    private final Runnable requireDatabase;
    private final Queues queues;
    private final ConsumerGroups groups;
    private final DeadLetters deadLetters;
    private final Resources resources;
    private final StoredMessages messages;
    private final Traces traces;
    private final MinuteCounters counters;
    private final ServerStatistics server;

    /**
     * Makes the parts. Does not ask the database yet.
     *
     * @param dataSource a pool of its own, so that administration and consumers cannot starve each other
     * @param threads requests that are worked on at a time, each with a connection
     * @param cipher the keys of the service
     * @param configured run when options of a queue have been committed
     * @param requireDatabase throws {@code QueueException} while the database is known to be away
     */
    public Administration(
            DataSource dataSource,
            String schema,
            int threads,
            PayloadCipher cipher,
            Runnable configured,
            Runnable requireDatabase) {
        this.turns = new Turns("requests of administration", "sluice-admin", threads, MAX_WAITING);
        this.requireDatabase = requireDatabase;
        this.queues = new Queues(dataSource, schema, cipher, configured);
        this.groups = new ConsumerGroups(dataSource, schema);
        this.deadLetters = new DeadLetters(dataSource, schema, cipher);
        this.resources = new Resources(dataSource, schema);
        this.messages = new StoredMessages(dataSource, schema, cipher);
        this.traces = new Traces(dataSource, schema, cipher);
        this.counters = new MinuteCounters(dataSource, schema);
        this.server = new ServerStatistics(dataSource, schema);
    }

    /** Runs a task that waits for the database, when it is its turn. */
    <T> CompletableFuture<T> run(Callable<T> task) {
        return turns.run(() -> {
            requireDatabase.run();
            return task.call();
        });
    }

    Queues queues() {
        return queues;
    }

    ConsumerGroups groups() {
        return groups;
    }

    DeadLetters deadLetters() {
        return deadLetters;
    }

    Resources resources() {
        return resources;
    }

    StoredMessages messages() {
        return messages;
    }

    Traces traces() {
        return traces;
    }

    MinuteCounters counters() {
        return counters;
    }

    ServerStatistics server() {
        return server;
    }

    /** Ends the requests under way, waiting for them a little. */
    @Override
    public void close() {
        turns.close();
    }
}
