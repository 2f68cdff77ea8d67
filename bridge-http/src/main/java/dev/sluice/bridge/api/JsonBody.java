package dev.sluice.bridge.api;

import static dev.sluice.bridge.api.InvalidRequestException.badRequest;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.util.Arrays;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A request body as a stream of JSON tokens that knows at which byte it stands.
 *
 * <p>Every method throws {@link InvalidRequestException} (400) with the byte offset when the body is not what RFC 8259
 * allows. One thread.
 */
final class JsonBody implements AutoCloseable {
    private static final JsonFactory FACTORY = JsonFactory.builder()
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.FAIL_ON_SYMBOL_HASH_OVERFLOW)
            .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
            .streamReadConstraints(StreamReadConstraints.builder()
                    // The size of the body and our own count of the depth are the limits; numbers are never converted.
                    .maxNestingDepth(Integer.MAX_VALUE)
                    .maxNumberLength(Integer.MAX_VALUE)
                    .maxStringLength(Integer.MAX_VALUE)
                    .maxNameLength(Integer.MAX_VALUE)
                    .build())
            .build();
    private static final int UUID_LENGTH = 36;

    private final byte[] bytes;
    private final JsonParser parser;
    private final int maxDepth;

    private JsonBody(byte[] bytes, JsonParser parser, int maxDepth) {
        this.bytes = bytes;
        this.parser = parser;
        this.maxDepth = maxDepth;
    }

    /**
     * Checks the encoding of a body and starts to read it.
     *
     * @throws InvalidRequestException if it is empty or not UTF-8
     */
    static JsonBody open(byte[] bytes, int maxDepth) {
        if (bytes.length == 0) {
            throw badRequest("Empty request body");
        }
        int invalid = Utf8.firstInvalid(bytes);
        if (invalid >= 0) {
            throw badRequest("Invalid JSON: not UTF-8 at byte " + invalid);
        }
        refuseOtherEncodings(bytes);
        try {
            return new JsonBody(bytes, FACTORY.createParser(bytes), maxDepth);
        } catch (IOException e) {
            throw invalidJson(e);
        }
    }

    /** The parser guesses UTF-16 and UTF-32 from zero bytes among the first four, and skips a byte order mark. */
    private static void refuseOtherEncodings(byte[] bytes) {
        for (int i = 0; i < Math.min(4, bytes.length); i++) {
            if (bytes[i] == 0) {
                throw badRequest("Invalid JSON: unexpected byte 0x00 at byte " + i);
            }
        }
        if (bytes.length >= 3 && bytes[0] == (byte) 0xef && bytes[1] == (byte) 0xbb && bytes[2] == (byte) 0xbf) {
            throw badRequest("Invalid JSON: byte order mark at byte 0");
        }
    }

    /** Moves to the next token; null after the last one. */
    @Nullable
    JsonToken next() {
        try {
            return parser.nextToken();
        } catch (IOException e) {
            throw invalidJson(e);
        }
    }

    /** Moves to the first token of the body, which must not be white space only. */
    JsonToken first() {
        JsonToken token = next();
        if (token == null) {
            throw badRequest("Empty request body");
        }
        return token;
    }

    /** Moves to the next field of the object it stands in, and returns its name; null at the end of the object. */
    @Nullable
    String nextField() {
        try {
            return parser.nextFieldName();
        } catch (IOException e) {
            throw invalidJson(e);
        }
    }

    /** Moves to the value of the field it stands at. */
    JsonToken value() {
        JsonToken token = next();
        if (token == null) {
            throw new IllegalStateException("the parser ended inside an object without an error");
        }
        return token;
    }

    /**
     * Returns the string it stands at.
     *
     * @param previous returned instead of a new string when it has the same characters
     */
    String text(@Nullable String previous) {
        try {
            if (previous != null && isText(previous)) {
                return previous;
            }
            return parser.getText();
        } catch (IOException e) {
            throw invalidJson(e);
        }
    }

    private boolean isText(String expected) throws IOException {
        char[] characters = parser.getTextCharacters();
        int length = parser.getTextLength();
        if (length != expected.length()) {
            return false;
        }
        int offset = parser.getTextOffset();
        for (int i = 0; i < length; i++) {
            if (characters[offset + i] != expected.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    /** Returns the value it stands at as the bytes in the body, from its first to its last, and moves to its end. */
    byte[] slice() {
        int from = Math.toIntExact(parser.currentTokenLocation().getByteOffset());
        skip();
        int to = Math.toIntExact(parser.currentLocation().getByteOffset());
        return Arrays.copyOfRange(bytes, from, to);
    }

    /** Moves to the end of the value it stands at, checking all of it. */
    void skip() {
        try {
            JsonToken token = parser.currentToken();
            if (token == JsonToken.START_OBJECT || token == JsonToken.START_ARRAY) {
                skipStructure();
            } else {
                parser.finishToken(); // A string is read lazily.
            }
        } catch (IOException e) {
            throw invalidJson(e);
        }
    }

    private void skipStructure() throws IOException {
        int depth = outerDepth();
        int inside = 1;
        while (inside > 0) {
            JsonToken token = parser.nextToken();
            if (token == null) {
                throw new IllegalStateException("the parser ended inside a value without an error");
            }
            if (token.isStructStart()) {
                inside++;
                if (depth + inside > maxDepth) {
                    throw tooDeep();
                }
            } else if (token.isStructEnd()) {
                inside--;
            }
        }
    }

    private int outerDepth() {
        int depth = -1; // The structure it stands at is counted by the caller, the root context is none.
        for (var context = parser.getParsingContext(); !context.inRoot(); context = context.getParent()) {
            depth++;
        }
        if (depth + 1 > maxDepth) {
            throw tooDeep();
        }
        return depth;
    }

    private InvalidRequestException tooDeep() {
        return badRequest("Invalid JSON: nested deeper than http.max.depth (" + maxDepth + ") at byte "
                + parser.currentTokenLocation().getByteOffset());
    }

    /** Checks that nothing but white space follows. */
    void end() {
        if (next() != null) {
            throw badRequest("Invalid JSON: more than one value, the second at byte "
                    + parser.currentTokenLocation().getByteOffset());
        }
    }

    private static InvalidRequestException invalidJson(IOException e) {
        if (!(e instanceof JsonProcessingException json)) {
            throw new IllegalStateException("reading from memory failed", e);
        }
        String message = json.getOriginalMessage();
        int detail = message.indexOf(" (start marker");
        if (detail >= 0) {
            message = message.substring(0, detail);
        }
        long offset = json.getLocation() == null ? -1 : json.getLocation().getByteOffset();
        return badRequest("Invalid JSON: " + message + (offset < 0 ? "" : " at byte " + offset));
    }

    /** Returns a UUID in its canonical form of 36 characters (RFC 9562 §4, either case), or null if {@code text} is not one. */
    @Nullable
    static UUID uuid(String text) {
        if (text.length() != UUID_LENGTH) {
            return null;
        }
        for (int i = 0; i < UUID_LENGTH; i++) {
            boolean hyphen = i == 8 || i == 13 || i == 18 || i == 23;
            char c = text.charAt(i);
            if (hyphen ? c != '-' : Character.digit(c, 16) < 0 || c > 'f') {
                return null;
            }
        }
        return UUID.fromString(text);
    }

    @Override
    public void close() {
        try {
            parser.close(); // Gives its buffers back.
        } catch (IOException e) {
            throw new IllegalStateException("closing a parser over memory failed", e);
        }
    }
}
