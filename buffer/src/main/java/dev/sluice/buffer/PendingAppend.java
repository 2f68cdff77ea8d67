package dev.sluice.buffer;

import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * An append on its way to the file.
 *
 * @param bodyBytes bytes of its frame's body
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

    /** What it costs in memory, about: an empty append in a list of a million costs something too. */
    long heldBytes() {
        return (long) bodyBytes + SegmentLogConfig.PENDING_OVERHEAD_BYTES;
    }
}
