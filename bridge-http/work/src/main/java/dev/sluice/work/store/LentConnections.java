package dev.sluice.work.store;

import dev.sluice.queue.sql.CommitGate;
import java.io.PrintWriter;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.util.HashMap;
import java.util.Map;
import java.util.logging.Logger;
import javax.sql.DataSource;

/**
 * The program's pool, for code that sets settings of the session. When such code closes a connection, the settings that
 * it may have changed get the values with which the connection came, and so does auto-commit. Then the connection goes
 * back to the pool. If the pool has a {@link CommitGate}, its transactions pass it.
 */
public final class LentConnections implements DataSource, CommitGate {
    /** The settings that the writer of the queue changes. */
    private static final String SETTINGS =
            "'enable_hashjoin', 'enable_mergejoin', 'enable_seqscan', 'enable_bitmapscan',"
                    + " 'enable_memoize', 'lock_timeout', 'plan_cache_mode'";

    private static final String READ =
            "select name, current_setting(name) as value from pg_settings where name in (" + SETTINGS + ")";

    private static final String RESTORE = "select set_config(?, ?, false)";

    private final DataSource pool;

    public LentConnections(DataSource pool) {
        this.pool = pool;
    }

    @Override
    public void beforeCommit() {
        CommitGate.pass(pool);
    }

    @Override
    public Connection getConnection() throws SQLException {
        return lend(pool.getConnection());
    }

    @Override
    public Connection getConnection(String user, String password) throws SQLException {
        return lend(pool.getConnection(user, password));
    }

    private static Connection lend(Connection connection) throws SQLException {
        try {
            boolean autoCommit = connection.getAutoCommit();
            connection.setAutoCommit(true);
            var lent = new Lent(connection, autoCommit, read(connection));
            return (Connection) Proxy.newProxyInstance(
                    LentConnections.class.getClassLoader(), new Class<?>[] {Connection.class}, lent);
        } catch (SQLException e) {
            connection.close();
            throw e;
        }
    }

    private static Map<String, String> read(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(READ);
                ResultSet row = statement.executeQuery()) {
            var settings = new HashMap<String, String>();
            while (row.next()) {
                settings.put(row.getString("name"), row.getString("value"));
            }
            return settings;
        }
    }

    /** Passes calls on to a connection, and restores its settings before it is closed. */
    private record Lent(Connection connection, boolean autoCommit, Map<String, String> settings)
            implements InvocationHandler {
        @Override
        public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
            if (method.getName().equals("close") && !connection.isClosed()) {
                restore();
            }
            try {
                return method.invoke(connection, arguments);
            } catch (InvocationTargetException e) {
                throw e.getTargetException();
            }
        }

        private void restore() {
            try {
                Map<String, String> now = read(connection);
                for (Map.Entry<String, String> setting : settings.entrySet()) {
                    if (!setting.getValue().equals(now.get(setting.getKey()))) {
                        try (PreparedStatement statement = connection.prepareStatement(RESTORE)) {
                            statement.setString(1, setting.getKey());
                            statement.setString(2, setting.getValue());
                            statement.execute();
                        }
                    }
                }
                connection.setAutoCommit(autoCommit);
            } catch (SQLException ignored) {
                // The connection is broken: its pool drops it.
            }
        }
    }

    @Override
    public PrintWriter getLogWriter() throws SQLException {
        return pool.getLogWriter();
    }

    @Override
    public void setLogWriter(PrintWriter out) throws SQLException {
        pool.setLogWriter(out);
    }

    @Override
    public void setLoginTimeout(int seconds) throws SQLException {
        pool.setLoginTimeout(seconds);
    }

    @Override
    public int getLoginTimeout() throws SQLException {
        return pool.getLoginTimeout();
    }

    @Override
    public Logger getParentLogger() throws SQLFeatureNotSupportedException {
        return pool.getParentLogger();
    }

    @Override
    public <T> T unwrap(Class<T> type) throws SQLException {
        return pool.unwrap(type);
    }

    @Override
    public boolean isWrapperFor(Class<?> type) throws SQLException {
        return pool.isWrapperFor(type);
    }
}
