package dev.sluice.work.store;

import dev.sluice.queue.ErrorShape;
import dev.sluice.queue.Message;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Rows;
import dev.sluice.queue.sql.Statements;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The table {@code work_items}: works with a history. */
public final class ItemRows {
    /** An item with so many crashes runs alone. */
    public static final int ALONE = 2;

    private final Statements statements;
    private final String group;

    /** Makes the rows of a schema. Dead letters are those of {@code group}. */
    public ItemRows(String schema, String group) {
        this.statements = Statements.read(ItemRows.class, "items.sql", schema);
        this.group = group;
    }

    /**
     * An item that was claimed.
     *
     * @param message the work; payload and headers as they are stored
     * @param lane the lane in which it was claimed
     * @param closes whether its partition is closed until it is done
     * @param limited the name of the limits whose room it takes; null: it takes none
     * @param snoozed whether its last run ended with a snooze
     * @param errors the newest failures as they are stored; null: none
     * @param lease id of the lease
     */
    public record Item(
            Message message,
            PriorityLane lane,
            boolean closes,
            @Nullable String limited,
            int attempts,
            int crashes,
            long snoozes,
            boolean snoozed,
            @Nullable String errors,
            UUID lease,
            boolean tookOver) {
        public Place place() {
            return new Place(message.partitionId(), message.seq());
        }

        /** Returns this item with room of limits. */
        public Item limited(String name) {
            return new Item(message, lane, closes, name, attempts, crashes, snoozes, snoozed, errors, lease, tookOver);
        }
    }

    /**
     * A work that runs again later.
     *
     * @param lease the lease of an item; null: a claim has the work
     * @param delay how long it waits, if {@code until} is null
     * @param until when it is due; null: after the delay
     * @param snoozed whether its last run ended with a snooze
     * @param lane its own lane
     */
    public record Later(
            Place place,
            @Nullable UUID lease,
            Duration delay,
            @Nullable Instant until,
            boolean closes,
            int attempts,
            long snoozes,
            boolean snoozed,
            @Nullable String errors,
            PriorityLane lane) {}

    /**
     * A work that becomes a dead letter.
     *
     * @param lease the lease of an item; null: a claim has the work
     * @param retries how often it was run after the first time
     * @param history its failures, as they are to be stored; null: none
     * @param report what its handler reported, as it is to be stored; null: nothing
     */
    public record Dead(
            Place place,
            @Nullable UUID lease,
            String reason,
            int retries,
            @Nullable String history,
            @Nullable String report) {}

    /**
     * What a look found.
     *
     * @param areMessages whether messages wait that no engine has claimed
     * @param areDue whether items are due
     * @param isAloneDue whether an item is due that must run alone
     * @param areExpired whether there are claims of dead engines
     * @param next after how long the next item or claim is due; null: none is
     * @param nextScheduled after how long the next scheduled message is due, of all queues; null: none is
     */
    public record Look(
            boolean areMessages,
            boolean areDue,
            boolean isAloneDue,
            boolean areExpired,
            @Nullable Duration next,
            @Nullable Duration nextScheduled) {}

    /**
     * A waiting item that was cancelled.
     *
     * @param limited the name of the limits whose room it took until its engine died; null: it took none
     * @param attempts how often it has failed
     */
    public record Cancelled(
            long partitionId,
            boolean closes,
            @Nullable String headers,
            @Nullable String limited,
            int attempts) {}

    /**
     * Makes items of works whose claims this transaction has noted as done.
     *
     * @param copies returns the message of a work, as it is to be stored; asked if the queue has it no longer
     */
    public void keep(Connection connection, long queueId, List<Later> works, Function<Place, Message> copies)
            throws SQLException {
        if (works.isEmpty()) {
            return;
        }
        Set<Place> kept = places(later(statements.on(connection, "keep").set("queue", queueId), works)
                .setInts("lanes", works, later -> later.lane().number()));
        List<Later> gone =
                works.stream().filter(each -> !kept.contains(each.place())).toList();
        if (!gone.isEmpty()) {
            List<Message> messages =
                    gone.stream().map(each -> copies.apply(each.place())).toList();
            copies(later(statements.on(connection, "keep-copies").set("queue", queueId), gone), messages)
                    .setInts("lanes", gone, later -> later.lane().number())
                    .execute();
        }
    }

    private static BoundStatement copies(BoundStatement statement, List<Message> messages) throws SQLException {
        return statement
                .setTexts("names", messages, Message::partition)
                .setUuids("ids", messages, Message::id)
                .setTexts("transaction_ids", messages, Message::transactionId)
                .setTexts("payloads", messages, Message::payloadText)
                .setTexts(
                        "headers",
                        messages,
                        message -> message.headers().isEmpty()
                                ? null
                                : message.headers().json())
                .setUuids("trace_ids", messages, Message::traceId)
                .setTexts("producer_subs", messages, Message::producerSub)
                .setTexts(
                        "created_ats", messages, message -> message.createdAt().toString());
    }

