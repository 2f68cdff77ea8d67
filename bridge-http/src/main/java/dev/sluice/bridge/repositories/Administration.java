package dev.sluice.bridge.repositories;

import dev.sluice.bridge.limits.HeapShares;
import dev.sluice.queue.admin.ConsumerGroups;
import dev.sluice.queue.admin.DeadLetters;
import dev.sluice.queue.admin.Queues;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.sql.Effects;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.queue.transact.Redrive;
import dev.sluice.queue.transact.Streams;
import dev.sluice.queue.transact.TransactionExecutor;
import dev.sluice.queue.view.MinuteCounters;
import dev.sluice.queue.view.QueueOverview;
import dev.sluice.queue.view.ServerStatistics;
import dev.sluice.queue.view.StoredMessages;
import dev.sluice.queue.view.Traces;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import javax.sql.DataSource;

/**
 * What the routes of administration work on. Its parts block until PostgreSQL has answered, so they are only to be used
 * inside {@link #run} and {@link #read}. Transactions and direct pushes have threads and connections of their own: a
 * slow statistic does not hold them up.
 */
public final class Administration implements AutoCloseable {
    private static final int MAX_WAITING = 1000;

    private final BoundedExecutor turns;
    private final BoundedExecutor readers;
    private final int listMax;
    private final DataSource copies;
    private final String schema;
    private final Runnable requireDatabase;
    private final Runnable requireWrites;
    private final Consumer<Set<String>> wake;
    private final Queues queues;
    private final Queue queue;
    private final ConsumerGroups groups;
    private final DeadLetters deadLetters;
    private final QueueOverview resources;
    private final StoredMessages messages;
    private final Traces traces;
    private final Streams streams;
    private final MinuteCounters counters;
    private final ServerStatistics server;
    private final Redrive redrive;
    private final WriterPool<TransactionExecutor> transactions;
    private final WriterPool<QueueWriter> directWriters;

    /**
     * How much may be done at a time.
     *
     * @param threads requests that change something and are worked on at a time, each with a connection of the first
     *     pool
     * @param readers requests that only read and are worked on at a time, each with a connection of the first pool
     * @param listMax most rows of a list in one answer
     * @param transactions transactions at a time, each with a connection of the second
     * @param directPushes direct pushes at a time, each with a connection of the second
     * @param queue settings of the queue
     * @param writer settings of each writer
     */
    public record Config(
            int threads,
            int readers,
            int listMax,
            int transactions,
            int directPushes,
            QueueConfig queue,
            QueueWriterConfig writer) {}

    /**
     * Makes the parts. Does not ask the database yet.
     *
     * @param dataSource a pool of its own, so that administration and consumers cannot starve each other
     * @param writers another one, for transactions and direct pushes
     * @param copies another one, for one copy of everything at a time
     * @param configured run when options of a queue have been committed
     * @param requireDatabase throws {@code QueueException} while the database is known to be away
     * @param requireWrites throws {@code QueueException} while the database is known to be away or to take no writes
     * @param wake told the queues that may have got something to read, after the commit; must not block
     */
    public Administration(
            DataSource dataSource,
            DataSource writers,
            DataSource copies,
            Config config,
            Runnable configured,
            Runnable requireDatabase,
            Runnable requireWrites,
            Consumer<Set<String>> wake) {
        this.copies = copies;
        this.schema = config.queue().schema();
        this.turns = new BoundedExecutor("requests of administration", "sluice-admin", config.threads(), MAX_WAITING);
        this.readers = new BoundedExecutor("requests that read", "sluice-readers", config.readers(), MAX_WAITING);
        this.listMax = config.listMax();
        this.requireDatabase = requireDatabase;
        this.requireWrites = requireWrites;
        this.wake = wake;
        this.queues = new Queues(dataSource, schema, config.queue().cipher(), configured);
        this.queue = new Queue(dataSource, config.queue());
        this.groups = new ConsumerGroups(dataSource, schema);
        this.resources = new QueueOverview(dataSource, schema);
        this.messages = new StoredMessages(dataSource, schema, config.queue().cipher());
        this.traces = new Traces(dataSource, schema, config.queue().cipher());
        this.streams = new Streams(
                dataSource, schema, config.queue().cipher(), (int) HeapShares.transaction(Streams.MAX_CHARACTERS));
        this.counters = new MinuteCounters(dataSource, schema);
        this.server = new ServerStatistics(dataSource, schema);
        this.deadLetters = new DeadLetters(
                dataSource, schema, config.queue().cipher(), HeapShares.transaction(DeadLetters.MAX_PAGE_BYTES));
        this.redrive = new Redrive(dataSource, config.writer());
        this.transactions = new WriterPool<>(
                "transactions",
                "sluice-transactions",
                config.transactions(),
                () -> new TransactionExecutor(writers, config.writer()),
                requireWrites);
        this.directWriters = new WriterPool<>(
                "direct pushes",
                "sluice-direct-pushes",
                config.directPushes(),
                () -> new QueueWriter(writers, config.writer()),
                requireWrites);
    }

    /**
     * Runs a task that only reads from the database, when it is its turn. Such tasks have a few threads of their own,
     * so any number of requested lists leaves processors, memory and connections for the rest of the service.
     */
    public <T> CompletableFuture<T> read(Callable<T> task) {
        return readers.run(() -> {
            requireDatabase.run();
            return task.call();
        });
    }

    /** Returns the most rows of a list in one answer. */
    public int listMax() {
        return listMax;
    }

    /**
     * Runs a task that writes to the database, when it is its turn. While the database takes no writes, the task does
     * not begin. A task of several transactions that fails after one of them changed something fails with
     * {@link OutcomeUnknownException}.
     */
    public <T> CompletableFuture<T> run(Callable<T> task) {
        return turns.run(() -> Effects.of(() -> {
            requireWrites.run();
            return task.call();
        }));
    }

    /** Throws {@code QueueException} while the database is known to be away. */
    public void requireDatabase() {
        requireDatabase.run();
    }

    /** Returns the pool for copying everything. */
    public DataSource copies() {
        return copies;
    }

    /** Returns the name of the schema. */
    public String schema() {
        return schema;
    }

    /** Says that these queues may have got something to read, to consumers that wait here and at other bridges. */
    public void wake(Set<String> names) {
        if (!names.isEmpty()) {
            wake.accept(names);
        }
    }

    public Queues queues() {
        return queues;
    }

    public Queue queue() {
        return queue;
    }

    public ConsumerGroups groups() {
        return groups;
    }

    public DeadLetters deadLetters() {
        return deadLetters;
    }

    public QueueOverview resources() {
        return resources;
    }

    public StoredMessages messages() {
        return messages;
    }

    public Traces traces() {
        return traces;
    }

    public Streams streams() {
        return streams;
    }

    public MinuteCounters counters() {
        return counters;
    }

    public ServerStatistics server() {
        return server;
    }

    /** Moves dead letters back into their queues, and wakes who waits there. One at a time. */
    public List<Redrive.Verdict> redrive(List<Long> ids) {
        try {
            Redrive.Outcome outcome = redrive.run(ids);
            wake(outcome.queues());
            return outcome.verdicts();
        } finally {
            redrive.close(); // Gives the connection back, of which there is one for each turn.
        }
    }

    public WriterPool<TransactionExecutor> transactions() {
        return transactions;
    }

    public WriterPool<QueueWriter> directWriters() {
        return directWriters;
    }

    /** Ends the requests under way, waiting for them a little. */
    @Override
    public void close() {
        turns.close();
        readers.close();
        transactions.close();
        directWriters.close();
    }
}
