package dev.sluice.bridge.postgres;

import dev.sluice.bridge.metrics.ProcessUsage;
import dev.sluice.bridge.system.StartException;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.SessionFailures;
import dev.sluice.queue.sql.ConnectionUrl;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.SessionSettings;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Properties;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * The connections to PostgreSQL that are not the drain's, in {@link Pools}, and the knowledge whether the database can
 * be used ({@link DatabaseWatch}). {@link ConnectionBudget} sizes the pools, {@link PoolRenewal} replaces broken ones.
 * Any thread may call.
 */
public final class Database implements AutoCloseable {
    /** Longest wait for the answer to a statement that no request waits for: retention, a copy, a migration. */
    static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(30);

    private static final Duration WATCH_ANSWER_TIMEOUT = Duration.ofSeconds(2);

    /** One listens to other bridges, one serves scheduled messages, and four serve short tasks. */
    private static final int CONTROL_CONNECTIONS = 6;

    /** How long {@link #problem} reports a connection that was refused to the drain. */
    private static final Duration REFUSAL_REPORTED = Duration.ofSeconds(5);

    private static final String START = "sluice-start";

    /**
     * Where the server is.
     *
     * @param url JDBC address
     * @param user user, or null for the one in the address
     * @param password password, or null
     */
    public record Address(
            String url, @Nullable String user, @Nullable String password) {
        /** Returns the address for the driver. It holds no secret. */
        public String driverUrl() {
            return ConnectionUrl.parse(url).address();
        }

        /** Returns what the driver needs beside the address: user, password and other secrets. */
        Properties secrets() {
            return ConnectionUrl.parse(url).secrets(user, password);
        }

        /** Shows no password. */
        @Override
        public String toString() {
            return ConnectionUrl.shown(url);
        }
    }

    private final Address address;
    private final DataSource direct;
    private final Pools pools;
    private final ConnectionBudget budget;
    private final PoolRenewal renewal;
    private final DatabaseWatch watch;
    private volatile Runnable answersAgain = () -> {};
    private volatile long drainRefusedNanos;
    private volatile @Nullable String drainRefusal;

    /**
     * Makes the pools. Does not wait for the server; until {@link #open} they are small and empty.
     *
     * @param consumerConnections connections for pops and acknowledgements
     * @param consumerTimeout longest time of a statement on them
     * @param administrationConnections connections for the routes of administration
     * @param writerConnections connections for transactions and direct pushes
     * @param workConnections connections for the work engine if it runs handlers, else 0
     * @param drainConnections connections that the drain opens itself, and that come first
     */
    public Database(
            Address address,
            int consumerConnections,
            Duration consumerTimeout,
            int administrationConnections,
            int writerConnections,
            int workConnections,
            int drainConnections) {
        this.address = address;
        direct = direct(START, Duration.ofSeconds(DirectConnections.LOGIN_SECONDS));
        watch = new DatabaseWatch(
                direct("sluice-watch", WATCH_ANSWER_TIMEOUT), Database::requireWritable, new WatchListener());
        pools = new Pools(address, consumerTimeout, new PoolListener());
        var wanted = new PoolSizes(
                consumerConnections,
                administrationConnections,
                writerConnections,
                CONTROL_CONNECTIONS,
                workConnections);
        budget = new ConnectionBudget(pools, wanted, drainConnections);
        renewal = new PoolRenewal(pools);
    }

