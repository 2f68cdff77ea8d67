package dev.sluice.queue.sql;

import dev.sluice.queue.QueueException;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings the tables of the queue to the version that this program needs. Applies the missing migrations in order, in
 * one transaction under an advisory lock, so that any number of processes may start at once. If a migration fails, the
 * schema stays as it was.
 */
public final class QueueSchema {
    private static final Logger log = LoggerFactory.getLogger(QueueSchema.class);

    private static final Pattern NAME = Pattern.compile("[a-z_][a-z0-9_]{0,62}");

    /** The oldest server that has all features the SQL uses, multiranges above all. */
    private static final int OLDEST_SERVER = 14;

    private static final String ENCODING = "UTF8";
    /** How long an upgrade tries to lock the tables that it changes. */
    private static final Duration LOCK_WAIT = Duration.ofSeconds(2);

    private static final String LOCK_NOT_AVAILABLE = "55P03";

    /** Files in {@code migrations/}, in order; the number of a migration is its place in this list. */
    private static final List<String> FILES = List.of(
            "001_initial.sql",
            "002_streams.sql",
            "003_refused_offsets.sql",
            "004_idle_cursors.sql",
            "005_parked.sql",
            "006_headers.sql",
            "007_work.sql",
            "008_endpoints.sql",
            "009_schedules.sql");

    private static final QueueSchema CURRENT =
            new QueueSchema(FILES.stream().map(Migration::read).toList(), OLDEST_SERVER);

    /** The table of the applied migrations. */
    static final String VERSIONS = "migrations";

    /** The tables that the migrations create, without {@link #VERSIONS}. */
    static final Set<String> TABLES =
            CURRENT.migrations.stream().flatMap(each -> each.tables().stream()).collect(Collectors.toUnmodifiableSet());

    private final List<Migration> migrations;
    private final int oldestServer;

    private record Encoding(String database, String encoding) {}

    /**
     * Makes a schema of these migrations.
     *
     * @param oldestServer oldest major version of PostgreSQL that is not refused
     */
    QueueSchema(List<Migration> migrations, int oldestServer) {
        this.migrations = List.copyOf(migrations);
        this.oldestServer = oldestServer;
    }

    /**
     * Returns whether a schema may have the name: 1 to 63 lower-case letters, digits and underscores, not beginning
     * with a digit.
     */
    public static boolean isPossibleName(String name) {
        return NAME.matcher(name).matches();
    }

    /** Returns the version of the schema that this program needs. */
    public static int version() {
        return CURRENT.newest();
    }

    /**
     * Returns the version of the schema in the database; 0 if there is none.
     *
     * @throws IllegalStateException if the role may not read the version; the message has the SQL statement that grants
     *     the right
     * @throws QueueException if PostgreSQL cannot be asked
     */
    public static int installed(DataSource dataSource, String schema) {
        try (Connection connection = dataSource.getConnection()) {
            var rights = new SchemaRights(connection, schema);
            if (!rights.exists() || !exists(connection, schema)) {
                return 0;
            }
            rights.requireVersion();
            return applied(connection, schema);
        } catch (SQLException e) {
            throw new QueueException("could not read the version of schema " + schema, e);
        }
    }

    /**
     * Applies the missing migrations; creates the schema if there is none.
     *
     * @throws QueueException if PostgreSQL refuses a statement; the message has the file and the statement, and nothing
     *     has changed
     * @throws IllegalStateException if the schema is newer than this program, the server is too old, the database is
     *     not UTF-8, a pooler shares sessions between clients, or the role lacks a right; in the last case the message
     *     has the SQL statement that grants the right
     */
    public static void apply(DataSource dataSource, String schema) {
        CURRENT.applyTo(dataSource, schema);
    }

    /**
     * Checks that the schema has the version that this program needs, and that the role may read and write its tables.
     *
     * @throws IllegalStateException if not, if the server is too old, if the database is not UTF-8, or if a pooler
     *     shares sessions between clients; the message says what to do
     * @throws QueueException if PostgreSQL cannot be asked
     */
    public static void verify(DataSource dataSource, String schema) {
        CURRENT.verifyIn(dataSource, schema, true);
    }

