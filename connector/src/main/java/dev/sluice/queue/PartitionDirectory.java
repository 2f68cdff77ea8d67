package dev.sluice.queue;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * The ids of partitions by name, as far as one writer has met them. Queues and partitions that do not exist are created.
 * An id may be out of date when somebody deletes the partition: who locks it notices, and says {@link #forget}.
 *
 * <p>Owned by one thread.
 */
final class PartitionDirectory {
    /** Names kept; when there are more, all are forgotten and found again. */
    static final int MAX_NAMES = 1_000_000;

    private final Statements statements;
    private final Map<Name, Long> ids = new HashMap<>();

    PartitionDirectory(Statements statements) {
        this.statements = statements;
    }

    /** A partition as its users know it. */
    record Name(String queue, String partition) {}

    /**
     * Returns the ids of all the partitions named. Creates those that are missing in transactions of its own; the
     * connection must not be within one, and is not afterwards.
     */
    Map<Name, Long> resolve(Connection connection, Collection<Name> names) throws SQLException {
        var found = new HashMap<Name, Long>();
        var missing = new ArrayList<Name>();
        for (Name name : names) {
            Long id = ids.get(name);
            if (id == null) {
                missing.add(name);
            } else {
                found.put(name, id);
            }
        }
        if (!missing.isEmpty()) {
            if (ids.size() + missing.size() > MAX_NAMES) {
                ids.clear();
            }
            find(connection, missing, found);
            missing.removeIf(found::containsKey);
            if (!missing.isEmpty()) {
                create(connection, missing);
                find(connection, missing, found);
            }
            connection.commit();
        }
        return found;
    }

    /** Forgets a name whose partition is not there any more. */
    void forget(Name name) {
        ids.remove(name);
    }

    private void find(Connection connection, List<Name> names, Map<Name, Long> found) throws SQLException {
        try (var statement = new BoundStatement(connection, statements.get("find-partitions"))
                        .set("queues", names.stream().map(Name::queue).toArray(String[]::new))
                        .set("partitions", names.stream().map(Name::partition).toArray(String[]::new));
                ResultSet row = statement.query()) {
            while (row.next()) {
                var name = new Name(row.getString("queue"), row.getString("partition"));
                long id = row.getLong("id");
                found.put(name, id);
                ids.put(name, id);
            }
        }
    }

    private void create(Connection connection, List<Name> names) throws SQLException {
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
                        .set("partitions", names.stream().map(Name::partition).toArray(String[]::new))) {
            createQueues.update();
            lockQueues.query().close();
            registerPending.update();
            createPartitions.update();
        }
        connection.commit();
    }
}
