package dev.sluice.connect.record;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Checks whether bytes are JSON: one value by the grammar of RFC 8259, at most {@link JsonText#MAX_DEPTH} levels deep,
 * with white space allowed around it.
 *
 * <p>The check builds no objects. It accepts any byte above 127 within a string: the caller checks UTF-8.
 */
final class JsonSyntax {
    private static final byte[] TRUE = "true".getBytes(US_ASCII);
    private static final byte[] FALSE = "false".getBytes(US_ASCII);
    private static final byte[] NULL = "null".getBytes(US_ASCII);

    private static final VarHandle WORDS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.nativeOrder());
    private static final long EACH_BYTE = 0x0101_0101_0101_0101L;
    private static final long EACH_HIGH_BIT = EACH_BYTE << 7;

    private final byte[] text;
    private int at;

    private JsonSyntax(byte[] text) {
        this.text = text;
    }

    static boolean isValid(byte[] text) {
        var syntax = new JsonSyntax(text);
        syntax.space();
        if (!syntax.value(0)) {
            return false;
        }
        syntax.space();
        return syntax.at == text.length;
    }

    private boolean value(int depth) {
        if (at == text.length || depth > JsonText.MAX_DEPTH) {
            return false;
        }
        return switch (text[at]) {
            case '{' -> members(depth);
            case '[' -> elements(depth);
            case '"' -> string();
            case 't' -> word(TRUE);
            case 'f' -> word(FALSE);
            case 'n' -> word(NULL);
            default -> number();
        };
    }

    private boolean members(int depth) {
        at++;
        space();
        if (take('}')) {
            return true;
        }
        do {
            space();
            if (!string()) {
                return false;
            }
            space();
            if (!take(':')) {
                return false;
            }
            space();
            if (!value(depth + 1)) {
                return false;
            }
            space();
        } while (take(','));
        return take('}');
    }

    private boolean elements(int depth) {
        at++;
        space();
        if (take(']')) {
            return true;
        }
        do {
            space();
            if (!value(depth + 1)) {
                return false;
            }
            space();
        } while (take(','));
        return take(']');
    }

    private boolean string() {
        if (!take('"')) {
            return false;
        }
        while (true) {
            at = plainUntil(at);
            if (at == text.length) {
                return false;
            }
            byte c = text[at++];
            if (c == '"') {
                return true;
            } else if (c == '\\') {
                if (!escape()) {
                    return false;
                }
            } else if (c >= 0 && c < ' ') {
                return false;
            }
        }
    }

    /** Returns the first index from which a string may have a special byte. It skips eight plain bytes at a time. */
    private int plainUntil(int start) {
        byte[] bytes = text;
        int i = start;
        while (bytes.length - i >= Long.BYTES && isPlain((long) WORDS.get(bytes, i))) {
            i += Long.BYTES;
        }
        return i;
    }

    /** Returns true if none of eight bytes is special in a string: no quote, no backslash, no control character. */
    private static boolean isPlain(long eight) {
        return ((below(eight, ' ') | below(eight ^ '"' * EACH_BYTE, 1) | below(eight ^ '\\' * EACH_BYTE, 1))
                        & EACH_HIGH_BIT)
                == 0;
    }

    /**
     * Sets the high bit of bytes that are below a limit of at most 128. The subtraction borrows from the high bit of
     * such a byte, which the byte did not have itself. Above the lowest such byte, the bits of other bytes may be
     * wrong.
     */
    private static long below(long eight, int limit) {
        return (eight - limit * EACH_BYTE) & ~eight;
    }

    private boolean escape() {
        if (at == text.length) {
            return false;
        }
        byte c = text[at++];
        if (c != 'u') {
            return "\"\\/bfnrt".indexOf(c) >= 0;
        }
        for (int end = at + 4; at < end; at++) {
            if (at == text.length || !isHex(text[at])) {
                return false;
            }
        }
        return true;
    }

    private boolean number() {
        take('-');
        if (!take('0') && !digits()) {
            return false;
        }
        if (take('.') && !digits()) {
            return false;
        }
        if (take('e') || take('E')) {
            if (!take('+')) {
                take('-');
            }
            return digits();
        }
        return true;
    }

    private boolean digits() {
        int start = at;
        while (at < text.length && text[at] >= '0' && text[at] <= '9') {
            at++;
        }
        return at > start;
    }

    private boolean word(byte[] word) {
        int end = at + word.length;
        if (end > text.length || !Arrays.equals(text, at, end, word, 0, word.length)) {
            return false;
        }
        at = end;
        return true;
    }

    private boolean take(char c) {
        if (at < text.length && text[at] == c) {
            at++;
            return true;
        }
        return false;
    }

    private void space() {
        while (at < text.length && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r')) {
            at++;
        }
    }

    private static boolean isHex(byte c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    }
}
