package dev.sluice.buffer;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.UUID;

/**
 * The committed position of a log and how the log was closed, stored in the file {@code position}, an
 * {@link AtomicFile}.
 *
 * @param id the log
 * @param epoch the newest epoch
 * @param committed everything below this offset has been moved on
 * @param cleanEnd offset at which the log was closed cleanly; {@link #OPEN} otherwise
 * @param format newest version of segments that the program knew which has stored the position
 */
record CommittedPosition(UUID id, long epoch, long committed, long cleanEnd, int format) {
    // offset  width  field      meaning
    //      0      8  magic      "SLUICPOS"
    //      8      4  version    1
    //     12      4  reserved   0
    //     16     16  log id
    //     32      8  epoch
    //     40      8  committed
    //     48      8  clean end  -1: not closed cleanly
    //     56      4  format     newest version of segments that the program knew; 0 means 1
    //     60      4  checksum   CRC-32C of bytes 0..59
    private static final int VERSION = 1;
    static final String FILE = "position";
    static final long OPEN = -1;
    static final int BYTES = 64;
    private static final long MAGIC =
            ByteBuffer.wrap("SLUICPOS".getBytes(US_ASCII)).getLong();
    private static final int FORMAT_AT = 56;
    private static final int CHECKSUM_AT = 60;

    /** A position that this program stores. */
    CommittedPosition(UUID id, long epoch, long committed, long cleanEnd) {
        this(id, epoch, committed, cleanEnd, SegmentFormat.VERSION);
    }

    void store(Storage storage) throws IOException {
        AtomicFile.replace(storage, FILE, file -> file.write(encode(), 0));
    }

    ByteBuffer encode() {
        var bytes = ByteBuffer.allocate(BYTES);
        bytes.putLong(0, MAGIC).putInt(8, VERSION);
        bytes.putLong(16, id.getMostSignificantBits()).putLong(24, id.getLeastSignificantBits());
        bytes.putLong(32, epoch).putLong(40, committed).putLong(48, cleanEnd);
        bytes.putInt(FORMAT_AT, format);
        return bytes.putInt(CHECKSUM_AT, SegmentFormat.checksum(bytes, 0, CHECKSUM_AT));
    }

    /** Decodes the contents of the file; empty if they are damaged or of an unknown version. */
    static Optional<CommittedPosition> decode(ByteBuffer bytes) {
        if (bytes.limit() != BYTES
                || bytes.getLong(0) != MAGIC
                || bytes.getInt(8) != VERSION
                || bytes.getInt(CHECKSUM_AT) != SegmentFormat.checksum(bytes, 0, CHECKSUM_AT)) {
            return Optional.empty();
        }
        var position = new CommittedPosition(
                new UUID(bytes.getLong(16), bytes.getLong(24)),
                bytes.getLong(32),
                bytes.getLong(40),
                bytes.getLong(48),
                Math.max(SegmentFormat.OLDEST_VERSION, bytes.getInt(FORMAT_AT)));
        var sound = LogId.isValid(position.id)
                && position.epoch >= 1
                && position.epoch <= SegmentFormat.MAX_EPOCH
                && position.committed >= 0
                && position.cleanEnd >= OPEN;
        return sound ? Optional.of(position) : Optional.empty();
    }
}
