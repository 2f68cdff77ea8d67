package dev.sluice.queue.sql;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.UUID;
import javax.sql.DataSource;

/**
 * Checks that each connection has a session of its own. Settings, prepared statements and {@code LISTEN} belong to a
 * session. If a pooler gives the session to another client after each transaction, statements fail at random and
 * commits are less durable than they look.
 */
final class Sessions {
    private static final Statements STATEMENTS = Statements.read("sessions.sql");

    private Sessions() {}

    /**
     * Sets a mark in the session of one connection, and looks for it in the session of another one that is in a
     * transaction. Takes two connections. The check may miss a pooler with many idle sessions; a usual pooler reuses
     * the session that was used last.
     *
     * @throws IllegalStateException if the second session has the mark, or the first has lost it
     */
    static void requireOwn(DataSource dataSource) throws SQLException {
        String mark = UUID.randomUUID().toString();
        try (Connection first = dataSource.getConnection();
                Connection second = dataSource.getConnection()) {
            STATEMENTS.on(first, "leave-mark").set("mark", mark).run();
            second.setAutoCommit(false);
            boolean isOwn = !mark.equals(mark(second)) && mark.equals(mark(first));
            second.rollback();
            second.setAutoCommit(true);
            if (!isOwn) {
                throw new IllegalStateException(
                        "the pooler at connection.url gives sessions to other clients after each"
                                + " transaction, as PgBouncer does with pool_mode=transaction: Sluice needs pool_mode=session,"
                                + " or a direct connection to PostgreSQL");
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
