package dev.sluice.queue.write;

import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Commit;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The ids of partitions by name, as far as one writer has met them. Queues and partitions that do not exist are
 * created. An id may be out of date when somebody deletes the partition: who locks it notices, and says
 * {@link #forget}.
 *
 * <p>Owned by one thread.
 */
public final class PartitionDirectory {
    /** Names kept; when there are more, all are forgotten and found again. */
    static final int MAX_NAMES = 1_000_000;

    /** Number that stands for the lane of the queue. */
    public static final int LANE_OF_QUEUE = -1;

    /** Stands for the id of a partition that is not known. */
    static final long UNKNOWN = 0;

    private final Statements statements;
    private final Map<Name, Long> ids = new HashMap<>();

    PartitionDirectory(Statements statements) {
        this.statements = statements;
    }

    /** A partition as its users know it. */
    public record Name(String queue, String partition) {}

    /** Says in which lane a partition is created. */
    interface Lanes {
        /** Returns the lane, or null for that of the queue. */
        @Nullable
        PriorityLane of(Name name);
    }

    /** Returns the id of a partition, {@link #UNKNOWN} if it is not known here. */
    long idOf(Name name) {
        return ids.getOrDefault(name, UNKNOWN);
    }

    /**
     * Gets to know the partitions named. Creates those that are missing in transactions of its own; the connection must
     * not be within one, and is not afterwards. One that is deleted meanwhile stays unknown.
     *
     * @param lanes the lane each is created in
     */
    void resolve(Connection connection, Collection<Name> names, Lanes lanes) throws SQLException {
        List<Name> missing = unknown(names);
        if (missing.isEmpty()) {
            return;
        }
        if (ids.size() + missing.size() > MAX_NAMES) {
            ids.clear();
            missing = new ArrayList<>(names);
        }
        find(connection, missing);
        missing = unknown(missing);
        if (!missing.isEmpty()) {
            create(connection, missing, lanes);
            find(connection, missing);
        }
        connection.rollback(); // Nothing was changed since the partitions were created.
    }

    private List<Name> unknown(Collection<Name> names) {
        var unknown = new ArrayList<Name>();
        for (Name name : names) {
            if (!ids.containsKey(name)) {
                unknown.add(name);
            }
        }
        return unknown;
    }

    private static int number(@Nullable PriorityLane lane) {
        return lane == null ? LANE_OF_QUEUE : lane.number();
    }

    /** Forgets a name whose partition is not there any more. */
    void forget(Name name) {
        ids.remove(name);
    }

    /** Forgets all names. */
    void forgetAll() {
        ids.clear();
    }

    private void find(Connection connection, List<Name> names) throws SQLException {
        try (var statement = new BoundStatement(connection, statements.get("find-partitions"))
                        .set("queues", names.stream().map(Name::queue).toArray(String[]::new))
                        .set("partitions", names.stream().map(Name::partition).toArray(String[]::new));
                ResultSet row = statement.query()) {
            while (row.next()) {
                ids.put(new Name(row.getString("queue"), row.getString("partition")), row.getLong("id"));
            }
        }
    }

    /**
     * Creates queues and partitions; none if one of the queues is deleted meanwhile, for what then comes in its place
     * is not locked, and a group that is registered at that moment would not get its cursors.
     */
    private void create(Connection connection, List<Name> names, Lanes lanes) throws SQLException {
        var queueNames = new TreeSet<String>();
        for (Name name : names) {
            queueNames.add(name.queue());
        }
        String[] queues = queueNames.toArray(String[]::new);
        try (var createQueues = new BoundStatement(connection, statements.get("create-queues")).set("queues", queues);
                var lockQueues = new BoundStatement(connection, statements.get("lock-queues")).set("queues", queues);
                var registerPending =
                        new BoundStatement(connection, statements.get("register-pending")).set("queues", queues);
                var createPartitions = new BoundStatement(connection, statements.get("create-partitions"))
                        .set("queues", names.stream().map(Name::queue).toArray(String[]::new))
                        .set("partitions", names.stream().map(Name::partition).toArray(String[]::new))
                        .set(
                                "lanes",
                                names.stream()
                                        .mapToInt(name -> number(lanes.of(name)))
                                        .toArray())) {
            createQueues.update();
            int locked = 0;
            try (ResultSet row = lockQueues.query()) {
                while (row.next()) {
                    locked++;
                }
            }
            if (locked == queues.length) {
                registerPending.update();
                createPartitions.update();
            }
        }
        try {
            Commit.run(connection, "could not create partitions", null);
        } catch (OutcomeUnknownException e) {
            // The partitions may exist. Empty ones do no harm, and the messages of the caller are not written.
            throw new SQLException(e.getMessage(), "08006", e);
        }
    }
}
