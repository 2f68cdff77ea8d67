package dev.sluice.work.store;

import dev.sluice.queue.sql.Rows;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Finds works by their ids, whichever table holds them. */
public final class FindRows {
    private final Statements statements;
    private final String group;

    /** Makes the rows of a schema, whose queues are read by {@code group}. */
    public FindRows(String schema, String group) {
        this.statements = Statements.read(FindRows.class, "find.sql", schema);
        this.group = group;
    }

    /**
     * A queue of works.
     *
     * @param pausedSince since when no engine claims works of it; null: engines claim
     * @param concurrency most works that an engine runs at a time; null: as the engine is set up
     */
    public record TypeQueue(
            long id,
            String name,
            boolean isEncrypted,
            @Nullable Instant pausedSince,
            @Nullable Integer concurrency,
            @Nullable String limitKey,
            boolean isBreakerForced) {
        private static TypeQueue of(ResultSet row) throws SQLException {
            int set = row.getInt("concurrency");
            Integer concurrency = row.wasNull() ? null : set;
            return new TypeQueue(
                    row.getLong("id"),
                    row.getString("name"),
                    row.getBoolean("encryption_enabled"),
                    Rows.instant(row, "paused_at"),
                    concurrency,
                    row.getString("limit_key"),
                    row.getBoolean("is_breaker_forced"));
        }
    }

    /** Returns the queues whose names begin with a prefix, or the one of them that is given, in the order of names. */
    public List<TypeQueue> types(Connection connection, String prefix, @Nullable String queue) throws SQLException {
        return statements
                .on(connection, "types")
                .set("prefix", prefix)
                .set("queue", queue)
                .list(TypeQueue::of);
    }

    /**
     * A row that holds a work, or says what became of it. Texts are as they are stored.
     *
     * @param state null: the row is a key of a work that has not finished
     * @param partition null: the row has no message
     * @param letter the dead letter; null: the row is none
     */
    public record Found(
            long queueId,
            @Nullable String state,
            @Nullable String partition,
            int lane,
            @Nullable String payload,
            @Nullable String headers,
            @Nullable String producer,
            @Nullable UUID engine,
            Times times,
            Runs runs,
            Texts texts,
            @Nullable UUID replayedAs,
            @Nullable Long letter) {}

    /** When a work was created, is due, is no longer held by its engine, and ended. */
    public record Times(
            @Nullable Instant createdAt,
            @Nullable Instant dueAt,
            @Nullable Instant leaseUntil,
            @Nullable Instant endedAt) {}

    /** How often a work was run. */
    public record Runs(int attempts, int crashes, long snoozes) {
        static final Runs NONE = new Runs(0, 0, 0);
    }

    /** What handlers have left. */
    public record Texts(
            @Nullable String errors,
            @Nullable String report,
            @Nullable String result,
            @Nullable String reason) {
        static final Texts NONE = new Texts(null, null, null, null);
    }

    /** Returns the rows about a work, the one that counts first. The last may be its key. */
    public List<Found> rows(Connection connection, List<TypeQueue> types, UUID id) throws SQLException {
        return statements
                .on(connection, "rows")
                .set("queues", types, TypeQueue::id)
                .setTexts("names", types, TypeQueue::name)
                .set("id", id)
                .set("group", group)
                .list(FindRows::found);
    }

    private static Found found(ResultSet row) throws SQLException {
        long letter = row.getLong("letter");
        boolean hasLetter = !row.wasNull();
        return new Found(
                row.getLong("queue_id"),
                row.getString("state"),
                row.getString("partition_name"),
                row.getInt("lane"),
                row.getString("payload"),
                row.getString("headers"),
                row.getString("producer_sub"),
                row.getObject("engine", UUID.class),
                new Times(
                        Rows.instant(row, "created_at"),
                        Rows.instant(row, "due_at"),
                        Rows.instant(row, "lease_until"),
                        Rows.instant(row, "ended_at")),
                new Runs(row.getInt("attempts"), row.getInt("crashes"), row.getLong("snoozes")),
                new Texts(
                        row.getString("errors"),
                        row.getString("report"),
                        row.getString("result"),
                        row.getString("reason")),
                row.getObject("replayed_as", UUID.class),
                hasLetter ? (Long) letter : null);
    }

