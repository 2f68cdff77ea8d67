package dev.sluice.queue.read;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.AcknowledgeOutcome.Acknowledged;
import dev.sluice.queue.AcknowledgeOutcome.LeaseInvalid;
import dev.sluice.queue.AcknowledgeOutcome.NotFound;
import dev.sluice.queue.AcknowledgeOutcome.Unread;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.TransactionId;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * Applies acknowledgements in a transaction of the caller: locks the cursors, finds the seqs of the transaction ids,
 * moves the cursors, and writes a dead letter for each message that the group gives up on.
 *
 * <p>A failed message is delivered again alone, whatever happened to the other messages of its lease. A
 * {@link Verdict#FAILED} or {@link Verdict#RETRY} ends the lease.
 */
public final class Acknowledge {
    /** Longest delay after a failure. */
    private static final long MAX_RETRY_DELAY_MS = 3_600_000;
    /** Largest random share added to a delay, so that messages that failed together are not retried together. */
    private static final double JITTER = 0.2;

    private final Statements statements;
    private final Statements cursorStatements;
    private final UnleasedSearch unleased;
    private final LeaseHints hints;

    /** Makes one that remembers no leases. */
    public Acknowledge(String schema) {
        this(schema, new LeaseHints(0));
    }

    Acknowledge(String schema, LeaseHints hints) {
        this.hints = hints;
        this.statements = Statements.read("acknowledge.sql", schema);
        this.cursorStatements = Statements.read("locked_cursors.sql", schema);
        this.unleased = new UnleasedSearch(statements);
    }

    private record CursorKey(String group, long partitionId) {
        static CursorKey of(Acknowledgement acknowledgement) {
            return new CursorKey(acknowledgement.group(), acknowledgement.partitionId());
        }
    }

    private record MessageKey(long partitionId, String transactionId) {}

    /** Consecutive seqs of the partition of a cursor, and the map that gets their transaction ids. */
    private record IdRange(LockedCursor cursor, long first, long last, Map<String, Long> ids) {}

    /**
     * Applies acknowledgements in the order given.
     *
     * @return what each changed, in the same order
     */
    public List<AcknowledgeOutcome> run(Connection connection, List<Acknowledgement> acknowledgements)
            throws SQLException {
        return apply(connection, acknowledgements).outcomes();
    }

    /**
     * What acknowledgements did.
     *
     * @param outcomes one for each acknowledgement
     * @param id id of the transaction, if a statement returned it
     * @param over what was remembered of leases that are over
     */
    record Applied(
            List<AcknowledgeOutcome> outcomes, @Nullable TransactionId id, List<LeaseHints.Hint> over) {
        /** Returns the id of the transaction; null if it changed nothing. */
        @Nullable
        TransactionId idOn(Connection connection) throws SQLException {
            return id == null ? TransactionId.of(connection) : id;
        }
    }

    /** Does the same as {@link #run}, with the leases that this process remembers. */
    Applied apply(Connection connection, List<Acknowledgement> acknowledgements) throws SQLException {
        WholeLeases whole = WholeLeases.among(acknowledgements, hints);
        if (!whole.areAny()) {
            return applyOneByOne(connection, acknowledgements);
        }
        TransactionId id = whole.complete(connection, statements);
        Applied rest = applyOneByOne(connection, whole.rest());
        return new Applied(whole.with(rest.outcomes()), id == null ? rest.id() : id, whole.hints());
    }

    private Applied applyOneByOne(Connection connection, List<Acknowledgement> acknowledgements) throws SQLException {
        if (acknowledgements.isEmpty()) {
            return new Applied(List.of(), null, List.of());
        }
        Map<CursorKey, LockedCursor> cursors = lockCursors(connection, acknowledgements);
        readLeases(connection, cursors.values());
        findUnleased(connection, cursors, acknowledgements);
        Map<MessageKey, Unread> unread = findUnread(
                connection,
                acknowledgements.stream()
                        .filter(each -> !cursors.containsKey(CursorKey.of(each)))
                        .toList());
        var deadLetters = new DeadLetterBatch(cursorStatements);
        var outcomes = new ArrayList<AcknowledgeOutcome>(acknowledgements.size());
        for (Acknowledgement each : acknowledgements) {
            LockedCursor cursor = cursors.get(CursorKey.of(each));
            outcomes.add(cursor == null ? withoutCursor(each, unread) : apply(cursor, each, deadLetters));
        }
        deadLetters.run(connection);
        TransactionId id = write(connection, cursors.values());
        for (int i = 0; i < outcomes.size(); i++) {
            // Only after the last acknowledgement is known which leases end.
            LockedCursor cursor = cursors.get(CursorKey.of(acknowledgements.get(i)));
            if (cursor != null && outcomes.get(i) instanceof Acknowledged acknowledged) {
                outcomes.set(i, acknowledged(cursor, acknowledged.deadLettered()));
            }
        }
        return new Applied(List.copyOf(outcomes), id, List.of());
    }

    /**
     * Applies a cumulative acknowledgement: the message and all messages before it are done. Rejects a message before
     * the position as stale; the message at the position may be acknowledged again.
     *
     * @param acknowledgement {@link Verdict#COMPLETED}; with any other verdict the message becomes a dead letter
     * @param release whether the lease ends even if leased messages are left; a dead letter always ends it
     */
    public AcknowledgeOutcome runUpTo(Connection connection, Acknowledgement acknowledgement, boolean release)
            throws SQLException {
        LockedCursor cursor = lockCursors(connection, List.of(acknowledgement)).get(CursorKey.of(acknowledgement));
        if (cursor == null) {
            return new NotFound();
        }
        if (cursor.refuses(acknowledgement.leaseId())) {
            return leaseInvalid(cursor);
        }
        readLeases(connection, List.of(cursor));
        Long seq = cursor.leasedIds().get(acknowledgement.transactionId());
        if (seq == null) {
            unleased.near(connection, Map.of(cursor, Set.of(acknowledgement.transactionId())));
            seq = cursor.idsInReach().get(acknowledgement.transactionId());
        }
        if (seq == null || (acknowledgement.leaseId() != null && seq > cursor.leaseEnd())) {
            return new NotFound();
        }
        boolean dead = acknowledgement.verdict() != Verdict.COMPLETED;
        if (seq < cursor.position() || (dead && cursor.isDone(seq))) {
            return leaseInvalid(cursor);
        }
        if (dead) {
            var deadLetters = new DeadLetterBatch(cursorStatements);
            cursor.addTo(deadLetters, seq, errorOf(acknowledgement, ""), cursor.failures(seq));
            deadLetters.run(connection);
        }
        cursor.doneUpTo(seq);
        if (release || dead) {
            cursor.giveBack(0);
        } else {
            cursor.keepLease();
        }
        write(connection, List.of(cursor));
        return acknowledged(cursor, dead);
    }

    private Map<CursorKey, LockedCursor> lockCursors(Connection connection, List<Acknowledgement> acknowledgements)
            throws SQLException {
        var keys = acknowledgements.stream().map(CursorKey::of).distinct().toList();
        var cursors = new LinkedHashMap<CursorKey, LockedCursor>();
        cursorStatements
                .on(connection, "lock-cursors")
                .setTexts("groups", keys, CursorKey::group)
                .set("partitions", keys, CursorKey::partitionId)
                .forEach(row -> {
                    var cursor = new LockedCursor(row);
                    cursors.put(new CursorKey(cursor.group(), cursor.partitionId()), cursor);
                });
        return cursors;
    }

    /** Reads the transaction ids of the leased messages, unless this process remembers them. */
    private void readLeases(Connection connection, Collection<LockedCursor> cursors) throws SQLException {
        List<IdRange> leased = cursors.stream()
                .filter(LockedCursor::hasLeasedMessages)
                .filter(cursor -> !cursor.remembers(hints))
                .map(cursor -> new IdRange(cursor, cursor.position() + 1, cursor.leaseEnd(), cursor.leasedIds()))
                .toList();
        if (!leased.isEmpty()) {
            readTransactionIds(connection, leased);
        }
    }

    /** Finds the messages that are not leased, of acknowledgements that name no lease. */
    private void findUnleased(
            Connection connection, Map<CursorKey, LockedCursor> cursors, List<Acknowledgement> acknowledgements)
            throws SQLException {
        var wanted = new LinkedHashMap<LockedCursor, Set<String>>();
        for (Acknowledgement each : acknowledgements) {
            LockedCursor cursor = cursors.get(CursorKey.of(each));
            if (cursor != null && each.leaseId() == null && !cursor.leasedIds().containsKey(each.transactionId())) {
                wanted.computeIfAbsent(cursor, key -> new LinkedHashSet<>()).add(each.transactionId());
            }
        }
        unleased.near(connection, wanted);
    }

    private void readTransactionIds(Connection connection, List<IdRange> ranges) throws SQLException {
        statements
                .on(connection, "transaction-ids")
                .set("partitions", ranges, range -> range.cursor().partitionId())
                .set("firsts", ranges, IdRange::first)
                .set("lasts", ranges, IdRange::last)
                .forEach(row -> {
                    IdRange range = ranges.get(row.getInt("ordinal") - 1);
                    LockedCursor cursor = range.cursor();
                    long seq = row.getLong("slice_seq");
                    for (String transactionId :
                            (String[]) row.getArray("transaction_ids").getArray()) {
                        // If two messages have the same id (duplicates may be allowed), the one that is not done wins.
                        range.ids().merge(transactionId, seq, (known, other) -> cursor.isDone(known) ? other : known);
                        seq++;
                    }
                });
    }

    /** Finds the messages of groups that have never read their partition. */
    private Map<MessageKey, Unread> findUnread(Connection connection, List<Acknowledgement> acknowledgements)
            throws SQLException {
        var found = new HashMap<MessageKey, Unread>();
        if (acknowledgements.isEmpty()) {
            return found;
        }
        var ids = new HashMap<Long, Set<String>>();
        for (Acknowledgement each : acknowledgements) {
            ids.computeIfAbsent(each.partitionId(), key -> new LinkedHashSet<>())
                    .add(each.transactionId());
        }
        var newest = new ArrayList<UnleasedSearch.Newest>();
        var names = new ArrayList<Unread>();
        statements
                .on(connection, "partitions-without-cursor")
                .set("partitions", acknowledgements, Acknowledgement::partitionId)
                .forEach(row -> {
                    long partition = row.getLong("id");
                    names.add(new Unread(row.getString("queue"), row.getString("partition")));
                    newest.add(new UnleasedSearch.Newest(
                            partition, row.getLong("tail"), row.getLong("head"), ids.get(partition), new HashSet<>()));
                });
        unleased.newest(connection, newest);
        for (int i = 0; i < newest.size(); i++) {
            long partition = newest.get(i).partitionId();
            Unread name = names.get(i);
            newest.get(i).found().forEach(id -> found.put(new MessageKey(partition, id), name));
        }
        return found;
    }

    private static AcknowledgeOutcome withoutCursor(Acknowledgement acknowledgement, Map<MessageKey, Unread> unread) {
        Unread found = unread.get(new MessageKey(acknowledgement.partitionId(), acknowledgement.transactionId()));
        if (found == null) {
            return new NotFound();
        }
        return acknowledgement.leaseId() == null ? found : new LeaseInvalid(found.queue(), found.partition());
    }

    /** Applies one acknowledgement to its cursor. */
    private static AcknowledgeOutcome apply(
            LockedCursor cursor, Acknowledgement acknowledgement, DeadLetterBatch deadLetters) {
        if (cursor.refuses(acknowledgement.leaseId())) {
            return leaseInvalid(cursor);
        }
        Long seq = cursor.leasedIds().get(acknowledgement.transactionId());
        if (seq == null && acknowledgement.leaseId() == null) {
            seq = cursor.idsInReach().get(acknowledgement.transactionId());
        }
        if (seq == null) {
            return new NotFound();
        }
        if (cursor.isDone(seq)) {
            boolean completed = acknowledgement.verdict() == Verdict.COMPLETED;
            return completed ? acknowledged(cursor, false) : leaseInvalid(cursor);
        }
        boolean dead = false;
        switch (acknowledgement.verdict()) {
            case COMPLETED -> cursor.done(seq);
            case RETRY -> cursor.giveBack(0);
            case DLQ -> {
                cursor.addTo(deadLetters, seq, errorOf(acknowledgement, ""), cursor.failures(seq));
                cursor.done(seq);
                dead = true;
            }
            case FAILED -> dead = fail(cursor, seq, acknowledgement, deadLetters);
        }
        return acknowledged(cursor, dead);
    }

    /** Counts a failure. Returns true if the message is beyond its retry limit and becomes a dead letter. */
    private static boolean fail(
            LockedCursor cursor, long seq, Acknowledgement acknowledgement, DeadLetterBatch deadLetters) {
        int attempts = cursor.fail(seq);
        if (attempts > cursor.retryLimit()) {
            cursor.addTo(deadLetters, seq, errorOf(acknowledgement, "Retries exhausted"), attempts - 1);
            cursor.done(seq);
            return true;
        }
        cursor.giveBack(backoffMs(cursor.retryDelayMs(), attempts));
        return false;
    }

    private static String errorOf(Acknowledgement acknowledgement, String fallback) {
        return acknowledgement.error() == null ? fallback : acknowledgement.error();
    }

    private static long backoffMs(long delayMs, int attempts) {
        double doubled = delayMs * Math.pow(2, attempts - 1.0);
        double jittered = doubled * (1 + JITTER * ThreadLocalRandom.current().nextDouble());
        return (long) Math.min(MAX_RETRY_DELAY_MS, jittered);
    }

    /** Returns the id of the transaction if a statement returned it. */
    private @Nullable TransactionId write(Connection connection, Collection<LockedCursor> cursors) throws SQLException {
        var updates = new CursorUpdates(cursorStatements);
        var leased = new ArrayList<LockedCursor>();
        for (LockedCursor cursor : cursors) {
            if (cursor.isChanged() && cursor.leaseGoesOn()) {
                leased.add(cursor);
            } else if (cursor.isChanged()) {
                updates.add(cursor.update());
            }
        }
        TransactionId id = updates.run(connection);
        return leased.isEmpty() ? id : keepLeases(connection, leased);
    }

    private TransactionId keepLeases(Connection connection, List<LockedCursor> leased) throws SQLException {
        return statements
                .on(connection, "keep-lease")
                .set("groups", leased, LockedCursor::groupId)
                .set("partitions", leased, LockedCursor::partitionId)
                .set("positions", leased, LockedCursor::position)
                .setTexts("acked", leased, cursor -> cursor.acked().toString())
                .first(TransactionId::of)
                .orElseThrow();
    }

    private static Acknowledged acknowledged(LockedCursor cursor, boolean dead) {
        return new Acknowledged(cursor.queue(), cursor.partition(), cursor.leaseEnds(), dead);
    }

    private static LeaseInvalid leaseInvalid(LockedCursor cursor) {
        return new LeaseInvalid(cursor.queue(), cursor.partition());
    }
}
