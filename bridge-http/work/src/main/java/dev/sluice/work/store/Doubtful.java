package dev.sluice.work.store;

import dev.sluice.work.store.ItemRows.Item;
import dev.sluice.work.store.ItemRows.Later;
import dev.sluice.work.store.LimitRows.UsedRoom;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/**
 * Claims and items whose commit was not confirmed. None of their works has begun. They are given back as soon as
 * PostgreSQL answers, so that they count no crash. Not safe for use by many threads.
 */
public final class Doubtful {
    private final ClaimRows claimRows;
    private final ItemRows itemRows;
    private final LimitRows limitRows;
    private final List<UUID> claims = new ArrayList<>();
    private final List<Later> items = new ArrayList<>();
    private final Map<UUID, UsedRoom> roomByLease = new HashMap<>();

    public Doubtful(ClaimRows claimRows, ItemRows itemRows, LimitRows limitRows) {
        this.claimRows = claimRows;
        this.itemRows = itemRows;
        this.limitRows = limitRows;
    }

    public boolean isEmpty() {
        return claims.isEmpty() && items.isEmpty();
    }

    /** Adds what a transaction has claimed in a queue, if it was committed. */
    public void add(long queueId, Collection<UUID> claimed, Collection<Item> leased) {
        claims.addAll(claimed);
        for (Item item : leased) {
            items.add(new Later(
                    item.place(),
                    item.lease(),
                    Duration.ZERO,
                    null,
                    item.closes(),
                    item.attempts(),
                    item.snoozes(),
                    item.snoozed(),
                    item.errors(),
                    item.lane()));
            if (item.limited() != null) {
                roomByLease.put(item.lease(), new UsedRoom(queueId, item.limited(), 1));
            }
        }
    }

    /** Gives everything back, with the room that it takes. The caller calls {@link #clear} after the commit. */
    public void giveBack(Connection connection, UUID owner) throws SQLException {
        claimRows.abandon(connection, claims, owner);
        Set<UUID> leases = itemRows.putOff(connection, items);
        limitRows.giveBack(
                connection,
                leases.stream()
                        .filter(roomByLease::containsKey)
                        .map(roomByLease::get)
                        .toList());
    }

    /** Forgets what was given back. */
    public void clear() {
        claims.clear();
        items.clear();
        roomByLease.clear();
    }
}
