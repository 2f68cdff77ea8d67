package dev.sluice.queue.read;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Takes verdicts: locks the cursors they speak of, finds the seqs by transaction id within the leases, moves the
 * cursors, and buries what is beyond its retry limit.
 *
 * <p>A cursor moves over what is done without a gap; what is done beyond a gap is remembered in {@code acked}. So a
 * failed message is delivered again, alone, however the others of its lease went. A failed or retry verdict ends the
 * lease.
 */
public final class Acknowledge {
    /** Longest time a failed message is held back, whatever the number of failures. */
    private static final long MAX_RETRY_DELAY_MS = 3_600_000;
    /**
     * How far from its position a cursor is searched for a message that no lease holds, either way. Beyond, the message
     * is not found: an ack must not cost the reading of a whole partition.
     */
    static final int UNLEASED_REACH = 10_000;
    /** Share of the delay that chance adds, so that messages that failed together do not come back together. */
    private static final double JITTER = 0.2;

    private final Statements statements;

    public Acknowledge(Statements statements) {
        this.statements = statements;
    }

    private record CursorKey(String group, long partitionId) {}

    private record Verdicts(Acknowledgement said, @Nullable Cursor cursor, Taken taken) {}

    private enum Taken {
        DONE,
        BURIED,
        LEASE_INVALID,
        NOT_FOUND
    }

    /** A cursor whose row is locked, and what the verdicts make of it. */
    private static final class Cursor {
        private final String group;
        private final long groupId;
        private final long partitionId;
        private final long queueId;
        private final String queue;
        private final String partition;
        private final @Nullable UUID leaseId;
        private final long leaseEnd;
        private final boolean held;
        private final int retryLimit;
        private final long retryDelayMs;
        private final Map<String, Long> leased = new HashMap<>();
        private @Nullable Map<String, Long> reach;
        private final TreeMap<Long, Integer> failed = new TreeMap<>();
        private final Set<Long> failedNow = new HashSet<>();
        private long position;
        private SeqSet acked;
        private long delayMs;
        private boolean changed;
        private boolean returned;
        private boolean kept;

        Cursor(ResultSet row) throws SQLException {
            group = row.getString("group_name");
            groupId = row.getLong("group_id");
            partitionId = row.getLong("partition_id");
            queueId = row.getLong("queue_id");
            queue = row.getString("queue");
            partition = row.getString("partition");
            leaseId = row.getObject("lease_id", UUID.class);
            leaseEnd = row.getLong("lease_end");
            held = row.getBoolean("held");
            retryLimit = row.getInt("retry_limit");
            retryDelayMs = row.getLong("retry_delay_ms");
            position = row.getLong("position");
            acked = SeqSet.parse(row.getString("acked"));
            // An unleased cursor may be held back after a failure: a late verdict does not shorten that.
            delayMs = leaseId == null && held ? row.getLong("remaining_ms") : 0;
            Array seqs = row.getArray("failed_seqs");
            if (seqs != null) {
                Long[] keys = (Long[]) seqs.getArray();
                Integer[] counts = (Integer[]) row.getArray("failed_counts").getArray();
                for (int i = 0; i < keys.length; i++) {
                    failed.put(keys[i], counts[i]);
                }
            }
        }

        boolean isDone(long seq) {
            return seq <= position || acked.contains(seq);
        }

        void done(long seq) {
            acked = acked.with(seq, seq);
            position = acked.endOfRunAfter(position);
            acked = acked.after(position);
            failed.remove(seq);
            changed = true;
        }

        /** Everything up to that seq is done. */
        void doneUpTo(long seq) {
            if (seq > position) {
                acked = acked.with(position + 1, seq);
                position = acked.endOfRunAfter(position);
                acked = acked.after(position);
            }
            changed = true;
        }

        /** Counts a failed ack; one per message and call. Returns the number of failed acks it has now. */
        int fail(long seq) {
            return failedNow.add(seq) ? failed.merge(seq, 1, Integer::sum) : failed.get(seq);
        }

