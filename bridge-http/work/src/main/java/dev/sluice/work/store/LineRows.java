package dev.sluice.work.store;

import dev.sluice.queue.sql.Statements;
import dev.sluice.work.store.ItemRows.Holder;
import dev.sluice.work.store.ItemRows.Item;
import dev.sluice.work.store.ItemRows.Queue;
import dev.sluice.work.store.LimitRows.UsedRoom;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.List;

/**
 * The table {@code work_lines}, and the works of {@code work_items} that wait in lines. A line has the works of a limit
 * key that wait for room. The caller has locked the row of the type in {@code work_limits}.
 */
public final class LineRows {
    private final Statements statements;

    public LineRows(String schema) {
        this.statements = Statements.read(LineRows.class, "lines.sql", schema);
    }

    /** A partition that comes into a line. */
    public record InLine(long partitionId, String name, int lane) {}

    /**
     * What a line may give.
     *
     * @param most most works, 1 or more
     */
    public record Most(String name, int most) {}

    /**
     * A partition that is among the first of a line.
     *
     * @param line the index of the line
     */
    public record First(int line, long partitionId) {}

    /** A work with a history that is due. */
    public record DueItem(Place place, String partition) {}

    /** A work that comes into a line. */
    public record ItemInLine(Place place, String name) {}

    /** Adds partitions to lines. A partition that is in one stays there, but its lane may become more urgent. */
    public void add(Connection connection, long queueId, List<InLine> partitions) throws SQLException {
        if (!partitions.isEmpty()) {
            statements
                    .on(connection, "add")
                    .set("queue", queueId)
                    .set("partitions", partitions, InLine::partitionId)
                    .setTexts("names", partitions, InLine::name)
                    .setInts("lanes", partitions, InLine::lane)
                    .execute();
        }
    }

    /**
     * Returns the first partitions of lines, at most as many of each as it may give works.
     *
     * @param lanes the numbers of the lanes, in the order in which they are served
     */
    public List<First> next(Connection connection, long queueId, List<Most> lines, List<Integer> lanes)
            throws SQLException {
        return lines.isEmpty()
                ? List.of()
                : statements
                        .on(connection, "next")
                        .set("queue", queueId)
                        .setTexts("names", lines, Most::name)
                        .setInts("most", lines, Most::most)
                        .setInts("lanes", lanes, Integer::intValue)
                        .list(row -> new First(row.getInt("ordinal") - 1, row.getLong("partition_id")));
    }

    /** Moves partitions to the ends of their lines, except those that other transactions change at the moment. */
    public void toTheEnd(Connection connection, Collection<Long> partitions) throws SQLException {
        change(connection, "to-the-end", partitions);
    }

    /** Removes partitions from their lines. The caller has locked their cursors. */
    public void remove(Connection connection, Collection<Long> partitions) throws SQLException {
        change(connection, "remove", partitions);
    }

    private void change(Connection connection, String statement, Collection<Long> partitions) throws SQLException {
        if (!partitions.isEmpty()) {
            statements
                    .on(connection, statement)
                    .set("partitions", partitions, Long::longValue)
                    .execute();
        }
    }

    /** Returns at most {@code limit} partitions of a queue that wait in lines. */
    public List<Long> some(Connection connection, long queueId, int limit) throws SQLException {
        return statements
                .on(connection, "some")
                .set("queue", queueId)
                .set("limit", limit)
                .list(row -> row.getLong("partition_id"));
    }

    /** Ends the leases of at most {@code limit} items with room whose engines died. Returns that room. */
    public List<UsedRoom> endExpired(Connection connection, long queueId, int limit, Holder holder)
            throws SQLException {
        return statements
                .on(connection, "end-expired")
                .set("queue", queueId)
                .set("limit", limit)
                .setUuids("held", holder.held(), id -> id)
                .list(row -> new UsedRoom(queueId, row.getString("name"), 1));
    }

    /** Locks at most {@code limit} items that are due and in no line, without those that must run alone. */
    public List<DueItem> dueItems(Connection connection, long queueId, int limit, Holder holder) throws SQLException {
        return due("due-items", connection, queueId, limit, holder);
    }

    /** Locks at most {@code limit} items that are due and must run alone. */
    public List<DueItem> aloneItems(Connection connection, long queueId, int limit, Holder holder) throws SQLException {
        return due("alone-items", connection, queueId, limit, holder);
    }

    private List<DueItem> due(String statement, Connection connection, long queueId, int limit, Holder holder)
            throws SQLException {
        return statements
                .on(connection, statement)
                .set("queue", queueId)
                .set("alone", ItemRows.ALONE)
                .set("limit", limit)
                .setUuids("held", holder.held(), id -> id)
                .list(row -> new DueItem(
                        new Place(row.getLong("partition_id"), row.getLong("seq")), row.getString("partition_name")));
    }

    /**
     * Leases an item that the transaction has locked.
     *
     * @param name the name of the limits whose room it takes
     */
    public Item claimItem(Connection connection, Queue queue, Place item, String name, Holder holder)
            throws SQLException {
        return statements
                .on(connection, "claim-item")
                .set("partition", item.partitionId())
                .set("seq", item.seq())
                .set("name", name)
                .set("owner", holder.owner())
                .set("lease_ms", holder.lease().toMillis())
                .first(row -> ItemRows.item(row, queue.name()))
                .orElseThrow();
    }

    /** Adds items to lines. */
    public void addItems(Connection connection, List<ItemInLine> items) throws SQLException {
        if (!items.isEmpty()) {
            statements
                    .on(connection, "add-items")
                    .set("partitions", items, each -> each.place().partitionId())
                    .set("seqs", items, each -> each.place().seq())
                    .setTexts("names", items, ItemInLine::name)
                    .execute();
        }
    }

    /** Leases the first items of lines. They take room of their lines. */
    public List<Item> claimItems(Connection connection, Queue queue, List<Most> lines, Holder holder)
            throws SQLException {
        return statements
                .on(connection, "claim-items")
                .set("queue", queue.id())
                .setTexts("names", lines, Most::name)
                .setInts("most", lines, Most::most)
                .set("owner", holder.owner())
                .set("lease_ms", holder.lease().toMillis())
                .list(row -> ItemRows.item(row, queue.name()));
    }

    /** Takes all items of a queue out of their lines. */
    public void removeItems(Connection connection, long queueId) throws SQLException {
        statements.on(connection, "remove-items").set("queue", queueId).execute();
    }
}
