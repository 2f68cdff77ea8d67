package dev.sluice.queue.sql;

import java.sql.Connection;
import java.sql.SQLException;
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
 * Copies a schema of the queue from one database to another, table by table, through COPY in binary format. The bytes
 * of the source go to the target as they arrive, so the copy needs neither disk nor memory here. It reads one snapshot
 * of the source and writes one transaction of the target, so the target has the whole copy or stays as it was.
 *
 * <p>The target must be empty: no schema of that name, or a schema of this version without rows. The caller must name
 * any other schema to replace it. A schema is never copied onto itself.
 *
 * <p>Owned by one thread. The caller owns the connections.
 */
public final class SchemaCopy {
    /** All tables but {@code migrations}; a table comes after those that it refers to. */
    static final List<String> TABLES = List.of(
            "queues",
            "partitions",
            "segments",
            "transaction_id_hashes",
            "consumer_groups",
            "pending_subscriptions",
            "pending_subscriptions_across",
            "cursors",
            "dead_letters",
            "dead_letter_jobs",
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
            "stream_state",
            "work_types",
            "work_claims",
            "work_items",
            "work_limits",
            "work_limit_rules",
            "work_lines",
            "work_keys",
            "work_cancels",
            "work_ends",
            "work_minutes",
            "work_progress",
            "work_latest",
            "work_outbox",
            "endpoints",
            "endpoint_secrets",
            "endpoint_attempts",
            "notices",
            "notice_checks",
            "schedules");

    /** The parts that may be left out, and the tables of each that stay empty. */
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
    private final Statements inSource;
    private final Statements inTarget;

    /**
     * Makes a copy that has not started.
     *
     * @param source connection to the database with the schema, which has this version
     * @param sourceSchema name of the schema in the source
     * @param targetSchema name of the schema in the target
     */
    public SchemaCopy(Connection source, String sourceSchema, Connection target, String targetSchema) {
        this.source = source;
        this.sourceSchema = sourceSchema;
        this.target = target;
        this.targetSchema = targetSchema;
        this.inSource = Statements.read("schema_copy.sql", sourceSchema);
        this.inTarget = Statements.read("schema_copy.sql", targetSchema);
    }

    /** Gets the progress of a copy, on its thread. */
    public interface Progress {
        /** The copy starts a table, {@code number} of {@code count}, from 1. */
        void table(String name, int number, int count);

        /** The copy has written this many more bytes. */
        void copied(long bytes);
    }

    /**
     * The rows of a table in both databases.
     *
     * @param table name of the table
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

    /** Returns the names of the parts that may be left out. */
    public static Set<String> optional() {
        return new TreeSet<>(OPTIONAL.keySet());
    }

    /**
     * Starts the transactions, and checks that the target may be written.
     *
     * @param replace name of the schema in the target that may be deleted with everything in it; empty: none
     * @throws RefusedException if the target may not be written
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
            new BoundStatement(target, inTarget.get("drop-schema").with("schema", Statements.quoted(targetSchema)))
                    .execute();
        }
    }

    /** One connection sees an advisory lock of the other only if both are in the same database. */
    private boolean isSameDatabase() throws SQLException {
        inSource.on(source, "lock").set("key", LOCK_KEY).run();
        boolean locked = inTarget.on(target, "try-lock")
                .set("key", LOCK_KEY)
                .first(row -> row.getBoolean("locked"))
                .orElseThrow();
        return !locked;
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
            boolean hasRows = onTable(target, inTarget, "has-rows", table)
                    .first(row -> row.getBoolean("found"))
                    .orElseThrow();
            if (hasRows) {
                return false;
            }
        }
        return true;
    }

    /** Returns the relations of a schema that can hold rows. */
    static Set<String> tables(Connection connection, String schema) throws SQLException {
        return new TreeSet<>(Statements.read("schema_copy.sql", schema)
                .on(connection, "tables")
                .set("schema", schema)
                .list(row -> row.getString("name")));
    }

    /** Returns a statement on a table of the queue. */
    private static BoundStatement onTable(Connection connection, Statements statements, String name, String table)
            throws SQLException {
        return new BoundStatement(connection, statements.get(name).with("table", Statements.quoted(table)));
    }

    private static String copySql(Statements statements, String name, String table, String columns) {
        return statements
                .get(name)
                .with("table", Statements.quoted(table))
                .with("columns", columns)
                .text();
    }

    /**
     * Copies all tables and commits. Call it after {@link #prepare}.
     *
     * @param leftOut some of {@link #optional}: their tables stay empty
     * @return how many rows each table in the target has
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
        source.rollback();
        Commit.run(target, "could not commit the copy", null);
        return rows;
    }

    private long copy(String table, Progress progress) throws SQLException {
        String columns = String.join(", ", columns(table));
        CopyOut out =
                source.unwrap(PGConnection.class).getCopyAPI().copyOut(copySql(inSource, "copy-out", table, columns));
        CopyIn in = null;
        try {
            in = target.unwrap(PGConnection.class).getCopyAPI().copyIn(copySql(inTarget, "copy-in", table, columns));
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
                // The failure that ended the copy is being thrown.
            }
        }
    }

    /** Returns the columns that are not computed, quoted. */
    private List<String> columns(String table) throws SQLException {
        return inSource.on(source, "columns")
                .set("table", qualified(sourceSchema, table))
                .list(row -> row.getString("name"));
    }

    /**
     * Sets the sequences of the target to those of the source. So new ids follow all ids that the source has given out,
     * even those of rows that are gone.
     */
    private void continueIdentities() throws SQLException {
        for (String table : TABLES) {
            inSource.on(source, "identities")
                    .set("table", qualified(sourceSchema, table))
                    .forEach(row -> continueIdentity(table, row.getString("name"), row.getString("sequence")));
        }
    }

    private record SequenceState(long last, boolean called) {}

    private void continueIdentity(String table, String column, String sequence) throws SQLException {
        SequenceState state = new BoundStatement(
                        source, inSource.get("sequence").with("sequence", sequence))
                .first(row -> new SequenceState(row.getLong("last_value"), row.getBoolean("is_called")))
                .orElseThrow();
        inTarget.on(target, "set-sequence")
                .set("table", qualified(targetSchema, table))
                .set("column", column)
                .set("last", state.last())
                .set("called", state.called())
                .run();
    }

    /** Counts the rows of all tables in both databases, which reads all rows. */
    public List<Count> compare() throws SQLException {
        var counts = new ArrayList<Count>();
        for (String table : TABLES) {
            counts.add(new Count(table, count(source, inSource, table), count(target, inTarget, table)));
        }
        return counts;
    }

    private static long count(Connection connection, Statements statements, String table) throws SQLException {
        return onTable(connection, statements, "count", table)
                .first(row -> row.getLong("rows"))
                .orElseThrow();
    }

    private static String qualified(String schema, String table) {
        return Statements.quoted(schema) + "." + Statements.quoted(table);
    }
}