    /** Ends the leases of items. Returns those that were still held. */
    public Set<UUID> putOff(Connection connection, List<Later> items) throws SQLException {
        if (items.isEmpty()) {
            return Set.of();
        }
        return leases(later(statements.on(connection, "put-off"), items).setUuids("leases", items, Later::lease));
    }

    private static BoundStatement later(BoundStatement statement, List<Later> works) throws SQLException {
        return statement
                .set("partitions", works, later -> later.place().partitionId())
                .set("seqs", works, later -> later.place().seq())
                .set("delays_ms", works, later -> later.delay().toMillis())
                .setTexts("untils", works, later -> Objects.toString(later.until(), null))
                .setBooleans("closes", works, Later::closes)
                .setInts("attempts", works, Later::attempts)
                .set("snoozes", works, Later::snoozes)
                .setBooleans("snoozed", works, Later::snoozed)
                .setTexts("errors", works, Later::errors);
    }

    /** Returns for each lane, by number, how many items are due, at most {@code limit}. */
    public long[] due(Connection connection, Queue queue, int limit) throws SQLException {
        long[] due = new long[PriorityLane.values().length];
        statements
                .on(connection, "due")
                .set("queue", queue.id())
                .set("limit", limit)
                .set("alone", ALONE)
                .forEach(row -> due[row.getInt("lane")] = row.getLong("works"));
        return due;
    }

    /**
     * Leases items that are due, without those that must run alone. They take no room of limits.
     *
     * @param limits most items of each lane, by number
     */
    public List<Item> claim(Connection connection, Queue queue, long[] limits, Holder holder) throws SQLException {
        return statements
                .on(connection, "claim")
                .set("queue", queue.id())
                .set("limits", limits)
                .set("alone", ALONE)
                .set("owner", holder.owner())
                .set("lease_ms", holder.lease().toMillis())
                .setUuids("held", holder.held(), id -> id)
                .list(row -> item(row, queue.name()));
    }

    /**
     * Leases at most {@code limit} items that are due, the most urgent lane first, without those that must run alone.
     *
     * @param limited the name of the limits whose room they take; null: they take none
     */
    public List<Item> claim(Connection connection, Queue queue, int limit, Holder holder, @Nullable String limited)
            throws SQLException {
        return statements
                .on(connection, "claim-any")
                .set("limited", limited)
                .set("queue", queue.id())
                .set("limit", limit)
                .set("alone", ALONE)
                .set("owner", holder.owner())
                .set("lease_ms", holder.lease().toMillis())
                .setUuids("held", holder.held(), id -> id)
                .list(row -> item(row, queue.name()));
    }

    /** Leases one item that is due and must run alone. */
    public Optional<Item> claimAlone(Connection connection, Queue queue, Holder holder) throws SQLException {
        return statements
                .on(connection, "claim-alone")
                .set("limited", (String) null)
                .set("queue", queue.id())
                .set("alone", ALONE)
                .set("owner", holder.owner())
                .set("lease_ms", holder.lease().toMillis())
                .setUuids("held", holder.held(), id -> id)
                .first(row -> item(row, queue.name()));
    }

    /** The queue of a type. */
    public record Queue(String name, long id) {}

    /**
     * An engine that leases items.
     *
     * @param lease for how long
     * @param held the leases that it holds: it lives, also if they have ended
     */
    public record Holder(UUID owner, Duration lease, Collection<UUID> held) {}

    static Item item(ResultSet row, String queue) throws SQLException {
        Instant createdAt = Objects.requireNonNull(Rows.instant(row, "created_at"));
        var message = new Message(
                row.getLong("partition_id"),
                row.getString("partition_name"),
                queue,
                row.getLong("seq"),
                row.getObject("message_id", UUID.class),
                row.getString("transaction_id"),
                row.getString("payload").getBytes(StandardCharsets.UTF_8),
                MessageHeaders.ofStored(row.getString("headers")),
                row.getObject("trace_id", UUID.class),
                row.getString("producer_sub"),
                createdAt);
        return new Item(
                message,
                PriorityLane.ofNumber(row.getInt("lane")),
                row.getBoolean("closes"),
                row.getString("limited"),
                row.getInt("attempts"),
                row.getInt("crashes"),
                row.getLong("snoozes"),
                row.getBoolean("snoozed"),
                row.getString("errors"),
                row.getObject("lease_id", UUID.class),
                row.getBoolean("took_over"));
    }

    /** Deletes items that are done, given by their leases. Returns the leases that were still held. */
    public Set<UUID> finish(Connection connection, Map<UUID, Place> items) throws SQLException {
        return items.isEmpty() ? Set.of() : leases(leased(statements.on(connection, "finish"), items));
    }

