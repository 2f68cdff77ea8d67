package dev.sluice.queue.write;

import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Moves the tails of partitions forward, and the cursors that are behind a new tail up to it. So a group's lag stays
 * {@code head - position} less what is acked. Readers no longer see messages before a tail; retention deletes them
 * later ({@link dev.sluice.queue.admin.Retention}).
 *
 * <p>Two steps in one transaction: {@link #lock}, then {@link #run}.
 */
public final class TailAdvance {
    private final Statements statements;

    public TailAdvance(String schema) {
        this.statements = Statements.read("tail_advance.sql", schema);
    }

    /** Seqs of the oldest and the newest message of a locked partition. */
    public record Extent(long tail, long head) {}

    /**
     * Locks the partitions {@code for update} and then all their cursors, and waits for each lock. Returns the extents
     * by partition id; a partition that was deleted is missing.
     */
    public SortedMap<Long, Extent> lock(Connection connection, Collection<Long> partitions) throws SQLException {
        var extents = new TreeMap<Long, Extent>();
        statements
                .on(connection, "lock-partitions-to-clear")
                .set("partitions", partitions, Long::longValue)
                .forEach(row -> extents.put(row.getLong("id"), new Extent(row.getLong("tail"), row.getLong("head"))));
        statements
                .on(connection, "lock-cursors-to-clear")
                .set("partitions", extents.keySet(), Long::longValue)
                .run();
        return extents;
    }

    /** Moves the tails, given by partition id. The transaction holds the locks on the partitions and their cursors. */
    public void run(Connection connection, SortedMap<Long, Long> tails) throws SQLException {
        if (tails.isEmpty()) {
            return;
        }
        for (String name : List.of("trim-cursors", "trim-partitions")) {
            statements
                    .on(connection, name)
                    .set("partitions", tails.keySet(), Long::longValue)
                    .set("tails", tails.values(), Long::longValue)
                    .execute();
        }
    }

    public static long[] longs(Collection<Long> values) {
        return values.stream().mapToLong(Long::longValue).toArray();
    }
}
