package dev.sluice.queue.read;

import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PopTarget.Across;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Makes a consumer group known to queues, with a cursor for each partition. */
final class Registration {
    private final Statements statements;

    Registration(Statements statements) {
        this.statements = statements;
    }

    /**
     * Registers the group on those of the queues that exist, unless another has just done so. All rows of one table are
     * locked, in order, before any of the next.
     *
     * @return false if none of the queues exists
     */
    boolean run(Connection connection, List<String> queues, String group, Subscription wish) throws SQLException {
        Subscription subscription = effective(group, wish);
        Instant from = subscription.from();
        String mode = from != null ? "from" : subscription.mode() == Subscription.Mode.NEW ? "new" : "all";
        var queueIds = new ArrayList<Long>();
        try (var statement = new BoundStatement(connection, statements.get("lock-queues"))
                        .set("queues", queues.toArray(String[]::new));
                ResultSet row = statement.query()) {
            while (row.next()) {
                queueIds.add(row.getLong("id"));
            }
        }
        if (queueIds.isEmpty()) {
            return false;
        }
        var groupIds = new ArrayList<Long>();
        try (var insert = new BoundStatement(connection, statements.get("register-group"))
                        .set("queues", longs(queueIds))
                        .set("group", group)
                        .set("mode", mode)
                        .set("from", from);
                ResultSet row = insert.query()) {
            while (row.next()) {
                groupIds.add(row.getLong("id"));
            }
        }
        if (!groupIds.isEmpty()) {
            createCursors(connection, longs(groupIds), mode, from);
        }
        return true;
    }

    /**
     * Registers the group on all queues of the scope it does not read yet. One that does not want to read from the
     * beginning has noted when it began to wait: what comes into the scope after its first pop, it reads from that time
     * on.
     */
    void runAcross(Connection connection, Across across, String group, Subscription wish) throws SQLException {
        List<String> queues = new ArrayList<>();
        Instant since;
        try (var statement = ofScope(connection, "unregistered-across", across, group);
                ResultSet row = statement.query()) {
            row.next();
            Array names = row.getArray("queues");
            queues.addAll(List.of((String[]) names.getArray()));
            Timestamp waitsSince = row.getTimestamp("waits_since");
            since = waitsSince == null ? null : waitsSince.toInstant();
        }
        Subscription subscription = since == null ? effective(group, wish) : new Subscription(wish.mode(), since);
        if (since == null && !subscription.equals(Subscription.ALL)) {
            try (var note = ofScope(connection, "wait-across", across, group).set("from", wish.from())) {
                note.update();
            }
        }
        if (!queues.isEmpty()) {
            run(connection, queues, group, subscription);
        }
    }

    private BoundStatement ofScope(Connection connection, String name, Across across, String group)
            throws SQLException {
        return new BoundStatement(connection, statements.get(name))
                .set("group", group)
                .set("namespace", across.namespace())
                .set("task", across.task());
    }

    private static Subscription effective(String group, Subscription wish) {
        return group.equals(PopTarget.DEFAULT_GROUP) ? Subscription.ALL : wish;
    }

    /**
     * Notes that a group waits for a queue that does not exist, if it does not want to read from the beginning. The
     * first push to the queue registers it.
     */
    void awaitQueue(Connection connection, String queue, String group, Subscription wish) throws SQLException {
        if (effective(group, wish).equals(Subscription.ALL)) {
            return;
        }
        try (var known = new BoundStatement(connection, statements.get("waits-for-queue"))
                        .set("queue", queue)
                        .set("group", group);
                ResultSet row = known.query()) {
            if (row.next()) {
                return;
            }
        }
        try (var note = new BoundStatement(connection, statements.get("wait-for-queue"))
                .set("queue", queue)
                .set("group", group)
                .set("from", wish.from())) {
            note.update();
        }
    }

    private void createCursors(Connection connection, long[] groupIds, String mode, @Nullable Instant from)
            throws SQLException {
        try (var lock = new BoundStatement(connection, statements.get("lock-partitions-of-groups"))
                        .set("groups", groupIds);
                var create = new BoundStatement(connection, statements.get("create-cursors"))
                        .set("groups", groupIds)
                        .set("mode", mode)
                        .set("from", from)) {
            lock.query().close();
            create.update();
        }
    }

    private static long[] longs(List<Long> ids) {
        return ids.stream().mapToLong(Long::longValue).toArray();
    }
}
