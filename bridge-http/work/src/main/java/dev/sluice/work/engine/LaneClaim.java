package dev.sluice.work.engine;

import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.read.Taking;
import dev.sluice.work.store.ItemRows.Holder;
import dev.sluice.work.store.ItemRows.Item;
import dev.sluice.work.store.TypeRows;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Shares one claim out among the lanes, and in a lane to items first. It claims the items itself, as soon as it knows
 * how many messages are ready.
 */
final class LaneClaim implements Taking.Lanes {
    private static final int LANES = PriorityLane.values().length;

    private final Tables tables;
    private final Holder holder;
    private final HandledType type;
    private final TypeRows.State state;
    private boolean looksForItems;
    private boolean isFirst = true;
    private int left;
    private List<Item> items = List.of();
    private boolean leftItems;
    private boolean isHeldUp;

    /**
     * Makes a claim of at most {@code limit} works.
     *
     * @param looksForItems whether items are likely to be due
     */
    LaneClaim(Tables tables, Holder holder, HandledType type, TypeRows.State state, int limit, boolean looksForItems) {
        this.tables = tables;
        this.holder = holder;
        this.type = type;
        this.state = state;
        this.left = limit;
        this.looksForItems = looksForItems;
    }

    /** Returns the items that were claimed. */
    List<Item> items() {
        return items;
    }

    /** Returns whether items are due that were not claimed. */
    boolean leftItems() {
        return leftItems;
    }

    /** Returns whether other engines were claiming all that is there. */
    boolean isHeldUp() {
        return isHeldUp;
    }

    /** Claims items only. */
    void shareItems(Connection connection) throws SQLException {
        share(connection, new long[LANES]);
    }

    @Override
    public int left() {
        return left;
    }

    @Override
    public long @Nullable [] cursors() {
        long[] cursors = type.lanes().cursors(left);
        if (cursors != null && !isFirst) {
            Arrays.fill(cursors, left); // The shares of the other lanes are used up.
        }
        isFirst = false;
        return cursors;
    }

    @Override
    public long[] share(Connection connection, long[] ready) throws SQLException {
        long[] due = looksForItems ? tables.items().due(connection, type.itemQueue(state), left) : new long[LANES];
        long[] all = new long[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            all[lane] = ready[lane] + due[lane];
        }
        long[] shares = type.lanes().divide(left, all);
        if (looksForItems) {
            looksForItems = false;
            claimItems(connection, shares, due);
        }
        return shares;
    }

    private void claimItems(Connection connection, long[] shares, long[] due) throws SQLException {
        long[] limits = new long[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            limits[lane] = Math.min(shares[lane], due[lane]);
        }
        items = tables.items().claim(connection, type.itemQueue(state), limits, holder);
        items.forEach(item -> shares[item.lane().number()]--);
        int most = left;
        left -= items.size();
        leftItems =
                Arrays.stream(due).sum() > items.size() || Arrays.stream(due).anyMatch(of -> of >= most);
    }

    @Override
    public void took(int messages) {
        left -= messages;
    }

    @Override
    public void heldUp() {
        isHeldUp = true;
    }
}
