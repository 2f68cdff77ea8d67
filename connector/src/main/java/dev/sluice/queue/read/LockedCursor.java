package dev.sluice.queue.read;

import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A cursor whose row this transaction has locked, with the changes that acknowledgements make to it. One thread.
 *
 * <p>The position moves over seqs that are done without a gap. Seqs that are done beyond a gap are kept in
 * {@code acked}.
 */
final class LockedCursor {
    private final String group;
    private final long groupId;
    private final long partitionId;
    private final long queueId;
    private final String queue;
    private final String partition;
    private final @Nullable UUID leaseId;
    private final long leaseEnd;
    /** Whether the lease is live or, without a lease, a delay keeps the cursor from being ready. */
    private final boolean held;

    private final int retryLimit;
    private final long retryDelayMs;
    /** Failed acks by seq. */
    private final TreeMap<Long, Integer> failed = new TreeMap<>();
    /** Seqs with a failed ack that this transaction has counted. */
    private final Set<Long> failedNow = new HashSet<>();

    private final Map<String, Long> leasedIds = new HashMap<>();
    private final Map<String, Long> idsInReach = new HashMap<>();

    private long position;
    private SeqSet acked;
    private long delayMs;
    private boolean changed;
    private boolean returned;
    private boolean kept;

    /** Reads a row of {@code lock-cursors}. */
    LockedCursor(ResultSet row) throws SQLException {
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
        // If a failure delays the cursor, a late acknowledgement must not shorten the delay.
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

    String group() {
        return group;
    }

    long groupId() {
        return groupId;
    }

    long partitionId() {
        return partitionId;
    }

    String queue() {
        return queue;
    }

    String partition() {
        return partition;
    }

    long leaseEnd() {
        return leaseEnd;
    }

    int retryLimit() {
        return retryLimit;
    }

    long retryDelayMs() {
        return retryDelayMs;
    }

    long position() {
        return position;
    }

    SeqSet acked() {
        return acked;
    }

    /** Returns the seqs of the leased messages by transaction id. The caller fills the map. */
    Map<String, Long> leasedIds() {
        return leasedIds;
    }

    /** Returns the seqs of messages near the position that are not leased. {@link UnleasedSearch} fills the map. */
    Map<String, Long> idsInReach() {
        return idsInReach;
    }

    /** Returns whether the cursor has a lease with messages that are not done, live or ended. */
    boolean hasLeasedMessages() {
        return leaseId != null && leaseEnd > position;
    }

    /** Fills in the seqs of the leased messages if this process remembers the lease; returns whether it does. */
    boolean remembers(LeaseHints hints) {
        LeaseHints.Hint hint = leaseId == null ? null : hints.of(leaseId, partitionId);
        if (hint == null || hint.groupId() != groupId || hint.end() != leaseEnd || hint.position() > position) {
            return false;
        }
        hint.addSeqsAfter(position, leasedIds);
        return true;
    }

    /** Returns whether the named lease does not hold the cursor: it is another one, or it has ended. */
    boolean refuses(@Nullable UUID named) {
        return named != null && !(held && named.equals(leaseId));
    }

    boolean isDone(long seq) {
        return seq <= position || acked.contains(seq);
    }

    /** Marks a message as done. */
    void done(long seq) {
        advance(acked.with(seq, seq));
        failed.remove(seq);
    }

    /** Marks all messages up to a seq as done. */
    void doneUpTo(long seq) {
        advance(seq > position ? acked.with(position + 1, seq) : acked);
    }

    private void advance(SeqSet done) {
        position = done.endOfRunAfter(position);
        acked = done.after(position);
        changed = true;
    }

    /** Counts a failed ack of a message, at most one in this transaction. Returns the message's failed acks so far. */
    int fail(long seq) {
        return failedNow.add(seq) ? failed.merge(seq, 1, Integer::sum) : failed.get(seq);
    }

    /** Returns how many failed acks a message has. */
    int failures(long seq) {
        return failed.getOrDefault(seq, 0);
    }

    /** Adds a message to the dead letters to be written. */
    void addTo(DeadLetterBatch deadLetters, long seq, String error, int retries) {
        deadLetters.add(queueId, partitionId, seq, group, error, retries);
    }

    /** Ends the lease. The cursor is ready again after the delay. */
    void giveBack(long afterMs) {
        delayMs = Math.max(delayMs, afterMs);
        changed = true;
        returned = true;
    }

    /** Keeps the lease, even if no leased message is left. */
    void keepLease() {
        kept = true;
    }

    boolean isChanged() {
        return changed;
    }

    /** Returns whether the lease ends with this transaction. */
    boolean leaseEnds() {
        return leaseId != null && !kept && (returned || acked.missing(position, leaseEnd) == 0);
    }

    /** Returns whether the lease is live and stays so. */
    boolean leaseGoesOn() {
        return leaseId != null && held && !leaseEnds();
    }

    /** Returns the row to write if the cursor has no lease after this transaction. */
    CursorUpdates.Update update() {
        failed.headMap(position, true).clear();
        return new CursorUpdates.Update(groupId, partitionId, position, acked, failed, 0, delayMs);
    }
}
