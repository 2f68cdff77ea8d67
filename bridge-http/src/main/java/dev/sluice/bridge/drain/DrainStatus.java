package dev.sluice.bridge.drain;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * How the drain is doing, lane by lane; lanes of earlier generations come first.
 *
 * @param lanes one element per lane that is open
 */
public record DrainStatus(List<Lane> lanes) {

    /** Copies the list. */
    public DrainStatus {
        lanes = List.copyOf(lanes);
    }

    /** What a lane's drain does. */
    public enum State {
        /** It has not been started. */
        NEW,
        /** It waits until the lanes of earlier generations are drained. */
        WAITING,
        /** It writes, or has nothing to write. */
        RUNNING,
        /** It cannot write now and tries again. */
        DOWN,
        /** It is told to write nothing for the time being; messages stay in the log. */
        PAUSED,
        /**
         * A record was refused and there is no room left to keep it: nothing behind it is moved on until failed records
         * have been retried or dropped. Then it goes on by itself.
         */
        HOLDING,
        /** Somebody else has moved the lane's source. It has stopped, and nothing but a decision by a person helps. */
        SOURCE_TAKEN,
        /** It has stopped because of an error in the program. */
        BROKEN,
        /** It has stopped because it was told to, or because a lane of an earlier generation is drained. */
        STOPPED
    }

    /**
     * One lane.
     *
     * @param name generation and number, such as {@code 2/0}
     * @param logId identity of its log, by which PostgreSQL remembers it
     * @param state what it does
     * @param epoch epoch of the log now
     * @param committedOffset next offset not yet moved on
     * @param undrained messages in the log that are not moved on
     * @param oldestAge how long the oldest of them has waited; empty if there is none
     * @param messages messages moved on since the start
     * @param duplicates of these, how many PostgreSQL had already
     * @param batches transactions they took
     * @param skipped messages found to be in PostgreSQL already
     * @param refused messages PostgreSQL refused, kept in the log of failed records
     * @param failures tries that failed
     * @param outages times it went {@link State#DOWN}
     * @param taskRestarts times the task had to be made anew
     * @param lastError why the last try that failed did; empty if none has
     */
    public record Lane(
            String name,
            String logId,
            State state,
            long epoch,
            long committedOffset,
            long undrained,
            Optional<Duration> oldestAge,
            long messages,
            long duplicates,
            long batches,
            long skipped,
            long refused,
            long failures,
            long outages,
            long taskRestarts,
            Optional<String> lastError) {}

    /** Returns the messages in all lanes that are not moved on. */
    public long undrained() {
        return lanes.stream().mapToLong(Lane::undrained).sum();
    }

    /** Returns how long the oldest message has waited; empty if there is none. */
    public Optional<Duration> oldestAge() {
        return lanes.stream().flatMap(lane -> lane.oldestAge.stream()).max(Duration::compareTo);
    }
}
