package dev.sluice.queue.sql;

import dev.sluice.queue.sql.Statements.Sql;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Tries whether a database takes writes, without changing a row. */
public final class WriteTest {
    /** The wait event of a commit that waits for a synchronous standby. */
    public static final String WAITS_FOR_STANDBY = "SyncRep";

    /**
     * Classes of SQLSTATE that say that the server takes no writes: it only reads, it has no disk or memory, its files
     * fail, or the tables and the rights are not there any more.
     */
    private static final Set<String> REFUSALS = Set.of("25", "53", "58", "3F", "42", "XX");

    private static final String INSUFFICIENT_PRIVILEGE = "42501";

    /** The server refuses more connections. That says nothing about writes on the connections there are. */
    private static final String TOO_MANY_CONNECTIONS = "53300";

    private static final Sql UNDER_WAY =
            Sql.parse("select count(*) from pg_stat_activity where application_name = :name"
                    + " and datname = current_database() and pid <> pg_backend_pid() and wait_event = 'SyncRep'");
    private static final Sql WAIT_EVENT = Sql.parse("select wait_event from pg_stat_activity"
            + " where application_name = :name and datname = current_database() and pid <> pg_backend_pid()"
            + " and state = 'active' and wait_event is not null order by xact_start limit 1");

    private final String write;
    private final String rights;
    private final String schema;

    /** Makes a test for the tables of a schema. */
    public WriteTest(String schema) {
        // Updating no row is refused where writes are. The message goes to the server's log, so that the commit is a
        // real one.
        this.write = Statements.inSchema(
                "update sluice.sink_offsets set next_offset = next_offset where false;"
                        + " select pg_logical_emit_message(true, 'sluice', '')",
                schema);
        // Asking for rights takes no lock on the tables.
        this.rights = Statements.inSchema(
                QueueSchema.TABLES.stream()
                        .sorted()
                        .map(table -> "('sluice." + table + "')")
                        .collect(Collectors.joining(
                                ", ",
                                "select min(name), current_user from (values ",
                                ") tables (name) where not (has_table_privilege(name, 'select')"
                                        + " and has_table_privilege(name, 'insert')"
                                        + " and has_table_privilege(name, 'update')"
                                        + " and has_table_privilege(name, 'delete'))")),
                schema);
        this.schema = schema;
    }

    /**
     * Commits a transaction that writes, and checks that the role may write all tables.
     *
     * @throws OutcomeUnknownException if the server did not confirm it
     */
    public void write(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.execute(write);
            requireRights(statement);
        }
        Commit.run(connection, "could not write", null);
    }

    private void requireRights(Statement statement) throws SQLException {
        try (ResultSet row = statement.executeQuery(rights)) {
            row.next();
            String table = row.getString(1);
            if (table != null) {
                throw new SQLException(
                        "the role " + row.getString(2) + " lacks a right on table " + table
                                + "; it needs select, insert, update and delete on all tables in schema " + schema,
                        INSUFFICIENT_PRIVILEGE);
            }
        }
    }

    /** Returns whether a connection of that name waits for a standby. */
    public boolean isCommitUnderWay(Connection connection, String name) throws SQLException {
        try (var statement = new BoundStatement(connection, UNDER_WAY).set("name", name);
                ResultSet row = statement.query()) {
            row.next();
            return row.getLong(1) > 0;
        } finally {
            endReading(connection);
        }
    }

    /** Returns what a connection of that name waits for; null if none waits. */
    public @Nullable String waitEvent(Connection connection, String name) throws SQLException {
        try (var statement = new BoundStatement(connection, WAIT_EVENT).set("name", name);
                ResultSet row = statement.query()) {
            return row.next() ? row.getString("wait_event") : null;
        } finally {
            endReading(connection);
        }
    }

    private static void endReading(Connection connection) throws SQLException {
        if (!connection.getAutoCommit()) {
            connection.rollback();
        }
    }

    /** Returns whether the server says that it takes no writes now. */
    public static boolean refusesWrites(SQLException e) {
        String state = e.getSQLState();
        return state != null
                && state.length() == 5
                && !state.equals(TOO_MANY_CONNECTIONS)
                && REFUSALS.contains(state.substring(0, 2));
    }
}
