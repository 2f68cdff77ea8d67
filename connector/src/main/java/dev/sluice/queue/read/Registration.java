package dev.sluice.queue.read;

import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PopTarget.Across;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Registers consumer groups on queues: a group gets a cursor for each partition. */
final class Registration {
    private final Statements statements;

    Registration(String schema) {
        this.statements = Statements.read("registration.sql", schema);
    }

    /** The queues of a scope on which a group is not registered, and since when the group waits for more queues. */
    private record Scope(
            List<String> unregistered, @Nullable Instant waitsSince) {
        static Scope of(ResultSet row) throws SQLException {
            Timestamp since = row.getTimestamp("waits_since");
            return new Scope(
                    List.of((String[]) row.getArray("queues").getArray()), since == null ? null : since.toInstant());
        }
    }

    /**
     * Registers the group on those of the queues that exist, unless another transaction has just registered it. Locks
     * all rows of one table, in order, before the rows of the next table.
     *
     * @return false if none of the queues exists
     */
    boolean run(Connection connection, List<String> queues, String group, Subscription requested) throws SQLException {
        Subscription subscription = effective(group, requested);
        Instant from = subscription.from();
        String mode = from != null ? "from" : subscription.mode() == Subscription.Mode.NEW ? "new" : "all";
        List<Long> queueIds = statements
                .on(connection, "lock-queues")
                .setTexts("queues", queues, queue -> queue)
                .list(row -> row.getLong("id"));
        if (queueIds.isEmpty()) {
            return false;
        }
        List<Long> groupIds = statements
                .on(connection, "register-group")
                .set("queues", queueIds, Long::longValue)
                .set("group", group)
                .set("mode", mode)
                .set("from", from)
                .list(row -> row.getLong("id"));
        if (!groupIds.isEmpty()) {
            createCursors(connection, groupIds, mode, from);
        }
        return true;
    }

    /**
     * Registers the group on all queues of the scope that it does not read yet. If the group does not start at the
     * beginning, its first pop notes the time; the group starts at that time in queues that come into the scope later.
     */
    void runAcross(Connection connection, Across across, String group, Subscription requested) throws SQLException {
        Scope scope = ofScope(connection, "unregistered-across", across, group)
                .first(Scope::of)
                .orElseThrow();
        Instant since = scope.waitsSince();
        Subscription subscription =
                since == null ? effective(group, requested) : new Subscription(requested.mode(), since);
        if (since == null && !subscription.equals(Subscription.ALL)) {
            ofScope(connection, "wait-across", across, group)
                    .set("from", requested.from())
                    .execute();
        }
        List<String> queues = scope.unregistered();
        if (!queues.isEmpty()) {
            run(connection, queues, group, subscription);
        }
    }

    private BoundStatement ofScope(Connection connection, String name, Across across, String group)
            throws SQLException {
        return statements
                .on(connection, name)
                .set("group", group)
                .set("namespace", across.namespace())
                .set("task", across.task());
    }

    private static Subscription effective(String group, Subscription requested) {
        return group.equals(PopTarget.DEFAULT_GROUP) ? Subscription.ALL : requested;
    }

    /**
     * Notes that a group waits for a queue that does not exist, unless the group starts at the beginning. The first
     * push to the queue registers the group.
     */
    void awaitQueue(Connection connection, String queue, String group, Subscription requested) throws SQLException {
        if (effective(group, requested).equals(Subscription.ALL)) {
            return;
        }
        boolean isNoted = statements
                .on(connection, "waits-for-queue")
                .set("queue", queue)
                .set("group", group)
                .first(row -> true)
                .isPresent();
        if (!isNoted) {
            statements
                    .on(connection, "wait-for-queue")
                    .set("queue", queue)
                    .set("group", group)
                    .set("from", requested.from())
                    .execute();
        }
    }

    private void createCursors(Connection connection, List<Long> groupIds, String mode, @Nullable Instant from)
            throws SQLException {
        var unused = statements
                .on(connection, "lock-partitions-of-groups")
                .set("groups", groupIds, Long::longValue)
                .first(row -> true);
        statements
                .on(connection, "create-cursors")
                .set("groups", groupIds, Long::longValue)
                .set("mode", mode)
                .set("from", from)
                .execute();
    }
}
