package dev.sluice.queue.sql;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;
import org.postgresql.copy.CopyOperation;
import org.postgresql.copy.CopyOut;

/**
 * Copies the queue with all that belongs to it from one database into another, table by table, through COPY in binary
 * form: what comes out of one server goes into the other as it comes, so it needs no disk and no memory here. It reads
 * one snapshot of the source, and writes one transaction of the target: the target has all of it or is as it was.
 *
 * <p>A target is used only if it holds nothing: no schema of the name, or one of this version with no rows. Any other
 * must be named to be replaced. Onto itself a schema is never copied.
 *
 * <p>One thread. The caller owns the connections.
 */
public final class SchemaCopy {
    /** All tables but {@code migrations}, those that others refer to first. */
    static final List<String> TABLES = List.of(
            "queues",
            "partitions",
            "segments",
            "consumer_groups",
            "pending_subscriptions",
            "pending_subscriptions_across",
            "cursors",
            "dead_letters",
            "deletions",
            "scheduled",
            "parked",
            "sink_offsets",
            "traces",
            "trace_names",
            "minute_counters",
            "minute_samples",
            "state",
            "stream_queries",
            "stream_state");

    /** What may be left out, by the name of its table, and the tables that are without it then. */
    private static final Map<String, List<String>> OPTIONAL = Map.of(
            "dead_letters", List.of("dead_letters"),
            "traces", List.of("traces", "trace_names"),
            "minute_counters", List.of("minute_counters"),
            "minute_samples", List.of("minute_samples"));

    private static final String MIGRATIONS = "migrations";
    private static final long LOCK_KEY = 0x536c_7569_6365_4370L;

    private final Connection source;
    private final Connection target;
    private final String sourceSchema;
    private final String targetSchema;

    /**
     * Makes a copy that has not begun.
     *
     * @param source with the schema of this version
     * @param sourceSchema name of the schema there
     * @param targetSchema name it has in the target
     */
    public SchemaCopy(Connection source, String sourceSchema, Connection target, String targetSchema) {
        this.source = source;
        this.sourceSchema = sourceSchema;
        this.target = target;
        this.targetSchema = targetSchema;
    }

    /** Told how far a copy is, on its thread. */
    public interface Progress {
        /** A table begins; {@code number} of {@code count}, from 1. */
        void table(String name, int number, int count);

        /** So much more has gone over. */
        void copied(long bytes);
    }

    /**
     * A table in both databases.
     *
     * @param table its name
     * @param source rows in the source
     * @param target rows in the target
     */
    public record Count(String table, long source, long target) {}

    /** Thrown when a copy is not allowed; the message says why. Nothing has changed. */
    public static final class RefusedException extends Exception {
        private static final long serialVersionUID = 1L;

        RefusedException(String message) {
            super(message);
        }
    }

    /** Returns the names of what may be left out. */
    public static Set<String> optional() {
        return new TreeSet<>(OPTIONAL.keySet());
    }

    /**
     * Begins: opens the transactions, and checks that the target may be written.
     *
     * @param replace name of the schema in the target that may be deleted with all that is in it; empty: none
     * @throws RefusedException if it may not
     */
    public void prepare(String replace) throws SQLException, RefusedException {
        source.setAutoCommit(false);
        source.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        source.setReadOnly(true);
        target.setAutoCommit(false);
        if (isSameDatabase() && sourceSchema.equals(targetSchema)) {
            throw new RefusedException("the target is the schema that this service uses");
        }
        if (!isFree()) {
            if (!replace.equals(targetSchema)) {
                throw new RefusedException("schema " + targetSchema
                        + " of the target is not empty, or not of this version: to delete it with all that is in it, name it"
                        + " in replaceSchema");
            }
            execute(target, "drop schema " + quoted(targetSchema) + " cascade");
        }
    }

    /** Locks taken here by one connection are seen by the other only in the same database. */
    private boolean isSameDatabase() throws SQLException {
        execute(source, "select pg_advisory_xact_lock(" + LOCK_KEY + ")");
        try (Statement statement = target.createStatement();
                ResultSet row = statement.executeQuery("select pg_try_advisory_xact_lock(" + LOCK_KEY + ")")) {
            row.next();
            return !row.getBoolean(1);
        }
    }

