package dev.sluice.buffer;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;

/** Encodes and decodes segment headers and frames, and computes their checksums. Does no I/O. Big-endian. */
final class SegmentFormat {
    /** Version of the segments that are written. */
    static final int VERSION = 2;

    /** Oldest version that is read. */
    static final int OLDEST_VERSION = 1;

    // Segment header. Magic, version and checksum have the same place in every version.
    // offset  width  field       meaning
    //      0      8  magic       "SLUICLOG"
    //      8      4  version     2, or 1: the same format, with records that programs of version 1 can read
    //     12      4  reserved    0
    //     16     16  log id
    //     32      8  epoch       from 1
    //     40      8  first       offset of the first record the segment may hold; also the file's name
    //     48      8  created     milliseconds since 1970
    //     56      4  reserved    0
    //     60      4  checksum    CRC-32C of bytes 0..59
    static final long MAGIC = ByteBuffer.wrap("SLUICLOG".getBytes(US_ASCII)).getLong();
    static final int HEADER_BYTES = 64;
    static final int MAGIC_AT = 0, VERSION_AT = 8, ID_AT = 16, EPOCH_AT = 32, FIRST_AT = 40, CREATED_AT = 48;
    static final int HEADER_CHECKSUM_AT = 60;

    // Frame: one append.
    // offset  width  field       meaning
    //      0      4  checksum    CRC-32C of every byte after it
    //      4      4  length      bytes of the body, 4..MAX_BODY_BYTES
    //      8      8  log         first half of the log id
    //     16      4  epoch       from 1
    //     20      4  count       records, 1..MAX_RECORDS; 0 = void: the body is the number of skipped offsets
    //     24      8  first       offset of the first record, or the first skipped offset
    //     32      8  appended    milliseconds since 1970
    //     40      n  body        per record: length (4), payload
    static final int FRAME_HEADER_BYTES = 40;
    static final int FRAME_CHECKSUM_AT = 0, LENGTH_AT = 4, TAG_AT = 8, FRAME_EPOCH_AT = 16, COUNT_AT = 20;
    static final int FRAME_FIRST_AT = 24, APPENDED_AT = 32, BODY_AT = 40;
    static final int RECORD_HEADER_BYTES = 4;
    static final int VOID_BODY_BYTES = 8;
    static final int MAX_BODY_BYTES = 64 << 20;
    static final int MAX_RECORDS = 1 << 20;
    static final long MAX_EPOCH = Integer.MAX_VALUE;

    private static final Pattern NAME = Pattern.compile("([0-9]{20})\\.log");

    private SegmentFormat() {}

    /**
     * The fields of a segment's header.
     *
     * @param version format version; if it is not known, the other fields are meaningless
     */
    record Header(int version, UUID id, long epoch, long firstOffset, long createdAtMillis) {
        boolean isOfKnownVersion() {
            return version >= OLDEST_VERSION && version <= VERSION;
        }
    }

    /** The fields of a frame's header, not yet verified against the body. */
    record Frame(int checksum, int length, long tag, int epoch, int count, long firstOffset, long appendedAtMillis) {
        boolean isPlausible(long expectedTag) {
            return tag == expectedTag
                    && epoch >= 1
                    && firstOffset >= 0
                    && (count == 0
                            ? length == VOID_BODY_BYTES
                            : count > 0
                                    && count <= MAX_RECORDS
                                    && length <= MAX_BODY_BYTES
                                    && length >= (long) count * RECORD_HEADER_BYTES
                                    && firstOffset <= Long.MAX_VALUE - count);
        }

        boolean isVoid() {
            return count == 0;
        }

        int bytes() {
            return FRAME_HEADER_BYTES + length;
        }
    }

    static String fileName(long firstOffset) {
        return String.format(Locale.ROOT, "%020d.log", firstOffset);
    }

    /** Returns the first offset that a segment's file name states; empty if the name is not that of a segment. */
    static OptionalLong firstOffset(String fileName) {
        var matcher = NAME.matcher(fileName);
        if (!matcher.matches()) {
            return OptionalLong.empty();
        }
        try {
            return OptionalLong.of(Long.parseLong(matcher.group(1)));
        } catch (NumberFormatException beyond64Bits) {
            return OptionalLong.empty();
        }
    }

    static ByteBuffer encodeHeader(Header header) {
        var bytes = ByteBuffer.allocate(HEADER_BYTES);
        bytes.putLong(MAGIC_AT, MAGIC).putInt(VERSION_AT, header.version());
        bytes.putLong(ID_AT, header.id().getMostSignificantBits());
        bytes.putLong(ID_AT + 8, header.id().getLeastSignificantBits());
        bytes.putLong(EPOCH_AT, header.epoch()).putLong(FIRST_AT, header.firstOffset());
        bytes.putLong(CREATED_AT, header.createdAtMillis());
        return bytes.putInt(HEADER_CHECKSUM_AT, checksum(bytes, 0, HEADER_CHECKSUM_AT));
    }