    /** Checks the same for a role that only reads. */
    public static void verifyReadable(DataSource dataSource, String schema) {
        CURRENT.verifyIn(dataSource, schema, false);
    }

    /** Applies the missing migrations in a transaction that the caller commits. */
    static void applyIn(Connection connection, String schema) throws SQLException {
        CURRENT.refuseUnfit(connection);
        CURRENT.apply(connection, schema);
    }

    void applyTo(DataSource dataSource, String schema) {
        requireOwnSessions(dataSource);
        try (Connection connection = dataSource.getConnection()) {
            refuseUnfit(connection);
            connection.setAutoCommit(false);
            try {
                apply(connection, schema);
                Commit.run(connection, "could not bring schema " + schema + " to version " + newest(), null);
            } catch (SQLException | RuntimeException e) {
                rollback(connection, e);
                throw e;
            } finally {
                connection.setAutoCommit(true);
            }
        } catch (SQLException e) {
            throw new QueueException("could not bring schema " + schema + " to version " + newest(), e);
        }
    }

    void verifyIn(DataSource dataSource, String schema, boolean writes) {
        requireOwnSessions(dataSource);
        int found;
        try (Connection connection = dataSource.getConnection()) {
            refuseUnfit(connection);
            var rights = new SchemaRights(connection, schema);
            found = 0;
            if (rights.exists() && exists(connection, schema)) {
                rights.requireVersion();
                found = applied(connection, schema);
            }
            if (found == newest()) {
                if (writes) {
                    rights.requireTables();
                } else {
                    rights.requireMessages();
                }
            }
        } catch (SQLException e) {
            throw new QueueException("could not read the version of schema " + schema, e);
        }
        if (found < newest()) {
            List<String> missing = migrations.subList(found, newest()).stream()
                    .map(Migration::file)
                    .toList();
            throw new IllegalStateException("schema " + schema + " has version " + found
                    + ", this program needs version " + newest() + ": start once with schema.apply=true and a role that"
                    + " may create tables, which runs " + String.join(", ", missing));
        }
        refuseNewer(schema, found);
    }

    private void apply(Connection connection, String schema) throws SQLException {
        Statements statements = statements(schema);
        statements.on(connection, "lock").set("key", "sluice schema " + schema).run();
        var rights = new SchemaRights(connection, schema);
        if (!rights.exists()) {
            rights.requireCreateSchema();
            new BoundStatement(connection, statements.get("create-schema").with("schema", Statements.quoted(schema)))
                    .execute();
        }
        if (!exists(connection, schema)) {
            rights.requireMigrate();
            statements.on(connection, "create-migrations").execute();
        }
        rights.requireVersion();
        int found = applied(connection, schema);
        refuseNewer(schema, found);
        if (found < newest()) {
            rights.requireMigrate();
        }
        statements.on(connection, "limit-lock-wait").execute();
        lock(connection, schema, found);
        for (int version = found + 1; version <= newest(); version++) {
            Migration migration = migrations.get(version - 1);
            run(connection, migration, schema, found);
            statements
                    .on(connection, "record-migration")
                    .set("version", version)
                    .set("name", migration.file())
                    .execute();
            log.info("Applied a migration schema={} migration={}", schema, migration.file());
        }
        statements.on(connection, "reset-lock-wait").execute();
        rights.requireTables();
    }

    /** Locks all tables that the missing migrations change and that are there already, within a short time. */
    private void lock(Connection connection, String schema, int found) throws SQLException {
        var tables = new TreeSet<String>();
        migrations.subList(found, newest()).forEach(missing -> tables.addAll(missing.changedTables()));
        var there = new TreeSet<String>();
        migrations.subList(0, found).forEach(applied -> there.addAll(applied.tables()));
        tables.retainAll(there);
        if (tables.isEmpty()) {
            return;
        }
        Statements statements = statements(schema);
        try {
            lock(connection, statements, schema, new ArrayDeque<>(tables));
        } catch (SQLException e) {
            throw new QueueException(
                    "schema " + schema + " stays at version " + found + ": other transactions use the tables "
                            + String.join(", ", tables) + ", which "
                            + migrations.get(found).file() + " changes",
                    e);
        }
    }

