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
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
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
 * all, except that {@link AttemptLog} and {@link Sweeper} have their own. A step that fails is tried again, and keeps
 * no other from being done.
 */
public final class EndpointService implements AutoCloseable {
    /** Stands for a queue where processes wake each other: the endpoints have changed. No queue has messages for it. */
    static final String CHANGED = "sluice.endpoints";

    private static final Logger log = LoggerFactory.getLogger(EndpointService.class);

    /** Every so many polls, all names of queues are read. */
    private static final int REGISTER_POLLS = 5;

    private static final long CHECK_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(200);
    private static final Duration CLOSE = Duration.ofSeconds(5);

    private final EndpointConfig config;
    private final Consumer<Set<String>> wake;
    private final Transactions transactions;
    private final AttemptLog attempts;
    private final Directory directory;
    private final Groups groups;
    private final Sweeper sweeper;
    private final FanOut fanOut;
    private final Disabling disabling;
    private final Registry registry;
    private final Thread thread = Threads.daemon("sluice-endpoints", this::run);
    private final Semaphore signal = new Semaphore(0);

    /** Why endpoints want no more messages, by endpoint. */
    private final Map<String, String> gone = new ConcurrentHashMap<>();

    private final long checkNanos;
    private volatile Set<String> known = Set.of();
    private volatile boolean changed = true;
    private volatile boolean newQueue = true;
    private volatile boolean closed;
    private long nextRefresh;
    private long nextRegister;
    private long nextCheck;
    private boolean hasTaken;

    /** The steps that failed when they were done last. */
    private final Set<String> failing = new HashSet<>();

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
        var attemptRows = new AttemptRows(config.schema());
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
        this.sweeper = new Sweeper(config, transactions, rows, attemptRows, directory, groups);
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
            if (gone.putIfAbsent(endpoint, reason) == null) {
                signal.release();
            }
        }
    }

    /** Returns what the routes use. */
    public Registry registry() {
        return registry;
    }

    /** Begins. */
    public void start() {
        attempts.start();
        sweeper.start();
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
            boolean more = pass();
            if (!more) {
                boolean unused = step("give the connection back", fanOut::close);
                long wait = failing.isEmpty() ? config.pollInterval().toNanos() : PAUSE_NANOS;
                try {
                    unused = signal.tryAcquire(wait, TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    break;
                }
                signal.drainPermits();
            }
        }
        fanOut.close();
    }

    /** Does what is due. Returns whether there may be more messages. */
    private boolean pass() {
        long now = System.nanoTime();
        if (changed || now - nextRefresh >= 0) {
            changed = false;
            boolean done = step("read the endpoints", this::refresh);
            nextRefresh = now + (done ? config.pollInterval().toNanos() : PAUSE_NANOS);
        }
        if (!directory.all().isEmpty() && (newQueue || now - nextRegister >= 0)) {
            newQueue = false;
            boolean done = step("register endpoints on queues", () -> known = groups.register(directory.all()));
            nextRegister = now + (done ? REGISTER_POLLS * config.pollInterval().toNanos() : PAUSE_NANOS);
        }
        if (now - nextCheck >= 0) {
            boolean done = step("disable endpoints that fail", this::check);
            nextCheck = now + (done ? checkNanos : PAUSE_NANOS);
        }
        if (!gone.isEmpty()) {
            boolean unused = step("disable endpoints that are gone", this::disableGone);
        }
        hasTaken = false;
        boolean unused = step("copy messages to endpoints", () -> hasTaken = fanOut.run(directory.active()));
        return hasTaken || changed;
    }

    private void refresh() {
        if (directory.refresh()) {
            newQueue = true;
            sweeper.wake();
        }
    }

    private void check() {
        if (disabling.check()) {
            changed = true;
        }
    }

    private void disableGone() {
        var each = new OneByOne();
        gone.forEach((endpoint, reason) -> each.run(() -> {
            if (disabling.disable(endpoint, reason)) {
                tellChanged();
            }
            gone.remove(endpoint); // After the commit: a failure of PostgreSQL forgets nothing.
        }));
        each.throwFirst();
    }

    /** Does a step of a pass. One that fails keeps no other from being done. Returns whether it was done. */
    private boolean step(String what, Runnable task) {
        try {
            task.run();
        } catch (RuntimeException | Error e) { // The thread must not die: no endpoint would get a message any more.
            boolean isOfDatabase = e instanceof QueueException failure && failure.isTransient();
            if (!failing.add(what)) {
                return false;
            }
            if (isOfDatabase) {
                log.warn("Could not {}, until the database answers reason={}", what, e.getMessage());
            } else {
                log.error("Could not {}, trying again", what, e);
            }
            return false;
        }
        if (failing.remove(what)) {
            log.info("Could {} again", what);
        }
        return true;
    }

    /** Deletes attempts that are old, or beyond the number of an endpoint. */
    void tidy() {
        sweeper.tidy();
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
        sweeper.close();
        attempts.close();
    }
}
