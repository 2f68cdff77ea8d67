package dev.sluice.queue.write;

import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;

/** Locks partitions by id, as a flush does. While a transaction holds the lock, no other gives out seqs. */
final class PartitionLocks {
    private final Statements statements;

    PartitionLocks(String schema) {
        this.statements = Statements.read("partition_locks.sql", schema);
    }

    /** Locks the partitions in order of their ids, and waits for each. Returns those that exist. */
    Set<Long> lock(Connection connection, Collection<Long> partitions) throws SQLException {
        return lock(connection, "lock-partitions", partitions);
    }

    /** Locks the partitions that no other transaction holds, and returns them. */
    Set<Long> lockFree(Connection connection, Collection<Long> partitions) throws SQLException {
        return lock(connection, "lock-free-partitions", partitions);
    }

    private Set<Long> lock(Connection connection, String name, Collection<Long> partitions) throws SQLException {
        return new HashSet<>(statements
                .on(connection, name)
                .set("partitions", partitions, Long::longValue)
                .list(row -> row.getLong("id")));
    }
}
