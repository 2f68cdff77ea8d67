package dev.sluice.buffer;

/**
 * Counts since a log was opened. All of them only grow.
 *
 * @param appends appends written
 * @param records records written
 * @param bytes bytes written to segments, frames and headers included
 * @param groups writes of one or more appends together
 * @param syncs times the disk was asked to make appends durable, and did
 * @param refusedFull appends refused because the log was full
 * @param refusedPending appends refused because too much waited in memory
 * @param failedAppends appends accepted and then not written because a write failed
 * @param failedWrites writes that failed
 * @param failedSyncs syncs that failed
 * @param segmentsCreated files begun
 * @param segmentsDeleted files deleted after their contents were committed
 * @param cutBytes bytes cut from torn tails at opening
 * @param quarantinedRanges damaged ranges copied (or moved) to the quarantine
 * @param quarantinedBytes bytes in them
 * @param lostEntries offsets that were once assigned and written and cannot be read any more
 * @param failedReads reads that failed with an I/O error
 * @param positionsWritten times the committed position was made durable
 * @param failedPositions times that failed
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
