package dev.sluice.queue.read;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * An array of PostgreSQL in its binary form, as the function {@code array_send} returns it. Elements are read from the
 * bytes when they are asked for.
 *
 * <p>The form, in big-endian order: the number of dimensions (0 for an empty array), whether there are nulls, the id of
 * the element type, and for the one dimension its length and its first index; then each element as its length and its
 * bytes. A null has the length -1.
 */
final class ArrayBytes {
    private static final int HEADER_BYTES = 20;
    /** 2000-01-01, from which the server counts microseconds. */
    private static final long EPOCH_SECONDS = 946_684_800;

    private static final long MICROS_PER_SECOND = 1_000_000;
    private static final int NANOS_PER_MICRO = 1_000;

    private final byte[] bytes;
    /** Where the length of each element begins. */
    private final int[] elements;

    /**
     * Takes the bytes without a copy.
     *
     * @throws IllegalArgumentException if they are not an array of at most one dimension
     */
    ArrayBytes(byte[] bytes) {
        this.bytes = bytes;
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        int dimensions = buffer.getInt();
        if (dimensions != 0 && dimensions != 1) {
            throw new IllegalArgumentException("array has " + dimensions + " dimensions, must have one");
        }
        elements = new int[dimensions == 0 ? 0 : buffer.getInt(3 * Integer.BYTES)];
        int at = HEADER_BYTES;
        for (int i = 0; i < elements.length; i++) {
            elements[i] = at;
            at += Integer.BYTES + Math.max(0, buffer.getInt(at));
        }
        if (elements.length > 0 && at != bytes.length) {
            throw new IllegalArgumentException("array ends at byte " + at + " of " + bytes.length);
        }
    }

    /** Returns the number of elements. */
    int size() {
        return elements.length;
    }

    private ByteBuffer buffer() {
        return ByteBuffer.wrap(bytes);
    }

    /** Returns the length of an element; negative for null. */
    private int length(int index) {
        return buffer().getInt(elements[index]);
    }

    private int start(int index) {
        return elements[index] + Integer.BYTES;
    }

    /** Returns a copy of the bytes of an element: for a text, its UTF-8. */
    byte @Nullable [] bytes(int index) {
        int length = length(index);
        if (length < 0) {
            return null;
        }
        var copy = new byte[length];
        System.arraycopy(bytes, start(index), copy, 0, length);
        return copy;
    }

    /** Returns an element of a {@code text[]}. */
    @Nullable
    String text(int index) {
        int length = length(index);
        return length < 0 ? null : new String(bytes, start(index), length, UTF_8);
    }

    /** Returns an element of a {@code uuid[]}. */
    @Nullable
    UUID uuid(int index) {
        int start = start(index);
        ByteBuffer buffer = buffer();
        return length(index) < 0 ? null : new UUID(buffer.getLong(start), buffer.getLong(start + Long.BYTES));
    }

    /** Returns an element of a {@code timestamptz[]}. */
    @Nullable
    Instant time(int index) {
        if (length(index) < 0) {
            return null;
        }
        long micros = buffer().getLong(start(index));
        return Instant.ofEpochSecond(
                EPOCH_SECONDS + Math.floorDiv(micros, MICROS_PER_SECOND),
                Math.floorMod(micros, MICROS_PER_SECOND) * NANOS_PER_MICRO);
    }
}
