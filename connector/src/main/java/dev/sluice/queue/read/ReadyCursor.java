package dev.sluice.queue.read;

import java.sql.ResultSet;
import java.sql.SQLException;

/**
 * A ready cursor whose row this transaction has locked, with the messages that it may deliver.
 *
 * @param acked seqs that are done after {@code position}
 * @param visible last seq that is old enough to be delivered
 * @param deliveries consecutive leases that expired without an ack
 * @param heldBackMs how long the cursor may not deliver any message; 0 or less: it may deliver
 * @param lanes the lane of the cursor, and the most urgent lane that waits in its partition
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
        long heldBackMs,
        Lanes lanes) {

    /** Numbers of lanes. They differ after messages of a more urgent lane are done. */
    record Lanes(int ofCursor, int waiting) {}

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
                row.getLong("window_ms"),
                new Lanes(row.getInt("lane"), row.getInt("lane_waiting")));
    }

    /** Returns the number of its lane. */
    int lane() {
        return lanes.ofCursor();
    }

    /** Returns whether all messages of its lane are done, and less urgent ones wait. */
    boolean isInLaneOfDoneMessages() {
        return lanes.ofCursor() < lanes.waiting();
    }

    /** Returns how many messages may be delivered. */
    long available() {
        return heldBackMs > 0 ? 0 : acked.missing(position, visible);
    }

    /**
     * Returns the most messages of one lease. After many redeliveries a lease has one message, to isolate a message
     * that crashes its consumers.
     */
    long most() {
        return redeliveryLimit > 0 && deliveries > redeliveryLimit / 2 ? 1 : Long.MAX_VALUE;
    }

    /** Returns whether the first message has reached the redelivery limit of its queue. */
    boolean isBeyondRedelivery() {
        return redeliveryLimit > 0 && deliveries >= redeliveryLimit;
    }

    /**
     * Returns this cursor with another last visible seq.
     *
     * @param nextMs how long until the next message is old enough
     */
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
                Math.max(heldBackMs, acked.missing(position, seq) == 0 ? nextMs : 0),
                lanes);
    }

    /** Returns this cursor after these seqs are done. Its count of expired leases starts again. */
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
                heldBackMs,
                lanes);
    }
}
