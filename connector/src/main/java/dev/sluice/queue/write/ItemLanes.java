package dev.sluice.queue.write;

import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.write.Flush.Run;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Keeps partitions in the most urgent lane that waits in them, in queues where the lanes of messages count.
 *
 * <p>A partition knows the newest message of each lane. A cursor before that message has messages of the lane to
 * deliver, so the lane of a cursor follows from its position, and nobody counts messages. A flush raises cursors; who
 * moves a cursor lets it fall back. While all messages of a partition are of one lane, nothing is noted.
 */
final class ItemLanes {
    private static final int SEVERAL = -1;

    private final Statements statements;

    ItemLanes(String schema) {
        this.statements = Statements.read("item_lanes.sql", schema);
    }

    /** The new messages of a partition. */
    private record Laned(Run run) {
        /** Returns the seq of the newest message of each lane, 0: none. */
        long[] heads() {
            return Objects.requireNonNull(run.laneHeads());
        }

        /** Returns the lane of all messages; {@link #SEVERAL} if they have several. */
        int only() {
            long[] heads = heads();
            int found = SEVERAL;
            for (int lane = 0; lane < heads.length; lane++) {
                if (heads[lane] > 0) {
                    if (found != SEVERAL) {
                        return SEVERAL;
                    }
                    found = lane;
                }
            }
            return found;
        }

        int mostUrgent() {
            long[] heads = heads();
            for (int lane = 0; lane < heads.length; lane++) {
                if (heads[lane] > 0) {
                    return lane;
                }
            }
            throw new IllegalStateException("a run without messages has no lane");
        }
    }

    /** Notes the lanes of the messages that a flush has placed, and raises partitions. */
    void note(Connection connection, List<Run> runs) throws SQLException {
        var laned = new HashMap<Long, Laned>();
        for (Run run : runs) {
            if (run.laneHeads() != null) {
                laned.put(run.partitionId(), new Laned(run));
            }
        }
        if (laned.isEmpty()) {
            return;
        }
        List<Laned> all = List.copyOf(laned.values());
        List<Long> mixed = statements
                .on(connection, "note")
                .set("partitions", all, each -> each.run().partitionId())
                .set("heads", all, each -> each.run().head())
                .setInts("singles", all, Laned::only)
                .set("criticals", all, each -> each.heads()[0])
                .set("highs", all, each -> each.heads()[1])
                .set("normals", all, each -> each.heads()[2])
                .set("lows", all, each -> each.heads()[3])
                .list(row -> row.getLong("id"));
        if (!mixed.isEmpty()) {
            raise(connection, mixed, laned);
        }
    }

    private void raise(Connection connection, List<Long> mixed, Map<Long, Laned> laned) throws SQLException {
        var lanes = new ArrayList<Integer>(mixed.size());
        for (Long partition : mixed) {
            lanes.add(laned.get(partition).mostUrgent());
        }
        raise(connection, "raise-items", mixed, lanes);
        statements
                .on(connection, "raise")
                .set("partitions", mixed, Long::longValue)
                .execute();
        raise(connection, "raise-lines", mixed, lanes);
    }

    private void raise(Connection connection, String statement, List<Long> partitions, List<Integer> lanes)
            throws SQLException {
        statements
                .on(connection, statement)
                .set("partitions", partitions, Long::longValue)
                .setInts("lanes", lanes, Integer::intValue)
                .execute();
    }
}
