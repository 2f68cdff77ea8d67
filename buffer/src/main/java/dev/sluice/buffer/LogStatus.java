package dev.sluice.buffer;

import java.time.Duration;
import java.util.Optional;

/**
 * The state of a log at one moment.
 *
 * @param usedBytes bytes of all segments and of appends that wait in memory
 * @param limitBytes {@code buffer.max.bytes}
 * @param full whether the log refuses appends until usage falls below the low-water mark
 * @param pendingBytes bytes of appends that wait in memory for the disk
 * @param committedOffset the lowest offset that is not committed
 * @param nextOffset offset that the next append gets
 * @param durableOffset everything below it is durable or was reported as failed
 * @param uncommittedEntries entries from committed to next, without offsets that hold nothing; 0 when the log is
 *     drained
 * @param oldestUncommittedAge how long the oldest uncommitted entry has waited, to a second; empty when there is none
 * @param segments number of log segments
 * @param epoch epoch of new appends
 * @param failure the current problem with writing, syncing or storing the position; empty when the last attempt of each
 *     succeeded
 * @param failureAge the age of a failed write or sync if the log waits for an append to try again; zero if it retries
 *     by itself or not at all
 * @param counters counts since the log was opened
 */
public record LogStatus(
        long usedBytes,
        long limitBytes,
        boolean full,
        long pendingBytes,
        long committedOffset,
        long nextOffset,
        long durableOffset,
        long uncommittedEntries,
        Optional<Duration> oldestUncommittedAge,
        int segments,
        long epoch,
        Optional<String> failure,
        Duration failureAge,
        LogCounters counters) {

    /** Returns whether an append would probably fail now: the last attempt failed less than {@code recent} ago. */
    public boolean appendsFail(Duration recent) {
        return failure.isPresent() && failureAge.compareTo(recent) < 0;
    }
}
