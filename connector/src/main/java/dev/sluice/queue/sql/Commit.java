package dev.sluice.queue.sql;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Statement;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Commits transactions. A commit either succeeds, fails without effect, or has an unknown outcome.
 *
 * <p>PostgreSQL answers a cancelled wait for a synchronous standby with success and a warning. Therefore no timeout of
 * the server covers the commit, Sluice does not cancel it, and a commit with a warning has an unknown outcome. If no
 * answer comes, the socket timeout of the connection ends the wait and this class closes the connection.
 */
public final class Commit {
    /** Both in one round trip. The setting ends with the transaction. */
    private static final String COMMIT = "set local statement_timeout = 0; commit";

    /**
     * Classes of SQLSTATE that say nothing about the transaction: lost connections, shutdowns, crashes, failing disks.
     */
    private static final Set<String> UNCLEAR_CLASSES = Set.of("01", "08", "53", "57", "58", "XX");

    /** A cancelled statement. Before the commit record is written, a cancelled COMMIT rolls back with this state. */
    private static final String QUERY_CANCELED = "57014";

    private Commit() {}

    /**
     * Commits the connection's transaction.
     *
     * @param what what could not be done, should it fail: the start of the message
     * @param id id of the transaction, or null if it changed nothing
     * @throws SQLException if the commit failed without effect
     * @throws OutcomeUnknownException if PostgreSQL did not confirm the commit; the connection is closed
     */
    public static void run(Connection connection, String what, @Nullable TransactionId id) throws SQLException {
        SQLException failure;
        try (Statement statement = connection.createStatement()) {
            statement.execute(COMMIT);
            failure = warning(statement);
        } catch (SQLException e) {
            failure = e;
        }
        if (failure == null) {
            return;
        }
        if (!isUnclear(failure)) {
            throw failure;
        }
        abort(connection, failure);
        throw new OutcomeUnknownException(what, failure, id);
    }

    private static @Nullable SQLException warning(Statement statement) throws SQLException {
        for (SQLWarning warning = statement.getWarnings(); warning != null; warning = warning.getNextWarning()) {
            String state = warning.getSQLState();
            // Class 00 is a notice, which says nothing against the commit.
            if (state == null || !state.startsWith("00")) {
                return warning;
            }
        }
        return null;
    }

    private static boolean isUnclear(SQLException failure) {
        String state = failure.getSQLState();
        if (state == null || state.length() < 2) {
            return true;
        }
        return !state.equals(QUERY_CANCELED) && UNCLEAR_CLASSES.contains(state.substring(0, 2));
    }

    /** Closes the socket without a message to the server. A pool sees that the connection is closed and replaces it. */
    private static void abort(Connection connection, SQLException failure) {
        try {
            connection.abort(Runnable::run);
        } catch (SQLException e) {
            failure.addSuppressed(e);
        }
    }
}
