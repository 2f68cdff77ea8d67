package dev.sluice.buffer;

import java.time.Instant;
import java.util.OptionalLong;

/**
 * One segment of a log, as {@link LogDirectory#inspect} shows it.
 *
 * @param file file name
 * @param firstOffset offset of the first record it may hold
 * @param nextOffset offset after the last one
 * @param bytes size of the file
 * @param epoch epoch it was written in
 * @param entries records in it; empty if it was not read through
 * @param createdAt when it was begun; 1970 if its header is damaged
 */
public record SegmentInfo(
        String file,
        long firstOffset,
        long nextOffset,
        long bytes,
        long epoch,
        OptionalLong entries,
        Instant createdAt) {}
