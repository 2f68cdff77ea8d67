package dev.sluice.queue.read;

import dev.sluice.queue.Message;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Puts positions back before messages that were popped with auto-ack and reached no consumer. Later acks of the group
 * stay valid: the cursor moves back to the first of the messages, and every later message except these counts as acked.
 */
final class PutBack {
    private final Statements statements;

    PutBack(Statements statements) {
        this.statements = statements;
    }

    private record Moved(long groupId, long partitionId, long position, SeqSet acked) {}

    /**
     * Puts back.
     *
     * @return how many messages the group gets again; less than given if cursors are gone, or were moved back meanwhile
     */
    int run(Connection connection, String group, List<Message> messages) throws SQLException {
        var seqs = new TreeMap<Long, TreeSet<Long>>();
        messages.forEach(message -> seqs.computeIfAbsent(message.partitionId(), id -> new TreeSet<>())
                .add(message.seq()));
        String[] groups = new String[seqs.size()];
        Arrays.fill(groups, group);
        int count = 0;
        var moved = new ArrayList<Moved>();
        try (var statement = new BoundStatement(connection, statements.get("lock-cursors"))
                        .set("groups", groups)
                        .set(
                                "partitions",
                                seqs.keySet().stream()
                                        .mapToLong(Long::longValue)
                                        .toArray());
                ResultSet row = statement.query()) {
            while (row.next()) {
                long partition = row.getLong("partition_id");
                long position = row.getLong("position");
                SeqSet acked = SeqSet.parse(row.getString("acked"));
                var lost = new TreeSet<Long>();
                for (long seq : seqs.get(partition)) {
                    if (seq <= position || acked.contains(seq)) {
                        lost.add(seq);
                    }
                }
                if (!lost.isEmpty()) {
                    moved.add(before(lost, row.getLong("group_id"), partition, position, acked));
                    count += lost.size();
                }
            }
        }
        write(connection, moved);
        return count;
    }

    /** Returns where a cursor stands when these seqs, which are done, are not done any more. */
    private static Moved before(TreeSet<Long> lost, long groupId, long partitionId, long position, SeqSet acked) {
        long first = Math.min(position, lost.first() - 1);
        SeqSet kept = first < position ? acked.with(first + 1, position) : acked;
        for (long seq : lost) {
            kept = kept.without(seq);
        }
        return new Moved(groupId, partitionId, first, kept);
    }

    private void write(Connection connection, List<Moved> moved) throws SQLException {
        if (moved.isEmpty()) {
            return;
        }
        try (var statement = new BoundStatement(connection, statements.get("put-back"))
                .set("groups", moved.stream().mapToLong(Moved::groupId).toArray())
                .set("partitions", moved.stream().mapToLong(Moved::partitionId).toArray())
                .set("positions", moved.stream().mapToLong(Moved::position).toArray())
                .set(
                        "acked",
                        moved.stream().map(each -> each.acked().toString()).toArray(String[]::new))) {
            statement.update();
        }
    }
}
