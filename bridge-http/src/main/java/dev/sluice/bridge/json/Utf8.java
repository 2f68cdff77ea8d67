package dev.sluice.bridge.json;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Strict UTF-8 (RFC 3629 §4): no overlong forms, no surrogates, nothing above U+10FFFF. Pure. */
public final class Utf8 {
    private static final VarHandle EIGHT_BYTES =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long HIGH_BITS = 0x8080_8080_8080_8080L;

    private Utf8() {}

    /** Returns the index of the first byte of the first ill-formed sequence, or -1 when {@code bytes} are valid. */
    public static int firstInvalid(byte[] bytes) {
        int length = bytes.length;
        int i = 0;
        while (i < length) {
            if (bytes[i] >= 0) {
                i++;
                while (i + Long.BYTES <= length && ((long) EIGHT_BYTES.get(bytes, i) & HIGH_BITS) == 0) {
                    i += Long.BYTES;
                }
                continue;
            }
            int sequence = sequenceLength(bytes, i, length);
            if (sequence == 0) {
                return i;
            }
            i += sequence;
        }
        return -1;
    }

    /**
     * Returns how many bytes the sequence that starts with the non-ASCII byte at {@code i} has, or 0 if it is
     * ill-formed.
     */
    private static int sequenceLength(byte[] bytes, int i, int length) {
        int lead = bytes[i] & 0xff;
        if (lead < 0xc2 || lead > 0xf4) {
            return 0;
        }
        int sequence = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        if (i + sequence > length) {
            return 0;
        }
        // The second byte alone tells overlong forms, surrogates and code points out of range.
        int second = bytes[i + 1] & 0xff;
        int lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        int highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        if (second < lowest || second > highest) {
            return 0;
        }
        for (int k = 2; k < sequence; k++) {
            if ((bytes[i + k] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return sequence;
    }
}
