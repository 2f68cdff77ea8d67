package dev.sluice.bridge.http;

import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * Decompresses gzip (RFC 1952): one or more members, and nothing behind the last one.
 *
 * <p>{@link java.util.zip.GZIPInputStream} ignores bytes behind a member that are not a member, so it takes a damaged
 * body for a complete one. It also recurses once for each empty member.
 */
final class Gzip {
    private static final int HEADER_BYTES = 10;
    private static final int TRAILER_BYTES = 8;
    private static final int MAGIC = 0x8b1f;
    private static final int DEFLATED = 8;
    private static final int HAS_HEADER_CRC = 1 << 1;
    private static final int HAS_EXTRA = 1 << 2;
    private static final int HAS_NAME = 1 << 3;
    private static final int HAS_COMMENT = 1 << 4;
    private static final int RESERVED = 0xe0;

    private final byte[] body;
    private final Inflater inflater = new Inflater(true);
    private final CRC32 checksum = new CRC32();
    private int at;

    private Gzip(byte[] body) {
        this.body = body;
    }

    /**
     * Decompresses a body that is not empty.
     *
     * @param to receives the decompressed bytes
     * @throws DataFormatException if the body is not gzip, is incomplete, or has bytes behind its last member
     */
    static void decompress(byte[] body, GrowingBytes to) throws DataFormatException {
        var gzip = new Gzip(body);
        try {
            while (gzip.at < body.length) {
                gzip.member(to);
            }
        } finally {
            gzip.inflater.end();
        }
    }

    /** Returns the size that the last member announces, modulo 2^32. It may be wrong. */
    static long announcedBytes(byte[] body) {
        return body.length < HEADER_BYTES + TRAILER_BYTES ? 0 : littleEndian(body, body.length - 4);
    }

    private void member(GrowingBytes to) throws DataFormatException {
        header();
        inflater.reset();
        inflater.setInput(body, at, body.length - at);
        checksum.reset();
        long held = 0;
        while (!inflater.finished()) {
            int from = to.length();
            int count = to.inflate(inflater);
            if (count == 0 && !inflater.finished() && (inflater.needsInput() || inflater.needsDictionary())) {
                throw new DataFormatException("the body ends within a member");
            }
            checksum.update(to.array(), from, count);
            held += count;
        }
        at = body.length - inflater.getRemaining();
        require(TRAILER_BYTES);
        if (littleEndian(body, at) != checksum.getValue() || littleEndian(body, at + 4) != (held & 0xffff_ffffL)) {
            throw new DataFormatException("the checksum or the size is wrong");
        }
        at += TRAILER_BYTES;
    }

    private void header() throws DataFormatException {
        int start = at;
        require(HEADER_BYTES);
        int flags = unsigned(at + 3);
        if (twoBytes(at) != MAGIC || unsigned(at + 2) != DEFLATED || (flags & RESERVED) != 0) {
            throw new DataFormatException("not the header of a member");
        }
        at += HEADER_BYTES;
        if ((flags & HAS_EXTRA) != 0) {
            require(2);
            int extra = twoBytes(at);
            at += 2;
            require(extra);
            at += extra;
        }
        if ((flags & HAS_NAME) != 0) {
            skipText();
        }
        if ((flags & HAS_COMMENT) != 0) {
            skipText();
        }
        if ((flags & HAS_HEADER_CRC) != 0) {
            checksum.reset();
            checksum.update(body, start, at - start);
            require(2);
            if (twoBytes(at) != (int) (checksum.getValue() & 0xffff)) {
                throw new DataFormatException("the checksum of a header is wrong");
            }
            at += 2;
        }
    }

    /** Skips a text and the zero byte at its end. */
    private void skipText() throws DataFormatException {
        do {
            require(1);
        } while (body[at++] != 0);
    }

    private void require(int bytes) throws DataFormatException {
        if (bytes > body.length - at) {
            throw new DataFormatException("the body ends within a member");
        }
    }

    private int unsigned(int index) {
        return body[index] & 0xff;
    }

    private int twoBytes(int index) {
        return unsigned(index) | (unsigned(index + 1) << 8);
    }

    private static long littleEndian(byte[] bytes, int index) {
        long value = 0;
        for (int i = 3; i >= 0; i--) {
            value = (value << 8) | (bytes[index + i] & 0xff);
        }
        return value;
    }
}
