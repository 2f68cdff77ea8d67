package dev.sluice.queue.read;

import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Tells how far the partitions of one queue reach, and up to which time nothing can come any more.
 *
 * <p>A message gets its time under the lock of its partition, so after its transaction got an id. A {@link Mark} is a
 * time and a transaction id that was given out later. Once a snapshot sees all transactions before that id as ended, it
 * sees every message whose time is before the mark. So a reader that has read the heads of such a snapshot has read all
 * messages before the mark, in all partitions, whichever process has written them. This holds while the clock of the
 * database does not go back.
 *
 * <p>Every method runs one transaction and blocks. Safe for use by many threads.
 */
public final class QueueTail {
    private final Transactions transactions;
    private final Statements statements;

    /** Makes it for a schema that is up to date. */
    public QueueTail(DataSource dataSource, String schema) {
        transactions = Transactions.byIndex(dataSource);
        statements = Statements.read("queue_tail.sql", schema);
    }

    /**
     * A point in time.
     *
     * @param at by the database's clock
     * @param transaction id of a transaction; ids from it on were given out after {@code at}
     */
    public record Mark(Instant at, long transaction) {}

    /**
     * How far a partition reaches.
     *
     * @param lastPushAt when its head moved last; null before the first message
     */
    public record Head(
            QueueReader.Partition partition, @Nullable Instant lastPushAt) {}

    /**
     * How far a queue reaches.
     *
     * @param exists whether there is such a queue
     * @param oldest id of the oldest transaction that may not have ended when the heads were read
     * @param mark a new mark; null if none was asked for
     * @param partitions by id
     */
    public record Heads(
            boolean exists, long oldest, @Nullable Mark mark, List<Head> partitions) {
        public Heads {
            partitions = List.copyOf(partitions);
        }
    }

    /**
     * Reads a row for each partition of a queue.
     *
     * @param marks whether to make a mark, which takes the id of a transaction
     * @throws dev.sluice.queue.QueueException if PostgreSQL failed
     */
    public Heads heads(String queue, boolean marks) {
        return transactions.run("could not read the end of a queue", connection -> {
            Optional<Mark> mark = marks
                    ? statements
                            .on(connection, "mark")
                            .first(row -> new Mark(row.getTimestamp("at").toInstant(), row.getLong("transaction")))
                    : Optional.empty();
            var heads = new ArrayList<Head>();
            var oldest = new ArrayList<Long>();
            statements.on(connection, "heads").set("queue", queue).forEach(row -> {
                oldest.add(row.getLong("oldest"));
                if (row.getString("partition") != null) {
                    heads.add(head(row));
                }
            });
            return new Heads(!oldest.isEmpty(), oldest.isEmpty() ? 0 : oldest.get(0), mark.orElse(null), heads);
        });
    }

    private static Head head(ResultSet row) throws SQLException {
        var at = row.getTimestamp("last_push_at");
        return new Head(
                new QueueReader.Partition(
                        row.getLong("id"),
                        row.getString("queue"),
                        row.getString("partition"),
                        PriorityLane.ofNumber(row.getInt("lane")),
                        row.getLong("head"),
                        row.getLong("tail")),
                at == null ? null : at.toInstant());
    }
}
