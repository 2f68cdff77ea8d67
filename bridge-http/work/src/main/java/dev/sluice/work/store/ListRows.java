package dev.sluice.work.store;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Rows;
import dev.sluice.queue.sql.Statements;
import dev.sluice.work.store.FindRows.Runs;
import dev.sluice.work.store.FindRows.Times;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Lists works table by table, each in the order of an index. */
public final class ListRows {
    /** Most partitions whose works one statement reads. */
    static final int PARTITIONS = 200;

    /** Most cursors that a part reads in search of these. Idle ones count too. */
    static final int CURSORS = 10_000;

    /** Most segments that one statement reads. */
    static final int SEGMENTS = 100;

    private final Statements statements;
    private final String group;

    /** Makes the rows of a schema, whose queues are read by {@code group}. */
    public ListRows(String schema, String group) {
        this.statements = Statements.read(ListRows.class, "list.sql", schema);
        this.group = group;
    }

    /** The tables that have works, in the order in which a list reads them. */
    public enum Source {
        CLAIMED("claimed", "0", ""),
        ITEMS("items", LAST_ID, ""),
        OUTBOX("outbox", "", ""),
        SCHEDULED("scheduled", "", ""),
        WAITING("waiting", "0", "0"),
        DEAD("dead", "infinity", "0"),
        ENDED("ended", LAST_ID, "");

        private final String statement;
        private final String second;
        private final String third;

        Source(String statement, String second, String third) {
            this.statement = statement;
            this.second = second;
            this.third = third;
        }

        /** Returns the key in front of the first work. */
        public SortKey start() {
            return new SortKey("0", second, third);
        }
    }

    private static final String LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";

    /** The place of a work in the order of its source, as texts. */
    public record SortKey(String first, String second, String third) {}

    /** A work of a list. */
    public record Listed(
            long queueId,
            UUID messageId,
            @Nullable String partition,
            int lane,
            String state,
            Runs runs,
            Times times,
            SortKey key) {
        private static Listed of(ResultSet row) throws SQLException {
            return new Listed(
                    row.getLong("queue_id"),
                    row.getObject("message_id", UUID.class),
                    row.getString("partition_name"),
                    row.getInt("lane"),
                    row.getString("state"),
                    new Runs(row.getInt("attempts"), row.getInt("crashes"), row.getLong("snoozes")),
                    new Times(
                            Rows.instant(row, "created_at"),
                            Rows.instant(row, "due_at"),
                            Rows.instant(row, "lease_until"),
                            Rows.instant(row, "ended_at")),
                    new SortKey(row.getString("key_1"), row.getString("key_2"), row.getString("key_3")));
        }
    }

    /**
     * A part of a list.
     *
     * @param next the key behind the part; null: the source has no more works
     */
    public record Part(List<Listed> works, @Nullable SortKey next) {}

    /**
     * Returns the next works of a source behind a key, at most {@code limit}. Those of other queues may be among them.
     *
     * @param queues ids in ascending order
     */
    public Part next(Connection connection, Source source, List<Long> queues, SortKey after, int limit)
            throws SQLException {
        if (source == Source.WAITING) {
            return waiting(connection, queues, after, limit);
        }
        BoundStatement statement =
                statements.on(connection, source.statement).set("limit", limit).set("key_1", after.first());
        if (source != Source.OUTBOX) {
            statement.set("queues", queues, Long::longValue).set("key_2", after.second());
        }
        if (source == Source.DEAD) {
            statement.set("key_3", after.third()).set("group", group);
        }
        List<Listed> works = statement.list(Listed::of);
        return new Part(
                works, works.size() < limit ? null : works.get(works.size() - 1).key());
    }

    /** A partition with works that no engine has claimed. */
    private record Unread(long partitionId, String name, int lane, long position, String acked) {}

    /**
     * What a search in the cursors of a queue has found.
     *
     * @param cursors how many were read
     * @param next the partition behind them; 0: there are no more
     */
    private record Search(List<Unread> partitions, int cursors, long next) {}

    private Part waiting(Connection connection, List<Long> queues, SortKey after, int limit) throws SQLException {
        long first = Long.parseLong(after.first());
        var works = new ArrayList<Listed>();
        int cursors = CURSORS;
        for (long queue : queues) {
            SortKey key = queue == first ? after : new SortKey(Long.toString(queue), "0", "0");
            while (queue >= first && key != null) {
                if (cursors <= 0 || works.size() >= limit) {
                    return new Part(works, key);
                }
                Search search = unread(connection, queue, key, cursors);
                cursors -= Math.max(search.cursors(), 1);
                List<Listed> some = works(connection, queue, search.partitions(), key, limit - works.size());
                Listed last = some.isEmpty() ? null : some.get(some.size() - 1);
                if (last != null && last.partition() == null) {
                    works.addAll(some.subList(0, some.size() - 1));
                    return new Part(works, last.key());
                }
                works.addAll(some);
                if (works.size() >= limit) {
                    return new Part(works, requireNonNull(last).key());
                }
                key = search.next() == 0 ? null : new SortKey(Long.toString(queue), Long.toString(search.next()), "0");
            }
        }
        return new Part(works, null);
    }

    private Search unread(Connection connection, long queue, SortKey key, int cursors) throws SQLException {
        List<Unread> rows = statements
                .on(connection, "unread")
                .set("queue", queue)
                .set("group", group)
                .set("key", key.second())
                .set("rows", cursors)
                .set("partitions", PARTITIONS)
                .list(row -> new Unread(
                        row.getLong("partition_id"),
                        row.getString("partition_name"),
                        row.getInt("lane"),
                        row.getLong("position"),
                        row.getString("acked")));
        Unread end = rows.get(rows.size() - 1);
        List<Unread> found = rows.subList(0, rows.size() - 1);
        long next = 0;
        if (found.size() == PARTITIONS) {
            next = found.get(PARTITIONS - 1).partitionId() + 1;
        } else if (end.position() == cursors) {
            next = end.partitionId() + 1;
        }
        return new Search(found, (int) end.position(), next);
    }

    /** Returns works of partitions. The last one has no partition if more of them may be behind its key. */
    private List<Listed> works(Connection connection, long queue, List<Unread> unread, SortKey key, int limit)
            throws SQLException {
        if (unread.isEmpty()) {
            return List.of();
        }
        return statements
                .on(connection, "waiting")
                .set("queue", queue)
                .set("partitions", unread, Unread::partitionId)
                .setTexts("names", unread, Unread::name)
                .setInts("lanes", unread, Unread::lane)
                .set("positions", unread, Unread::position)
                .setTexts("acked", unread, Unread::acked)
                .set("key_2", key.second())
                .set("key_3", key.third())
                .set("segments", SEGMENTS)
                .set("limit", limit)
                .list(Listed::of);
    }
}
