package dev.sluice.queue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Finds the value at a JSON pointer (RFC 6901) in a JSON text. Reads the text once and builds no tree. If an object has
 * a name twice, the last value counts, as in most parsers.
 */
final class JsonPointer {
    private static final int MAX_TOKENS = 32;

    private final List<String> tokens;

    private JsonPointer(List<String> tokens) {
        this.tokens = tokens;
    }

    /**
     * Parses a pointer.
     *
     * @throws IllegalArgumentException if the text is no pointer to a part of a value; the message says why
     */
    static JsonPointer parse(String text) {
        if (!text.startsWith("/")) {
            throw new IllegalArgumentException("a JSON pointer must begin with /, was " + text);
        }
        var tokens = new ArrayList<String>();
        for (String token : text.substring(1).split("/", -1)) {
            for (int at = token.indexOf('~'); at >= 0; at = token.indexOf('~', at + 1)) {
                char next = at + 1 < token.length() ? token.charAt(at + 1) : ' ';
                if (next != '0' && next != '1') {
                    throw new IllegalArgumentException("~ in a JSON pointer must be written ~0, was " + text);
                }
            }
            tokens.add(token.replace("~1", "/").replace("~0", "~"));
        }
        if (tokens.size() > MAX_TOKENS) {
            throw new IllegalArgumentException("a JSON pointer must have at most " + MAX_TOKENS + " levels");
        }
        return new JsonPointer(tokens);
    }

    /** Returns the text, number or boolean at the pointer as a text; null if there is none, or it is null. */
    @Nullable
    String find(byte[] json) {
        try {
            return new Reader(new String(json, StandardCharsets.UTF_8), tokens).value(0);
        } catch (StringIndexOutOfBoundsException e) {
            return null; // It is no JSON text.
        }
    }

    private static final class Reader {
        private final String text;
        private final List<String> tokens;
        private int at;

        Reader(String text, List<String> tokens) {
            this.text = text;
            this.tokens = tokens;
        }

        /** Reads a value. Returns what the pointer finds in it from a level on. */
        @Nullable
        String value(int level) {
            space();
            char first = text.charAt(at);
            if (level == tokens.size() || (first != '{' && first != '[')) {
                String scalar = first == '"' ? string() : skip();
                return level == tokens.size() ? scalar : null;
            }
            at++;
            return first == '{' ? member(tokens.get(level), level) : element(tokens.get(level), level);
        }

        private @Nullable String member(String name, int level) {
            String found = null;
            space();
            while (text.charAt(at) != '}') {
                boolean isWanted = string().equals(name);
                space();
                at++; // The colon.
                if (isWanted) {
                    found = value(level + 1);
                } else {
                    skipValue();
                }
                next();
            }
            at++;
            return found;
        }

        private @Nullable String element(String token, int level) {
            String found = null;
            space();
            for (int index = 0; text.charAt(at) != ']'; index++) {
                if (Integer.toString(index).equals(token)) {
                    found = value(level + 1);
                } else {
                    skipValue();
                }
                next();
            }
            at++;
            return found;
        }

        private void next() {
            space();
            if (text.charAt(at) == ',') {
                at++;
                space();
            }
        }

        private void skipValue() {
            space();
            if (text.charAt(at) == '"') {
                string();
            } else {
                skip();
            }
        }

        /** Passes a value that is no string. Returns it if it is a number or boolean, and null otherwise. */
        private @Nullable String skip() {
            int from = at;
            int depth = 0;
            do {
                char c = text.charAt(at);
                if (c == '"') {
                    string();
                } else {
                    depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
                    at++;
                }
            } while (depth > 0 || !endsHere());
            String passed = text.substring(from, at);
            boolean isScalar = "{[".indexOf(passed.charAt(0)) < 0 && !passed.equals("null");
            return isScalar ? passed : null;
        }

        private boolean endsHere() {
            return at >= text.length() || ",]} \t\r\n".indexOf(text.charAt(at)) >= 0;
        }

        private String string() {
            var value = new StringBuilder();
            at++;
            for (char c = text.charAt(at); c != '"'; c = text.charAt(at)) {
                if (c == '\\') {
                    at++;
                    c = escaped(text.charAt(at));
                }
                value.append(c);
                at++;
            }
            at++;
            return value.toString();
        }

        private char escaped(char c) {
            if (c == 'u') {
                at += 4;
                try {
                    return (char) Integer.parseInt(text.substring(at - 3, at + 1), 16);
                } catch (NumberFormatException e) {
                    return '\uFFFD'; // It is no JSON text.
                }
            }
            int index = "bfnrt".indexOf(c);
            return index < 0 ? c : "\b\f\n\r\t".charAt(index);
        }

        private void space() {
            while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
        }
    }
}