    private boolean isFree() throws SQLException {
        Set<String> there = tables(target, targetSchema);
        if (there.isEmpty()) {
            return true;
        }
        var ours = new TreeSet<>(TABLES);
        ours.add(MIGRATIONS);
        if (!there.equals(ours)) {
            return false;
        }
        for (String table : TABLES) {
            try (Statement statement = target.createStatement();
                    ResultSet row = statement.executeQuery(
                            "select exists (select from " + qualified(targetSchema, table) + ")")) {
                row.next();
                if (row.getBoolean(1)) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Returns the relations of a schema that hold rows. */
    static Set<String> tables(Connection connection, String schema) throws SQLException {
        var sql = Statements.Sql.parse("select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
                + " where n.nspname = :schema and c.relkind in ('r', 'p', 'f', 'm')");
        var names = new TreeSet<String>();
        try (var statement = new BoundStatement(connection, sql).set("schema", schema);
                ResultSet row = statement.query()) {
            while (row.next()) {
                names.add(row.getString(1));
            }
        }
        return names;
    }

    /**
     * Copies everything and commits. After {@link #prepare}.
     *
     * @param leftOut names of {@link #optional}: their tables stay empty
     * @return how many rows each table has got
     */
    public Map<String, Long> run(Set<String> leftOut, Progress progress) throws SQLException {
        var empty = new TreeSet<String>();
        leftOut.forEach(name -> empty.addAll(OPTIONAL.getOrDefault(name, List.of())));
        QueueSchema.applyIn(target, targetSchema);
        var rows = new LinkedHashMap<String, Long>();
        for (String table : TABLES) {
            progress.table(table, rows.size() + 1, TABLES.size());
            rows.put(table, empty.contains(table) ? 0 : copy(table, progress));
        }
        continueIdentities();
        source.rollback(); // It was only read.
        Commit.run(target, "could not commit the copy", null);
        return rows;
    }

    private long copy(String table, Progress progress) throws SQLException {
        String columns = String.join(", ", columns(table));
        CopyOut out = source.unwrap(PGConnection.class)
                .getCopyAPI()
                .copyOut("copy " + qualified(sourceSchema, table) + " (" + columns + ") to stdout (format binary)");
        CopyIn in = null;
        try {
            in = target.unwrap(PGConnection.class)
                    .getCopyAPI()
                    .copyIn("copy " + qualified(targetSchema, table) + " (" + columns + ") from stdin (format binary)");
            for (byte[] chunk = out.readFromCopy(); chunk != null; chunk = out.readFromCopy()) {
                in.writeToCopy(chunk, 0, chunk.length);
                progress.copied(chunk.length);
            }
            return in.endCopy();
        } finally {
            cancel(in == null || !in.isActive() ? null : in);
            cancel(out.isActive() ? out : null);
        }
    }

    private static void cancel(@Nullable CopyOperation operation) {
        if (operation != null) {
            try {
                operation.cancelCopy();
            } catch (SQLException e) {
                // What went wrong before is being thrown.
            }
        }
    }

    /** Returns the columns that are not computed, quoted. */
    private List<String> columns(String table) throws SQLException {
        var sql = Statements.Sql.parse("select quote_ident(attname) from pg_attribute"
                + " where attrelid = :table ::regclass and attnum > 0 and not attisdropped and attgenerated = ''"
                + " order by attnum");
        var columns = new ArrayList<String>();
        try (var statement = new BoundStatement(source, sql).set("table", qualified(sourceSchema, table));
                ResultSet row = statement.query()) {
            while (row.next()) {
                columns.add(row.getString(1));
            }
        }
        return columns;
    }

    /**
     * Ids that are given out next come after those that were copied, and after any the source has given out and
     * forgotten.
     */
    private void continueIdentities() throws SQLException {
        for (String table : TABLES) {
            var find = Statements.Sql.parse("select a.attname, pg_get_serial_sequence( :table , a.attname) as sequence"
                    + " from pg_attribute a where a.attrelid = :table ::regclass and a.attidentity <> ''");
            try (var statement = new BoundStatement(source, find).set("table", qualified(sourceSchema, table));
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    continueIdentity(table, row.getString("attname"), row.getString("sequence"));
                }
            }
        }
    }

    private void continueIdentity(String table, String column, String sequence) throws SQLException {
        long last;
        boolean called;
        try (Statement statement = source.createStatement();
                ResultSet row = statement.executeQuery("select last_value, is_called from " + sequence)) {
            row.next();
            last = row.getLong(1);
            called = row.getBoolean(2);
        }
        var set = Statements.Sql.parse("select setval(pg_get_serial_sequence( :table , :column ), :last , :called )");
        try (var statement = new BoundStatement(target, set)
                .set("table", qualified(targetSchema, table))
                .set("column", column)
                .set("last", last)
                .set("called", called)) {
            statement.query().close();
        }
    }

    /** Counts the rows of all tables in both databases. Reads all of them. */
    public List<Count> compare() throws SQLException {
        var counts = new ArrayList<Count>();
        for (String table : TABLES) {
            counts.add(new Count(table, count(source, sourceSchema, table), count(target, targetSchema, table)));
        }
        return counts;
    }

    private static long count(Connection connection, String schema, String table) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("select count(*) from " + qualified(schema, table))) {
            row.next();
            return row.getLong(1);
        }
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static String qualified(String schema, String table) {
        return quoted(schema) + "." + quoted(table);
    }

    private static String quoted(String name) {
        return "\"" + name.replace("\"", "\"\"") + "\"";
    }
}
