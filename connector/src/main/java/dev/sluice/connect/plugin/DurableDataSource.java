package dev.sluice.connect.plugin;

import dev.sluice.queue.sql.SessionSettings;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * Opens connections with the settings of {@link SessionSettings}.
 *
 * <p>A confirmed commit on such a connection survives a crash of the server. The task needs that: after the answer it
 * reports offsets to Connect, and the local log deletes the records. Opening costs one more round trip, which the
 * server must answer within the login timeout.
 */
final class DurableDataSource extends PGSimpleDataSource {
    private static final long serialVersionUID = 1L;

    @Override
    public Connection getConnection(@Nullable String user, @Nullable String password) throws SQLException {
        Connection connection = super.getConnection(user, password);
        try {
            int usualTimeoutMillis = connection.getNetworkTimeout();
            connection.setNetworkTimeout(Runnable::run, (int) TimeUnit.SECONDS.toMillis(getLoginTimeout()));
            SessionSettings.begin(connection, Duration.ZERO);
            connection.setNetworkTimeout(Runnable::run, usualTimeoutMillis);
        } catch (SQLException | RuntimeException | Error e) {
            try (connection) {
                throw e;
            }
        }
        return connection;
    }
}
