package dev.sluice.bridge.endpoint;

import dev.sluice.bridge.endpoint.Endpoint.State;
import dev.sluice.bridge.notice.NoticeWriter;
import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.admin.ConsumerGroups;
import dev.sluice.queue.admin.Queues;
import dev.sluice.queue.read.Taking;
import dev.sluice.queue.sql.Transactions;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Endpoints in this process: the fan-out, the deliveries, and what must be done from time to time. One thread does it
 * all, except that {@link AttemptLog} has its own. While PostgreSQL does not answer, the thread tries again.
 */
public final class EndpointService implements AutoCloseable {
    /** Stands for a queue where processes wake each other: the endpoints have changed. No queue has messages for it. */
    static final String CHANGED = "sluice.endpoints";

    private static final Logger log = LoggerFactory.getLogger(EndpointService.class);

    /** Every so many polls, all names of queues are read. */
    private static final int REGISTER_POLLS = 5;

    private static final long CHECK_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final long TIDY_NANOS = TimeUnit.MINUTES.toNanos(10);
    private static final int TIDIED_AT_ONCE = 5_000;
    private static final long PAUSE_MS = 200;
    private static final Duration CLOSE = Duration.ofSeconds(5);

    private final EndpointConfig config;
    private final Consumer<Set<String>> wake;
    private final Transactions transactions;
    private final AttemptRows attemptRows;
    private final AttemptLog attempts;
    private final Directory directory;
    private final Groups groups;
    private final FanOut fanOut;
    private final Disabling disabling;
    private final Registry registry;
    private final Thread thread = Threads.daemon("sluice-endpoints", this::run);
    private final Semaphore signal = new Semaphore(0);
    private final Queue<Gone> gone = new ConcurrentLinkedQueue<>();
    private final long checkNanos;
    private volatile Set<String> known = Set.of();
    private volatile boolean changed = true;
    private volatile boolean newQueue = true;
    private volatile boolean closed;
    private long nextRefresh;
    private long nextRegister;
    private long nextCheck;
    private long nextTidy = System.nanoTime() + TIDY_NANOS;
    private boolean failing;

    /** An endpoint that has answered 410. */
    private record Gone(String endpoint, String reason) {}

    /** What {@link Delivery} tells. Any thread; nothing blocks. */
    public interface Observer {
        /** An attempt of a work has ended. */
        void ended(String endpoint, Delivery.Ended ended);

        /** An endpoint wants no more messages. */
        void gone(String endpoint, String reason);
    }

    /**
     * Makes a service; {@link #start} begins.
     *
     * @param connections a pool. The fan-out takes one connection, attempts and notices one each while they write
     * @param writer settings of writers that remember little
     * @param notices writes notices
     * @param delivery makes what delivers
     * @param wake gets queues that have new messages; must not block
     */
    public EndpointService(
            EndpointConfig config,
            DataSource connections,
            QueueWriterConfig writer,
            NoticeWriter notices,
            Function<Observer, Delivery> delivery,
            Consumer<Set<String>> wake) {
        this.config = config;
        this.wake = wake;
        this.transactions = Transactions.byIndex(connections);
        var sealing = new Sealing(config.cipher());
        var rows = new EndpointRows(config.schema(), sealing);
        var fanOutRows = new FanOutRows(config.schema());
        this.attemptRows = new AttemptRows(config.schema());
        this.attempts = new AttemptLog(
                transactions, rows, attemptRows, config.attempts().which());
        Delivery deliveries = delivery.apply(new Told());
        this.directory = new Directory(transactions, rows, sealing, deliveries);
        this.groups = new Groups(
                transactions,
                rows,
                attemptRows,
                fanOutRows,
                new Taking(config.schema(), config.cipher(), 1),
                new Groups.Admin(
                        new ConsumerGroups(connections, config.schema()), new Queues(connections, config.schema())));
        this.fanOut = new FanOut(connections, writer, fanOutRows, rows, config.waiting(), wake);
        this.disabling = new Disabling(transactions, rows, notices, config.disableAfter());
        this.registry = new Registry(
                transactions,
                new Registry.Tables(rows, attemptRows, fanOutRows, sealing),
                groups,
                deliveries,
                config.limits(),
                this::tellChanged);
        long tenth = config.disableAfter().toNanos() / 10;
        this.checkNanos = tenth == 0 ? CHECK_NANOS : Math.min(CHECK_NANOS, tenth);
    }

    private final class Told implements Observer {
        @Override
        public void ended(String endpoint, Delivery.Ended ended) {
            attempts.ended(endpoint, ended);
        }

        @Override
        public void gone(String endpoint, String reason) {
            gone.add(new Gone(endpoint, reason));
            signal.release();
        }
    }

