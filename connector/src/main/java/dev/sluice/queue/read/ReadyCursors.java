package dev.sluice.queue.read;

import dev.sluice.queue.PopResult.Status;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PopTarget.Across;
import dev.sluice.queue.PopTarget.InQueue;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.RoundTrip;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.TransactionId;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Locks the ready cursors of a target for a pop. If there are none, tells why. Registers groups that read for the first
 * time. Each kind of scope (queue, partition, namespace) has its own statements.
 */
final class ReadyCursors {
    private final Statements statements;
    private final Registration registration;

    ReadyCursors(String schema) {
        this.statements = Statements.read("ready_cursors.sql", schema);
        this.registration = new Registration(schema);
    }

    /**
     * Why no cursor of a target is ready.
     *
     * @param registered whether the group is registered
     * @param nextReadyIn how long until the first lease or delay ends; null if none does
     */
    record NotReady(
            Status status, boolean registered, @Nullable Duration nextReadyIn) {
        static final NotReady NO_QUEUE = new NotReady(Status.QUEUE_NOT_FOUND, false, null);
    }

    /**
     * Registers the group on all queues of the scope that it does not read yet, and notes that it waits for more
     * queues. Every pop calls this, even if cursors of other queues are ready.
     */
    void registerAcross(Connection connection, Across across, String group, Subscription subscription)
            throws SQLException {
        statements.on(connection, "plan-across").run();
        registration.runAcross(connection, across, group, subscription);
    }

    /**
     * What locked cursors are.
     *
     * @param id id of the transaction; null if there are no cursors
     */
    record Locked(List<ReadyCursor> cursors, @Nullable TransactionId id) {
        static final Locked NONE = new Locked(List.of(), null);
    }

    /**
     * Whether a group was registered.
     *
     * @param mayRead whether the group was registered and may have something to read now
     * @param notReady why the target has nothing to give; null if that is not known
     */
    record Registered(boolean mayRead, @Nullable NotReady notReady) {
        static final Registered UNKNOWN = new Registered(false, null);

        /** Returns whether cursors are ready that other transactions have locked. */
        boolean isHeldUp() {
            return notReady != null
                    && notReady.nextReadyIn() != null
                    && notReady.nextReadyIn().isZero();
        }
    }

    /**
     * Registers the group on the queue of the target if it is not registered yet. If the queue does not exist, notes
     * that the group waits for it.
     */
    Registered register(Connection connection, PopTarget target, Subscription subscription) throws SQLException {
        if (!(target.scope() instanceof InQueue one)) {
            return Registered.UNKNOWN;
        }
        NotReady notReady = whyNotReady(connection, target);
        if (notReady.status() == Status.QUEUE_NOT_FOUND) {
            registration.awaitQueue(connection, one.queue(), target.group(), subscription);
            return new Registered(false, notReady);
        }
        if (notReady.registered()) {
            return new Registered(false, notReady);
        }
        boolean mayRead = registration.run(connection, List.of(one.queue()), target.group(), subscription);
        return new Registered(mayRead, null);
    }

    /**
     * Locks ready cursors: the most urgent lane first, and in a lane the cursors that have been ready longest.
     *
     * @param limit most cursors
     */
    Locked lock(Connection connection, PopTarget target, int limit) throws SQLException {
        return inTheirLanes(connection, () -> {
            BoundStatement statement = bind(statements.on(connection, nameFor("ready", target)), target);
            return target.isOnePartition() ? statement : statement.set("limit", limit);
        });
    }

    /**
     * Locks ready cursors of a queue, and in a lane those that have been ready longest.
     *
     * @param limits most cursors of each lane, by number
     */
    Locked lock(Connection connection, PopTarget queue, long[] limits) throws SQLException {
        return inTheirLanes(
                connection,
                () -> bind(statements.on(connection, "ready-lanes"), queue).set("limits", limits));
    }

    private interface Binding {
        BoundStatement bound() throws SQLException;
    }

