package dev.sluice.queue.read;

import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.read.Taking.Run;
import dev.sluice.queue.read.Taking.Taken;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Takes messages as {@link Taking} does, out of partitions that the caller chooses. Ready cursors are <em>parked</em>:
 * they are not ready, and the caller notes in the same transaction that they wait. A push does not change a parked
 * cursor. So a partition that must wait is not looked at again.
 *
 * <p>No state. Safe for use by many threads.
 */
public final class Lining {
    private static final int READY = 0;
    private static final int PARKED_YEARS = 40;
    private static final int CLOSED_YEARS = 100;

    private final Statements statements;
    private final ReadyCursors readyCursors;
    private final Taking taking;

    /**
     * Makes a lining.
     *
     * @param taking reads the messages
     */
    public Lining(String schema, Taking taking) {
        this.statements = Statements.read("lining.sql", schema);
        this.readyCursors = new ReadyCursors(schema);
        this.taking = taking;
    }

    /** A partition whose cursor was parked. */
    public record Parked(long partitionId, String partition, PriorityLane lane) {}

    /**
     * A partition from which messages are taken.
     *
     * @param most most messages, 1 or more
     */
    public record Share(long partitionId, int most) {}

    /**
     * What was taken.
     *
     * @param taken by partition, in the order of the shares
     * @param parked the partitions whose cursors are still parked, with more messages
     * @param locked the partitions whose cursors were locked; the others do not exist, are closed or belong to another
     *     transaction at the moment
     */
    public record FromLines(List<Taken> taken, Set<Long> parked, Set<Long> locked) {}

    /**
     * Parks ready cursors: the most urgent lane first, and in a lane those that have been ready longest. Registers the
     * group at the beginning of the queue if it does not read it yet.
     *
     * @param limit most cursors
     */
    public List<Parked> park(Connection connection, String queue, String group, int limit) throws SQLException {
        List<Parked> parked = statements
                .on(connection, "park")
                .set("queue", queue)
                .set("group", group)
                .set("limit", limit)
                .list(row -> new Parked(
                        row.getLong("partition_id"),
                        row.getString("partition"),
                        PriorityLane.ofNumber(row.getInt("lane"))));
        if (parked.isEmpty()) {
            readyCursors.register(connection, new PopTarget(queue, null, group), Subscription.ALL);
        }
        return parked;
    }

    /**
     * Takes messages from parked partitions. A cursor with more messages stays parked. A cursor that may not deliver
     * any message yet becomes ready.
     *
     * @param closes tells by the name of a partition whether it gives one message and is closed
     */
    public FromLines take(Connection connection, String group, List<Share> shares, Predicate<String> closes)
            throws SQLException {
        if (shares.isEmpty()) {
            return new FromLines(List.of(), Set.of(), Set.of());
        }
        Map<Long, ReadyCursor> cursors = lock(connection, group, shares);
        var runs = new ArrayList<Run>();
        for (Share share : shares) {
            ReadyCursor cursor = cursors.get(share.partitionId());
            if (cursor != null) {
                boolean closesIt = closes.test(cursor.partition());
                long count = Math.min(cursor.available(), closesIt ? 1 : share.most());
                long end = count == 0 ? cursor.position() : cursor.acked().endOfMissing(cursor.position(), count);
                runs.add(new Run(cursor, closesIt, end));
            }
        }
        Set<Long> waiting = new HashSet<>(cursors.keySet());
        taking.read(connection, runs);
        runs.forEach(run -> waiting.remove(run.cursor.partitionId())); // What was cut for its bytes stays as it is.
        Set<Long> parked = move(connection, runs);
        parked.addAll(waiting);
        return new FromLines(
                runs.stream()
                        .filter(run -> !run.messages.isEmpty())
                        .map(Run::taken)
                        .toList(),
                parked,
                cursors.keySet());
    }

    private Map<Long, ReadyCursor> lock(Connection connection, String group, List<Share> shares) throws SQLException {
        List<ReadyCursor> locked = statements
                .on(connection, "lock")
                .set("partitions", shares, Share::partitionId)
                .set("group", group)
                .list(ReadyCursor::of);
        var byPartition = new HashMap<Long, ReadyCursor>();
        readyCursors.oldEnough(connection, locked).forEach(cursor -> byPartition.put(cursor.partitionId(), cursor));
        return byPartition;
    }

    private Set<Long> move(Connection connection, List<Run> runs) throws SQLException {
        var parked = new HashSet<Long>();
        if (!runs.isEmpty()) {
            statements
                    .on(connection, "move")
                    .set("groups", runs, run -> run.cursor.groupId())
                    .set("partitions", runs, run -> run.cursor.partitionId())
                    .set("positions", runs, Run::position)
                    .setTexts(
                            "acked",
                            runs,
                            run -> run.cursor.acked().after(run.position()).toString())
                    .setInts("waits_years", runs, Lining::waitsYears)
                    .forEach(row -> {
                        if (row.getBoolean("stays")) {
                            parked.add(row.getLong("partition_id"));
                        }
                    });
        }
        return parked;
    }

    private static int waitsYears(Run run) {
        if (run.isClosed()) {
            return CLOSED_YEARS;
        }
        // Deleted messages are passed, so the run of a cursor that may deliver is not empty.
        return run.position() > run.cursor.position() ? PARKED_YEARS : READY;
    }

    /** Makes those of the partitions ready that are parked. */
    public void unpark(Connection connection, String group, Collection<Long> partitions) throws SQLException {
        if (!partitions.isEmpty()) {
            statements
                    .on(connection, "unpark")
                    .set("partitions", partitions, Long::longValue)
                    .set("group", group)
                    .execute();
        }
    }
}
