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

/** Makes a consumer group known to queues, with a cursor for each partition. */
final class Registration {
    private final Statements statements;

    Registration(String schema) {
        this.statements = Statements.read("registration.sql", schema);
    }

    /** The queues of a scope that a group does not read yet, and since when the group waits for more of them. */
    private record Scope(
            List<String> unregistered, @Nullable Instant waitsSince) {
        static Scope of(ResultSet row) throws SQLException {
            Timestamp since = row.getTimestamp("waits_since");
            return new Scope(
                    List.of((String[]) row.getArray("queues").getArray()), since == null ? null : since.toInstant());
        }
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
     * Registers the group on all queues of the scope it does not read yet. One that does not want to read from the
     * beginning has noted when it began to wait: what comes into the scope after its first pop, it reads from that time
     * on.
     */
    void runAcross(Connection connection, Across across, String group, Subscription wish) throws SQLException {
        Scope scope = ofScope(connection, "unregistered-across", across, group)
                .first(Scope::of)
                .orElseThrow();
        Instant since = scope.waitsSince();
        Subscription subscription = since == null ? effective(group, wish) : new Subscription(wish.mode(), since);
        if (since == null && !subscription.equals(Subscription.ALL)) {
            ofScope(connection, "wait-across", across, group)
                    .set("from", wish.from())
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
                    .set("from", wish.from())
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
