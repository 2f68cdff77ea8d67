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
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A HikariCP pool that can be replaced while it is in use. It says why it cannot give a connection. The isolation level
 * of its connections is set explicitly (read committed). If a pool asks the server for the level and the connection
 * breaks meanwhile, the pool keeps the level -1 and refuses every later connection.
 *
 * <p>Any thread may call.
 */
public final class Pool extends ConnectionSource implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Pool.class);

    /** Longest wait of a request for a connection, and of a connection for the answer that shows that it works. */
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    private static final Duration KEEP_ALIVE = Duration.ofMinutes(1);

    /** How long requests may go on with connections of a pool that has been replaced. */
    private static final Duration RETIREMENT = Duration.ofSeconds(30);

    private static final Duration RETIREMENT_STEP = Duration.ofMillis(100);

    private final String name;
    private final DataSource source;
    private final BiConsumer<Pool, SQLException> suspicious;
    private volatile HikariDataSource current;
    private volatile int size;
    private volatile boolean eager;
    private volatile @Nullable SQLException failure;

    /**
     * Makes a pool that opens connections when they are asked for; {@link #replace} makes it keep all of them open.
     *
     * @param source where its connections come from
     * @param suspicious called with each exception that says that a session has ended
     */
    public Pool(String name, DataSource source, int size, BiConsumer<Pool, SQLException> suspicious) {
        this.name = name;
        this.source = source;
        this.suspicious = suspicious;
        this.size = size;
        this.current = make(size, 0);
    }

    private HikariDataSource make(int most, int least) {
        var config = new HikariConfig();
        config.setPoolName(name);
        config.setDataSource(source);
        config.setMaximumPoolSize(most);
        config.setMinimumIdle(least);
        config.setConnectionTimeout(PATIENCE.toMillis());
        config.setValidationTimeout(PATIENCE.toMillis());
        config.setKeepaliveTime(KEEP_ALIVE.toMillis());
        config.setInitializationFailTimeout(-1); // The service takes pushes without a database.
        config.setThreadFactory(Threads.named(name + "-pool"));
        config.setTransactionIsolation("TRANSACTION_READ_COMMITTED");
        config.setExceptionOverride(new BrokenSessions(exception -> suspicious.accept(this, exception)));
        return new HikariDataSource(config);
    }

    String name() {
        return name;
    }

    /** Returns how many connections it may have. */
    int size() {
        return size;
    }

    /** Says whether it keeps all of its connections open. */
    boolean isEager() {
        return eager;
    }

    /**
     * Returns a connection, or says why there is none: what the server said last, or that all are in use. If the pool
     * is replaced meanwhile the new one is asked, once: pools that are replaced again and again must not hold a request
     * for ever.
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
            failure = null;
            return connection;
        } catch (SQLException e) {
            SQLException explained = explained(from, e);
            if (from == current && !SessionFailures.ALL_CONNECTIONS_IN_USE.equals(explained.getSQLState())) {
                failure = explained;
            }
            throw explained;
        }
    }

    private SQLException explained(HikariDataSource from, SQLException e) {
        int total = from.getHikariPoolMXBean().getTotalConnections();
        if (total > 0) {
            return new SQLException(
                    "all " + total + " connections of pool " + name + " are in use, and none came free within "
                            + PATIENCE.toSeconds() + " s",
                    SessionFailures.ALL_CONNECTIONS_IN_USE,
                    e);
        }
        if (e.getCause() == null) {
            return new SQLException(
                    "pool " + name + " has no connection, and the server let none in within " + PATIENCE.toSeconds()
                            + " s",
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

    /**
     * Returns whether it has no connection although it should. {@link #failure} then says why, once a request has asked
     * for one.
     */
    boolean isEmpty() {
        return (eager || failure != null) && state().getTotalConnections() == 0;
    }

    /** Returns why the last request got no connection; null if the last one got one, or none was made. */
    @Nullable
    SQLException failure() {
        return failure;
    }

    HikariPoolMXBean state() {
        return current.getHikariPoolMXBean();
    }

    /**
     * Puts a new pool in its place. Requests keep the connections they have. The new pool opens its connections at
     * once, even if the old one pauses after a failure or waits for a server that will never answer.
     *
     * @param keepsAll whether it keeps all of its connections open: a pool that grows may overlook one of several
     *     requests that come at once
     * @param background closes the old pool
     */
    public synchronized void replace(int newSize, boolean keepsAll, Executor background) {
        HikariDataSource old = current;
        size = newSize;
        eager = keepsAll;
        current = make(newSize, keepsAll ? newSize : 0);
        failure = null;
        background.execute(() -> retire(old));
    }

    private static void retire(HikariDataSource old) {
        old.getHikariConfigMXBean().setMinimumIdle(0); // It fills up no more.
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

    /** Closes the connections, also those in use. */
    @Override
    public void close() {
        current.close();
    }
}
