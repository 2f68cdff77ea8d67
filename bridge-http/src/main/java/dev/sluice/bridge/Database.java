package dev.sluice.bridge;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.HikariPoolMXBean;
import dev.sluice.bridge.api.ServiceState;
import dev.sluice.bridge.metrics.ProcessUsage;
import dev.sluice.queue.ConnectionUrl;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.QueueSchema;
import dev.sluice.queue.SessionSettings;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connections to PostgreSQL that are not the drain's, in pools that cannot starve each other, and the knowledge whether the
 * server answers: it is asked every second on a connection of its own. When it answers again, the pools have connections at
 * once.
 */
final class Database implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Database.class);

    private static final long ASK_MILLIS = 1000;
    private static final int ANSWER_SECONDS = 2;
    /** To ask whether the server is there, to hear other bridges, for scheduled messages, and four for what comes and goes. */
    private static final int CONTROL_CONNECTIONS = 7;

    private static final long CONNECTION_TIMEOUT_MILLIS = 2000;
    private static final String CONNECT_TIMEOUT_SECONDS = "2";
    private static final String SOCKET_TIMEOUT = "socketTimeout"; // In seconds.

    /**
     * Where the server is.
     *
     * @param url JDBC address
     * @param user user, or null for what the address says
     * @param password password, or null
     */
    record Address(
            String url, @Nullable String user, @Nullable String password) {
        /** Returns the address for the driver. It holds no secret. */
        String driverUrl() {
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

    /** What the watch asks every second, on a connection of its own: whether the database can be used. */
    interface Probe {
        /** Returns if the database can be used; otherwise throws what the server or the driver says. */
        void ask(Connection connection) throws SQLException;
    }

    private final HikariDataSource consumers;
    private final HikariDataSource administration;
    private final HikariDataSource writers;
    private final HikariDataSource control;
    private final HikariDataSource copies;
    private final PoolThreads threads = new PoolThreads();
    private final Address address;
    private final Properties direct;
    private final Thread monitor;
    private volatile Runnable answersAgain = () -> {};
    private volatile Probe probe = connection -> {
        if (!connection.isValid(ANSWER_SECONDS)) {
            throw new SQLException("the server does not answer", "08006");
        }
    };
    private volatile boolean connected;
    private volatile boolean closing;

    /**
     * Makes the pools. Does not wait for the server.
     *
     * @param consumerConnections connections for pops and acknowledgements
     * @param consumerTimeout how long a statement on them may take
     * @param administrationConnections connections for the routes of administration
     * @param writerConnections connections for transactions and direct pushes
     */
    Database(
            Address address,
            int consumerConnections,
            Duration consumerTimeout,
            int administrationConnections,
            int writerConnections) {
        this.address = address;
        HikariConfig bounded = config(address, "sluice-consumers", consumerConnections);
        bounded.setConnectionInitSql(SessionSettings.SQL + "; set statement_timeout = " + consumerTimeout.toMillis());
        bounded.addDataSourceProperty(SOCKET_TIMEOUT, String.valueOf(consumerTimeout.toSeconds() + 2));
        consumers = new HikariDataSource(bounded);
        administration = new HikariDataSource(config(address, "sluice-administration", administrationConnections));
        writers = new HikariDataSource(config(address, "sluice-writers", writerConnections));
        control = new HikariDataSource(config(address, "sluice-control", CONTROL_CONNECTIONS));
        HikariConfig onDemand = config(address, "sluice-copies", 1);
        onDemand.setMinimumIdle(0); // Hardly ever used.
        copies = new HikariDataSource(onDemand);
        direct = direct(address);
        monitor = new Thread(this::watch, "sluice-database");
        monitor.setDaemon(true);
    }

    private HikariConfig config(Address address, String name, int size) {
        var config = new HikariConfig();
        config.setPoolName(name);
        config.setJdbcUrl(address.driverUrl());
        address.secrets().forEach((property, value) -> config.addDataSourceProperty(String.valueOf(property), value));
        config.setMaximumPoolSize(
                size); // And never less: a pool that grows may overlook one of several who ask at once.
        config.setConnectionTimeout(CONNECTION_TIMEOUT_MILLIS);
        config.setValidationTimeout(Duration.ofSeconds(1).toMillis());
        config.setKeepaliveTime(Duration.ofMinutes(1).toMillis());
        config.setInitializationFailTimeout(-1); // The service takes pushes without a database.
        config.setThreadFactory(threads);
        config.setConnectionInitSql(SessionSettings.SQL);
        config.addDataSourceProperty("ApplicationName", name);
        config.addDataSourceProperty("tcpKeepAlive", "true");
        config.addDataSourceProperty("connectTimeout", CONNECT_TIMEOUT_SECONDS);
        config.addDataSourceProperty(SOCKET_TIMEOUT, "30");
        return config;
    }

    /** Returns what a connection outside the pools is opened with. */
    private static Properties direct(Address address) {
        Properties properties = address.secrets();
        properties.setProperty("ApplicationName", "sluice-control");
        properties.setProperty("connectTimeout", CONNECT_TIMEOUT_SECONDS);
        properties.setProperty(SOCKET_TIMEOUT, String.valueOf(2 * ANSWER_SECONDS));
        return properties;
    }

    /**
     * Brings the schema up to date, or checks it, and begins to watch the server.
     *
     * @param apply whether to change anything
     * @throws StartException if the server does not let us in, has no such database, or has a schema that is not ours to use
     *     or cannot be brought up to date
     * @throws QueueException if the server cannot be reached now
     */
    void open(String schema, boolean apply) throws StartException {
        threads.hurry(); // We are not the first to try, perhaps.
        try {
            if (apply) {
                QueueSchema.apply(control, schema);
            } else {
                QueueSchema.verify(control, schema);
            }
            connected = true;
            if (!monitor.isAlive()) {
                monitor.start();
            }
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

    /** Returns what the server says of a wrong password, a missing database or right: trying again does not help. */
    private static @Nullable String refusal(QueueException e) {
        String refusal = null;
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            String state = cause instanceof SQLException sql ? sql.getSQLState() : null;
            if (state != null && (state.startsWith("28") || state.equals("3D000") || state.equals("42501"))) {
                refusal = cause.getMessage(); // The innermost is the server's own.
            }
        }
        return refusal;
    }

    /** Returns the pool for pops and acknowledgements. */
    DataSource consumers() {
        return consumers;
    }

    /** Returns the pool for the routes of administration. */
    DataSource administration() {
        return administration;
    }

    /** Returns the pool for transactions and direct pushes. */
    DataSource writers() {
        return writers;
    }

    /** Returns the pool for what runs beside the requests. */
    DataSource control() {
        return control;
    }

    /** Returns the pool for copying everything into another database: one connection, opened when it is asked for. */
    DataSource copies() {
        return copies;
    }

    /** Returns how the connections of all pools are used now. */
    ProcessUsage.Pool usage() {
        int size = 0;
        int idle = 0;
        int active = 0;
        int waiting = 0;
        for (HikariDataSource pool : List.of(consumers, administration, control)) {
            HikariPoolMXBean state = pool.getHikariPoolMXBean();
            if (state != null) { // There is none before the first connection is asked for.
                size += state.getTotalConnections();
                idle += state.getIdleConnections();
                active += state.getActiveConnections();
                waiting += state.getThreadsAwaitingConnection();
            }
        }
        return new ProcessUsage.Pool(size, idle, active, waiting);
    }

    /** Sets what is run when the server answers after it did not, and there are connections. */
    void whenItAnswersAgain(Runnable listener) {
        answersAgain = listener;
    }

    /** Sets what the watch asks, from its next question on. */
    void ask(Probe probe) {
        this.probe = probe;
    }

    /** Returns what is known of the database now. */
    ServiceState.Database state() {
        return connected ? ServiceState.Database.WELL : new ServiceState.Database(false, "it does not answer");
    }

    /** Returns whether the server answered when last asked. */
    boolean isConnected() {
        return connected;
    }

    private void watch() {
        while (!closing) {
            boolean answers = connected ? answers() : answersDirectly();
            if (answers != connected && !closing) {
                if (answers) {
                    threads.hurry();
                    log.info("The database answers again");
                    connected = true;
                    fill();
                    answersAgain.run();
                } else {
                    log.warn("The database does not answer, pushes are kept in the local log");
                    connected = false;
                }
            }
            try {
                Thread.sleep(ASK_MILLIS);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private boolean answers() {
        try (Connection connection = control.getConnection()) {
            probe.ask(connection);
            return true;
        } catch (SQLException e) {
            return false;
        }
    }

    /** Asks on a connection that no pool has a say in. */
    private boolean answersDirectly() {
        try (Connection connection = DriverManager.getConnection(address.driverUrl(), direct)) {
            probe.ask(connection);
            return true;
        } catch (SQLException e) {
            return false;
        }
    }

    /** Has the pools open connections now, for whoever waits and for us. */
    private void fill() {
        for (HikariDataSource pool : List.of(consumers, administration, writers, control)) {
            try {
                pool.getConnection().close();
            } catch (SQLException e) {
                log.debug("The database answers, but not to a pool. pool={}", pool.getPoolName(), e);
            }
        }
    }

    /** Closes all connections. */
    @Override
    public void close() {
        closing = true;
        monitor.interrupt();
        consumers.close();
        administration.close();
        writers.close();
        control.close();
        copies.close();
    }
}