    /**
     * Locks tables together. Waits for one table only, and holds no lock meanwhile, because other transactions lock the
     * tables in orders of their own. If a further table is in use, releases all, and waits for that one.
     */
    private static void lock(Connection connection, Statements statements, String schema, Deque<String> tables)
            throws SQLException {
        long until = System.nanoTime() + LOCK_WAIT.toNanos();
        while (true) {
            Savepoint free = connection.setSavepoint();
            statements
                    .on(connection, "limit-statement")
                    .set("limit", Math.max(1, TimeUnit.NANOSECONDS.toMillis(until - System.nanoTime())) + "ms")
                    .run();
            String locking = tables.getFirst();
            try {
                for (String table : tables) {
                    locking = table;
                    String name = Statements.quoted(schema) + "." + Statements.quoted(table);
                    String statement = table.equals(tables.getFirst()) ? "lock-table" : "lock-further-table";
                    new BoundStatement(connection, statements.get(statement).with("table", name)).execute();
                }
                statements.on(connection, "reset-statement-limit").execute();
                return;
            } catch (SQLException e) {
                connection.rollback(free);
                if (!LOCK_NOT_AVAILABLE.equals(e.getSQLState()) || System.nanoTime() - until > 0) {
                    throw e;
                }
                tables.remove(locking);
                tables.addFirst(locking);
            }
        }
    }

    private static void run(Connection connection, Migration migration, String schema, int found) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            for (Migration.Step step : migration.steps()) {
                try {
                    statement.execute(Statements.inSchema(step.sql(), schema));
                } catch (SQLException e) {
                    String first = step.sql().lines().findFirst().orElse("");
                    throw new QueueException(
                            "schema " + schema + " stays at version " + found + ", for " + migration.file()
                                    + " failed in line " + step.line() + " (" + first + ")",
                            e);
                }
            }
        }
    }

    private int newest() {
        return migrations.size();
    }

    private void refuseUnfit(Connection connection) throws SQLException {
        refuseOldServer(connection);
        refuseOtherEncoding(connection);
    }

    private void refuseOldServer(Connection connection) throws SQLException {
        DatabaseMetaData server = connection.getMetaData();
        if (server.getDatabaseMajorVersion() < oldestServer) {
            throw new IllegalStateException("the server is PostgreSQL " + server.getDatabaseProductVersion()
                    + ", Sluice needs version " + oldestServer + " or later");
        }
    }

    /**
     * Names and payloads are Unicode. In a database with another encoding, the server refuses some of them when they
     * are written.
     */
    private static void refuseOtherEncoding(Connection connection) throws SQLException {
        Encoding found = statements("sluice")
                .on(connection, "encoding")
                .first(row -> new Encoding(row.getString("name"), row.getString("encoding")))
                .orElseThrow();
        if (!found.encoding().equals(ENCODING)) {
            throw new IllegalStateException("database " + found.database() + " has encoding " + found.encoding()
                    + ", which cannot hold every name and payload; Sluice needs a database with encoding " + ENCODING
                    + ": create database NAME encoding '" + ENCODING + "' template template0");
        }
    }

    private static void requireOwnSessions(DataSource dataSource) {
        try {
            Sessions.requireOwn(dataSource);
        } catch (SQLException e) {
            throw new QueueException("could not ask PostgreSQL for its sessions", e);
        }
    }

    private void refuseNewer(String schema, int found) {
        if (found > newest()) {
            throw new IllegalStateException("schema " + schema + " has version " + found
                    + ", this program knows only up to " + newest() + ": run a newer Sluice");
        }
    }

    private static boolean exists(Connection connection, String schema) throws SQLException {
        return statements(schema)
                .on(connection, "exists")
                .set("migrations", Statements.inSchema("sluice." + VERSIONS, schema))
                .first(row -> row.getBoolean("found"))
                .orElseThrow();
    }

    private static int applied(Connection connection, String schema) throws SQLException {
        return statements(schema)
                .on(connection, "applied")
                .first(row -> row.getInt("version"))
                .orElseThrow();
    }

    private static Statements statements(String schema) {
        return Statements.read("queue_schema.sql", schema);
    }

    private static void rollback(Connection connection, Exception cause) {
        try {
            connection.rollback();
        } catch (SQLException e) {
            cause.addSuppressed(e);
        }
    }
}
