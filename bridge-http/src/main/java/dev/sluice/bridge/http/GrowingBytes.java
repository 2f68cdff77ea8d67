package dev.sluice.bridge.http;

import dev.sluice.bridge.limits.InvalidRequestException;
import java.util.Arrays;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/** An array of decompressed bytes that grows within a {@link ContentEncoding.Room}. One thread. */
final class GrowingBytes {
    private final ContentEncoding.Room room;
    private final byte[] next = new byte[1];
    private byte[] bytes;
    private int length;

    /** Starts with an array of the expected size. */
    GrowingBytes(ContentEncoding.Room room, int expectedBytes) {
        this.room = room;
        int size = Math.min(Math.max(expectedBytes, 1), room.limitBytes());
        room.take(size);
        bytes = new byte[size];
    }

    int length() {
        return length;
    }

    /** Returns the array. Its first {@link #length} bytes are valid. */
    byte[] array() {
        return bytes;
    }

    /**
     * Adds the next bytes of a deflate stream. A full array grows only if the stream has another byte, because the
     * first size is often the right one.
     *
     * @return the number of added bytes
     * @throws InvalidRequestException (413) if there is no room for them
     */
    int inflate(Inflater inflater) throws DataFormatException {
        if (length < bytes.length) {
            int count = inflater.inflate(bytes, length, bytes.length - length);
            length += count;
            return count;
        }
        int count = inflater.inflate(next, 0, 1);
        if (count == 1) {
            grow();
            bytes[length++] = next[0];
        }
        return count;
    }

    private void grow() {
        if (bytes.length >= room.limitBytes()) {
            throw room.tooLarge();
        }
        int size = (int) Math.min(2L * bytes.length, room.limitBytes());
        room.take(size);
        int before = bytes.length;
        bytes = Arrays.copyOf(bytes, size);
        room.giveBack(before);
    }

    /** Returns the bytes in an array of exactly their size. The room keeps that size taken. */
    byte[] exact() {
        if (length == bytes.length) {
            return bytes;
        }
        room.take(length);
        byte[] exact = Arrays.copyOf(bytes, length);
        room.giveBack(bytes.length);
        return exact;
    }
}
