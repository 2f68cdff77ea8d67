package dev.sluice.buffer;

import java.time.Instant;
import java.util.Objects;

/**
 * A record that could not be moved on for what it is.
 *
 * @param id number in the {@link FailedLog}; -1 until it has one
 * @param failedAt when it was refused
 * @param reason why, as a person should read it; stored in UTF-8, cut at {@link #MAX_TEXT_BYTES} bytes
 * @param origin where it came from, in the words of whoever put it here; cut likewise
 * @param payload the record as it was in the log
 */
@SuppressWarnings("ArrayRecordComponent") // Identity of a record is its id; records are never compared.
public record FailedRecord(long id, Instant failedAt, String reason, String origin, byte[] payload) {
    private static final long NEW = -1;

    /** Most bytes of reason and of origin that are kept: 4 KiB each. */
    public static final int MAX_TEXT_BYTES = 4 << 10;

    /** Checks that nothing is missing. */
    public FailedRecord {
        Objects.requireNonNull(failedAt);
        Objects.requireNonNull(reason);
        Objects.requireNonNull(origin);
        Objects.requireNonNull(payload);
    }

    /** Returns a record to be added. */
    public static FailedRecord of(Instant failedAt, String reason, String origin, byte[] payload) {
        return new FailedRecord(NEW, failedAt, reason, origin, payload);
    }
}
