package dev.sluice.buffer;

import java.util.concurrent.atomic.LongAdder;

/** The live counters behind {@link LogCounters}. Thread-safe. */
final class Counters {
    final LongAdder appends = new LongAdder();
    final LongAdder records = new LongAdder();
    final LongAdder bytes = new LongAdder();
    final LongAdder groups = new LongAdder();
    final LongAdder syncs = new LongAdder();
    final LongAdder refusedFull = new LongAdder();
    final LongAdder refusedPending = new LongAdder();
    final LongAdder failedAppends = new LongAdder();
    final LongAdder failedWrites = new LongAdder();
    final LongAdder failedSyncs = new LongAdder();
    final LongAdder segmentsCreated = new LongAdder();
    final LongAdder segmentsDeleted = new LongAdder();
    final LongAdder cutBytes = new LongAdder();
    final LongAdder quarantinedRanges = new LongAdder();
    final LongAdder quarantinedBytes = new LongAdder();
    final LongAdder lostEntries = new LongAdder();
    final LongAdder failedReads = new LongAdder();
    final LongAdder positionsWritten = new LongAdder();
    final LongAdder failedPositions = new LongAdder();

    LogCounters now() {
        return new LogCounters(
                appends.sum(),
                records.sum(),
                bytes.sum(),
                groups.sum(),
                syncs.sum(),
                refusedFull.sum(),
                refusedPending.sum(),
                failedAppends.sum(),
                failedWrites.sum(),
                failedSyncs.sum(),
                segmentsCreated.sum(),
                segmentsDeleted.sum(),
                cutBytes.sum(),
                quarantinedRanges.sum(),
                quarantinedBytes.sum(),
                lostEntries.sum(),
                failedReads.sum(),
                positionsWritten.sum(),
                failedPositions.sum());
    }
}
