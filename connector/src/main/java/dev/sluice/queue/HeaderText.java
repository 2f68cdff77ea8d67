package dev.sluice.queue;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Writes and parses headers as the text of a JSON object of strings (RFC 8259). The text that this class writes has no
 * spaces and escapes only quotes, backslashes and tabs; {@link MessageHeaders} allows no other character that JSON must
 * escape.
 */
final class HeaderText {
    private final String json;
    private int at;
    private boolean plain = true;

    HeaderText(String json) {
        this.json = json;
    }

    /** Returns the text of headers. */
    static String of(Map<String, String> headers) {
        var text = new StringBuilder("{");
        headers.forEach((name, value) -> {
            text.append(text.length() == 1 ? "" : ",");
            quote(text, name);
            text.append(':');
            quote(text, value);
        });
        return text.append('}').toString();
    }

    private static void quote(StringBuilder text, String value) {
        text.append('"');
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '"' || c == '\\') {
                text.append('\\').append(c);
            } else if (c == '\t') {
                text.append("\\t");
            } else {
                text.append(c);
            }
        }
        text.append('"');
    }

    /** Returns whether the parsed text is exactly as {@link #of} writes it. */
    boolean isPlain() {
        return plain;
    }

    /**
     * Returns the strings of the object by name, in order.
     *
     * @throws IllegalArgumentException if the text is anything but a JSON object of strings with different names
     */
    Map<String, String> parse() {
        var headers = new LinkedHashMap<String, String>();
        space();
        expect('{');
        space();
        if (!take('}')) {
            do {
                space();
                String name = string();
                space();
                expect(':');
                space();
                if (headers.put(name, string()) != null) {
                    throw new IllegalArgumentException("headers have a name twice, at index " + at);
                }
                space();
            } while (take(','));
            expect('}');
        }
        space();
        if (at < json.length()) {
            throw unexpected("the end");
        }
        return headers;
    }

    private String string() {
        expect('"');
        int start = at;
        while (at < json.length()) {
            char c = json.charAt(at);
            if (c == '"') {
                return json.substring(start, at++);
            }
            if (c == '\\') {
                return escapedString(start);
            }
            checkUnescaped(c);
            at++;
        }
        throw unexpected("a quote");
    }

    private String escapedString(int start) {
        var text = new StringBuilder(json.substring(start, at));
        while (at < json.length()) {
            char c = json.charAt(at);
            if (c == '"') {
                at++;
                return text.toString();
            }
            checkUnescaped(c);
            at++;
            text.append(c == '\\' ? escape() : c);
        }
        throw unexpected("a quote");
    }

    private void checkUnescaped(char c) {
        if (c < ' ') {
            throw unexpected("a character that needs no escape");
        }
    }

    private char escape() {
        if (at == json.length()) {
            throw unexpected("an escape");
        }
        char c = json.charAt(at++);
        plain &= c == '"' || c == '\\' || c == 't';
        return switch (c) {
            case '"', '\\', '/' -> c;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> codeUnit();
            default -> throw unexpected("an escape");
        };
    }

    private char codeUnit() {
        int unit = 0;
        for (int i = 0; i < 4; i++) {
            int digit = at < json.length() && json.charAt(at) < 0x80 ? Character.digit(json.charAt(at), 16) : -1;
            if (digit < 0) {
                throw unexpected("a hexadecimal digit");
            }
            unit = unit << 4 | digit;
            at++;
        }
        return (char) unit;
    }

    private void space() {
        while (at < json.length() && " \t\r\n".indexOf(json.charAt(at)) >= 0) {
            plain = false;
            at++;
        }
    }

    private boolean take(char expected) {
        boolean found = at < json.length() && json.charAt(at) == expected;
        at += found ? 1 : 0;
        return found;
    }

    private void expect(char expected) {
        if (!take(expected)) {
            throw unexpected("'" + expected + "'");
        }
    }

    private IllegalArgumentException unexpected(String expected) {
        return new IllegalArgumentException(
                "headers must be the text of a JSON object of strings, expected " + expected + " at index " + at);
    }
}
