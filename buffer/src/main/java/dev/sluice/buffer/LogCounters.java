package dev.sluice.buffer;

/**
 * Counts since a log was opened. None of them decreases.
 *
 * @param appends appends written
 * @param records records written
 * @param bytes bytes written to segments, frames and headers included
 * @param groups groups of appends written
 * @param syncs syncs that succeeded
 * @param refusedFull appends refused because the log was full
 * @param refusedPending appends refused because too many bytes waited in memory
 * @param failedAppends appends that were accepted but not written, because a write failed
 * @param failedWrites writes that failed
 * @param failedSyncs syncs that failed
 * @param segmentsCreated log segments created
 * @param segmentsDeleted log segments deleted after their contents were committed
 * @param cutBytes bytes cut from torn tails at opening
 * @param quarantinedRanges damaged ranges copied or moved to the quarantine
 * @param quarantinedBytes bytes in them
 * @param lostEntries offsets that were written and can no longer be read
 * @param failedReads reads that failed with an I/O error
 * @param positionsWritten how often the committed position was stored
 * @param failedPositions how often storing it failed
 */
public record LogCounters(
        long appends,
        long records,
        long bytes,
        long groups,
        long syncs,
        long refusedFull,
        long refusedPending,
        long failedAppends,
        long failedWrites,
        long failedSyncs,
        long segmentsCreated,
        long segmentsDeleted,
        long cutBytes,
        long quarantinedRanges,
        long quarantinedBytes,
        long lostEntries,
        long failedReads,
        long positionsWritten,
        long failedPositions) {}
