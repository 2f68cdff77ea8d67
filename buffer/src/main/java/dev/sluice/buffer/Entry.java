package dev.sluice.buffer;

import java.time.Instant;

/**
 * One record read back from a {@link SegmentLog}.
 *
 * @param offset place in the log, from 0; strictly increasing, and consecutive except for failed appends
 * @param epoch epoch of the log when the record was appended; see {@link SegmentLog#epoch()}
 * @param appendedAtMillis when the record was accepted, in milliseconds since 1970, by the clock of this machine
 * @param payload the bytes given to {@link SegmentLog#append}; not copied, so do not change them
 */
@SuppressWarnings("ArrayRecordComponent") // The offset identifies an entry; entries are never compared.
public record Entry(long offset, long epoch, long appendedAtMillis, byte[] payload) {

    /** Returns when the record was accepted. */
    public Instant appendedAt() {
        return Instant.ofEpochMilli(appendedAtMillis);
    }
}
