package dev.sluice.queue.read;

import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.RoundTrip;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.TransactionId;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/**
 * Writes cursors that have no lease from now on. Collects them and writes all of them with one statement. One thread.
 */
final class CursorUpdates {
    private final Statements statements;
    private final List<Update> updates = new ArrayList<>();

    /**
     * A cursor, whose row the transaction has locked.
     *
     * @param position seq up to which everything is done
     * @param acked seqs that are done after the position
     * @param failed failed acks by seq
     * @param deliveries consecutive leases that expired without an acknowledgement
     * @param delayMs how long the cursor is not ready
     */
    record Update(
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

    /** Adds a cursor. */
    void add(Update update) {
        updates.add(update);
    }

    /**
     * Writes the cursors that were added, and forgets them.
     *
     * @return the id of the transaction; null if no cursor was added
     */
    @Nullable
    TransactionId run(Connection connection) throws SQLException {
        if (updates.isEmpty()) {
            return null;
        }
        TransactionId id = bind(statements.on(connection, "release"), updates)
                .first(TransactionId::of)
                .orElseThrow();
        updates.clear();
        return id;
    }

    /** Returns the part of a round trip that writes the cursors that were added, and forgets them. */
    List<RoundTrip.Part> parts() {
        if (updates.isEmpty()) {
            return List.of();
        }
        List<Update> written = List.copyOf(updates);
        updates.clear();
        return List.of(RoundTrip.Part.change(statements.get("release"), statement -> bind(statement, written)));
    }

    private static BoundStatement bind(BoundStatement statement, List<Update> updates) throws SQLException {
        return statement
                .set("groups", updates, Update::groupId)
                .set("partitions", updates, Update::partitionId)
                .set("positions", updates, Update::position)
                .setTexts("acked", updates, update -> update.acked().toString())
                .setTexts(
                        "failed_seqs", updates, update -> array(update.failed().keySet()))
                .setTexts(
                        "failed_counts",
                        updates,
                        update -> array(update.failed().values()))
                .setInts("deliveries", updates, Update::deliveries)
                .set("delays_ms", updates, Update::delayMs);
    }

    /** Returns the text of a PostgreSQL array, or null if there are no numbers. */
    private static @Nullable String array(Iterable<? extends Number> numbers) {
        var text = new StringBuilder();
        numbers.forEach(number -> text.append(text.length() == 0 ? '{' : ',').append(number));
        return text.length() == 0 ? null : text.append('}').toString();
    }
}