    /** Renews leases of items. Returns those that are still held. */
    public Set<UUID> renew(Connection connection, Map<UUID, Place> items, Duration lease) throws SQLException {
        return items.isEmpty()
                ? Set.of()
                : leases(leased(statements.on(connection, "renew"), items).set("lease_ms", lease.toMillis()));
    }

    private static BoundStatement leased(BoundStatement statement, Map<UUID, Place> items) throws SQLException {
        return statement
                .set("partitions", items.values(), Place::partitionId)
                .set("seqs", items.values(), Place::seq)
                .setUuids("leases", items.keySet(), lease -> lease);
    }

    private static Set<UUID> leases(BoundStatement statement) throws SQLException {
        return new HashSet<>(statement.list(row -> row.getObject("lease_id", UUID.class)));
    }

    private static Set<Place> places(BoundStatement statement) throws SQLException {
        return new HashSet<>(statement.list(row -> new Place(row.getLong("partition_id"), row.getLong("seq"))));
    }

    /** Moves items to the dead letters. Returns the leases that were still held. */
    public Set<UUID> bury(Connection connection, List<Dead> items) throws SQLException {
        if (items.isEmpty()) {
            return Set.of();
        }
        return leases(dead(statements.on(connection, "bury"), items).setUuids("leases", items, Dead::lease));
    }

    /**
     * Copies works to the dead letters whose claims this transaction has noted as done.
     *
     * @param copies returns the message of a work, as it is to be stored; asked if the queue has it no longer
     */
    public void buryClaimed(Connection connection, long queueId, List<Dead> works, Function<Place, Message> copies)
            throws SQLException {
        if (works.isEmpty()) {
            return;
        }
        Set<Place> buried =
                places(dead(statements.on(connection, "bury-claimed").set("queue", queueId), works));
        List<Dead> gone =
                works.stream().filter(each -> !buried.contains(each.place())).toList();
        if (!gone.isEmpty()) {
            List<Message> messages =
                    gone.stream().map(each -> copies.apply(each.place())).toList();
            copies(dead(statements.on(connection, "bury-copies").set("queue", queueId), gone), messages)
                    .execute();
        }
    }

    private BoundStatement dead(BoundStatement statement, List<Dead> works) throws SQLException {
        List<ErrorShape> shapes =
                works.stream().map(dead -> ErrorShape.of(dead.reason())).toList();
        return statement
                .set("group", group)
                .set("partitions", works, dead -> dead.place().partitionId())
                .set("seqs", works, dead -> dead.place().seq())
                .setTexts("reasons", works, Dead::reason)
                .setInts("retries", works, Dead::retries)
                .setTexts("histories", works, Dead::history)
                .setTexts("reports", works, Dead::report)
                .setTexts("shapes", shapes, ErrorShape::text)
                .set("shape_ids", shapes, ErrorShape::id);
    }

    /** Looks what is due in queues, without the leases that the caller still has. */
    public Map<Long, Look> look(Connection connection, Collection<Long> queueIds, Holder holder) throws SQLException {
        var looks = new HashMap<Long, Look>();
        statements
                .on(connection, "look")
                .set("queues", queueIds, id -> id)
                .set("group", group)
                .set("alone", ALONE)
                .setUuids("held", holder.held(), id -> id)
                .list(row -> looks.put(
                        row.getLong("queue_id"),
                        new Look(
                                row.getBoolean("are_messages"),
                                row.getBoolean("are_due"),
                                row.getBoolean("is_alone_due"),
                                row.getBoolean("are_expired"),
                                duration(row, "next_ms"),
                                duration(row, "scheduled_ms"))));
        return looks;
    }

    private static @Nullable Duration duration(ResultSet row, String column) throws SQLException {
        long millis = row.getLong(column);
        return row.wasNull() ? null : Duration.ofMillis(Math.max(0, millis));
    }

    /** Deletes an item that no engine holds. */
    public Optional<Cancelled> cancelWaiting(Connection connection, long queueId, UUID messageId) throws SQLException {
        return statements
                .on(connection, "cancel-waiting")
                .set("queue", queueId)
                .set("id", messageId)
                .first(row -> new Cancelled(
                        row.getLong("partition_id"),
                        row.getBoolean("closes"),
                        row.getString("headers"),
                        row.getString("limited"),
                        row.getInt("attempts")));
    }

    /** Makes an item due that waits for its time. Returns whether there is one. */
    public boolean makeDue(Connection connection, long queueId, UUID messageId) throws SQLException {
        return statements
                        .on(connection, "make-due")
                        .set("queue", queueId)
                        .set("id", messageId)
                        .execute()
                > 0;
    }
}
