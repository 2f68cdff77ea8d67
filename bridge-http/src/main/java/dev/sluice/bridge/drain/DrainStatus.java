package dev.sluice.bridge.drain;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The state of the drain, lane by lane; lanes of earlier generations come first.
 *
 * @param lanes one element per open lane
 */
public record DrainStatus(List<Lane> lanes) {

    /** Copies the list. */
    public DrainStatus {
        lanes = List.copyOf(lanes);
    }

    /** What the drain of a lane does. */
    public enum State {
        /** It is not started. */
        NEW,
        /** It waits until the lanes of earlier generations are drained. */
        WAITING,
        /** It writes, or there is nothing to write. */
        RUNNING,
        /** It cannot write now, and retries. */
        DOWN,
        /** It is held for maintenance; messages stay in the log. */
        PAUSED,
        /**
         * A record was refused and there is no room for it in the failed records. Nothing behind it is drained until an
         * operator retries or drops failed records; then the lane continues by itself.
         */
        HOLDING,
        /** Another process has moved the lane's source. The lane has stopped until an operator decides. */
        SOURCE_TAKEN,
        /** It has stopped because of a defect in the program. */
        BROKEN,
        /** It has stopped because the drain stops, or because a lane of an earlier generation is empty. */
        STOPPED
    }

    /**
     * One lane.
     *
     * @param name generation and number, such as {@code 2/0}
     * @param logId identity of its log, under which PostgreSQL stores its offsets
     * @param state what its drain does
     * @param epoch current epoch of the log
     * @param committedOffset first offset that is not drained
     * @param undrained undrained messages in the log
     * @param oldestAge age of the oldest of them; empty if there is none
     * @param messages messages drained since the start
     * @param duplicates how many of these were duplicates in PostgreSQL
     * @param batches transactions that moved them
     * @param skipped messages skipped because PostgreSQL has stored them
     * @param refused messages refused by the destination and kept in the failed records
     * @param failures failed tries
     * @param outages how often it went {@link State#DOWN}
     * @param taskRestarts how often the drain replaced the task
     * @param lastError reason of the last failed try; empty if none failed
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

    /** Returns the number of undrained messages in all lanes. */
    public long undrained() {
        return lanes.stream().mapToLong(Lane::undrained).sum();
    }

    /** Returns the age of the oldest undrained message; empty if there is none. */
    public Optional<Duration> oldestAge() {
        return lanes.stream().flatMap(lane -> lane.oldestAge.stream()).max(Duration::compareTo);
    }
}
