package dev.sluice.buffer;

import java.time.Instant;
import java.util.OptionalLong;

/**
 * One log segment, as {@link LogDirectory#inspect} shows it.
 *
 * @param file file name
 * @param firstOffset the lowest offset that it may hold
 * @param nextOffset offset after the last one in it
 * @param bytes size of the file
 * @param epoch epoch in which it was written
 * @param entries how many records it holds; empty if it was not read
 * @param createdAt when it was created; 1970 if its header is damaged
 */
public record SegmentInfo(
        String file,
        long firstOffset,
        long nextOffset,
        long bytes,
        long epoch,
        OptionalLong entries,
        Instant createdAt) {}