        void bury(DeadLetterBatch burials, long seq, String error, int retries) {
            burials.add(queueId, partitionId, seq, group, error, retries);
        }

        void giveBack(long afterMs) {
            delayMs = Math.max(delayMs, afterMs);
            changed = true;
            returned = true;
        }

        boolean leaseEnds() {
            return leaseId != null && !kept && (returned || acked.missing(position, leaseEnd) == 0);
        }

        /** Whether a lease that is named does not hold the cursor, or not any more. */
        boolean refuses(@Nullable UUID named) {
            return named != null && !(held && named.equals(leaseId));
        }
    }

    public List<AcknowledgeOutcome> run(Connection connection, List<Acknowledgement> said) throws SQLException {
        if (said.isEmpty()) {
            return List.of();
        }
        Map<CursorKey, Cursor> cursors = lockCursors(connection, said);
        readLeases(
                connection,
                cursors.values().stream()
                        .filter(cursor -> cursor.leaseId != null && cursor.leaseEnd > cursor.position)
                        .toList());
        var burials = new DeadLetterBatch(statements);
        var verdicts = new ArrayList<Verdicts>(said.size());
        for (Acknowledgement each : said) {
            Cursor cursor = cursors.get(new CursorKey(each.group(), each.partitionId()));
            verdicts.add(new Verdicts(
                    each, cursor, cursor == null ? Taken.NOT_FOUND : take(connection, cursor, each, burials)));
        }
        burials.run(connection);
        write(connection, cursors.values());
        Map<MessageKey, AcknowledgeOutcome.Unread> unread = unread(connection, verdicts);
        return verdicts.stream().map(verdict -> outcome(verdict, unread)).toList();
    }

    /**
     * Takes a verdict on a message, and that all before it are done. Refuses one on a message the cursor has passed:
     * what comes with it is older than what has been done since. The last one it has passed may be named again.
     *
     * @param said completed, or failed or dead, which are the same here: a dead letter at once
     * @param release whether the lease ends, whatever is left in it; a dead letter always ends it
     */
    public AcknowledgeOutcome runUpTo(Connection connection, Acknowledgement said, boolean release)
            throws SQLException {
        Cursor cursor = lockCursors(connection, List.of(said)).get(new CursorKey(said.group(), said.partitionId()));
        if (cursor == null) {
            return new AcknowledgeOutcome.NotFound();
        }
        if (cursor.refuses(said.leaseId())) {
            return new AcknowledgeOutcome.LeaseInvalid(cursor.queue, cursor.partition);
        }
        if (cursor.leaseId != null && cursor.leaseEnd > cursor.position) {
            readLeases(connection, List.of(cursor));
        }
        Long seq = cursor.leased.get(said.transactionId());
        if (seq == null) {
            seq = find(connection, cursor, said.transactionId());
        }
        if (seq == null || (said.leaseId() != null && seq > cursor.leaseEnd)) {
            return new AcknowledgeOutcome.NotFound();
        }
        boolean dead = said.verdict() != Verdict.COMPLETED;
        if (seq < cursor.position || (dead && cursor.isDone(seq))) {
            return new AcknowledgeOutcome.LeaseInvalid(cursor.queue, cursor.partition);
        }
        if (dead) {
            var burials = new DeadLetterBatch(statements);
            String error = said.error() == null ? "" : said.error();
            cursor.bury(burials, seq, error, cursor.failed.getOrDefault(seq, 0));
            burials.run(connection);
        }
        cursor.doneUpTo(seq);
        if (release || dead) {
            cursor.giveBack(0);
        } else {
            cursor.kept = true;
        }
        write(connection, List.of(cursor));
        return new AcknowledgeOutcome.Acknowledged(cursor.queue, cursor.partition, cursor.leaseEnds(), dead);
    }

    private record MessageKey(long partitionId, String transactionId) {}

