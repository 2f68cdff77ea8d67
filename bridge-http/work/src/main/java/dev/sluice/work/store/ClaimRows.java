package dev.sluice.work.store;

import dev.sluice.queue.Message;
import dev.sluice.queue.read.Taking.Taken;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import dev.sluice.work.store.LimitRows.UsedRoom;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
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
            @Nullable String limited) {
        /** Returns the claim of all messages of a run. */
        public static NewClaim of(UUID id, Taken run, @Nullable String limited) {
            return new NewClaim(
                    id,
                    run.queueId(),
                    run.partitionId(),
                    run.firstSeq(),
                    run.lastSeq(),
                    noWorks(run),
                    run.closed(),
                    limited);
        }

        private static String noWorks(Taken run) {
            var ranges = new StringBuilder("{");
            long next = run.firstSeq();
            for (Message message : run.messages()) {
                append(ranges, next, message.seq() - 1);
                next = message.seq() + 1;
            }
            append(ranges, next, run.lastSeq());
            return ranges.append('}').toString();
        }

        private static void append(StringBuilder ranges, long first, long last) {
            if (first <= last) {
                ranges.append(ranges.length() == 1 ? "[" : ",[")
                        .append(first)
                        .append(',')
                        .append(last)
                        .append(']');
            }
        }
    }

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

    /**
     * Deletes claims whose works are all done. Returns those that the owner still held, with the seqs that were done
     * before.
     */
    public Map<UUID, Set<Long>> finish(Connection connection, Collection<UUID> ids, UUID owner) throws SQLException {
        return ids.isEmpty()
                ? Map.of()
                : doneBefore(statements
                        .on(connection, "finish")
                        .setUuids("ids", ids, id -> id)
                        .set("owner", owner));
    }

    /**
     * Notes works as done, as a multirange for each claim. Returns the claims that the owner still held, with the seqs
     * that were done before.
     */
    public Map<UUID, Set<Long>> noteDone(Connection connection, Map<UUID, String> done, UUID owner)
            throws SQLException {
        return done.isEmpty()
                ? Map.of()
                : doneBefore(statements
                        .on(connection, "note-done")
                        .setUuids("ids", done.keySet(), id -> id)
                        .setTexts("done", done.keySet(), done::get)
                        .set("owner", owner));
    }

    private static Map<UUID, Set<Long>> doneBefore(BoundStatement statement) throws SQLException {
        return limited(statement, null);
    }

    /** Like {@link #finish}, for claims whose works take room: adds what they took to {@code given}. */
    public Map<UUID, Set<Long>> finishLimited(
            Connection connection, Collection<UUID> ids, UUID owner, List<UsedRoom> given) throws SQLException {
        if (ids.isEmpty()) {
            return Map.of();
        }
        return limited(
                statements
                        .on(connection, "finish-limited")
                        .setUuids("ids", ids, id -> id)
                        .set("owner", owner),
                given);
    }

    /** Like {@link #noteDone}, for claims whose works take room: adds what they took to {@code given}. */
    public Map<UUID, Set<Long>> noteDoneLimited(
            Connection connection, Map<UUID, String> done, UUID owner, List<UsedRoom> given) throws SQLException {
        if (done.isEmpty()) {
            return Map.of();
        }
        return limited(
                statements
                        .on(connection, "note-done-limited")
                        .setUuids("ids", done.keySet(), id -> id)
                        .setTexts("done", done.keySet(), done::get)
                        .set("owner", owner),
                given);
    }

    private static Map<UUID, Set<Long>> limited(BoundStatement statement, @Nullable List<UsedRoom> given)
            throws SQLException {
        var claims = new HashMap<UUID, Set<Long>>();
        statement.forEach(row -> {
            Long[] before = (Long[]) row.getArray("before").getArray();
            claims.put(row.getObject("id", UUID.class), Set.of(before));
            if (given != null) {
                given.add(new UsedRoom(row.getLong("queue_id"), row.getString("limited"), row.getLong("works")));
            }
        });
        return claims;
    }

    /** Renews leases. Returns the claims that the owner still holds. */
    public Set<UUID> renew(Connection connection, Collection<UUID> ids, UUID owner, Duration lease)
            throws SQLException {
        return ids.isEmpty()
                ? Set.of()
                : new HashSet<>(statements
                        .on(connection, "renew")
                        .setUuids("ids", ids, id -> id)
                        .set("owner", owner)
                        .set("lease_ms", lease.toMillis())
                        .list(row -> row.getObject("id", UUID.class)));
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
