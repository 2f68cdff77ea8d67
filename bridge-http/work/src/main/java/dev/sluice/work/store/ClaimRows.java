package dev.sluice.work.store;

import dev.sluice.queue.sql.Statements;
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
     */
    public record NewClaim(
            UUID id, long queueId, long partitionId, long firstSeq, long lastSeq, String done, boolean closes) {}

    /** What {@link #recover} found of a claim: its partition, and whether that must be opened. */
    public record Recovered(long partitionId, boolean opens, int works) {}

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

    /** Makes items of what at most {@code limit} claims of dead engines have left. */
    public List<Recovered> recover(Connection connection, long queueId, int limit) throws SQLException {
        return statements
                .on(connection, "recover")
                .set("queue", queueId)
                .set("limit", limit)
                .list(row -> new Recovered(row.getLong("partition_id"), row.getBoolean("opens"), row.getInt("works")));
    }
}
