package dev.sluice.connect;

import dev.sluice.queue.SessionSettings;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * Connections on which a commit that was answered survives a crash of the server, whatever the default of server, database
 * or role is: offsets are reported, and the local log forgets records, because of that answer. They have the settings of {@link
 * SessionSettings}, too. Each new connection costs a round trip more.
 */
final class DurableDataSource extends PGSimpleDataSource {
    private static final long serialVersionUID = 1L;

    /** Every other value waits at least for the local disk, and may have been chosen to wait for more. */
    private static final String MAKE_DURABLE = "select set_config('synchronous_commit', 'on', false)"
            + " where current_setting('synchronous_commit') = 'off'";

    private static final String SETTINGS = MAKE_DURABLE + "; " + SessionSettings.SQL;

    @Override
    public Connection getConnection(@Nullable String user, @Nullable String password) throws SQLException {
        Connection connection = super.getConnection(user, password);
        try (Statement statement = connection.createStatement()) {
            statement.execute(SETTINGS);
        } catch (SQLException | RuntimeException | Error e) {
            try (connection) {
                throw e;
            }
        }
        return connection;
    }
}
