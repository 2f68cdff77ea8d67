package dev.sluice.buffer;

import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * An accepted append that is not written yet.
 *
 * @param bodyBytes size of the body of its frame
 * @param written completes when the records are in the file
 */
record PendingAppend(
        long firstOffset,
        List<byte[]> payloads,
        int bodyBytes,
        long acceptedAtMillis,
        CompletableFuture<Void> written) {

    long nextOffset() {
        return firstOffset + payloads.size();
    }

    int frameBytes() {
        return SegmentFormat.FRAME_HEADER_BYTES + bodyBytes;
    }

    /** Returns about how much memory it takes; a small append takes more than its payloads. */
    long heldBytes() {
        return (long) bodyBytes + SegmentLogConfig.PENDING_OVERHEAD_BYTES;
    }
}
