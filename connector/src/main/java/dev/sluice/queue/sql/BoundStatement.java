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
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.ToIntFunction;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;

/**
 * A {@link Sql} statement on a connection, with its parameters set by name.
 *
 * <p>{@link #list}, {@link #first}, {@link #forEach} and {@link #execute} run the statement once and close it:
 *
 * <pre>{@code
 * List<String> names = statements.on(connection, "names").set("ids", rows, Row::id).list(row -> row.getString("name"));
 * }</pre>
 *
 * Only a statement that runs more than once, or whose result is read while it arrives, needs a {@code try}.
 */
public final class BoundStatement implements AutoCloseable {
    private static final int MILLIS_PER_SECOND = 1000;

    /** Least time reserved for the cancellation and its answer. */
    private static final int MIN_CANCEL_MARGIN_MS = 1000;

    /** The part of the network timeout that is reserved for the cancellation, if that is more. */
    private static final int CANCEL_MARGIN_DIVISOR = 10;

    private final Sql sql;
    private final Connection connection;
    private final PreparedStatement statement;

    /** Prepares a statement. {@link Statements#on} is the usual way to get one. */
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
     * Returns after how many seconds the driver cancels the statement in the server; 0: never. The driver cancels
     * before the connection stops waiting, because otherwise the statement would run on in the server.
     *
     * @param networkTimeoutMs how long the connection waits for an answer; 0: without a limit
     */
    static int answerSeconds(int networkTimeoutMs) {
        if (networkTimeoutMs <= 0) {
            return 0;
        }
        int margin = Math.max(MIN_CANCEL_MARGIN_MS, networkTimeoutMs / CANCEL_MARGIN_DIVISOR);
        return Math.max(1, (networkTimeoutMs - margin) / MILLIS_PER_SECOND);
    }

    /** Sets a parameter, wherever it occurs. This and the other methods {@code set} return the statement. */
    public BoundStatement set(String name, long value) throws SQLException {
        return setAll(name, i -> statement.setLong(i, value));
    }

    public BoundStatement set(String name, int value) throws SQLException {
        return setAll(name, i -> statement.setInt(i, value));
    }

    public BoundStatement set(String name, @Nullable Long value) throws SQLException {
        return setAll(name, i -> statement.setObject(i, value, Types.BIGINT));
    }

    public BoundStatement set(String name, boolean value) throws SQLException {
        return setAll(name, i -> statement.setBoolean(i, value));
    }

    public BoundStatement set(String name, @Nullable String value) throws SQLException {
        return setAll(name, i -> statement.setString(i, value));
    }

    public BoundStatement set(String name, UUID value) throws SQLException {
        return setAll(name, i -> statement.setObject(i, value));
    }

    public BoundStatement set(String name, @Nullable Instant value) throws SQLException {
        return setAll(name, i -> {
            if (value == null) {
                statement.setNull(i, Types.TIMESTAMP_WITH_TIMEZONE);
            } else {
                statement.setTimestamp(i, Timestamp.from(value));
            }
        });
    }

    public BoundStatement set(String name, long[] values) throws SQLException {
        return setAll(name, i -> statement.setArray(i, primitives("int8", values)));
    }

    public BoundStatement set(String name, @Nullable String @Nullable [] values) throws SQLException {
        return setAll(
                name, i -> statement.setArray(i, values == null ? null : connection.createArrayOf("text", values)));
    }

    public BoundStatement set(String name, @Nullable Double value) throws SQLException {
        return setAll(name, i -> statement.setObject(i, value, Types.DOUBLE));
    }

    public BoundStatement set(String name, @Nullable Double[] values) throws SQLException {
        return setAll(name, i -> statement.setArray(i, connection.createArrayOf("float8", values)));
    }

    /** Sets an array of {@code bigint}: the value of each element, in order. */
    public <T> BoundStatement set(String name, Collection<T> elements, ToLongFunction<? super T> value)
            throws SQLException {
        return set(name, elements.stream().mapToLong(value).toArray());
    }

    /** Sets an array of {@code text}: the value of each element, in order. */
    public <T> BoundStatement setTexts(
            String name, Collection<T> elements, Function<? super T, ? extends @Nullable String> value)
            throws SQLException {
        return set(name, elements.stream().map(value).toArray(String[]::new));
    }

