package dev.sluice.queue;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Makes a consumer group known to a queue, with a cursor for each partition. */
final class Registration {
    private final Statements statements;

    Registration(Statements statements) {
        this.statements = statements;
    }

    /**
     * Registers the group, unless another has just done so.
     *
     * @return false if there is no such queue
     */
    boolean run(Connection connection, String queue, String group, Subscription wish) throws SQLException {
        Subscription subscription = group.equals(PopTarget.DEFAULT_GROUP) ? Subscription.ALL : wish;
        Instant from = subscription.from();
        String mode = from != null ? "from" : subscription.mode() == Subscription.Mode.NEW ? "new" : "all";
        long queueId;
        try (var statement = new BoundStatement(connection, statements.get("lock-queue")).set("queue", queue);
                ResultSet row = statement.query()) {
            if (!row.next()) {
                return false;
            }
            queueId = row.getLong("id");
        }
        try (var insert = new BoundStatement(connection, statements.get("register-group"))
                        .set("queue_id", queueId)
                        .set("group", group)
                        .set("mode", mode)
                        .set("from", from);
                ResultSet row = insert.query()) {
            if (row.next()) {
                createCursors(connection, queueId, row.getLong("id"), mode, from);
            }
        }
        return true;
    }

    /**
     * Notes that a group waits for a queue that does not exist, if it does not want to read from the beginning. The first
     * push to the queue registers it.
     */
    void awaitQueue(Connection connection, String queue, String group, Subscription wish) throws SQLException {
        if (group.equals(PopTarget.DEFAULT_GROUP) || wish.equals(Subscription.ALL)) {
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

    private void createCursors(Connection connection, long queueId, long groupId, String mode, @Nullable Instant from)
            throws SQLException {
        try (var lock = new BoundStatement(connection, statements.get("lock-partitions-of-queue"))
                        .set("queue_id", queueId);
                var create = new BoundStatement(connection, statements.get("create-cursors"))
                        .set("group_id", groupId)
                        .set("queue_id", queueId)
                        .set("mode", mode)
                        .set("from", from)) {
            lock.query().close();
            create.update();
        }
    }
}
