package dev.sluice.queue.read;

import java.sql.ResultSet;
import java.sql.SQLException;

/**
 * A ready cursor whose row is locked, and what of it may be read.
 *
 * @param acked what is done after {@code position}
 * @param visible the last seq old enough to be delivered
 * @param deliveries leases in a row that have ended without a word
 * @param heldBackMs how long nothing of it may be delivered; 0 or less: something may
 */
record ReadyCursor(
        long groupId,
        long partitionId,
        long queueId,
        String queue,
        String partition,
        long position,
        long visible,
        SeqSet acked,
        int leaseTimeS,
        int deliveries,
        int redeliveryLimit,
        long delayS,
        long heldBackMs) {

    /** Lease time of a queue whose option is zero. */
    private static final int DEFAULT_LEASE_TIME_S = 60;

    /** Reads a row of {@code ready}. */
    static ReadyCursor of(ResultSet row) throws SQLException {
        int leaseTimeS = row.getInt("lease_time_s");
        return new ReadyCursor(
                row.getLong("group_id"),
                row.getLong("partition_id"),
                row.getLong("queue_id"),
                row.getString("queue"),
                row.getString("partition"),
                row.getLong("position"),
                row.getLong("head"),
                SeqSet.parse(row.getString("acked")),
                leaseTimeS == 0 ? DEFAULT_LEASE_TIME_S : leaseTimeS,
                row.getInt("deliveries") + (row.getBoolean("lease_expired") ? 1 : 0),
                row.getInt("redelivery_limit"),
                row.getLong("delayed_processing_s"),
                row.getLong("window_ms"));
    }

    long available() {
        return heldBackMs > 0 ? 0 : acked.missing(position, visible);
    }

    /** A message that ends its consumers is found by giving what waits first alone. */
    long most() {
        return redeliveryLimit > 0 && deliveries > redeliveryLimit / 2 ? 1 : Long.MAX_VALUE;
    }

    boolean isBeyondRedelivery() {
        return redeliveryLimit > 0 && deliveries >= redeliveryLimit;
    }

    ReadyCursor visibleTo(long seq, long nextMs) {
        return new ReadyCursor(
                groupId,
                partitionId,
                queueId,
                queue,
                partition,
                position,
                seq,
                acked,
                leaseTimeS,
                deliveries,
                redeliveryLimit,
                delayS,
                Math.max(heldBackMs, acked.missing(position, seq) == 0 ? nextMs : 0));
    }

    /** This cursor when these are done, too, and its holder has been heard of. */
    ReadyCursor without(SeqSet seqs) {
        SeqSet done = acked.with(seqs);
        long moved = done.endOfRunAfter(position);
        return new ReadyCursor(
                groupId,
                partitionId,
                queueId,
                queue,
                partition,
                moved,
                visible,
                done.after(moved),
                leaseTimeS,
                0,
                redeliveryLimit,
                delayS,
                heldBackMs);
    }
}
