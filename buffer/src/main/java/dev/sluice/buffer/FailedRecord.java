package dev.sluice.buffer;

import java.time.Instant;
import java.util.Objects;

/**
 * A record that was set aside because its contents cannot be processed.
 *
 * @param id number in the {@link FailedLog}; -1 before it is added
 * @param failedAt when the record was refused
 * @param reason why, for a person to read; stored in UTF-8 and cut at {@link #MAX_TEXT_BYTES} bytes
 * @param origin where the record came from, in the words of the caller; cut likewise
 * @param payload the record as it was in the log
 */
@SuppressWarnings("ArrayRecordComponent") // The id identifies a record; records are never compared.
public record FailedRecord(long id, Instant failedAt, String reason, String origin, byte[] payload) {
    private static final long NEW = -1;

    /** The most bytes kept of the reason, and of the origin: 4 KiB each. */
    public static final int MAX_TEXT_BYTES = 4 << 10;

    /** Rejects null. */
    public FailedRecord {
        Objects.requireNonNull(failedAt);
        Objects.requireNonNull(reason);
        Objects.requireNonNull(origin);
        Objects.requireNonNull(payload);
    }

    /** Returns a record that has no id yet. */
    public static FailedRecord of(Instant failedAt, String reason, String origin, byte[] payload) {
        return new FailedRecord(NEW, failedAt, reason, origin, payload);
    }
}
