package dev.sluice.connect.sink;

import static dev.sluice.queue.write.SourceProgress.NONE;

import dev.sluice.queue.write.SourcePartition;
import dev.sluice.queue.write.SourceProgress;
import java.util.OptionalLong;
import org.apache.kafka.common.TopicPartition;

/**
 * The position of a sink task in one topic partition. Each offset is a next offset: that of the first record that is
 * not stored, accepted or reported yet.
 *
 * <pre>
 *   reported &lt;= stored &lt;= accepted
 * </pre>
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class SinkPosition {
    final TopicPartition topicPartition;

    /** The key under which PostgreSQL stores the offset. */
    final SourcePartition sourcePartition;

    /**
     * The last known offset in PostgreSQL, {@code NONE} if there is no row. It has no meaning unless {@link #known}.
     */
    private long stored = NONE;

    private boolean known;

    /** All records below this offset are stored or held by the task. */
    private long accepted;

    /** The observer knows the outcome of all records below this offset. */
    private long reported;

    /** The offset that a write of unknown outcome would have stored, or {@code NONE}. */
    private long attempted = NONE;

    /**
     * The lowest offset to go back to: the first that was stored at the start or accepted; {@code NONE} before that.
     */
    private long origin = NONE;

    /** Whether the task has asked Connect to go back, and Connect still delivers records from before the request. */
    private boolean rewinding;

    /** Connect delivers no record below this offset for the first time. */
    private long passed;

    SinkPosition(String source, TopicPartition topicPartition) {
        this.topicPartition = topicPartition;
        this.sourcePartition = new SourcePartition(source, topicPartition.topic(), topicPartition.partition());
    }

    boolean isKnown() {
        return known;
    }

    /** Returns true if the outcome of the last write is unknown. */
    boolean hasUnsettledAttempt() {
        return attempted != NONE;
    }

    long stored() {
        return stored;
    }

    long attempted() {
        return attempted;
    }

    /**
     * Sets the offset that PostgreSQL has stored, when the task opens the partition or no longer knows the offset.
     *
     * @return the offset to continue at: the stored one; or the origin if PostgreSQL has lost an offset that it had
     *     stored; or {@code NONE} if PostgreSQL has never stored one
     */
    long locatedAt(OptionalLong offset) {
        boolean isLost = offset.isEmpty() && stored != NONE;
        stored = offset.orElse(NONE);
        if (origin == NONE) {
            origin = stored;
        }
        accepted = Math.max(stored, 0);
        attempted = NONE;
        known = true;
        return isLost ? origin : stored;
    }

    /** Forgets the offset, because another writer has moved it. */
    void forget() {
        known = false;
        attempted = NONE;
    }

    /** Notes that the task has asked Connect to continue at an offset, and holds no record from there on. */
    void continueAt(long offset) {
        passed = offset;
    }

    /** Notes that the task has asked Connect to go back to an offset. */
    void rewind(long offset) {
        rewinding = true;
        passed = offset;
    }

    /** Notes that Connect has gone back. */
    void rewound() {
        rewinding = false;
    }

    /**
     * Notes a record that Connect delivers for the first time.
     *
     * @return {@code NONE} if the record comes in order. Otherwise the offset that Connect had passed: the record is
     *     not the one that had this offset before, because a consumer only goes back if its position does not exist
     */
    long pass(long offset) {
        if (offset < passed) {
            return passed;
        }
        passed = offset + 1;
        return NONE;
    }

    /** Accepts a record. Returns false if it is stored or accepted already. */
    boolean accept(long offset) {
        if (rewinding || offset < accepted) {
            return false;
        }
        if (origin == NONE) {
            origin = offset;
        }
        accepted = offset + 1;
        return true;
    }

    /** Returns true if a record that was not accepted is stored, and the observer does not know it yet. */
    boolean reportStored(long offset) {
        if (rewinding || offset >= stored || offset < reported) {
            return false;
        }
        reported = offset + 1;
        return true;
    }

    SourceProgress progressTo(long next) {
        return new SourceProgress(sourcePartition, stored, next);
    }

    /** Notes that a write up to {@code next} failed, and that its outcome is unknown. */
    void attempt(long next) {
        attempted = next;
    }

    /** Notes that a write up to {@code next} has committed. */
    void moveTo(long next) {
        stored = next;
        attempted = NONE;
    }

    /** Notes that the observer knows the outcome of all records below {@code next}. */
    void reportedTo(long next) {
        reported = Math.max(reported, next);
    }

    /**
     * Returns the offset that Connect may commit, or {@code NONE} if the stored offset is unknown.
     *
     * @param delivered Connect's position. Records that a transform dropped and markers of transactions are below it
     *     too
     */
    long committable(long delivered) {
        if (!known) {
            return NONE;
        }
        boolean nothingHeld = accepted <= Math.max(stored, 0);
        return nothingHeld && !rewinding ? delivered : Math.min(stored, delivered);
    }
}
