package dev.sluice.buffer;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;

/**
 * Directory and bounds of one {@link SegmentLog}. Sizes are in bytes. An instance is always valid: the constructor
 * reports all problems in one message, which names the keys as the user types them. Every value may differ from one
 * opening to the next.
 *
 * @param directory {@code buffer.dir}: the directory of this log alone; created with mode 0700 if it is missing
 * @param segmentBytes {@code buffer.segment.bytes}: the log begins a new segment before an append that would take the
 *     current one beyond this, 4 KiB to 1 GiB. A larger append gets a segment of its own
 * @param maxBytes {@code buffer.max.bytes}: the log refuses appends above this; at least four segments and two appends.
 *     It accepts them again below {@value #LOW_WATER_PERCENT} percent
 * @param sync {@code buffer.fsync}
 * @param maxRecordBytes {@code buffer.max.record.bytes}: the largest payload, less than {@code maxAppendBytes}
 * @param maxAppendBytes {@code buffer.max.append.bytes}: the largest append, as the sum of its payloads and 4 bytes for
 *     each of them, 1 KiB to {@link #MAX_APPEND_BYTES}
 * @param maxPendingBytes {@code buffer.max.pending.bytes}: the log refuses appends while more than this waits in memory
 *     for the disk; at least {@code maxAppendBytes} and {@value #PENDING_OVERHEAD_BYTES}
 * @param positionInterval {@code buffer.position.interval.ms}: how often the log stores a committed position that
 *     moves, 1 ms to one hour. After a crash, the reader gets again at most what was committed within it
 * @param verifyBytes {@code buffer.verify.bytes}: how much data, besides the newest segment, opening verifies; the rest
 *     is verified when it is read. 0 or more
 */
