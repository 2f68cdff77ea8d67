package dev.sluice.bridge.postgres;

import dev.sluice.queue.SessionFailures;
import dev.sluice.queue.sql.SessionSettings;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Opens connections, for the pools and for users outside the pools. Each connection has the settings of
 * {@link SessionSettings}. The server must accept a connection, and then answer the settings, within
 * {@link #LOGIN_SECONDS} each; later statements may take longer.
 */
final class DirectConnections extends ConnectionSource {
    /** Longest time to reach the server. */
    private static final int CONNECT_SECONDS = 2;

    /** Longest time until the server has accepted a connection. */
    static final int LOGIN_SECONDS = 4;

    /** Sets the settings that a session relies on. */
    interface SessionStart {
        /** Sets them, and the longest time of a statement; zero for no limit. */
        void begin(Connection connection, Duration statementTimeout) throws SQLException;
    }

    private static final int LOGIN_MILLIS = (int) TimeUnit.SECONDS.toMillis(LOGIN_SECONDS);

    private final String url;
    private final Properties properties;
    private final SessionStart start;
    private final Duration statementTimeout;
    private final int answerMillis;
    private final Consumer<SQLException> refused;

    /**
     * Makes it. Opens no connection.
     *
     * @param name application name of the sessions, which PostgreSQL shows
     * @param statementTimeout longest time the server may work on a statement; zero for no limit
     * @param answerTimeout longest wait for an answer
     * @param refused gets the exception when the server accepts no more connections
     */
    DirectConnections(
            Database.Address address,
            String name,
            SessionStart start,
            Duration statementTimeout,
            Duration answerTimeout,
            Consumer<SQLException> refused) {
        this.refused = refused;
        this.start = start;
        this.url = address.driverUrl();
        this.properties = address.secrets();
        this.statementTimeout = statementTimeout;
        this.answerMillis = (int) answerTimeout.toMillis();
        properties.setProperty("ApplicationName", name);
        properties.setProperty("tcpKeepAlive", "true");
        properties.setProperty("connectTimeout", String.valueOf(CONNECT_SECONDS));
        properties.setProperty("loginTimeout", String.valueOf(LOGIN_SECONDS));
        properties.setProperty("socketTimeout", String.valueOf(LOGIN_SECONDS));
    }

    @Override
    public Connection getConnection() throws SQLException {
        Connection connection = open();
        try {
            connection.setNetworkTimeout(Runnable::run, LOGIN_MILLIS);
            start.begin(connection, statementTimeout);
            connection.setNetworkTimeout(Runnable::run, answerMillis);
            return connection;
        } catch (SQLException | RuntimeException | Error e) {
            try (connection) {
                throw e;
            }
        }
    }

    private Connection open() throws SQLException {
        try {
            return DriverManager.getConnection(url, properties);
        } catch (SQLException e) {
            if (SessionFailures.TOO_MANY_CONNECTIONS.equals(e.getSQLState())) {
                refused.accept(e);
            }
            throw e;
        }
    }

    @Override
    public int getLoginTimeout() {
        return LOGIN_SECONDS;
    }
}
