package dev.sluice.bridge.postgres;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.HikariPoolMXBean;
import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.SessionFailures;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A HikariCP pool that can be replaced while it is in use, and that says why it cannot give a connection.
 *
 * <p>The isolation level of its connections is set explicitly (read committed). Otherwise HikariCP asks the server for
 * the level; if the connection breaks meanwhile, it keeps the level -1 and refuses every later connection.
 *
 * <p>Any thread may call.
 */
final class Pool extends ConnectionSource implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Pool.class);

    /**
     * Longest wait of a request for a connection, and of the pool for the answer that shows that a connection works.
     */
    private static final Duration WAIT = Duration.ofSeconds(2);

    private static final Duration KEEP_ALIVE = Duration.ofMinutes(1);

    /** How long requests may keep connections of a replaced pool. */
    private static final Duration RETIREMENT = Duration.ofSeconds(30);

    private static final Duration RETIREMENT_STEP = Duration.ofMillis(100);

    private final String name;
    private final DataSource source;
    private final BiConsumer<Pool, SQLException> broken;
    private volatile HikariDataSource current;
    private volatile int size;
    private volatile boolean eager;
    /** Whether the last request got no connection from the server. */
    private volatile boolean failed;

    /**
     * Makes a pool that opens connections on demand. {@link #replace} can make it keep all of them open.
     *
     * @param source opens its connections
     * @param broken gets each exception that says that a session has ended
     */
    public Pool(String name, DataSource source, int size, BiConsumer<Pool, SQLException> broken) {
        this.name = name;
        this.source = source;
        this.broken = broken;
        this.size = size;
        this.current = make(size, 0);
    }

    private HikariDataSource make(int most, int least) {
        var config = new HikariConfig();
        config.setPoolName(name);
        config.setDataSource(source);
        config.setMaximumPoolSize(most);
        config.setMinimumIdle(least);
        config.setConnectionTimeout(WAIT.toMillis());
        config.setValidationTimeout(WAIT.toMillis());
        config.setKeepaliveTime(KEEP_ALIVE.toMillis());
        config.setInitializationFailTimeout(-1); // The service takes pushes without a database.
        config.setThreadFactory(Threads.named(name + "-pool"));
        config.setTransactionIsolation("TRANSACTION_READ_COMMITTED");
        config.setExceptionOverride(new BrokenSessions(exception -> broken.accept(this, exception)));
        return new HikariDataSource(config);
    }

    String name() {
        return name;
    }

    /** Returns how many connections the pool may have. */
    int size() {
        return size;
    }

    /** Returns whether the pool keeps all of its connections open. */
    boolean isEager() {
        return eager;
    }

    /**
     * Returns a connection. If the pool is replaced meanwhile, asks the new one too, but only once: a pool that is
     * replaced again and again must not hold a request for ever.
     *
     * @throws SQLException if there is none; says that all are in use, or what the server answered last
     */
    @Override
    public Connection getConnection() throws SQLException {
        HikariDataSource first = current;
        try {
            return connection(first);
        } catch (SQLException e) {
            HikariDataSource second = current;
            if (first != second) {
                return connection(second);
            }
            throw e;
        }
    }

    private Connection connection(HikariDataSource from) throws SQLException {
        try {
            Connection connection = from.getConnection();
            failed = false;
            return connection;
        } catch (SQLException e) {
            SQLException explained = explained(from, e);
            if (from == current && !SessionFailures.ALL_CONNECTIONS_IN_USE.equals(explained.getSQLState())) {
                failed = true;
            }
            throw explained;
        }
    }

    private SQLException explained(HikariDataSource from, SQLException e) {
        int total = from.getHikariPoolMXBean().getTotalConnections();
        if (total > 0) {
            return new SQLException(
                    "all " + total + " connections of pool " + name + " are in use, and none came free within "
                            + WAIT.toSeconds() + " s",
                    SessionFailures.ALL_CONNECTIONS_IN_USE,
                    e);
        }
        if (e.getCause() == null) {
            return new SQLException(
                    "pool " + name + " has no connection, and the server let none in within " + WAIT.toSeconds() + " s",
                    "08001",
                    e);
        }
        Throwable cause = e.getCause();
        String state = e.getSQLState();
        return new SQLException(
                "pool " + name + " has no connection: " + SessionFailures.reason(cause),
                state == null ? "08001" : state,
                e);
    }

    /** Returns whether the pool has no connection although it should have one. */
    boolean isEmpty() {
        return (eager || failed) && state().getTotalConnections() == 0;
    }

    HikariPoolMXBean state() {
        return current.getHikariPoolMXBean();
    }

    /**
     * Puts a new HikariCP pool in the place of the current one. Requests keep the connections they have. The new pool
     * opens its connections at once, even if the old one pauses after a failure or waits for a server that will never
     * answer.
     *
     * @param keepsAll whether the new pool keeps all of its connections open. A pool that grows on demand may overlook
     *     one of several simultaneous requests
     * @param background retires the old pool
     */
    public synchronized void replace(int newSize, boolean keepsAll, Executor background) {
        HikariDataSource old = current;
        size = newSize;
        eager = keepsAll;
        current = make(newSize, keepsAll ? newSize : 0);
        failed = false;
        background.execute(() -> retire(old));
    }

    private static void retire(HikariDataSource old) {
        old.getHikariConfigMXBean().setMinimumIdle(0); // It opens no more connections.
        long deadline = System.nanoTime() + RETIREMENT.toNanos();
        try {
            do {
                old.getHikariPoolMXBean().softEvictConnections();
                Thread.sleep(RETIREMENT_STEP.toMillis());
            } while (old.getHikariPoolMXBean().getTotalConnections() > 0 && deadline - System.nanoTime() > 0);
        } catch (InterruptedException e) {
            log.debug("A replaced pool is closed at once pool={}", old.getPoolName());
        }
        old.close();
    }

    /** Closes all connections, including those in use. */
    @Override
    public void close() {
        current.close();
    }
}