public record SegmentLogConfig(
        Path directory,
        long segmentBytes,
        long maxBytes,
        SyncPolicy sync,
        int maxRecordBytes,
        int maxAppendBytes,
        long maxPendingBytes,
        Duration positionInterval,
        long verifyBytes) {

    /** The smallest segment: 4 KiB. */
    public static final long MIN_SEGMENT_BYTES = 4 << 10;

    /** The largest segment: 1 GiB. */
    public static final long MAX_SEGMENT_BYTES = 1 << 30;

    /** The smallest bound of an append: 1 KiB. */
    static final int MIN_APPEND_BYTES = 1 << 10;

    /** The largest append that the format can hold: 64 MiB. */
    public static final int MAX_APPEND_BYTES = SegmentFormat.MAX_BODY_BYTES;

    /** The most records in one append. */
    static final int MAX_RECORDS_PER_APPEND = SegmentFormat.MAX_RECORDS;

    /** A full log accepts appends again when this share of {@code maxBytes} is in use. */
    static final int LOW_WATER_PERCENT = 90;

    /** The memory that an append takes besides its payloads; counts towards {@code maxPendingBytes}. */
    static final int PENDING_OVERHEAD_BYTES = 256;

    private static final Duration LONGEST_INTERVAL = Duration.ofHours(1);

    /** Rejects values out of bounds. */
    public SegmentLogConfig {
        Objects.requireNonNull(directory);
        Objects.requireNonNull(sync);
        var problems = new StringBuilder();
        range(problems, "buffer.segment.bytes", segmentBytes, MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES);
        check(
                problems,
                maxBytes / 4 >= segmentBytes,
                "buffer.max.bytes must be at least four times buffer.segment.bytes (" + segmentBytes + "), was "
                        + maxBytes);
        check(
                problems,
                maxBytes / 2 >= maxAppendBytes,
                "buffer.max.bytes must be at least twice buffer.max.append.bytes (" + maxAppendBytes + "), was "
                        + maxBytes);
        range(problems, "buffer.max.append.bytes", maxAppendBytes, MIN_APPEND_BYTES, MAX_APPEND_BYTES);
        check(
                problems,
                maxRecordBytes >= 1 && maxRecordBytes <= maxAppendBytes - SegmentFormat.RECORD_HEADER_BYTES,
                "buffer.max.record.bytes must be 1 to " + (maxAppendBytes - SegmentFormat.RECORD_HEADER_BYTES)
                        + " (four less than buffer.max.append.bytes), was " + maxRecordBytes);
        check(
                problems,
                maxPendingBytes >= (long) maxAppendBytes + PENDING_OVERHEAD_BYTES,
                "buffer.max.pending.bytes must be at least buffer.max.append.bytes and " + PENDING_OVERHEAD_BYTES + " ("
                        + ((long) maxAppendBytes + PENDING_OVERHEAD_BYTES) + "), was " + maxPendingBytes);
        check(
                problems,
                positionInterval.toMillis() >= 1 && positionInterval.compareTo(LONGEST_INTERVAL) <= 0,
                "buffer.position.interval.ms must be 1 to " + LONGEST_INTERVAL.toMillis() + ", was "
                        + positionInterval.toMillis());
        check(problems, verifyBytes >= 0, "buffer.verify.bytes must be 0 or more, was " + verifyBytes);
        if (problems.length() > 0) {
            throw new IllegalArgumentException(problems.toString());
        }
    }

    private static void range(StringBuilder problems, String key, long value, long least, long most) {
        check(problems, value >= least && value <= most, key + " must be " + least + " to " + most + ", was " + value);
    }

    private static void check(StringBuilder problems, boolean good, String problem) {
        if (!good) {
            problems.append(problems.length() == 0 ? "" : "; ").append(problem);
        }
    }

    /**
     * Returns the default configuration: segments of 64 MiB, 8 GiB in all, every append synced, records up to 16 MiB in
     * appends up to 32 MiB, 64 MiB pending, a position every second, 1 GiB verified.
     *
     * @param directory the directory of the log
     */
    public static SegmentLogConfig defaults(Path directory) {
        return new SegmentLogConfig(
                directory,
                64L << 20,
                8L << 30,
                SyncPolicy.always(),
                16 << 20,
                32 << 20,
                64L << 20,
                Duration.ofSeconds(1),
                1L << 30);
    }

    /** Returns this configuration for another directory. */
    public SegmentLogConfig withDirectory(Path other) {
        return new SegmentLogConfig(
                other,
                segmentBytes,
                maxBytes,
                sync,
                maxRecordBytes,
                maxAppendBytes,
                maxPendingBytes,
                positionInterval,
                verifyBytes);
    }

    /** Returns this configuration with other sizes of a segment and of the log. */
    public SegmentLogConfig withSizes(long newSegmentBytes, long newMaxBytes) {
        return new SegmentLogConfig(
                directory,
                newSegmentBytes,
                newMaxBytes,
                sync,
                maxRecordBytes,
                maxAppendBytes,
                maxPendingBytes,
                positionInterval,
                verifyBytes);
    }

    /** Returns this configuration with another sync policy. */
    public SegmentLogConfig withSync(SyncPolicy policy) {
        return new SegmentLogConfig(
                directory,
                segmentBytes,
                maxBytes,
                policy,
                maxRecordBytes,
                maxAppendBytes,
                maxPendingBytes,
                positionInterval,
                verifyBytes);
    }

    /** Returns this configuration with other bounds of a record, of an append and of what waits in memory. */
    public SegmentLogConfig withLimits(int newMaxRecordBytes, int newMaxAppendBytes, long newMaxPendingBytes) {
        return new SegmentLogConfig(
                directory,
                segmentBytes,
                maxBytes,
                sync,
                newMaxRecordBytes,
                newMaxAppendBytes,
                newMaxPendingBytes,
                positionInterval,
                verifyBytes);
    }

    /** Returns this configuration with another amount of data to verify at opening. */
    SegmentLogConfig withVerifyBytes(long bytes) {
        return new SegmentLogConfig(
                directory,
                segmentBytes,
                maxBytes,
                sync,
                maxRecordBytes,
                maxAppendBytes,
                maxPendingBytes,
                positionInterval,
                bytes);
    }
}