    /**
     * Returns where the messages are of which groups speak that have never read their partitions; only those there are.
     */
    private Map<MessageKey, AcknowledgeOutcome.Unread> unread(Connection connection, List<Verdicts> verdicts)
            throws SQLException {
        List<Acknowledgement> strangers = verdicts.stream()
                .filter(verdict -> verdict.cursor() == null)
                .map(Verdicts::said)
                .toList();
        var found = new HashMap<MessageKey, AcknowledgeOutcome.Unread>();
        if (strangers.isEmpty()) {
            return found;
        }
        try (var statement = new BoundStatement(connection, statements.get("newest-of-ids"))
                        .set(
                                "partitions",
                                strangers.stream()
                                        .mapToLong(Acknowledgement::partitionId)
                                        .toArray())
                        .set(
                                "transaction_ids",
                                strangers.stream()
                                        .map(Acknowledgement::transactionId)
                                        .toArray(String[]::new))
                        .set("reach", UNLEASED_REACH);
                ResultSet row = statement.query()) {
            while (row.next()) {
                found.put(
                        new MessageKey(row.getLong("id"), row.getString("transaction_id")),
                        new AcknowledgeOutcome.Unread(row.getString("queue"), row.getString("partition")));
            }
        }
        return found;
    }

    private Map<CursorKey, Cursor> lockCursors(Connection connection, List<Acknowledgement> said) throws SQLException {
        var keys = said.stream()
                .map(each -> new CursorKey(each.group(), each.partitionId()))
                .distinct()
                .toList();
        var cursors = new LinkedHashMap<CursorKey, Cursor>();
        try (var statement = new BoundStatement(connection, statements.get("lock-cursors"))
                        .set("groups", keys.stream().map(CursorKey::group).toArray(String[]::new))
                        .set(
                                "partitions",
                                keys.stream().mapToLong(CursorKey::partitionId).toArray());
                ResultSet row = statement.query()) {
            while (row.next()) {
                var cursor = new Cursor(row);
                cursors.put(new CursorKey(cursor.group, cursor.partitionId), cursor);
            }
        }
        return cursors;
    }

    private void readLeases(Connection connection, List<Cursor> cursors) throws SQLException {
        if (!cursors.isEmpty()) {
            long[] firsts = longs(cursors, cursor -> cursor.position + 1);
            readTransactionIds(
                    connection,
                    cursors,
                    firsts,
                    longs(cursors, cursor -> cursor.leaseEnd),
                    List.copyOf(cursors.stream().map(cursor -> cursor.leased).toList()));
        }
    }

    /** Returns where a message stands that no lease holds, or null if it is not within reach. */
    private @Nullable Long find(Connection connection, Cursor cursor, String transactionId) throws SQLException {
        Map<String, Long> reach = cursor.reach;
        if (reach == null) {
            reach = new HashMap<>();
            cursor.reach = reach;
            long first = Math.max(1, cursor.position - UNLEASED_REACH + 1);
            long last = cursor.position + UNLEASED_REACH;
            readTransactionIds(connection, List.of(cursor), new long[] {first}, new long[] {last}, List.of(reach));
        }
        return reach.get(transactionId);
    }

    private void readTransactionIds(
            Connection connection, List<Cursor> cursors, long[] firsts, long[] lasts, List<Map<String, Long>> found)
            throws SQLException {
        try (var statement = new BoundStatement(connection, statements.get("transaction-ids"))
                        .set("partitions", longs(cursors, cursor -> cursor.partitionId))
                        .set("firsts", firsts)
                        .set("lasts", lasts);
                ResultSet row = statement.query()) {
            while (row.next()) {
                int index = row.getInt("ordinal") - 1;
                Cursor cursor = cursors.get(index);
                long seq = row.getLong("slice_seq");
                for (String transactionId :
                        (String[]) row.getArray("transaction_ids").getArray()) {
                    // Of two messages with one id (possible where duplicates are allowed) the one not done yet is
                    // meant.
                    found.get(index).merge(transactionId, seq, (known, other) -> cursor.isDone(known) ? other : known);
                    seq++;
                }
            }
        }
    }

