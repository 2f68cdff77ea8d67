package dev.sluice.queue.sql;

import dev.sluice.queue.sql.Statements.Sql;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
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
    /** Lifts the limit of the server until the end of the transaction. */
    private static final String NO_LIMIT = "set local statement_timeout = 0";
    /** Both in one round trip. */
    private static final String COMMIT = NO_LIMIT + "; commit";

    private static final List<RoundTrip.Part> COMMIT_PARTS = List.of(
            RoundTrip.Part.change(Sql.parse(NO_LIMIT), statement -> {}),
            RoundTrip.Part.change(Sql.parse("commit"), statement -> {}));

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
     * @throws OutcomeUnknownException if PostgreSQL did not confirm the commit, or the driver failed meanwhile; the
     *     connection is closed
     */
    public static void run(Connection connection, String what, @Nullable TransactionId id) throws SQLException {
        settle(connection, what, id, () -> {
            try (Statement statement = connection.createStatement()) {
                statement.execute(COMMIT);
                return statement.getWarnings();
            }
        });
    }

    /**
     * Does the same, and runs the last statements of the transaction in the same round trip. If one of them fails, the
     * server does not commit.
     *
     * @param id id of the transaction, which an earlier statement has read; null if the transaction changes nothing
     */
    static void run(
            Connection connection, RoundTrip trip, List<RoundTrip.Part> last, String what, @Nullable TransactionId id)
            throws SQLException {
        var parts = new ArrayList<>(last);
        parts.addAll(COMMIT_PARTS);
        settle(connection, what, id, () -> trip.commit(connection, parts));
    }

    private interface Attempt {
        /** Commits, and returns the first warning of the server. */
        @Nullable
        SQLWarning commit() throws SQLException;
    }

    private static void settle(Connection connection, String what, @Nullable TransactionId id, Attempt attempt)
            throws SQLException {
        SQLException failure;
        try {
            failure = warning(attempt.commit());
        } catch (SQLException e) {
            failure = e;
        } catch (RuntimeException | Error e) { // For example a lack of memory, perhaps after the server's answer.
            failure = new SQLException(e.toString(), OutcomeUnknownException.TRANSACTION_RESOLUTION_UNKNOWN, e);
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

    private static @Nullable SQLException warning(@Nullable SQLWarning first) {
        for (SQLWarning warning = first; warning != null; warning = warning.getNextWarning()) {
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
