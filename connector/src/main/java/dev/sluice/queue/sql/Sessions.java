package dev.sluice.queue.sql;

import dev.sluice.queue.sql.Statements.Sql;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.UUID;
import javax.sql.DataSource;

/**
 * Finds out whether each connection has a session of its own. Settings, prepared statements and {@code LISTEN} belong
 * to a session; a pooler between us and the server that gives it to others after every transaction makes statements
 * fail at random, and commits less durable than they look.
 */
final class Sessions {
    private static final Sql LEAVE_MARK = Sql.parse("select set_config('sluice.session', :mark , false)");
    private static final Sql READ_MARK = Sql.parse("select current_setting('sluice.session', true) as mark");

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
            try (var statement = new BoundStatement(first, LEAVE_MARK).set("mark", mark)) {
                statement.query().close();
            }
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
        try (var statement = new BoundStatement(connection, READ_MARK);
                ResultSet row = statement.query()) {
            row.next();
            String mark = row.getString("mark");
            return mark == null ? "" : mark;
        }
    }
}
