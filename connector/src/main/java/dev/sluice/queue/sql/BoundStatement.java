package dev.sluice.queue.sql;

import dev.sluice.queue.sql.Statements.Sql;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.sql.Types;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;

/** A {@link Sql} statement on a connection, with its parameters set by name. */
public final class BoundStatement implements AutoCloseable {
    private static final int MILLIS_PER_SECOND = 1000;

    /** Least time left for the cancellation and its answer. */
    private static final int CANCEL_MARGIN_MS = 1000;

    /** The part of the time for an answer that is left for the cancellation, if that is more. */
    private static final int CANCEL_MARGIN_PART = 10;

    private final Sql sql;
    private final Connection connection;
    private final PreparedStatement statement;

    public BoundStatement(Connection connection, Sql sql) throws SQLException {
        this.sql = sql;
        this.connection = connection;
        this.statement = connection.prepareStatement(sql.text());
        int seconds = answerSeconds(connection.getNetworkTimeout());
        if (seconds > 0) {
            statement.setQueryTimeout(seconds);
        }
    }

    /**
     * Returns after how many seconds the driver cancels the statement in the server; 0: never. That is before the
     * connection gives up waiting for the answer. If only the connection gives up, the statement runs on in the server.
     *
     * @param networkTimeoutMs how long the connection waits for an answer; 0: as long as it takes
     */
    static int answerSeconds(int networkTimeoutMs) {
        if (networkTimeoutMs <= 0) {
            return 0;
        }
        int margin = Math.max(CANCEL_MARGIN_MS, networkTimeoutMs / CANCEL_MARGIN_PART);
        return Math.max(1, (networkTimeoutMs - margin) / MILLIS_PER_SECOND);
    }

    public BoundStatement set(String name, long value) throws SQLException {
        return each(name, i -> statement.setLong(i, value));
    }

    public BoundStatement set(String name, int value) throws SQLException {
        return each(name, i -> statement.setInt(i, value));
    }

    public BoundStatement set(String name, @Nullable Long value) throws SQLException {
        return each(name, i -> statement.setObject(i, value, Types.BIGINT));
    }

    public BoundStatement set(String name, boolean value) throws SQLException {
        return each(name, i -> statement.setBoolean(i, value));
    }

    public BoundStatement set(String name, @Nullable String value) throws SQLException {
        return each(name, i -> statement.setString(i, value));
    }

    public BoundStatement set(String name, UUID value) throws SQLException {
        return each(name, i -> statement.setObject(i, value));
    }

    public BoundStatement set(String name, @Nullable Instant value) throws SQLException {
        return each(name, i -> {
            if (value == null) {
                statement.setNull(i, Types.TIMESTAMP_WITH_TIMEZONE);
            } else {
                statement.setTimestamp(i, Timestamp.from(value));
            }
        });
    }

    public BoundStatement set(String name, long[] values) throws SQLException {
        return each(name, i -> statement.setArray(i, primitives("int8", values)));
    }

    public BoundStatement set(String name, int[] values) throws SQLException {
        return each(name, i -> statement.setArray(i, primitives("int4", values)));
    }

    public BoundStatement set(String name, @Nullable String @Nullable [] values) throws SQLException {
        return each(name, i -> statement.setArray(i, values == null ? null : connection.createArrayOf("text", values)));
    }

    public BoundStatement set(String name, @Nullable Double value) throws SQLException {
        return each(name, i -> statement.setObject(i, value, Types.DOUBLE));
    }

    public BoundStatement set(String name, @Nullable Double[] values) throws SQLException {
        return each(name, i -> statement.setArray(i, connection.createArrayOf("float8", values)));
    }

    public BoundStatement set(String name, Boolean[] values) throws SQLException {
        return each(name, i -> statement.setArray(i, connection.createArrayOf("bool", values)));
    }

    public BoundStatement set(String name, @Nullable UUID[] values) throws SQLException {
        return each(name, i -> statement.setArray(i, connection.createArrayOf("uuid", values)));
    }

    /** For a statement whose result is read while it arrives, this many rows at a time. */
    public BoundStatement fetch(int rows) throws SQLException {
        statement.setFetchSize(rows);
        return this;
    }

    public ResultSet query() throws SQLException {
        return statement.executeQuery();
    }

    public int update() throws SQLException {
        return statement.executeUpdate();
    }

    @Override
    public void close() throws SQLException {
        statement.close();
    }

    /** Sends an array of primitives without boxing it, which JDBC's own method cannot. */
    private Array primitives(String elementType, Object values) throws SQLException {
        return connection.unwrap(PGConnection.class).createArrayOf(elementType, values);
    }

    private interface Setter {
        void at(int index) throws SQLException;
    }

    private BoundStatement each(String name, Setter setter) throws SQLException {
        boolean known = false;
        for (int i = 0; i < sql.parameters().size(); i++) {
            if (sql.parameters().get(i).equals(name)) {
                setter.at(i + 1);
                known = true;
            }
        }
        if (!known) {
            throw new IllegalStateException("no parameter :" + name + " in: " + sql.text());
        }
        return this;
    }
}
