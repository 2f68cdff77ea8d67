package dev.sluice.queue.read;

import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/** Writes cursors whose leases end, or that had nothing to read. Collects them, so that one statement does for all. */
final class CursorUpdates {
    private final Statements statements;
    private final List<Row> rows = new ArrayList<>();

    private record Row(
            long groupId,
            long partitionId,
            long position,
            SeqSet acked,
            SortedMap<Long, Integer> failed,
            int deliveries,
            long delayMs) {}

    CursorUpdates(Statements statements) {
        this.statements = statements;
    }

    /**
     * Adds a cursor, whose row this transaction has locked.
     *
     * @param position where it stands now
     * @param acked what is done after that
     * @param failed failed acks by seq
     * @param deliveries leases in a row that ended without a word
     * @param delayMs how long its next messages are held back
     */
    void add(
            long groupId,
            long partitionId,
            long position,
            SeqSet acked,
            SortedMap<Long, Integer> failed,
            int deliveries,
            long delayMs) {
        rows.add(new Row(groupId, partitionId, position, acked, failed, deliveries, delayMs));
    }

    /** Writes what was added. */
    void run(Connection connection) throws SQLException {
        if (rows.isEmpty()) {
            return;
        }
        try (var statement = new BoundStatement(connection, statements.get("settle"))
                .set("groups", rows.stream().mapToLong(Row::groupId).toArray())
                .set("partitions", rows.stream().mapToLong(Row::partitionId).toArray())
                .set("positions", rows.stream().mapToLong(Row::position).toArray())
                .set("acked", rows.stream().map(row -> row.acked().toString()).toArray(String[]::new))
                .set(
                        "failed_seqs",
                        rows.stream().map(row -> array(row.failed().keySet())).toArray(String[]::new))
                .set(
                        "failed_counts",
                        rows.stream().map(row -> array(row.failed().values())).toArray(String[]::new))
                .set("deliveries", rows.stream().mapToInt(Row::deliveries).toArray())
                .set("delays_ms", rows.stream().mapToLong(Row::delayMs).toArray())) {
            statement.update();
        }
        rows.clear();
    }

    /** Returns the text of a PostgreSQL array, or null for an empty one. */
    private static @Nullable String array(Iterable<? extends Number> numbers) {
        var text = new StringBuilder();
        numbers.forEach(number -> text.append(text.length() == 0 ? '{' : ',').append(number));
        return text.length() == 0 ? null : text.append('}').toString();
    }
}
