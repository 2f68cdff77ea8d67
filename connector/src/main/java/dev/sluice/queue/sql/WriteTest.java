package dev.sluice.queue.sql;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Tests whether a database accepts writes, without changing a row. */
public final class WriteTest {
    /** The wait event of a commit that waits for a synchronous standby. */
    public static final String WAITS_FOR_STANDBY = "SyncRep";

    /**
     * Classes of SQLSTATE that mean that the server accepts no writes: it is read-only, it lacks disk or memory, its
     * files fail, or the tables or the rights are gone.
     */
    private static final Set<String> REFUSALS = Set.of("25", "53", "58", "3F", "42", "XX");

    private static final String INSUFFICIENT_PRIVILEGE = "42501";

    /** The server refuses more connections. That says nothing about writes on existing connections. */
    private static final String TOO_MANY_CONNECTIONS = "53300";

    private final Statements statements;
    private final String schema;

    /** Makes a test for the tables of a schema. */
    public WriteTest(String schema) {
        this.statements = Statements.read("write_test.sql", schema);
        this.schema = schema;
    }

    private record Lacking(String table, String role) {}

    /**
     * Commits a transaction that writes, and checks that the role may write all tables.
     *
     * @throws OutcomeUnknownException if the server did not confirm the commit
     */
    public void write(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        statements.on(connection, "write").run();
        requireRights(connection);
        Commit.run(connection, "could not write", null);
    }

    private void requireRights(Connection connection) throws SQLException {
        Optional<Lacking> lacking = statements
                .on(connection, "lacking-rights")
                .setTexts("tables", QueueSchema.TABLES, table -> Statements.inSchema("sluice." + table, schema))
                .first(row -> new Lacking(row.getString("name"), row.getString("role")));
        if (lacking.isPresent()) {
            throw new SQLException(
                    "the role " + lacking.get().role() + " lacks a right on table "
                            + lacking.get().table()
                            + "; it needs select, insert, update and delete on all tables in schema " + schema,
                    INSUFFICIENT_PRIVILEGE);
        }
    }

    /** Returns whether a commit of a connection with that name waits for a standby. */
    public boolean isCommitUnderWay(Connection connection, String name) throws SQLException {
        try {
            return statements
                            .on(connection, "commits-under-way")
                            .set("name", name)
                            .first(row -> row.getLong("commits"))
                            .orElseThrow()
                    > 0;
        } finally {
            endReading(connection);
        }
    }

    /** Returns what a connection with that name waits for; null if none waits. */
    public @Nullable String waitEvent(Connection connection, String name) throws SQLException {
        try {
            return statements
                    .on(connection, "wait-event")
                    .set("name", name)
                    .first(row -> row.getString("wait_event"))
                    .orElse(null);
        } finally {
            endReading(connection);
        }
    }

    private static void endReading(Connection connection) throws SQLException {
        if (!connection.getAutoCommit()) {
            connection.rollback();
        }
    }

    /** Returns whether the failure means that the server accepts no writes now. */
    public static boolean refusesWrites(SQLException e) {
        String state = e.getSQLState();
        return state != null
                && state.length() == 5
                && !state.equals(TOO_MANY_CONNECTIONS)
                && REFUSALS.contains(state.substring(0, 2));
    }
}
