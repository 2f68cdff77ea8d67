package dev.sluice.queue;

import dev.sluice.queue.Statements.Sql;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings the tables of the queue to the version this program needs: numbered migrations, each applied once and in order,
 * in one transaction under an advisory lock, so that any number of processes may start at once.
 */
public final class QueueSchema {
    private static final Logger log = LoggerFactory.getLogger(QueueSchema.class);

    /** File names in {@code migrations/}, in order; the number of a migration is its place in this list. */
    private static final List<String> MIGRATIONS = List.of("001_initial.sql");

    private QueueSchema() {}

    /** Returns the version of the schema that this program reads and writes. */
    public static int version() {
        return MIGRATIONS.size();
    }

    /**
     * Applies the migrations that are missing; makes the schema if there is none.
     *
     * @throws QueueException if PostgreSQL refuses; nothing has changed then
     * @throws IllegalStateException if the schema is newer than this program
     */
    public static void apply(DataSource dataSource, String schema) {
        try (Connection connection = dataSource.getConnection()) {
            connection.setAutoCommit(false);
            try {
                apply(connection, schema);
                connection.commit();
            } catch (SQLException | RuntimeException e) {
                rollback(connection, e);
                throw e;
            } finally {
                connection.setAutoCommit(true);
            }
        } catch (SQLException e) {
            throw new QueueException("could not bring schema " + schema + " to version " + version(), e);
        }
    }

    /**
     * Checks that the schema has the version this program needs.
     *
     * @throws IllegalStateException if it has not; the message says what to do
     * @throws QueueException if PostgreSQL cannot be asked
     */
    public static void verify(DataSource dataSource, String schema) {
        int found;
        try (Connection connection = dataSource.getConnection()) {
            found = exists(connection, schema) ? applied(connection, schema) : 0;
        } catch (SQLException e) {
            throw new QueueException("could not read the version of schema " + schema, e);
        }
        if (found < version()) {
            throw new IllegalStateException(
                    "schema " + schema + " has version " + found + ", this program needs version "
                            + version() + ": set schema.apply=true, or run the migrations after " + found
                            + " with a role that may");
        }
        refuseNewer(schema, found);
    }

    private static void apply(Connection connection, String schema) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            lock(connection, schema);
            if (!exists(connection, schema)) {
                statement.execute(Statements.inSchema("create schema if not exists sluice.", schema)
                        .replaceAll("\\.$", ""));
                statement.execute(Statements.inSchema(
                        "create table sluice.migrations (version integer primary key, name text not null,"
                                + " applied_at timestamptz not null default now())",
                        schema));
            }
            int found = applied(connection, schema);
            refuseNewer(schema, found);
            for (int version = found + 1; version <= version(); version++) {
                String file = MIGRATIONS.get(version - 1);
                statement.execute(Statements.inSchema(Statements.resource("migrations/" + file), schema));
                statement.execute(Statements.inSchema(
                        "insert into sluice.migrations (version, name) values (" + version + ", '" + file + "')",
                        schema));
                log.info("Applied a migration. schema={} migration={}", schema, file);
            }
        }
    }

    private static void lock(Connection connection, String schema) throws SQLException {
        var sql = Sql.parse("select pg_advisory_xact_lock(hashtextextended( :key , 0))");
        try (var statement = new BoundStatement(connection, sql).set("key", "sluice schema " + schema)) {
            statement.query().close();
        }
    }

    private static void refuseNewer(String schema, int found) {
        if (found > version()) {
            throw new IllegalStateException("schema " + schema + " has version " + found
                    + ", this program knows only up to " + version() + ": run a newer Sluice");
        }
    }

    private static boolean exists(Connection connection, String schema) throws SQLException {
        var sql = Sql.parse("select to_regclass( :name ) is not null");
        try (var statement = new BoundStatement(connection, sql)
                        .set("name", Statements.inSchema("sluice.migrations", schema));
                ResultSet row = statement.query()) {
            row.next();
            return row.getBoolean(1);
        }
    }

    private static int applied(Connection connection, String schema) throws SQLException {
        String sql = Statements.inSchema("select coalesce(max(version), 0) from sluice.migrations", schema);
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getInt(1);
        }
    }

    private static void rollback(Connection connection, Exception cause) {
        try {
            connection.rollback();
        } catch (SQLException e) {
            cause.addSuppressed(e);
        }
    }
}
