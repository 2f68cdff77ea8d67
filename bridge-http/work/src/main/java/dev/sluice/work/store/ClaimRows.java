package dev.sluice.work.store;

import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import dev.sluice.work.store.LimitRows.UsedRoom;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The table {@code work_claims}: runs of works that engines have begun. */
public final class ClaimRows {
    private final Statements statements;

    public ClaimRows(String schema) {
        this.statements = Statements.read(ClaimRows.class, "claims.sql", schema);
    }

    /**
     * A new claim.
     *
     * @param done the seqs from {@code firstSeq} to {@code lastSeq} that are no works, as a multirange
     * @param limited the name of the limits whose room the works take; null: they take none
     */
    public record NewClaim(
            UUID id,
            long queueId,
            long partitionId,
            long firstSeq,
            long lastSeq,
            String done,
            boolean closes,
            @Nullable String limited) {}

    /**
     * What {@link #recover} found of a claim.
     *
     * @param opens whether the partition must be opened
     * @param works how many works of all claims became items
     * @param room what the claim gives back; null: it took none
     */
    public record Recovered(
            long partitionId,
            boolean opens,
            int works,
            @Nullable UsedRoom room) {}

    /** Adds claims. */
    public void insert(Connection connection, List<NewClaim> claims, UUID owner, Duration lease) throws SQLException {
        statements
                .on(connection, "insert")
                .setUuids("ids", claims, NewClaim::id)
                .set("queues", claims, NewClaim::queueId)
                .set("partitions", claims, NewClaim::partitionId)
                .set("firsts", claims, NewClaim::firstSeq)
                .set("lasts", claims, NewClaim::lastSeq)
                .setTexts("done", claims, NewClaim::done)
                .setBooleans("closes", claims, NewClaim::closes)
                .setTexts("limited", claims, NewClaim::limited)
                .set("owner", owner)
                .set("lease_ms", lease.toMillis())
                .execute();
    }

    /** Deletes claims whose works are all done. Returns those that the owner still held. */
    public Set<UUID> finish(Connection connection, Collection<UUID> ids, UUID owner) throws SQLException {
        return ids.isEmpty() ? Set.of() : held(connection, "finish", ids, owner, null);
    }

    /** Notes works as done, as a multirange for each claim. Returns the claims that the owner still held. */
    public Set<UUID> noteDone(Connection connection, Map<UUID, String> done, UUID owner) throws SQLException {
        if (done.isEmpty()) {
            return Set.of();
        }
        return new HashSet<>(statements
                .on(connection, "note-done")
                .setUuids("ids", done.keySet(), id -> id)
                .setTexts("done", done.keySet(), done::get)
                .set("owner", owner)
                .list(row -> row.getObject("id", UUID.class)));
    }

    /** Like {@link #finish}, for claims whose works take room: adds what they took to {@code given}. */
    public Set<UUID> finishLimited(Connection connection, Collection<UUID> ids, UUID owner, List<UsedRoom> given)
            throws SQLException {
        if (ids.isEmpty()) {
            return Set.of();
        }
        return limited(
                statements
                        .on(connection, "finish-limited")
                        .setUuids("ids", ids, id -> id)
                        .set("owner", owner),
                given);
    }

    /** Like {@link #noteDone}, for claims whose works take room: adds what they took to {@code given}. */
    public Set<UUID> noteDoneLimited(Connection connection, Map<UUID, String> done, UUID owner, List<UsedRoom> given)
            throws SQLException {
        if (done.isEmpty()) {
            return Set.of();
        }
        return limited(
                statements
                        .on(connection, "note-done-limited")
                        .setUuids("ids", done.keySet(), id -> id)
                        .setTexts("done", done.keySet(), done::get)
                        .set("owner", owner),
                given);
    }

    private static Set<UUID> limited(BoundStatement statement, List<UsedRoom> given) throws SQLException {
        return new HashSet<>(statement.list(row -> {
            given.add(new UsedRoom(row.getLong("queue_id"), row.getString("limited"), row.getLong("works")));
            return row.getObject("id", UUID.class);
        }));
    }

    /** Renews leases. Returns the claims that the owner still holds. */
    public Set<UUID> renew(Connection connection, Collection<UUID> ids, UUID owner, Duration lease)
            throws SQLException {
        return ids.isEmpty() ? Set.of() : held(connection, "renew", ids, owner, lease);
    }

    private Set<UUID> held(
            Connection connection, String statement, Collection<UUID> ids, UUID owner, @Nullable Duration lease)
            throws SQLException {
        var bound = statements
                .on(connection, statement)
                .setUuids("ids", ids, id -> id)
                .set("owner", owner);
        if (lease != null) {
            bound.set("lease_ms", lease.toMillis());
        }
        return new HashSet<>(bound.list(row -> row.getObject("id", UUID.class)));
    }

    /** Gives claims back whose works have not begun. */
    public void abandon(Connection connection, Collection<UUID> ids, UUID owner) throws SQLException {
        statements
                .on(connection, "abandon")
                .setUuids("ids", ids, id -> id)
                .set("owner", owner)
                .execute();
    }

    /**
     * Makes items of what at most {@code limit} claims of dead engines have left.
     *
     * @param held the claims that the caller holds: it lives, also if their leases have ended
     */
    public List<Recovered> recover(Connection connection, long queueId, Collection<UUID> held, int limit)
            throws SQLException {
        return statements
                .on(connection, "recover")
                .set("queue", queueId)
                .setUuids("held", held, id -> id)
                .set("limit", limit)
                .list(row -> {
                    String limited = row.getString("limited");
                    return new Recovered(
                            row.getLong("partition_id"),
                            row.getBoolean("opens"),
                            row.getInt("works"),
                            limited == null ? null : new UsedRoom(queueId, limited, row.getLong("room")));
                });
    }
}