    /** Decodes the header in the first 64 bytes; empty if they are no header, or a damaged one. */
    static Optional<Header> decodeHeader(ByteBuffer bytes) {
        if (bytes.limit() < HEADER_BYTES
                || bytes.getLong(MAGIC_AT) != MAGIC
                || bytes.getInt(HEADER_CHECKSUM_AT) != checksum(bytes, 0, HEADER_CHECKSUM_AT)) {
            return Optional.empty();
        }
        var header = new Header(
                bytes.getInt(VERSION_AT),
                new UUID(bytes.getLong(ID_AT), bytes.getLong(ID_AT + 8)),
                bytes.getLong(EPOCH_AT),
                bytes.getLong(FIRST_AT),
                bytes.getLong(CREATED_AT));
        var sound = !header.isOfKnownVersion()
                || (LogId.isValid(header.id())
                        && header.epoch() >= 1
                        && header.epoch() <= MAX_EPOCH
                        && header.firstOffset() >= 0);
        return sound ? Optional.of(header) : Optional.empty();
    }

    /** Returns the size of the body of an append: its payloads and 4 bytes for each. */
    static long bodyBytes(List<byte[]> payloads) {
        long bytes = (long) payloads.size() * RECORD_HEADER_BYTES;
        for (var payload : payloads) {
            bytes += payload.length;
        }
        return bytes;
    }

    /** Puts the frame of an append at the buffer's position; the frame must fit. */
    static void putFrame(ByteBuffer buffer, FrameFields fields, List<byte[]> payloads, int bodyBytes) {
        int start = buffer.position();
        putFrameHeader(buffer, fields, payloads.size(), bodyBytes);
        for (var payload : payloads) {
            buffer.putInt(payload.length).put(payload);
        }
        seal(buffer, start);
    }

    /** Puts a void frame at the buffer's position: {@code skipped} offsets from {@code first} hold nothing. */
    static void putVoid(ByteBuffer buffer, FrameFields fields, long skipped) {
        int start = buffer.position();
        putFrameHeader(buffer, fields, 0, VOID_BODY_BYTES);
        buffer.putLong(skipped);
        seal(buffer, start);
    }

    /** The fields of a frame that depend on its place in the log. */
    record FrameFields(long tag, long epoch, long firstOffset, long appendedAtMillis) {}

    /** Puts a frame header with a checksum of 0. */
    static void putFrameHeader(ByteBuffer buffer, FrameFields fields, int count, int bodyBytes) {
        buffer.putInt(0).putInt(bodyBytes).putLong(fields.tag()).putInt((int) fields.epoch());
        buffer.putInt(count).putLong(fields.firstOffset()).putLong(fields.appendedAtMillis());
    }

    private static void seal(ByteBuffer buffer, int start) {
        buffer.putInt(start, checksum(buffer, start + LENGTH_AT, buffer.position()));
    }

    static Frame frame(ByteBuffer bytes, int at) {
        return new Frame(
                bytes.getInt(at + FRAME_CHECKSUM_AT),
                bytes.getInt(at + LENGTH_AT),
                bytes.getLong(at + TAG_AT),
                bytes.getInt(at + FRAME_EPOCH_AT),
                bytes.getInt(at + COUNT_AT),
                bytes.getLong(at + FRAME_FIRST_AT),
                bytes.getLong(at + APPENDED_AT));
    }

    /**
     * Returns the offset after the frame's last one, or -1 if the body is inconsistent: record lengths that do not add
     * up, or a void of nothing. The caller has verified the checksum, so a frame that this program wrote never fails.
     */
    static long nextOffset(ByteBuffer bytes, int at, Frame frame) {
        if (frame.isVoid()) {
            long skipped = bytes.getLong(at + BODY_AT);
            return skipped >= 1 && frame.firstOffset() <= Long.MAX_VALUE - skipped ? frame.firstOffset() + skipped : -1;
        }
        int end = at + frame.bytes();
        int record = at + BODY_AT;
        for (int i = 0; i < frame.count(); i++) {
            int length = end - record < RECORD_HEADER_BYTES ? -1 : bytes.getInt(record);
            if (length < 0 || length > end - record - RECORD_HEADER_BYTES) {
                return -1;
            }
            record += RECORD_HEADER_BYTES + length;
        }
        return record == end ? frame.firstOffset() + frame.count() : -1;
    }

    /** Returns the CRC-32C of bytes {@code from} (inclusive) to {@code to} (exclusive). Keeps position and limit. */
    static int checksum(ByteBuffer bytes, int from, int to) {
        var crc = new CRC32C();
        int position = bytes.position();
        int limit = bytes.limit();
        bytes.limit(to).position(from);
        crc.update(bytes);
        bytes.limit(limit).position(position);
        return (int) crc.getValue();
    }
}
