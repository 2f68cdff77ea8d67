package dev.sluice.buffer;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A file named like a segment, and what {@link Recovery} has learned of it. */
final class FoundSegment {
    final String name;
    final long firstOffset;
    long size;
    Optional<SegmentFormat.Header> header = Optional.empty();
    boolean unreadable;
    boolean keep;
    long epoch;

    @Nullable
    SegmentScan scan;

    FoundSegment(String name, long firstOffset) {
        this.name = name;
        this.firstOffset = firstOffset;
    }

    boolean isOfUnknownVersion() {
        return header.isPresent() && header.get().version() != SegmentFormat.VERSION;
    }

    /** Returns when the segment was begun, by its header; 0 if that is damaged. */
    long createdAtMillis() {
        return header.map(SegmentFormat.Header::createdAtMillis).orElse(0L);
    }

    /** Returns an offset that nothing in the file can reach: every record takes 4 bytes at least. */
    long offsetBound() {
        return firstOffset + Math.max(size, SegmentFormat.HEADER_BYTES);
    }
}
