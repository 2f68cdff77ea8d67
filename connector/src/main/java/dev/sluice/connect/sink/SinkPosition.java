package dev.sluice.connect.sink;

import static dev.sluice.queue.write.SourceProgress.NONE;

import dev.sluice.queue.write.SourcePartition;
import dev.sluice.queue.write.SourceProgress;
import java.util.OptionalLong;
import org.apache.kafka.common.TopicPartition;

/**
 * Where a sink task stands in one topic partition. All offsets are next ones: of the first record that is not there
 * yet.
 *
 * <pre>
 *   reported &lt;= stored &lt;= accepted
 * </pre>
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class SinkPosition {
    final TopicPartition topicPartition;
    final SourcePartition partition;

    /**
     * Offset in PostgreSQL as far as we know, {@code NONE} for no row. Has no meaning while {@link #known} is false.
     */
    private long stored = NONE;

    private boolean known;

    /** Below this every record is stored or held by the task. */
    private long accepted;

    /** Below this the observer has heard what became of every record. */
    private long reported;

    /** Where a write whose end we did not see would have moved {@link #stored}, or {@code NONE}. */
    private long attempted = NONE;

    /** First offset this task was given or knew to be stored, {@code NONE} before that: the furthest it goes back. */
    private long origin = NONE;

    /** Whether we asked Connect to go back, and what it delivers now comes from before it did. */
    private boolean rewinding;

    /**
     * Below this Connect delivers nothing for the first time: where we asked it to continue, or how far it has come
     * since.
     */
    private long passed;

    SinkPosition(String name, TopicPartition topicPartition) {
        this.topicPartition = topicPartition;
        this.partition = new SourcePartition(name, topicPartition.topic(), topicPartition.partition());
    }

    boolean isKnown() {
        return known;
    }

    boolean isRewinding() {
        return rewinding;
    }

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
     * PostgreSQL says where we are: after opening, or after we had lost track.
     *
     * @return where to continue: at what is stored; at the first offset this task knows of if PostgreSQL has lost what
     *     it had stored; {@code NONE} if it never had stored anything, as far as we know
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

    /** Somebody else has moved the source: nothing is known any more. */
    void lost() {
        known = false;
        attempted = NONE;
    }

    /** We asked Connect to continue at this offset; what it delivers now has nothing from there on. */
    void continueAt(long offset) {
        passed = offset;
    }

    /** We asked Connect to go back to this offset. */
    void rewind(long offset) {
        rewinding = true;
        passed = offset;
    }

    void rewound() {
        rewinding = false;
    }

    /**
     * Notes a record that Connect delivers for the first time.
     *
     * @return {@code NONE}, or, where Connect has passed this offset, the one below which it delivers nothing for the
     *     first time: then it is another record than had this offset before, for the consumer only goes forward unless
     *     the place where it stands does not exist
     */
    long pass(long offset) {
        if (offset < passed) {
            return passed;
        }
        passed = offset + 1;
        return NONE;
    }

    /** Says whether a record has neither been stored nor been taken before, and takes it. */
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

    /** Says whether a record that was not accepted is stored and the observer has not heard so yet; it does now. */
    boolean reportStored(long offset) {
        if (rewinding || offset >= stored || offset < reported) {
            return false;
        }
        reported = offset + 1;
        return true;
    }

    SourceProgress progressTo(long next) {
        return new SourceProgress(partition, stored, next);
    }

    /** A write to {@code next} failed in a way that leaves open whether it was committed. */
    void attempt(long next) {
        attempted = next;
    }

    /** A write to {@code next} was committed. */
    void moveTo(long next) {
        stored = next;
        attempted = NONE;
    }

    /** The observer has heard of everything below {@code next}. */
    void reportedTo(long next) {
        reported = Math.max(reported, next);
    }

    /**
     * Returns up to where Connect may forget the records, or {@code NONE} if that cannot be said.
     *
     * @param delivered where Connect stands: records that a transform dropped, or that mark transactions, are below it
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
