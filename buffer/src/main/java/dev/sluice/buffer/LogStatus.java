package dev.sluice.buffer;

import java.time.Duration;
import java.util.Optional;

/**
 * What a log holds and how it is doing, at one moment.
 *
 * @param usedBytes bytes of all segments plus appends that wait in memory
 * @param limitBytes {@code buffer.max.bytes}
 * @param full whether appends are being refused until usage falls below the low-water mark
 * @param pendingBytes appends that wait in memory for the disk
 * @param committedOffset next offset not yet committed
 * @param nextOffset offset the next append will get
 * @param durableOffset everything below is durable, or was reported as failed
 * @param uncommittedEntries entries from committed to next, without the offsets of appends that could not be written; 0
 *     when all has been moved on
 * @param oldestUncommittedAge how long the oldest uncommitted entry has waited, exact to a second; empty when there is
 *     none
 * @param segments number of files
 * @param epoch epoch of new appends
 * @param failure what is wrong now with writing, syncing or trimming; empty when the last attempt of each succeeded
 * @param failureAge how long ago that was, if it was an append and none has been tried since; zero if it is tried over
 *     and over, or never again
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

    /** Returns whether an append would probably fail now: something did, less than {@code patience} ago. */
    public boolean appendsFail(Duration patience) {
        return failure.isPresent() && failureAge.compareTo(patience) < 0;
    }
}
