package dev.sluice.queue.write;

import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.sql.Commit;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.queue.sql.SqlStates;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Caches the ids of partitions by name, and creates the queues and partitions that are missing. An id may be stale: its
 * partition may have been deleted. The flush that locks the partition notices, and calls {@link #forget}.
 *
 * <p>Owned by one thread.
 */
final class PartitionDirectory {
    /** Most names cached. When there are more, the cache is emptied. */
    static final int MAX_NAMES = 1_000_000;

    /** Stands for the id of a partition that is not cached. */
    static final long UNKNOWN = 0;

    private final Statements statements;
    private final PartitionCreation creation;
    private final Map<PartitionName, Long> ids = new HashMap<>();

    PartitionDirectory(String schema) {
        this.statements = Statements.read("partition_directory.sql", schema);
        this.creation = new PartitionCreation(schema);
    }

    /** Returns the id of a partition, {@link #UNKNOWN} if it is not cached. */
    long idOf(PartitionName name) {
        return ids.getOrDefault(name, UNKNOWN);
    }

    /**
     * Loads the ids of partitions that are not cached, and creates the partitions that are missing. Ends the
     * transaction of the connection. If a partition is deleted at once, its id stays unknown.
     *
     * @param lanes tells the lane of each partition that is created
     */
    void resolve(
            Connection connection,
            Collection<PartitionName> names,
            Function<PartitionName, @Nullable PriorityLane> lanes)
            throws SQLException {
        List<PartitionName> missing = missing(names);
        if (missing.isEmpty()) {
            return;
        }
        if (ids.size() + missing.size() > MAX_NAMES) {
            ids.clear();
            missing = new ArrayList<>(names);
        }
        find(connection, missing);
        missing = missing(missing);
        if (!missing.isEmpty()) {
            create(connection, missing, lanes);
            find(connection, missing);
        }
        connection.rollback(); // Since the commit of the new partitions, the connection has only read.
    }

    private List<PartitionName> missing(Collection<PartitionName> names) {
        return names.stream().filter(name -> !ids.containsKey(name)).toList();
    }

    /** Drops the id of a partition that was deleted. */
    void forget(PartitionName name) {
        ids.remove(name);
    }

    /** Empties the cache. */
    void forgetAll() {
        ids.clear();
    }

    private void find(Connection connection, List<PartitionName> names) throws SQLException {
        statements
                .on(connection, "find-partitions")
                .setTexts("queues", names, PartitionName::queue)
                .setTexts("partitions", names, PartitionName::partition)
                .forEach(row -> ids.put(
                        new PartitionName(row.getString("queue"), row.getString("partition")), row.getLong("id")));
    }

    /**
     * Creates queues and partitions, and commits. If one of the queues is deleted before it is locked, creates no
     * partition: the queue that replaces it is not locked, so a group that registers at that moment would lack cursors.
     */
    private void create(
            Connection connection, List<PartitionName> names, Function<PartitionName, @Nullable PriorityLane> lanes)
            throws SQLException {
        var queues = new TreeSet<String>();
        names.forEach(name -> queues.add(name.queue()));
        statements
                .on(connection, "create-queues")
                .setTexts("queues", queues, each -> each)
                .execute();
        int locked = statements
                .on(connection, "lock-queues")
                .setTexts("queues", queues, each -> each)
                .list(row -> row.getLong("id"))
                .size();
        if (locked == queues.size()) {
            creation.run(connection, queues, names, lanes);
        }
        try {
            Commit.run(connection, "could not create partitions", null);
        } catch (OutcomeUnknownException e) {
            // The partitions may exist. Empty partitions do no harm, and the caller has not written its messages.
            throw new SQLException(e.getMessage(), SqlStates.CONNECTION_FAILURE, e);
        }
    }
}
