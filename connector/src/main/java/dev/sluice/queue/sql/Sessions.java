package dev.sluice.queue.sql;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.UUID;
import javax.sql.DataSource;

/**
 * Finds out whether each connection has a session of its own. Settings, prepared statements and {@code LISTEN} belong
 * to a session; a pooler between us and the server that gives it to others after every transaction makes statements
 * fail at random, and commits less durable than they look.
 */
final class Sessions {
    private static final Statements STATEMENTS = Statements.read("sessions.sql");

    private Sessions() {}

    /**
     * Leaves a mark in one session, and looks for it in another while that is in a transaction. Takes two connections.
     * A pooler that has many sessions at hand may escape notice; the usual one takes the one used last.
     *
     * @throws IllegalStateException if the mark is where it should not be, or is not where it was left
     */
    static void requireOwn(DataSource dataSource) throws SQLException {
        String mark = UUID.randomUUID().toString();
        try (Connection first = dataSource.getConnection();
                Connection second = dataSource.getConnection()) {
            STATEMENTS.on(first, "leave-mark").set("mark", mark).run();
            second.setAutoCommit(false);
            boolean own = !mark.equals(mark(second)) && mark.equals(mark(first));
            second.rollback();
            second.setAutoCommit(true);
            if (!own) {
                throw new IllegalStateException("what connection.url leads to gives sessions to others after each"
                        + " transaction, as PgBouncer does with pool_mode=transaction: Sluice needs pool_mode=session,"
                        + " or a way to PostgreSQL itself");
            }
        }
    }

    private static String mark(Connection connection) throws SQLException {
        return STATEMENTS
                .on(connection, "read-mark")
                .first(row -> row.getString("mark"))
                .orElseThrow();
    }
}
