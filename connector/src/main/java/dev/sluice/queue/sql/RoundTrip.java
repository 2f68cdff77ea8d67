package dev.sluice.queue.sql;

import dev.sluice.queue.sql.BoundStatement.RowReader;
import dev.sluice.queue.sql.Statements.Sql;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Several statements that the driver sends together, so that they cost one round trip. The server runs them in order,
 * each with a snapshot of its own, as if they came one by one. After the first failure it runs none of the rest.
 *
 * <p>The driver reads no answer before it has sent everything. So a trip has no statement with a large parameter behind
 * one with a large result.
 *
 * <p>An instance keeps the joined texts, so that the driver prepares each once. Safe for use by many threads.
 */
public final class RoundTrip {
    private final Map<List<Sql>, Sql> joined = new ConcurrentHashMap<>();

    /** Sets parameters of a statement. */
    public interface Binder {
        /** Sets the parameters. Other statements of the trip may have parameters too. */
        void bind(BoundStatement statement) throws SQLException;
    }

    /** A statement of a trip. */
    public static final class Part {
        private final Sql sql;
        private final Binder binder;
        private final RowReader reader;

        private Part(Sql sql, Binder binder, RowReader reader) {
            this.sql = sql;
            this.binder = binder;
            this.reader = reader;
        }

        /** Makes a part that returns rows. */
        public static Part query(Sql sql, Binder binder, RowReader reader) {
            return new Part(sql, binder, reader);
        }

        /** Makes a part that changes rows and returns none. */
        public static Part change(Sql sql, Binder binder) {
            return new Part(sql, binder, row -> {});
        }
    }

    /** Runs the parts in one round trip, and reads their results in order. */
    public void run(Connection connection, List<Part> parts) throws SQLException {
        var unused = run(connection, parts, true);
    }

    /**
     * Runs parts that end with a commit. The driver does not cancel them.
     *
     * @return the first warning of the server; null if there is none
     */
    @Nullable
    SQLWarning commit(Connection connection, List<Part> parts) throws SQLException {
        return run(connection, parts, false);
    }

    private @Nullable SQLWarning run(Connection connection, List<Part> parts, boolean mayCancel) throws SQLException {
        var key = new ArrayList<Sql>(parts.size());
        parts.forEach(part -> key.add(part.sql));
        Sql sql = joined.computeIfAbsent(key, Sql::joined);
        try (var bound = new BoundStatement(connection, sql)) {
            if (!mayCancel) {
                bound.withoutCancel();
            }
            for (Part part : parts) {
                part.binder.bind(bound);
            }
            PreparedStatement statement = bound.runAll();
            for (int i = 0; i < parts.size(); i++) {
                if (i > 0) {
                    boolean unused = statement.getMoreResults();
                }
                read(statement, parts.get(i));
            }
            return statement.getWarnings();
        }
    }

    private static void read(PreparedStatement statement, Part part) throws SQLException {
        try (ResultSet row = statement.getResultSet()) {
            while (row != null && row.next()) {
                part.reader.read(row);
            }
        }
    }
}