    /**
     * Locks cursors. If the messages are done for which a cursor is in its lane, moves the cursor to the lane of those
     * that wait, and looks again.
     */
    private Locked inTheirLanes(Connection connection, Binding binding) throws SQLException {
        Locked locked = lock(connection, binding.bound());
        for (int round = 1; round < PriorityLane.values().length; round++) {
            List<ReadyCursor> fallen = locked.cursors().stream()
                    .filter(ReadyCursor::isInLaneOfDoneMessages)
                    .toList();
            if (fallen.isEmpty()) {
                break;
            }
            statements
                    .on(connection, "fall-back")
                    .set("groups", fallen, ReadyCursor::groupId)
                    .set("partitions", fallen, ReadyCursor::partitionId)
                    .execute();
            locked = lock(connection, binding.bound());
        }
        return locked;
    }

    private Locked lock(Connection connection, BoundStatement statement) throws SQLException {
        var ready = new ArrayList<ReadyCursor>();
        var id = new AtomicReference<@Nullable TransactionId>();
        statement.forEach(row -> {
            if (ready.isEmpty()) {
                id.set(TransactionId.ofColumn(row));
            }
            ready.add(ReadyCursor.of(row));
        });
        return new Locked(oldEnough(connection, ready), id.get());
    }

    /** Returns the name of the statement for the scope of the target. */
    private static String nameFor(String name, PopTarget target) {
        if (target.scope() instanceof Across) {
            return name + "-across";
        }
        return target.isOnePartition() ? name + "-partition" : name;
    }

    /** Sets the scope of the target. */
    private static BoundStatement bind(BoundStatement statement, PopTarget target) throws SQLException {
        statement.set("group", target.group());
        if (target.scope() instanceof Across across) {
            return statement.set("namespace", across.namespace()).set("task", across.task());
        }
        InQueue one = (InQueue) target.scope();
        statement.set("queue", one.queue());
        return one.partition() == null ? statement : statement.set("partition", one.partition());
    }

    /** Hides messages that are younger than the delay of their queue. */
    List<ReadyCursor> oldEnough(Connection connection, List<ReadyCursor> ready) throws SQLException {
        if (ready.stream().noneMatch(cursor -> cursor.delayS() > 0)) {
            return ready;
        }
        var aged = new ArrayList<ReadyCursor>(ready.size());
        for (ReadyCursor cursor : ready) {
            aged.add(cursor.visibleTo(cursor.position(), 0));
        }
        statements
                .on(connection, "delayed")
                .set("partitions", ready, ReadyCursor::partitionId)
                .set("firsts", ready, cursor -> cursor.position() + 1)
                .set("lasts", ready, ReadyCursor::visible)
                .set("delays_s", ready, ReadyCursor::delayS)
                .forEach(row -> {
                    int index = row.getInt("ordinal") - 1;
                    ReadyCursor cursor = ready.get(index);
                    long visible = Math.min(cursor.visible(), Math.max(cursor.position(), row.getLong("visible")));
                    aged.set(index, cursor.visibleTo(visible, Math.max(1, row.getLong("next_ms"))));
                });
        return aged;
    }

    /** Returns why the target has nothing to give. */
    private NotReady whyNotReady(Connection connection, PopTarget target) throws SQLException {
        return bind(statements.on(connection, nameFor("next-ready", target)), target)
                .first(row -> read(row, target.isOnePartition()))
                .orElse(NotReady.NO_QUEUE);
    }

    /** Returns the part of a round trip that reads why the target has nothing to give; no row: it has no queue. */
    RoundTrip.Part whyNotReady(PopTarget target, Consumer<NotReady> reader) {
        return RoundTrip.Part.query(
                statements.get(nameFor("next-ready", target)),
                statement -> bind(statement, target),
                row -> reader.accept(read(row, target.isOnePartition())));
    }

    private static NotReady read(ResultSet row, boolean onePartition) throws SQLException {
        row.getLong("group_id");
        boolean registered = !row.wasNull();
        double nextMs = row.getDouble("next_ms");
        Duration nextReadyIn = row.wasNull() ? null : Duration.ofMillis((long) Math.ceil(Math.max(0, nextMs)));
        if (onePartition) {
            row.getLong("partition_id");
            if (row.wasNull()) {
                return new NotReady(Status.PARTITION_NOT_FOUND, registered, null);
            }
            if (row.getBoolean("leased")) {
                return new NotReady(Status.LEASE_HELD, registered, nextReadyIn);
            }
        }
        return new NotReady(Status.EMPTY, registered, nextReadyIn);
    }
}
