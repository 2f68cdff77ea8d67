package dev.sluice.queue.sql;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Names a transaction so that another connection can ask what became of it.
 *
 * @param id 64-bit transaction id
 * @param at when the id was read, by the server's clock. If the server crashes later, it may give out the id again
 * @param timeline timeline of the server's log. A promoted standby starts another timeline and may give out the same
 *     ids again
 */
public record TransactionId(String id, String at, String timeline) {
    private static final Statements STATEMENTS = Statements.read("transaction_id.sql");

    /** Returns the id of the connection's transaction; null if the transaction has changed nothing. */
    public static @Nullable TransactionId of(Connection connection) throws SQLException {
        return STATEMENTS
                .on(connection, "read-transaction-id")
                .first(TransactionId::of)
                .orElse(null);
    }

    /** Returns the part of a round trip that reads the id of a transaction. The parts before it change something. */
    public static RoundTrip.Part part(Consumer<TransactionId> reader) {
        return RoundTrip.Part.query(
                STATEMENTS.get("read-transaction-id"), statement -> {}, row -> reader.accept(of(row)));
    }

    /**
     * Reads the column {@code transaction} of a row: an array of id, time and timeline. A statement that locks rows can
     * return it with each of them.
     */
    public static TransactionId ofColumn(ResultSet row) throws SQLException {
        String[] parts = (String[]) row.getArray("transaction").getArray();
        return new TransactionId(parts[0], parts[1], parts[2]);
    }

    /**
     * Reads a row with the columns of {@code read-transaction-id}. A statement that changes rows can return them with
     * its result, which saves a round trip.
     */
    public static TransactionId of(ResultSet row) throws SQLException {
        return new TransactionId(row.getString("id"), row.getString("at"), row.getString("timeline"));
    }
}
