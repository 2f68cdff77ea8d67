package dev.sluice.queue.write;

import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.sql.Commit;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
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

    PartitionDirectory(String schema) {
        this.statements = Statements.read("partition_directory.sql", schema);
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

    /** Returns the number that stands for a lane in a statement. */
    static int number(@Nullable PriorityLane lane) {
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
        statements
                .on(connection, "find-partitions")
                .setTexts("queues", names, Name::queue)
                .setTexts("partitions", names, Name::partition)
                .forEach(row ->
                        ids.put(new Name(row.getString("queue"), row.getString("partition")), row.getLong("id")));
    }

    /**
     * Creates queues and partitions; none if one of the queues is deleted meanwhile, for what then comes in its place
     * is not locked, and a group that is registered at that moment would not get its cursors.
     */
    private void create(Connection connection, List<Name> names, Lanes lanes) throws SQLException {
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
            statements
                    .on(connection, "register-pending")
                    .setTexts("queues", queues, each -> each)
                    .execute();
            statements
                    .on(connection, "create-partitions")
                    .setTexts("queues", names, Name::queue)
                    .setTexts("partitions", names, Name::partition)
                    .setInts("lanes", names, name -> number(lanes.of(name)))
                    .execute();
        }
        try {
            Commit.run(connection, "could not create partitions", null);
        } catch (OutcomeUnknownException e) {
            // The partitions may exist. Empty ones do no harm, and the messages of the caller are not written.
            throw new SQLException(e.getMessage(), "08006", e);
        }
    }
}