    private Taken take(Connection connection, Cursor cursor, Acknowledgement said, DeadLetterBatch burials)
            throws SQLException {
        if (cursor.refuses(said.leaseId())) {
            return Taken.LEASE_INVALID;
        }
        Long seq = cursor.leased.get(said.transactionId());
        if (seq == null && said.leaseId() == null) {
            seq = find(connection, cursor, said.transactionId());
        }
        if (seq == null) {
            return Taken.NOT_FOUND;
        }
        if (cursor.isDone(seq)) {
            return said.verdict() == Verdict.COMPLETED ? Taken.DONE : Taken.LEASE_INVALID;
        }
        switch (said.verdict()) {
            case COMPLETED -> cursor.done(seq);
            case RETRY -> cursor.giveBack(0);
            case DLQ -> {
                int retries = cursor.failed.getOrDefault(seq, 0);
                cursor.bury(burials, seq, said.error() == null ? "" : said.error(), retries);
                cursor.done(seq);
                return Taken.BURIED;
            }
            case FAILED -> {
                int attempts = cursor.fail(seq);
                if (attempts > cursor.retryLimit) {
                    String error = said.error() == null ? "Retries exhausted" : said.error();
                    cursor.bury(burials, seq, error, attempts - 1);
                    cursor.done(seq);
                    return Taken.BURIED;
                }
                cursor.giveBack(backoff(cursor.retryDelayMs, attempts));
            }
        }
        return Taken.DONE;
    }

    private static long backoff(long delayMs, int attempts) {
        double doubled = delayMs * Math.pow(2, attempts - 1.0);
        double jittered = doubled * (1 + JITTER * ThreadLocalRandom.current().nextDouble());
        return (long) Math.min(MAX_RETRY_DELAY_MS, jittered);
    }

    private void write(Connection connection, Iterable<Cursor> cursors) throws SQLException {
        var settle = new CursorUpdates(statements);
        var kept = new ArrayList<Cursor>();
        for (Cursor cursor : cursors) {
            if (!cursor.changed) {
                continue;
            }
            cursor.failed.headMap(cursor.position, true).clear();
            if (cursor.leaseId == null || cursor.leaseEnds() || !cursor.held) {
                settle.add(
                        cursor.groupId,
                        cursor.partitionId,
                        cursor.position,
                        cursor.acked,
                        cursor.failed,
                        0,
                        cursor.delayMs);
            } else {
                kept.add(cursor);
            }
        }
        settle.run(connection);
        if (kept.isEmpty()) {
            return;
        }
        try (var statement = new BoundStatement(connection, statements.get("keep-lease"))
                .set("groups", longs(kept, cursor -> cursor.groupId))
                .set("partitions", longs(kept, cursor -> cursor.partitionId))
                .set("positions", longs(kept, cursor -> cursor.position))
                .set(
                        "acked",
                        kept.stream().map(cursor -> cursor.acked.toString()).toArray(String[]::new))) {
            statement.update();
        }
    }

    private static long[] longs(List<Cursor> cursors, Function<Cursor, Long> value) {
        return cursors.stream().mapToLong(value::apply).toArray();
    }

    private static AcknowledgeOutcome outcome(Verdicts verdict, Map<MessageKey, AcknowledgeOutcome.Unread> unread) {
        Cursor cursor = verdict.cursor();
        Acknowledgement said = verdict.said();
        if (cursor == null) {
            AcknowledgeOutcome.Unread known = unread.get(new MessageKey(said.partitionId(), said.transactionId()));
            if (known == null) {
                return new AcknowledgeOutcome.NotFound();
            }
            return said.leaseId() == null
                    ? known
                    : new AcknowledgeOutcome.LeaseInvalid(known.queue(), known.partition());
        }
        if (verdict.taken() == Taken.NOT_FOUND) {
            return new AcknowledgeOutcome.NotFound();
        }
        if (verdict.taken() == Taken.LEASE_INVALID) {
            return new AcknowledgeOutcome.LeaseInvalid(cursor.queue, cursor.partition);
        }
        return new AcknowledgeOutcome.Acknowledged(
                cursor.queue, cursor.partition, cursor.leaseEnds(), verdict.taken() == Taken.BURIED);
    }
}
