package dev.sluice.buffer;

import static dev.sluice.buffer.SegmentFormat.FRAME_HEADER_BYTES;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A buffered view of a segment file that finds and verifies frames. It reads about one chunk at a time. For a larger
 * frame the buffer grows, at most to the largest frame, and shrinks again: for a smaller frame, or by {@link #free}.
 * Not thread-safe.
 */
final class FrameWindow {

    /** The kind of bytes at a position. */
    enum Verdict {
        /** A frame of this log, complete and intact. */
        VALID,
        /** The beginning of a frame that would end beyond the limit, or too few bytes for a header. */
        INCOMPLETE,
        /** A plausible header with a complete body and a wrong checksum. */
        DAMAGED,
        /** Not a frame of this log. */
        UNKNOWN
    }

    private final int chunkBytes;
    private ByteBuffer buffer;
    private @Nullable StoredFile file;
    private long start;

    // The last valid frame.
    private SegmentFormat.@Nullable Frame frame;
    private int frameAt;
    private long nextOffset;
    private long bytesRead;

    FrameWindow(int chunkBytes) {
        this.chunkBytes = Math.max(chunkBytes, SegmentFormat.HEADER_BYTES);
        this.buffer = allocate(this.chunkBytes);
        buffer.limit(0);
    }

    private static ByteBuffer allocate(int bytes) {
        return bytes >= 1 << 16 ? ByteBuffer.allocateDirect(bytes) : ByteBuffer.allocate(bytes);
    }

    /** Changes to a file and drops the contents of the previous one. */
    void open(@Nullable StoredFile next) {
        file = next;
        buffer.limit(0);
        start = 0;
        frame = null;
    }

    /**
     * Verifies the bytes at the position. If they are {@code VALID}, the accessors describe the frame until the next
     * call.
     */
    Verdict check(long position, long limit, long tag) throws IOException {
        if (limit - position < FRAME_HEADER_BYTES || !load(position, FRAME_HEADER_BYTES, limit)) {
            return Verdict.INCOMPLETE;
        }
        int at = (int) (position - start);
        var candidate = SegmentFormat.frame(buffer, at);
        if (!candidate.isPlausible(tag)) {
            return Verdict.UNKNOWN;
        }
        if (candidate.bytes() > limit - position || !load(position, candidate.bytes(), limit)) {
            return Verdict.INCOMPLETE;
        }
        at = (int) (position - start);
        if (SegmentFormat.checksum(buffer, at + SegmentFormat.LENGTH_AT, at + candidate.bytes())
                != candidate.checksum()) {
            return Verdict.DAMAGED;
        }
        long next = SegmentFormat.nextOffset(buffer, at, candidate);
        if (next < 0) {
            return Verdict.DAMAGED;
        }
        frame = candidate;
        frameAt = at;
        nextOffset = next;
        return Verdict.VALID;
    }

    /** Returns the last valid frame. */
    SegmentFormat.Frame frame() {
        if (frame == null) {
            throw new IllegalStateException("no valid frame");
        }
        return frame;
    }

    /** Returns the offset after the last one of the frame. */
    long nextOffset() {
        return nextOffset;
    }

    /** Returns the buffer that holds the frame. */
    ByteBuffer buffer() {
        return buffer;
    }

    /** Frees a buffer that has grown for a large frame. The frame cannot be read afterwards. */
    void free() {
        if (buffer.capacity() > chunkBytes) {
            buffer = allocate(chunkBytes);
            buffer.limit(0);
            frame = null;
        }
    }

    /** Returns where in {@link #buffer()} the body of the frame begins. */
    int bodyAt() {
        return frameAt + SegmentFormat.BODY_AT;
    }

    /**
     * Finds the next intact frame at or after a position with a first offset of at least {@code minOffset} and below
     * {@code endOffset}. Returns its position; -1 if there is none before the limit.
     */
    long find(long from, long limit, long tag, long minOffset, long endOffset) throws IOException {
        long position = from;
        while (limit - position >= FRAME_HEADER_BYTES) {
            if (!load(position, FRAME_HEADER_BYTES, limit)) {
                return -1;
            }
            int at = (int) (position - start);
            int last = buffer.limit() - FRAME_HEADER_BYTES;
            while (at <= last && buffer.getLong(at + SegmentFormat.TAG_AT) != tag) {
                at++;
            }
            position = start + at;
            if (at <= last) {
                if (check(position, limit, tag) == Verdict.VALID
                        && frame().firstOffset() >= minOffset
                        && frame().firstOffset() < endOffset) {
                    return position;
                }
                position++;
            }
        }
        return -1;
    }

    /** Returns whether all bytes from a position to the limit are zero. */
    boolean isZero(long from, long limit) throws IOException {
        long position = from;
        while (position < limit) {
            if (!load(position, 1, limit)) {
                return true;
            }
            int at = (int) (position - start);
            int end = (int) Math.min(buffer.limit(), limit - start);
            for (; at < end; at++) {
                if (buffer.get(at) != 0) {
                    return false;
                }
            }
            position = start + end;
        }
        return true;
    }

    /** Returns how many bytes this window has read. */
    long bytesRead() {
        return bytesRead;
    }

    /** Loads at least {@code need} bytes from the position; returns false if the file ends before. */
    private boolean load(long position, int need, long limit) throws IOException {
        if (position >= start && position + need <= start + buffer.limit()) {
            return true;
        }
        if (file == null) {
            throw new IllegalStateException("no file");
        }
        if (need > buffer.capacity()) {
            buffer = allocate(need);
        } else if (buffer.capacity() > chunkBytes && need <= chunkBytes) {
            buffer = allocate(chunkBytes);
        }
        buffer.clear().limit((int) Math.min(buffer.capacity(), limit - position));
        try {
            while (buffer.hasRemaining() && file.read(buffer, position + buffer.position()) >= 0) {}
        } catch (IOException e) {
            buffer.clear().limit(0);
            throw e;
        }
        buffer.flip();
        start = position;
        bytesRead += buffer.limit();
        return buffer.limit() >= need;
    }
}
