package dev.sluice.buffer;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A file that is named like a segment, with the facts that {@link Recovery} has found about it. */
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
        return header.isPresent() && !header.get().isOfKnownVersion();
    }

    /** Returns whether a program that knows segments up to this version cannot read this one. */
    boolean isBeyond(int version) {
        return header.isPresent() && header.get().version() > version;
    }

    /** Returns when the segment was created, by its header; 0 if the header is damaged. */
    long createdAtMillis() {
        return header.map(SegmentFormat.Header::createdAtMillis).orElse(0L);
    }

    /**
     * Returns an offset above every offset that the file can hold without void frames: a record takes at least 4 bytes.
     */
    long offsetBound() {
        return firstOffset + Math.max(size, SegmentFormat.HEADER_BYTES);
    }
}