    /**
     * Returns the newest place of a message in the segments that were written in a time.
     *
     * @param partition where it is; null: unknown
     */
    public Optional<Place> near(
            Connection connection, List<TypeQueue> types, @Nullable String partition, UUID id, Instant from, Instant to)
            throws SQLException {
        return statements
                .on(connection, "near")
                .set("queues", types, TypeQueue::id)
                .set("partition", partition)
                .set("id", id)
                .set("from", from)
                .set("to", to)
                .first(row -> new Place(row.getLong("partition_id"), row.getLong("seq")));
    }

    /** Returns when a work was put back from the dead letters; empty if it was not. */
    public Optional<Instant> replayedAt(Connection connection, List<TypeQueue> types, UUID id) throws SQLException {
        return statements
                .on(connection, "replayed-at")
                .set("queues", types, TypeQueue::id)
                .set("id", id)
                .first(row -> row.getTimestamp("updated_at").toInstant());
    }

    /**
     * What a search in all segments found.
     *
     * @param place null: the message is in none of the segments that were read
     * @param hasMore whether there are segments that were not read
     */
    public record Anywhere(@Nullable Place place, boolean hasMore) {}

    /** Looks for a message in at most {@code segments} segments. */
    public Anywhere anywhere(
            Connection connection, List<TypeQueue> types, @Nullable String partition, UUID id, int segments)
            throws SQLException {
        return statements
                .on(connection, "anywhere")
                .set("queues", types, TypeQueue::id)
                .set("partition", partition)
                .set("id", id)
                .set("segments", segments)
                .first(row -> {
                    long seq = row.getLong("seq");
                    Place place = row.wasNull() ? null : new Place(row.getLong("partition_id"), seq);
                    return new Anywhere(place, row.getBoolean("has_more"));
                })
                .orElseThrow();
    }

    /** Looks for a later place of a message in its partition, among what engines have not done. */
    public Anywhere again(Connection connection, Place place, UUID id, int segments) throws SQLException {
        return statements
                .on(connection, "again")
                .set("partition", place.partitionId())
                .set("seq", place.seq())
                .set("id", id)
                .set("group", group)
                .set("segments", segments)
                .first(row -> {
                    long seq = row.getLong("seq");
                    Place later = row.wasNull() ? null : new Place(place.partitionId(), seq);
                    return new Anywhere(later, row.getBoolean("has_more"));
                })
                .orElseThrow();
    }

    /**
     * A work in a segment.
     *
     * @param hasMoved whether other rows hold the work now: {@link #rows} finds them
     */
    public record Stored(Found found, boolean hasMoved) {}

    /** Returns the work at a place; empty if it was deleted. */
    public Optional<Stored> stored(Connection connection, Place place, UUID id) throws SQLException {
        return statements
                .on(connection, "stored")
                .set("partition", place.partitionId())
                .set("seq", place.seq())
                .set("id", id)
                .set("group", group)
                .first(row -> new Stored(stored(row), row.getBoolean("has_moved")));
    }

    private static Found stored(ResultSet row) throws SQLException {
        return new Found(
                row.getLong("queue_id"),
                row.getString("state"),
                row.getString("partition_name"),
                row.getInt("lane"),
                row.getString("payload"),
                row.getString("headers"),
                row.getString("producer_sub"),
                row.getObject("engine", UUID.class),
                new Times(Rows.instant(row, "created_at"), null, Rows.instant(row, "lease_until"), null),
                Runs.NONE,
                Texts.NONE,
                null,
                null);
    }

    /** Returns whether somebody has asked for a work to be cancelled, and no engine has found the request yet. */
    public boolean isCancelRequested(Connection connection, long queueId, UUID id) throws SQLException {
        return statements
                .on(connection, "is-cancel-requested")
                .set("queue", queueId)
                .set("id", id)
                .first(row -> row.getBoolean("requested"))
                .orElse(false);
    }
}
