package dev.sluice.bridge.postgres;

import com.zaxxer.hikari.HikariPoolMXBean;
import dev.sluice.bridge.metrics.ProcessUsage;
import dev.sluice.bridge.postgres.DirectConnections.SessionStart;
import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.sql.SessionSettings;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;

/**
 * The pools of a {@link Database}: one for each kind of work, so that no kind can starve another. Until {@link #resize}
 * they are small and empty. Any thread may call.
 */
final class Pools implements AutoCloseable {
    /** Longest time of a statement of a request. The bridge answers the request within 9 s, whatever it waits for. */
    private static final Duration REQUEST_STATEMENT_TIMEOUT = Duration.ofSeconds(7);

    /** Longest wait for the answer to a statement of a request, or to its commit. */
    private static final Duration REQUEST_ANSWER_TIMEOUT = Duration.ofSeconds(8);

    /** A consumer waits for an answer this much longer than the server may work on the statement. */
    private static final Duration CONSUMER_ANSWER_MARGIN = Duration.ofSeconds(2);

    /** Retires replaced pools. */
    private static final Executor RETIREMENT =
            task -> Threads.daemon("sluice-old-pool", task).start();

    /** Hears of the failures of connections, on the thread that uses the connection. */
    interface Listener {
        /** A connection has reported that its session is over. */
        void broken(Pool pool, SQLException reason);

        /** PostgreSQL has refused a connection to a pool because it has too many. */
        void refused(SQLException reason);
    }

    private final Database.Address address;
    private final Listener listener;
    private final Pool consumers;
    private final Pool administration;
    private final Pool writers;
    private final Pool control;
    private final Pool housekeeping;
    private final Pool copies;
    private final Pool work;
    private final List<Runnable> renewals = new CopyOnWriteArrayList<>();
    private volatile boolean closing;

    /**
     * Makes the pools without a connection.
     *
     * @param consumerTimeout longest time of a statement of a pop or an acknowledgement
     */
    Pools(Database.Address address, Duration consumerTimeout, Listener listener) {
        this.address = address;
        this.listener = listener;
        PoolSizes least = PoolSizes.least();
        SessionStart begin = SessionSettings::begin;
        consumers = pool(
                "sluice-consumers",
                least.consumers(),
                begin,
                consumerTimeout,
                consumerTimeout.plus(CONSUMER_ANSWER_MARGIN));
        administration = pool(
                "sluice-administration",
                least.administration(),
                SessionSettings::beginForLists,
                REQUEST_STATEMENT_TIMEOUT,
                REQUEST_ANSWER_TIMEOUT);
        writers = pool("sluice-writers", least.writers(), begin, REQUEST_STATEMENT_TIMEOUT, REQUEST_ANSWER_TIMEOUT);
        control = pool("sluice-control", least.control(), begin, Duration.ZERO, REQUEST_ANSWER_TIMEOUT);
        housekeeping = pool("sluice-housekeeping", 1, begin, Duration.ZERO, Database.ANSWER_TIMEOUT);
        copies = pool("sluice-copies", 1, begin, Duration.ZERO, Database.ANSWER_TIMEOUT);
        work = pool("sluice-work", PoolSizes.WORK_ON_DEMAND, begin, REQUEST_STATEMENT_TIMEOUT, REQUEST_ANSWER_TIMEOUT);
    }

    private Pool pool(String name, int size, SessionStart start, Duration statementTimeout, Duration answerTimeout) {
        var source = new DirectConnections(address, name, start, statementTimeout, answerTimeout, listener::refused);
        return new Pool(name, source, size, listener::broken);
    }

    /** The pool for pops and acknowledgements. */
    Pool consumers() {
        return consumers;
    }

    /** The pool for the routes of administration. */
    Pool administration() {
        return administration;
    }

    /** The pool for transactions and direct pushes. */
    Pool writers() {
        return writers;
    }

    /** The pool for jobs beside the requests. */
    Pool control() {
        return control;
    }

    /** The pool for retention and counts: one connection, opened on demand. */
    Pool housekeeping() {
        return housekeeping;
    }

    /** The pool for copies of everything: one connection, opened on demand. */
    Pool copies() {
        return copies;
    }

    /** The pool for the work engine. It opens connections on demand until {@link #resize} gives it a size. */
    Pool work() {
        return work;
    }

    List<Pool> all() {
        return List.of(consumers, administration, writers, control, work, housekeeping, copies);
    }

    /** Returns how many connections the pools have now. */
    int open() {
        return usage().size();
    }

    /** Returns how the connections of all pools are used now. */
    ProcessUsage.Pool usage() {
        int size = 0;
        int idle = 0;
        int active = 0;
        int waiting = 0;
        for (Pool pool : all()) {
            HikariPoolMXBean state = pool.state();
            size += state.getTotalConnections();
            idle += state.getIdleConnections();
            active += state.getActiveConnections();
            waiting += state.getThreadsAwaitingConnection();
        }
        return new ProcessUsage.Pool(size, idle, active, waiting);
    }

    /** Gives the pools these sizes. A pool that has its size already, and keeps its connections open, stays. */
    synchronized void resize(PoolSizes sizes) {
        resize(consumers, sizes.consumers());
        resize(writers, sizes.writers());
        resize(administration, sizes.administration());
        resize(control, sizes.control());
        if (sizes.work() > 0) {
            resize(work, sizes.work());
        }
    }

    private void resize(Pool pool, int size) {
        if (pool.size() != size || !pool.isEager()) {
            replace(pool, size, true);
        }
    }

    /** Replaces the connections of a pool. */
    void replace(Pool pool) {
        boolean isRarelyUsed = pool == copies || pool == housekeeping || (pool == work && !work.isEager());
        replace(pool, pool.size(), !isRarelyUsed);
    }

    private void replace(Pool pool, int size, boolean keepsAll) {
        if (closing) {
            return;
        }
        pool.replace(size, keepsAll, RETIREMENT);
        renewals.forEach(Runnable::run); // Some keep their connection.
    }

    /** Adds a callback for the replacement of connections. */
    void whenRenewed(Runnable callback) {
        renewals.add(callback);
    }

    @Override
    public void close() {
        closing = true;
        all().forEach(Pool::close);
    }
}
