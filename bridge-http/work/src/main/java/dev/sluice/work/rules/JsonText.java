package dev.sluice.work.rules;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Checks that bytes are one JSON text (RFC 8259) in UTF-8. Parses without recursion, so depth costs no stack. */
public final class JsonText {
    private static final int MAX_DEPTH = 1000;

    private final String text;
    private int at;

    private JsonText(String text) {
        this.text = text;
    }

    /**
     * Checks a payload.
     *
     * @throws IllegalArgumentException if it is not UTF-8 or not JSON; the message says where
     */
    public static void check(byte[] payload) {
        String text;
        try {
            text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(payload))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException("payload must be UTF-8", e);
        }
        new JsonText(text).check();
    }

    /**
     * Checks a text.
     *
     * @throws IllegalArgumentException if it is not JSON or cannot be stored as UTF-8
     */
    public static void check(String what, String text) {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw new IllegalArgumentException(what + " must be UTF-8: it has a half of a surrogate pair");
        }
        try {
            new JsonText(text).check();
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(what + ": " + e.getMessage(), e);
        }
    }

    private void check() {
        var open = new StringBuilder();
        boolean valueNext = true;
        while (true) {
            skipSpace();
            if (valueNext) {
                char c = peek();
                if (c == '{' || c == '[') {
                    at++;
                    if (open.length() == MAX_DEPTH) {
                        throw wrong("at most " + MAX_DEPTH + " levels");
                    }
                    open.append(c);
                    skipSpace();
                    if (peek() == (c == '{' ? '}' : ']')) {
                        at++;
                        open.setLength(open.length() - 1);
                        valueNext = false;
                    } else if (c == '{') {
                        name();
                    }
                    continue;
                }
                scalar(c);
                valueNext = false;
                continue;
            }
            if (open.isEmpty()) {
                break;
            }
            valueNext = afterValue(open);
        }
        if (at < text.length()) {
            throw wrong("its end");
        }
    }

    /** Reads what follows a value in an object or array. Returns whether another value follows. */
    private boolean afterValue(StringBuilder open) {
        boolean isObject = open.charAt(open.length() - 1) == '{';
        char c = peek();
        at++;
        if (c == ',') {
            skipSpace();
            if (isObject) {
                name();
            }
            return true;
        }
        if (c != (isObject ? '}' : ']')) {
            at--;
            throw wrong(isObject ? ", or }" : ", or ]");
        }
        open.setLength(open.length() - 1);
        return false;
    }

    private void name() {
        if (peek() != '"') {
            throw wrong("a name in quotes");
        }
        string();
        skipSpace();
        if (peek() != ':') {
            throw wrong(":");
        }
        at++;
    }

    private void scalar(char c) {
        if (c == '"') {
            string();
        } else if (c == '-' || isDigit(c)) {
            number();
        } else if (text.startsWith("true", at) || text.startsWith("null", at)) {
            at += 4;
        } else if (text.startsWith("false", at)) {
            at += 5;
        } else {
            throw wrong("a value");
        }
    }

    private void string() {
        for (at++; peek() != '"'; at++) {
            char c = peek();
            if (c < ' ') {
                throw wrong("no control character in a text");
            }
            if (c == '\\') {
                at++;
                char escaped = peek();
                if (escaped == 'u') {
                    for (int i = 0; i < 4; i++) {
                        at++;
                        if (Character.digit(peek(), 16) < 0 || peek() > 'f') {
                            throw wrong("four hexadecimal digits");
                        }
                    }
                } else if ("\"\\/bfnrt".indexOf(escaped) < 0) {
                    throw wrong("an escape");
                }
            }
        }
        at++;
    }

    private void number() {
        if (peek() == '-') {
            at++;
        }
        if (peek() == '0') {
            at++;
        } else {
            digits();
        }
        if (peek() == '.') {
            at++;
            digits();
        }
        if (peek() == 'e' || peek() == 'E') {
            at++;
            if (peek() == '+' || peek() == '-') {
                at++;
            }
            digits();
        }
    }

    private void digits() {
        if (!isDigit(peek())) {
            throw wrong("a digit");
        }
        while (isDigit(peek())) {
            at++;
        }
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    private void skipSpace() {
        while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    /** Returns the next character; U+0000, which no JSON text has there, at the end. */
    private char peek() {
        return at < text.length() ? text.charAt(at) : 0;
    }

    private IllegalArgumentException wrong(String expected) {
        return new IllegalArgumentException(
                "payload must be JSON: expected " + expected + " at index " + Math.min(at, text.length()));
    }

    /** Returns a text as a JSON string. Half of a surrogate pair becomes U+FFFD. */
    public static String quoted(String text) {
        var json = new StringBuilder(text.length() + 2).append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                json.append('\\').append(c);
            } else if (c < ' ') {
                json.append(String.format("\\u%04x", (int) c));
            } else if (Character.isSurrogate(c)) {
                boolean paired = Character.isHighSurrogate(c)
                        && i + 1 < text.length()
                        && Character.isLowSurrogate(text.charAt(i + 1));
                json.append(paired ? text.substring(i, i + 2) : "\uFFFD");
                i += paired ? 1 : 0;
            } else {
                json.append(c);
            }
        }
        return json.append('"').toString();
    }

    /** Returns an object of texts. */
    public static String object(Map<String, String> texts) {
        var json = new StringBuilder("{");
        texts.forEach((name, value) -> json.append(json.length() == 1 ? "" : ",")
                .append(quoted(name))
                .append(':')
                .append(quoted(value)));
        return json.append('}').toString();
    }
}
