package dev.sluice.work.admin;

import dev.sluice.queue.MessageIds;
import dev.sluice.queue.sql.Transactions;
import dev.sluice.work.WorkAdmin.SearchTooLongException;
import dev.sluice.work.WorkId;
import dev.sluice.work.WorkInfo;
import dev.sluice.work.WorkState;
import dev.sluice.work.admin.Shown.More;
import dev.sluice.work.rules.Types;
import dev.sluice.work.store.FindRows;
import dev.sluice.work.store.FindRows.Anywhere;
import dev.sluice.work.store.FindRows.Found;
import dev.sluice.work.store.FindRows.Stored;
import dev.sluice.work.store.FindRows.TypeQueue;
import dev.sluice.work.store.Place;
import dev.sluice.work.store.ProgressRows;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Finds one work. See the package for why it reads in this order. */
final class Lookup {
    /** Most segments that a search reads if the work is not where its id says. */
    static final int MOST_SEGMENTS = 10_000;

    /** How long before the time in its id a work may have been written, by the difference of two clocks. */
    private static final Duration BEFORE_ID = Duration.ofSeconds(10);

    /** How long after the time in its id a work is usually written at the latest. */
    private static final Duration AFTER_ID = Duration.ofMinutes(1);

    /** How often a look-up begins again because the work has moved meanwhile. */
    private static final int MOST_MOVES = 20;

    private final Transactions transactions;
    private final FindRows rows;
    private final ProgressRows progress;
    private final Shown shown;
    private final int mostSegments;

    Lookup(Transactions transactions, FindRows rows, ProgressRows progress, Shown shown, int mostSegments) {
        this.transactions = transactions;
        this.rows = rows;
        this.progress = progress;
        this.shown = shown;
        this.mostSegments = mostSegments;
    }

    /**
     * What a look-up found.
     *
     * @param work null: nothing
     * @param key the row of its idempotency key; null: none
     * @param isIncomplete whether it was not found, and there are segments that were not read
     */
    private record Hit(@Nullable Found work, @Nullable Found key, boolean isIncomplete) {}

    /** The rows about a work that can be read by its id. */
    private record ById(
            @Nullable Found message,
            @Nullable Found end,
            @Nullable Found key) {
        static ById of(List<Found> rows) {
            Found message = null;
            Found end = null;
            Found key = null;
            for (Found row : rows) {
                if (row.partition() != null) {
                    message = message == null ? row : message;
                } else if (row.state() == null || row.state().equals(WorkState.DONE.text())) {
                    key = row;
                } else {
                    end = row;
                }
            }
            return new ById(message, end, key);
        }

        /** Returns the row that says how the work ended; null: none does. */
        @Nullable
        Found last() {
            return end == null && key != null && key.state() != null ? key : end;
        }
    }

    /**
     * Finds a work.
     *
     * @param partition where it is; null: unknown
     */
    Optional<WorkInfo> find(List<TypeQueue> types, @Nullable String partition, WorkId id)
            throws SearchTooLongException {
        if (types.isEmpty()) {
            return Optional.empty();
        }
        String what = "could not look for work " + id;
        Hit hit = transactions.run(what, connection -> hit(connection, types, partition, id.value()));
        if (hit.isIncomplete()) {
            throw new SearchTooLongException(id, mostSegments);
        }
        Found found = hit.work();
        if (found == null) {
            return Optional.empty();
        }
        TypeQueue queue = types.stream()
                .filter(type -> type.id() == found.queueId())
                .findFirst()
                .orElseThrow();
        return Optional.of(transactions.run(what, connection -> {
            More more = new More(
                    progress.histories(connection, queue.id(), List.of(id.value()))
                            .get(id.value()),
                    progress.load(connection, queue.id(), List.of(id.value())).get(id.value()),
                    hit.key() == null ? null : hit.key().texts().result(),
                    hit.key() == null ? null : hit.key().times().endedAt(),
                    rows.isCancelRequested(connection, queue.id(), id.value()));
            return shown.info(id.value(), queue, found, more);
        }));
    }

    private Hit hit(Connection connection, List<TypeQueue> types, @Nullable String partition, UUID id)
            throws SQLException {
        for (int i = 0; i < MOST_MOVES; i++) {
            ById known = ById.of(rows.rows(connection, types, id));
            if (known.message() != null) {
                return new Hit(known.message(), known.key(), false);
            }
            Anywhere found = place(connection, types, partition, id);
            if (found.place() == null) {
                if (ById.of(rows.rows(connection, types, id)).equals(known)) { // Else it was on its way.
                    return new Hit(known.last(), known.key(), known.last() == null && found.hasMore());
                }
                continue;
            }
            Optional<Stored> stored = rows.stored(connection, found.place(), id);
            if (stored.isPresent() && isDone(stored.get())) { // Unless it was a dead letter that was put back.
                Anywhere again = rows.again(connection, found.place(), id, mostSegments);
                if (again.place() != null) {
                    stored = rows.stored(connection, again.place(), id);
                } else if (again.hasMore()) {
                    return new Hit(null, null, true);
                }
            }
            if (stored.isEmpty()) { // Its message was deleted.
                return new Hit(known.last(), known.key(), false);
            }
            if (known.end() != null || !stored.get().hasMoved()) {
                return new Hit(with(stored.get().found(), known.end()), known.key(), false);
            }
        }
        throw new SQLException("the work moved " + MOST_MOVES + " times during one look-up", "40001");
    }

    private static boolean isDone(Stored stored) {
        return WorkState.DONE.text().equals(stored.found().state());
    }

    /** Returns a message with what became of it. */
    private static Found with(Found message, @Nullable Found end) {
        return end == null
                ? message
                : new Found(
                        message.queueId(),
                        end.state(),
                        message.partition(),
                        message.lane(),
                        message.payload(),
                        message.headers(),
                        message.producer(),
                        null,
                        new FindRows.Times(
                                message.times().createdAt(),
                                null,
                                null,
                                end.times().endedAt()),
                        end.runs(),
                        end.texts(),
                        end.replayedAs(),
                        null);
    }

    private Anywhere place(Connection connection, List<TypeQueue> types, @Nullable String partition, UUID id)
            throws SQLException {
        Instant created = rows.replayedAt(connection, types, id).orElse(MessageIds.timeOf(id));
        if (created != null) {
            Optional<Place> near =
                    rows.near(connection, types, partition, id, created.minus(BEFORE_ID), created.plus(AFTER_ID));
            if (near.isPresent()) {
                return new Anywhere(near.get(), false);
            }
        }
        return rows.anywhere(connection, types, partition, id, mostSegments);
    }

    /** Returns the partition of a key; null if the key is not known. */
    static @Nullable String partition(@Nullable String key) {
        return key == null ? null : Types.partitionOfKey(key);
    }
}
