package dev.sluice.bridge.json;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.SequenceInputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Writes JSON text in UTF-8. One thread.
 *
 * <p>{@link #object}, {@link #array} and {@link #field} set the commas. Code on the hot path writes the punctuation
 * itself, with {@link #raw}, so that a name and its commas cost one copy. Both ways may be mixed.
 *
 * <p>The text is stored in pieces of {@value #PIECE_BYTES} bytes. A long text grows by one piece at a time and is never
 * copied, so it needs little more memory than its bytes. A large JSON text that is added as bytes becomes a piece
 * itself.
 */
public final class JsonOutput {
    private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);
    private static final int UUID_LENGTH = 36;
    private static final int LONGEST_NUMBER = 20;
    /** A character of a string needs at most six bytes, as an escape. */
    private static final int LONGEST_CHARACTER = 6;

    private static final int RUN_CHARACTERS = 1024;

    private static final int PIECE_BYTES = 1 << 20;
    private static final int SMALLEST_PIECE_BYTES = 64;
    /** Bytes of a JSON text from which it becomes a piece. */
    private static final int OWN_PIECE_BYTES = PIECE_BYTES / 2;

    /** The pieces before the last one. All their bytes are text. */
    private final List<byte[]> full = new ArrayList<>(0);

    private long fullBytes;

    /** The last piece. Its first {@link #length} bytes are text. */
    private byte[] bytes;

    private int length;

    /** Allocates {@code expectedBytes}, but at most one piece. */
    public JsonOutput(long expectedBytes) {
        bytes = new byte[(int) Math.max(SMALLEST_PIECE_BYTES, Math.min(expectedBytes, PIECE_BYTES))];
    }

    /** Begins an object: the whole text, an element of an array, or the value of a {@link #name}. */
    public JsonOutput object() {
        return separate().raw("{");
    }

    /** Begins an object that is the value of a field. */
    public JsonOutput object(String name) {
        return name(name).raw("{");
    }

    /** Ends an object. */
    public JsonOutput endObject() {
        return raw("}");
    }

    /** Begins an array: the whole text, an element of an array, or the value of a {@link #name}. */
    public JsonOutput array() {
        return separate().raw("[");
    }

    /** Begins an array that is the value of a field. */
    public JsonOutput array(String name) {
        return name(name).raw("[");
    }

    /** Ends an array. */
    public JsonOutput endArray() {
        return raw("]");
    }

    /** Adds the name of a field, which is ASCII and needs no escape. Its value comes next. */
    public JsonOutput name(String name) {
        return separate().raw("\"").raw(name).raw("\":");
    }

    /** Adds a field with a string, or with null. */
    public JsonOutput field(String name, @Nullable String value) {
        return name(name).string(value);
    }

    /** Adds a field with a number. */
    public JsonOutput field(String name, long value) {
        return name(name).number(value);
    }

    /** Adds a field with {@code true} or {@code false}. */
    public JsonOutput field(String name, boolean value) {
        return name(name).bool(value);
    }

    /** Adds a field with a UUID, or with null. */
    public JsonOutput field(String name, @Nullable UUID value) {
        return name(name).uuid(value);
    }

    /** Adds a field with an array of strings. */
    public JsonOutput field(String name, List<String> values) {
        array(name);
        values.forEach(value -> separate().string(value));
        return endArray();
    }

    /** Adds a string as the next element of an array. */
    public JsonOutput element(String value) {
        return separate().string(value);
    }

    /** Adds a comma, unless the text is at its beginning, in front of the first field or element, or behind a name. */
    private JsonOutput separate() {
        byte last = lastByte();
        return last == 0 || last == '{' || last == '[' || last == ':' || last == ',' ? this : raw(",");
    }

    private byte lastByte() {
        if (length > 0) {
            return bytes[length - 1];
        }
        return full.isEmpty() ? 0 : full.get(full.size() - 1)[full.get(full.size() - 1).length - 1];
    }

    /** Adds JSON text that is ASCII. */
    public JsonOutput raw(String ascii) {
        int count = ascii.length();
        if (count > RUN_CHARACTERS) {
            return json(ascii.getBytes(StandardCharsets.US_ASCII));
        }
        reserve(count);
        for (int i = 0; i < count; i++) {
            bytes[length + i] = (byte) ascii.charAt(i);
        }
        length += count;
        return this;
    }

    /** Adds JSON text unchanged. */
    public JsonOutput json(String text) {
        return json(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Adds JSON text in UTF-8 unchanged. The array may not be copied: do not change it. */
    public JsonOutput json(byte[] utf8) {
        if (utf8.length > OWN_PIECE_BYTES) {
            endPiece();
            full.add(utf8);
            fullBytes += utf8.length;
            bytes = new byte[SMALLEST_PIECE_BYTES];
        } else {
            reserve(utf8.length);
            System.arraycopy(utf8, 0, bytes, length, utf8.length);
            length += utf8.length;
        }
        return this;
    }

    /** Adds a string with quotes and escapes, or null. Half of a surrogate pair becomes U+FFFD. */
    public JsonOutput string(@Nullable String text) {
        if (text == null) {
            return raw("null");
        }
        raw("\"");
        int count = text.length();
        int to;
        for (int from = 0; from < count; from = to) {
            to = Math.min(from + RUN_CHARACTERS, count);
            if (to < count && Character.isHighSurrogate(text.charAt(to - 1))) {
                to++; // Keeps a surrogate pair together.
            }
            // Reserves the longest escapes for a run of characters only. For a long text they would be six times its
            // size.
            reserve((to - from) * LONGEST_CHARACTER);
            characters(text, from, to);
        }
        return raw("\"");
    }

    private void characters(String text, int from, int to) {
        for (int i = from; i < to; i++) {
            char c = text.charAt(i);
            if (c >= ' ' && c < 0x7f && c != '"' && c != '\\') {
                bytes[length++] = (byte) c;
            } else if (Character.isHighSurrogate(c) && i + 1 < to && Character.isLowSurrogate(text.charAt(i + 1))) {
                codePoint(Character.toCodePoint(c, text.charAt(++i)));
            } else {
                codePoint(Character.isSurrogate(c) ? 0xfffd : c);
            }
        }
    }

    private void codePoint(int c) {
        if (c == '"' || c == '\\') {
            bytes[length++] = '\\';
            bytes[length++] = (byte) c;
        } else if (c < ' ') {
            raw("\\u00");
            bytes[length++] = HEX[c >> 4];
            bytes[length++] = HEX[c & 15];
        } else if (c < 0x80) {
            bytes[length++] = (byte) c;
        } else if (c < 0x800) {
            bytes[length++] = (byte) (0xc0 | (c >> 6));
            continuation(c);
        } else if (c < 0x10000) {
            bytes[length++] = (byte) (0xe0 | (c >> 12));
            continuation(c >> 6);
            continuation(c);
        } else {
            bytes[length++] = (byte) (0xf0 | (c >> 18));
            continuation(c >> 12);
            continuation(c >> 6);
            continuation(c);
        }
    }

    /** Adds a byte with the lowest six bits of a code point. */
    private void continuation(int bits) {
        bytes[length++] = (byte) (0x80 | (bits & 0x3f));
    }

    /** Adds a number. */
    public JsonOutput number(long number) {
        if (number < 0 || number > 9) {
            return raw(Long.toString(number));
        }
        reserve(LONGEST_NUMBER);
        bytes[length++] = (byte) ('0' + number);
        return this;
    }

    /** Adds {@code true} or {@code false}. */
    public JsonOutput bool(boolean value) {
        return raw(value ? "true" : "false");
    }

    /** Adds a UUID as a string, or null. */
    public JsonOutput uuid(@Nullable UUID uuid) {
        if (uuid == null) {
            return raw("null");
        }
        reserve(UUID_LENGTH + 2);
        bytes[length++] = '"';
        hex(uuid.getMostSignificantBits() >>> 32, 8);
        bytes[length++] = '-';
        hex(uuid.getMostSignificantBits() >>> 16, 4);
        bytes[length++] = '-';
        hex(uuid.getMostSignificantBits(), 4);
        bytes[length++] = '-';
        hex(uuid.getLeastSignificantBits() >>> 48, 4);
        bytes[length++] = '-';
        hex(uuid.getLeastSignificantBits(), 12);
        bytes[length++] = '"';
        return this;
    }

    private void hex(long value, int digits) {
        for (int i = digits - 1; i >= 0; i--) {
            bytes[length + i] = HEX[(int) value & 15];
            value >>>= 4;
        }
        length += digits;
    }

    /** Adds a time as a string in UTC with microseconds: {@code "2026-05-16T10:00:00.123456Z"}. */
    public JsonOutput microseconds(Instant time) {
        ZonedDateTime utc = time.atZone(ZoneOffset.UTC);
        reserve(LONGEST_NUMBER + 32);
        bytes[length++] = '"';
        if (utc.getYear() >= 0 && utc.getYear() <= 9999) {
            decimal(utc.getYear(), 4);
            bytes[length++] = '-';
            decimal(utc.getMonthValue(), 2);
            bytes[length++] = '-';
            decimal(utc.getDayOfMonth(), 2);
        } else {
            raw(utc.toLocalDate().toString());
        }
        bytes[length++] = 'T';
        decimal(utc.getHour(), 2);
        bytes[length++] = ':';
        decimal(utc.getMinute(), 2);
        bytes[length++] = ':';
        decimal(utc.getSecond(), 2);
        bytes[length++] = '.';
        decimal(utc.getNano() / 1000, 6);
        bytes[length++] = 'Z';
        bytes[length++] = '"';
        return this;
    }

    private void decimal(int value, int digits) {
        for (int i = digits - 1; i >= 0; i--) {
            bytes[length + i] = (byte) ('0' + value % 10);
            value /= 10;
        }
        length += digits;
    }

    /** Makes room for {@code count} bytes in the last piece. They are at most half of a piece. */
    private void reserve(int count) {
        int needed = length + count;
        if (needed <= bytes.length) {
            return;
        }
        if (needed <= PIECE_BYTES) {
            bytes = Arrays.copyOf(bytes, Math.max(needed, Math.min(bytes.length * 2, PIECE_BYTES)));
            return;
        }
        endPiece();
        bytes = new byte[PIECE_BYTES];
    }

    private void endPiece() {
        if (length > 0) {
            full.add(length == bytes.length ? bytes : Arrays.copyOf(bytes, length));
            fullBytes += length;
            length = 0;
        }
    }

    /** Returns the number of bytes. */
    public long length() {
        return fullBytes + length;
    }

    /** Writes the text to a stream. */
    public void writeTo(OutputStream out) throws IOException {
        for (byte[] piece : full) {
            out.write(piece);
        }
        out.write(bytes, 0, length);
    }

    /** Returns a stream over the text, which must not be changed meanwhile. */
    public InputStream stream() {
        var streams = new ArrayList<InputStream>(full.size() + 1);
        full.forEach(piece -> streams.add(new ByteArrayInputStream(piece)));
        streams.add(new ByteArrayInputStream(bytes, 0, length));
        return new SequenceInputStream(Collections.enumeration(streams));
    }

    /** Returns the pieces of the text. They must not be changed. */
    public List<ByteBuffer> pieces() {
        var pieces = new ArrayList<ByteBuffer>(full.size() + 1);
        full.forEach(piece -> pieces.add(ByteBuffer.wrap(piece)));
        pieces.add(ByteBuffer.wrap(bytes, 0, length));
        return pieces;
    }

    /** Returns a copy of the text. */
    public byte[] toBytes() {
        byte[] all = new byte[Math.toIntExact(length())];
        int at = 0;
        for (byte[] piece : full) {
            System.arraycopy(piece, 0, all, at, piece.length);
            at += piece.length;
        }
        System.arraycopy(bytes, 0, all, at, length);
        return all;
    }

    /** Returns the text. For messages and tests. */
    @Override
    public String toString() {
        return new String(toBytes(), StandardCharsets.UTF_8);
    }
}
