package dev.sluice.queue.write;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Comparator;
import java.util.Map;
import java.util.TreeMap;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Changes stored offsets of sources, for an operator. A {@link QueueWriter} that runs finds that its source has moved
 * and throws {@link SourceMovedException}.
 *
 * <p>Every method blocks until it has committed. Safe for use by many threads and by many processes on one database.
 */
public final class StoredOffsets {
    /** The order in which rows are locked, so that two callers do not deadlock. */
    private static final Comparator<SourcePartition> ORDER = Comparator.comparing(SourcePartition::source)
            .thenComparing(SourcePartition::topic)
            .thenComparing(SourcePartition::partition);

    private final Transactions transactions;
    private final Statements statements;

    /** Makes an object for a schema that {@link QueueSchema} has brought up to date. */
    public StoredOffsets(DataSource dataSource, String schema) {
        this.transactions = new Transactions(dataSource);
        this.statements = Statements.read("stored_offsets.sql", schema);
    }

    /**
     * Sets or forgets offsets, all or none.
     *
     * @param offsets the next offset of each source, 0 or more; null to forget it
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless it failed while committing
     */
    public void alter(Map<SourcePartition, @Nullable Long> offsets) {
        var inOrder = new TreeMap<SourcePartition, @Nullable Long>(ORDER);
        inOrder.putAll(offsets);
        transactions.run("could not alter the offsets", connection -> {
            int changed = 0;
            for (Map.Entry<SourcePartition, @Nullable Long> each : inOrder.entrySet()) {
                changed += alter(connection, each.getKey(), each.getValue());
            }
            return changed;
        });
    }

    private int alter(Connection connection, SourcePartition source, @Nullable Long next) throws SQLException {
        BoundStatement statement = statements
                .on(connection, next == null ? "forget-offset" : "set-offset")
                .set("source", source.source())
                .set("topic", source.topic())
                .set("partition", source.partition());
        return next == null ? statement.execute() : statement.set("next", next).execute();
    }

    /**
     * Forgets all offsets of a source.
     *
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless it failed while committing
     */
    public void forget(String source) {
        transactions.run(
                "could not forget the offsets",
                connection -> statements
                        .on(connection, "forget-offsets")
                        .set("source", source)
                        .execute());
    }
}