    /** Asks what the watch asks: does the server answer, and is it no standby? */
    private static void requireWritable(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("select pg_is_in_recovery()")) {
            row.next();
            if (row.getBoolean(1)) {
                throw new SQLException("the server is a standby, which only reads", "25006");
            }
        }
    }

    /**
     * Brings the schema up to date, or checks it, fits the pools into the limits of the server, and begins to watch the
     * server. Waits for no pool.
     *
     * @param apply whether to change anything
     * @throws StartException if the server does not let us in, has no such database, or has a schema that is not ours
     *     to use or cannot be brought up to date
     * @throws QueueException if the server cannot be reached now
     */
    public void open(String schema, boolean apply) throws StartException {
        try {
            openSchema(schema, apply);
            fit();
            watch.start();
        } catch (IllegalStateException e) {
            throw new StartException(String.valueOf(e.getMessage()), e);
        } catch (QueueException e) {
            String refusal = refusal(e);
            if (refusal != null) {
                throw new StartException("the database does not let us in: " + refusal, e);
            }
            if (!e.isTransient()) {
                throw new StartException(String.valueOf(e.getMessage()), e); // As a migration that fails.
            }
            throw e;
        }
    }

    /** Only the statements of a migration, on tables that hold something, may take longer than a login. */
    private void openSchema(String schema, boolean apply) {
        if (!apply) {
            QueueSchema.verify(direct, schema);
            return;
        }
        int found = QueueSchema.installed(direct, schema);
        boolean mayTakeLong = found != 0 && found != QueueSchema.version();
        QueueSchema.apply(mayTakeLong ? direct(START, ANSWER_TIMEOUT) : direct, schema);
    }

    private void fit() {
        try (Connection connection = direct.getConnection()) {
            budget.fitAtStart(connection);
        } catch (SQLException e) {
            throw new QueueException("could not ask PostgreSQL how many connections it allows", e);
        }
    }

    /**
     * Returns the message of the server if it refuses us for a reason that a retry does not change: a wrong password, a
     * missing database, a missing right.
     */
    static @Nullable String refusal(QueueException e) {
        String refusal = null;
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            String state = cause instanceof SQLException sql ? sql.getSQLState() : null;
            if (state != null && (state.startsWith("28") || state.equals("3D000") || state.equals("42501"))) {
                refusal = cause.getMessage(); // The innermost is the server's own.
            }
        }
        return refusal;
    }

    /**
     * PostgreSQL refused a connection to the drain. The pools make room, and {@link #problem} reports it until the
     * drain has its connection.
     */
    public void drainRefused(String reason) {
        drainRefusal = "the drain gets no connection: " + reason;
        drainRefusedNanos = System.nanoTime();
        refused("the drain", reason);
    }

    private void refused(String to, String reason) {
        if (budget.refused(to, reason)) {
            watch.look();
        }
    }

    private final class PoolListener implements Pools.Listener {
        @Override
        public void broken(Pool pool, SQLException reason) {
            renewal.broken(pool, reason, watch);
        }

        @Override
        public void refused(SQLException reason) {
            Database.this.refused("a pool", SessionFailures.reason(reason));
        }
    }

    /** Acts on the findings of the watch, on its thread. */
    private final class WatchListener implements DatabaseWatch.Listener {
        @Override
        public void answersAgain() {
            renewal.renewAll("the database could not be used");
            answersAgain.run();
        }

        @Override
        public void answered(Connection connection) throws SQLException {
            renewal.renewSuspects();
            renewal.replaceEmpty();
            budget.fitAgain(connection);
        }

        @Override
        public void refused(SQLException reason) {
            Database.this.refused("the watch", SessionFailures.reason(reason));
            budget.makeRoomForTheWatch();
        }
    }

    Address address() {
        return address;
    }

    /** Returns the pool for pops and acknowledgements. */
    public DataSource consumers() {
        return pools.consumers();
    }

    /** Returns the pool for the routes of administration. */
    public DataSource administration() {
        return pools.administration();
    }

    /** Returns the pool for transactions and direct pushes. */
    public DataSource writers() {
        return pools.writers();
    }

    /** Returns the pool for jobs beside the requests. */
    public DataSource control() {
        return pools.control();
    }

    /** Returns the pool for the work engine. */
    public DataSource work() {
        return pools.work();
    }

    /** Returns the pool for retention and counts, whose statements may take long: one connection, opened on demand. */
    public DataSource housekeeping() {
        return pools.housekeeping();
    }

    /** Returns the pool for copying everything into another database: one connection, opened on demand. */
    public DataSource copies() {
        return pools.copies();
    }

    /**
     * Returns a source of connections outside the pools.
     *
     * @param name what PostgreSQL shows as their name
     * @param answerTimeout longest wait for an answer
     */
    public DataSource direct(String name, Duration answerTimeout) {
        return new DirectConnections(
                address, name, SessionSettings::begin, Duration.ZERO, answerTimeout, refusal -> {});
    }

    /** Returns how the connections of all pools are used now. */
    public ProcessUsage.Pool usage() {
        return pools.usage();
    }

    /** Sets a callback for the first answer of the server after an outage. Then the pools have new connections. */
    public void whenItAnswersAgain(Runnable callback) {
        answersAgain = callback;
    }

    /**
     * Adds a callback for the replacement of connections. A holder of a long-lived connection uses it to give the
     * connection back.
     */
    public void whenRenewed(Runnable callback) {
        pools.whenRenewed(callback);
    }

    /**
     * Returns the current problem: the database cannot be used, the drain gets no connection, or a pool has none. Null
     * if there is none.
     */
    @Nullable
    public String problem() {
        if (!watch.isConnected()) {
            String error = watch.lastError();
            return error == null ? "the database has not answered yet" : error;
        }
        String refusal = drainRefusal;
        if (refusal != null && System.nanoTime() - drainRefusedNanos < REFUSAL_REPORTED.toNanos()) {
            return refusal;
        }
        return renewal.deadPool();
    }

    /** Returns whether the database could be used when the watch asked last. If not, requests are not tried. */
    public boolean isConnected() {
        return watch.isConnected();
    }

    /** Closes all connections. */
    @Override
    public void close() {
        watch.close();
        pools.close();
    }
}
