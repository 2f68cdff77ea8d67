package dev.sluice.queue.read;

import dev.sluice.queue.Message;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Makes messages available again that were popped with auto-ack and reached no consumer. Moves the cursor back to the
 * first of them; all other messages that were done stay done. So later acks of the group stay valid.
 */
final class PutBack {
    private final Statements statements;

    PutBack(String schema) {
        this.statements = Statements.read("locked_cursors.sql", schema);
    }

    /** A cursor that was moved back before {@code messages} messages. */
    private record Moved(long groupId, long partitionId, long position, SeqSet acked, int messages) {}

    /**
     * Puts messages back.
     *
     * @return how many messages the group gets again; fewer than given if cursors were deleted or moved back meanwhile
     */
    int run(Connection connection, String group, List<Message> messages) throws SQLException {
        var seqs = new TreeMap<Long, TreeSet<Long>>();
        messages.forEach(message -> seqs.computeIfAbsent(message.partitionId(), id -> new TreeSet<>())
                .add(message.seq()));
        List<Moved> moved = statements
                .on(connection, "lock-cursors")
                .setTexts("groups", seqs.keySet(), partition -> group)
                .set("partitions", seqs.keySet(), Long::longValue)
                .list(row -> {
                    long partition = row.getLong("partition_id");
                    long position = row.getLong("position");
                    SeqSet acked = SeqSet.parse(row.getString("acked"));
                    var done = new TreeSet<>(seqs.get(partition));
                    done.removeIf(seq -> seq > position && !acked.contains(seq));
                    return before(done, row.getLong("group_id"), partition, position, acked);
                })
                .stream()
                .filter(each -> each.messages() > 0)
                .toList();
        write(connection, moved);
        return moved.stream().mapToInt(Moved::messages).sum();
    }

    /** Returns a cursor moved back, so that these messages, which are done, are delivered again. */
    private static Moved before(TreeSet<Long> again, long groupId, long partitionId, long position, SeqSet acked) {
        long moved = again.isEmpty() ? position : Math.min(position, again.first() - 1);
        SeqSet kept = moved < position ? acked.with(moved + 1, position) : acked;
        for (long seq : again) {
            kept = kept.without(seq);
        }
        return new Moved(groupId, partitionId, moved, kept, again.size());
    }

    private void write(Connection connection, List<Moved> moved) throws SQLException {
        if (!moved.isEmpty()) {
            statements
                    .on(connection, "put-back")
                    .set("groups", moved, Moved::groupId)
                    .set("partitions", moved, Moved::partitionId)
                    .set("positions", moved, Moved::position)
                    .setTexts("acked", moved, each -> each.acked().toString())
                    .execute();
        }
    }
}