    /**
     * Sets an array of {@code bytea}: the value of each element, in order. For large texts: the driver sends bytes as
     * they are, but writes an array of texts as one literal, which takes six times its size in memory.
     */
    public <T> BoundStatement setBytes(String name, Collection<T> elements, Function<? super T, byte[]> value)
            throws SQLException {
        byte[][] values = elements.stream().map(value).toArray(byte[][]::new);
        return setAll(name, i -> statement.setArray(i, connection.createArrayOf("bytea", values)));
    }

    /** Sets an array of {@code uuid}: the value of each element, in order. */
    public <T> BoundStatement setUuids(
            String name, Collection<T> elements, Function<? super T, ? extends @Nullable UUID> value)
            throws SQLException {
        UUID[] values = elements.stream().map(value).toArray(UUID[]::new);
        return setAll(name, i -> statement.setArray(i, connection.createArrayOf("uuid", values)));
    }

    /** Sets an array of {@code boolean}: the value of each element, in order. */
    public <T> BoundStatement setBooleans(String name, Collection<T> elements, Predicate<? super T> value)
            throws SQLException {
        Boolean[] values = elements.stream().map(value::test).toArray(Boolean[]::new);
        return setAll(name, i -> statement.setArray(i, connection.createArrayOf("bool", values)));
    }

    /** Sets an array of {@code integer}: the value of each element, in order. */
    public <T> BoundStatement setInts(String name, Collection<T> elements, ToIntFunction<? super T> value)
            throws SQLException {
        int[] values = elements.stream().mapToInt(value).toArray();
        return setAll(name, i -> statement.setArray(i, primitives("int4", values)));
    }

    /** Makes a value of a row. */
    public interface RowMapper<T> {
        /** Returns the value of the row at which the result stands. */
        T map(ResultSet row) throws SQLException;
    }

    /** Reads a row. */
    public interface RowReader {
        /** Reads the row at which the result stands. */
        void read(ResultSet row) throws SQLException;
    }

    /** Runs the query and returns a value of each row, in order. Closes the statement. */
    public <T> List<T> list(RowMapper<T> mapper) throws SQLException {
        var list = new ArrayList<T>();
        forEach(row -> list.add(mapper.map(row)));
        return list;
    }

    /** Runs the query and returns the value of its first row; empty if there is none. Closes the statement. */
    public <T> Optional<T> first(RowMapper<T> mapper) throws SQLException {
        try (this;
                ResultSet row = statement.executeQuery()) {
            return row.next() ? Optional.of(mapper.map(row)) : Optional.empty();
        }
    }

    /** Runs the query and reads each row, in order. Closes the statement. */
    public void forEach(RowReader reader) throws SQLException {
        try (this;
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                reader.read(row);
            }
        }
    }

    /** Runs a query for its effect, such as a lock. Closes the statement. */
    public void run() throws SQLException {
        forEach(row -> {});
    }

    /** Runs a statement that changes rows, and returns how many. Closes the statement. */
    public int execute() throws SQLException {
        try (this) {
            return statement.executeUpdate();
        }
    }

    /** Makes the driver fetch this many rows at a time, for a result that is read while it arrives. */
    public BoundStatement fetch(int rows) throws SQLException {
        statement.setFetchSize(rows);
        return this;
    }

    /** Runs the query. The caller closes the result and the statement. */
    public ResultSet query() throws SQLException {
        return statement.executeQuery();
    }

    /** Runs a statement that changes rows, and returns how many. The caller closes the statement. */
    public int update() throws SQLException {
        return statement.executeUpdate();
    }

    /** Keeps the driver from cancelling the statement. */
    void withoutCancel() throws SQLException {
        statement.setQueryTimeout(0);
    }

    /** Runs joined statements, and returns the driver's statement at the first of their results. */
    PreparedStatement runAll() throws SQLException {
        boolean unused = statement.execute();
        return statement;
    }

    @Override
    public void close() throws SQLException {
        statement.close();
    }

    /** Returns an array of primitives without boxing them, unlike the method of JDBC. */
    private Array primitives(String elementType, Object values) throws SQLException {
        return connection.unwrap(PGConnection.class).createArrayOf(elementType, values);
    }

    private interface Setter {
        void at(int index) throws SQLException;
    }

    private BoundStatement setAll(String name, Setter setter) throws SQLException {
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
