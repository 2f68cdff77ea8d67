package dev.sluice.queue.view;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Shows the statistics of the PostgreSQL server and of the tables of a schema, from the server's {@code pg_stat} views.
 * Safe for use by many threads.
 */
public final class ServerStatistics {
    private static final int MAX_ROWS = 100;

    /** The parts; each is a statement of {@code server_statistics.sql}. */
    private static final List<String> PARTS = List.of(
            "now",
            "database-cache",
            "table-cache",
            "index-cache",
            "cache-summary",
            "dead-tuples",
            "hot-updates",
            "active-queries",
            "autovacuum",
            "buffer-config",
            "table-sizes");

    private static final String BUFFER_USAGE = "buffer-usage";

    private final Transactions transactions;
    private final Statements statements;
    private final String schema;

    /** Makes the statistics of a schema. */
    public ServerStatistics(DataSource dataSource, String schema) {
        this.transactions = new Transactions(dataSource);
        this.statements = Statements.read("server_statistics.sql", schema);
        this.schema = schema;
    }

    /**
     * A part of the statistics.
     *
     * @param rows values by column: text, numbers, booleans, times ({@code Instant}) or null
     */
    public record Part(List<Map<String, @Nullable Object>> rows) {}

    /**
     * Returns all parts by name. The part {@code buffer-usage} is empty if the extension {@code pg_buffercache} is
     * missing.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Map<String, Part> read() {
        return transactions.run("could not read the statistics of the server", connection -> {
            var parts = new LinkedHashMap<String, Part>();
            for (String part : PARTS) {
                parts.put(part, read(connection, part));
            }
            parts.put(BUFFER_USAGE, hasBufferCache(connection) ? read(connection, BUFFER_USAGE) : new Part(List.of()));
            return parts;
        });
    }

    private boolean hasBufferCache(Connection connection) throws SQLException {
        return statements.on(connection, "has-buffer-cache").first(row -> true).isPresent();
    }

    private Part read(Connection connection, String part) throws SQLException {
        List<String> parameters = statements.get(part).parameters();
        var statement = statements.on(connection, part);
        if (parameters.contains("schema")) {
            statement.set("schema", schema);
        }
        if (parameters.contains("limit")) {
            statement.set("limit", MAX_ROWS);
        }
        return new Part(statement.list(ServerStatistics::values));
    }

    private static Map<String, @Nullable Object> values(ResultSet row) throws SQLException {
        ResultSetMetaData columns = row.getMetaData();
        var values = new LinkedHashMap<String, @Nullable Object>();
        for (int i = 1; i <= columns.getColumnCount(); i++) {
            Object value = row.getObject(i);
            values.put(columns.getColumnLabel(i), value instanceof Timestamp time ? time.toInstant() : value);
        }
        return values;
    }
}