    /** Returns what the routes use. */
    public Registry registry() {
        return registry;
    }

    /** Begins. */
    public void start() {
        attempts.start();
        thread.start();
    }

    private void tellChanged() {
        wake(CHANGED);
        wake.accept(Set.of(CHANGED));
    }

    /** Says that a queue has new messages, or that endpoints have changed. Any thread; never blocks. */
    public void wake(String queue) {
        if (queue.equals(CHANGED)) {
            changed = true;
        } else if (!directory.reads(queue)) {
            return;
        } else if (!known.contains(queue)) {
            newQueue = true;
        }
        if (signal.availablePermits() == 0) {
            signal.release();
        }
    }

    private void run() {
        while (!closed) {
            try {
                boolean more = pass();
                if (failing) {
                    failing = false;
                    log.info("Endpoints get messages again");
                }
                if (!more) {
                    fanOut.close(); // Gives its connection back.
                    boolean unused = signal.tryAcquire(config.pollInterval().toNanos(), TimeUnit.NANOSECONDS);
                    signal.drainPermits();
                }
            } catch (InterruptedException e) {
                break;
            } catch (RuntimeException | Error e) { // The thread must not die: no endpoint would get a message any more.
                failed(e);
                if (pauseInterrupted()) {
                    break;
                }
            }
        }
        fanOut.close();
    }

    /** Does what is due. Returns whether there may be more messages. */
    private boolean pass() {
        long now = System.nanoTime();
        if (changed || now - nextRefresh >= 0) {
            changed = false;
            if (directory.refresh()) {
                newQueue = true;
            }
            directory.deleting().forEach(groups::delete);
            nextRefresh = now + config.pollInterval().toNanos();
        }
        if (!directory.all().isEmpty() && (newQueue || now - nextRegister >= 0)) {
            newQueue = false;
            known = groups.register(directory.all());
            nextRegister = now + REGISTER_POLLS * config.pollInterval().toNanos();
        }
        if (now - nextCheck >= 0) {
            changed |= disabling.check();
            nextCheck = now + checkNanos;
        }
        for (Gone next = gone.peek(); next != null; next = gone.peek()) {
            if (disabling.disable(next.endpoint(), next.reason())) {
                tellChanged();
            }
            gone.poll(); // After the commit: a failure of PostgreSQL forgets nothing.
        }
        if (now - nextTidy >= 0) {
            tidy();
            nextTidy = now + TIDY_NANOS;
        }
        return fanOut.run(directory.active()) || changed;
    }

    /** Deletes attempts that are old, or beyond the number of an endpoint. */
    void tidy() {
        transactions.repeat(
                "could not delete old attempts",
                connection ->
                        attemptRows.deleteOld(connection, config.attempts().days(), TIDIED_AT_ONCE));
        for (Endpoint endpoint : directory.all()) {
            transactions.repeat(
                    "could not delete attempts of an endpoint",
                    connection -> attemptRows.deleteBeyond(
                            connection, endpoint.id(), config.attempts().most(), TIDIED_AT_ONCE));
        }
    }

    private void failed(Throwable e) {
        boolean isOfDatabase = e instanceof QueueException failure && failure.isTransient();
        if (!failing && isOfDatabase) {
            log.warn("Endpoints get no messages until the database answers reason={}", e.getMessage());
        } else if (!failing) {
            log.error("Endpoints get no messages, trying again", e);
        }
        failing = true;
    }

    private static boolean pauseInterrupted() {
        try {
            Thread.sleep(PAUSE_MS);
            return false;
        } catch (InterruptedException e) {
            return true;
        }
    }

    /** Returns how many endpoints there are, by state. */
    public Map<State, Long> states() {
        return directory.all().stream()
                .collect(Collectors.groupingBy(each -> each.condition().state(), Collectors.counting()));
    }

    /** Returns why this process cannot deliver to endpoints, by endpoint. */
    public Map<String, String> problems() {
        return directory.problems();
    }

    /** Returns how many works this process has written for endpoints. */
    public long copied() {
        return fanOut.copied();
    }

    /** Returns how many endpoints this process has disabled. */
    public long disabled() {
        return disabling.disabled();
    }

    /** Returns how many attempts were not kept because there was no room. */
    public long droppedAttempts() {
        return attempts.dropped();
    }

    /** Stops the fan-out, and stores the attempts that have ended. The work engine is closed before. */
    @Override
    public void close() {
        closed = true;
        signal.release();
        try {
            thread.join(CLOSE.toMillis());
            thread.interrupt();
            thread.join(CLOSE.toMillis());
        } catch (InterruptedException e) {
            thread.interrupt();
            Thread.currentThread().interrupt();
        }
        attempts.close();
    }
}
