package dev.sluice.bridge.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;

/**
 * The answer of HTTP/1.1 that a connection is reading. It understands {@code Content-Length} and chunks, and keeps the
 * bytes where they were read. Owned by one thread.
 */
public final class Answer {
    private static final BytePattern END_OF_HEAD = new BytePattern("\r\n\r\n");
    private static final int FIRST_BYTES = 16 * 1024;
    private static final int STATUS_AT = 9;
    private static final int STATUS_DIGITS = 3;
    private static final String LENGTH = "\r\ncontent-length:";
    private static final String CHUNKED = "\r\ntransfer-encoding: chunked";
    private static final int HEX = 16;
    private static final int LINE_END = 2;

    private byte[] bytes = new byte[FIRST_BYTES];
    private ByteBuffer room = ByteBuffer.wrap(bytes);
    private int status;
    private int from;
    private int to;
    private boolean isChunked;

    /** Forgets the last answer. */
    void clear() {
        room.clear();
        status = 0;
        from = 0;
        to = 0;
        isChunked = false;
    }

    /**
     * Reads what has arrived.
     *
     * @return whether the answer is complete
     * @throws IOException if the server has closed the connection
     */
    boolean read(ReadableByteChannel channel) throws IOException {
        while (true) {
            if (!room.hasRemaining()) {
                int length = bytes.length;
                bytes = Arrays.copyOf(bytes, 2 * length);
                room = ByteBuffer.wrap(bytes).position(length);
            }
            int count = channel.read(room);
            if (count < 0) {
                throw new IOException("the server closed the connection before its answer was complete");
            }
            if (count == 0) {
                return false;
            }
            if (isComplete()) {
                return true;
            }
        }
    }

    private boolean isComplete() throws IOException {
        if (status == 0 && !readHead()) {
            return false;
        }
        return isChunked ? readChunks() : room.position() >= to;
    }

    private boolean readHead() throws IOException {
        int end = END_OF_HEAD.find(bytes, 0, room.position());
        if (end < 0) {
            return false;
        }
        String head = new String(bytes, 0, end, StandardCharsets.ISO_8859_1).toLowerCase(Locale.ROOT);
        try {
            status = Integer.parseInt(head.substring(STATUS_AT, STATUS_AT + STATUS_DIGITS));
            from = end + END_OF_HEAD.length();
            int length = head.indexOf(LENGTH);
            isChunked = head.contains(CHUNKED);
            to = from;
            if (length >= 0) {
                int line = head.indexOf('\r', length + 1);
                to += Integer.parseInt(head.substring(length + LENGTH.length(), line < 0 ? end : line)
                        .strip());
            }
        } catch (IndexOutOfBoundsException | NumberFormatException e) {
            throw new IOException(
                    "the answer is not HTTP/1.1: " + head.lines().findFirst().orElse(""), e);
        }
        return true;
    }

    /** Looks for the last chunk. Joins the chunks when it is there. */
    private boolean readChunks() {
        int last = walkChunks(false);
        if (last < 0) {
            return false;
        }
        to = walkChunks(true);
        return true;
    }

    /** Returns the end of the joined body, or -1 if a chunk is missing. */
    private int walkChunks(boolean joins) {
        int at = from;
        int joined = from;
        while (true) {
            int line = at;
            while (line + 1 < room.position() && bytes[line] != '\r') {
                line++;
            }
            if (line + LINE_END > room.position()) {
                return -1;
            }
            String size = new String(bytes, at, line - at, StandardCharsets.US_ASCII);
            int length = Integer.parseInt(size.replaceFirst(";.*", "").strip(), HEX);
            at = line + LINE_END;
            if (at + length + LINE_END > room.position()) {
                return -1;
            }
            if (length == 0) {
                return joined;
            }
            if (joins) {
                System.arraycopy(bytes, at, bytes, joined, length);
            }
            joined += length;
            at += length + LINE_END;
        }
    }

    public int status() {
        return status;
    }

    public boolean isSuccess() {
        return status / 100 == 2;
    }

    /** Returns the array that holds the body, from {@link #from} to {@link #to}. */
    byte[] bytes() {
        return bytes;
    }

    int from() {
        return from;
    }

    int to() {
        return to;
    }

    /** Returns the body as text. */
    public String text() {
        return new String(bytes, from, to - from, StandardCharsets.UTF_8);
    }
}
