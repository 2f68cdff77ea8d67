package dev.sluice.bridge.json;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Reads a request body as a stream of JSON tokens, and knows the byte offset of the current token.
 *
 * <p>Every method throws {@link InvalidRequestException} (400) with the byte offset when the body is not what RFC 8259
 * allows. One thread.
 */
public final class JsonBody implements AutoCloseable {
    /** The longest name of a field. The parser decodes a name into arrays of about ten times its size. */
    static final int MAX_NAME_BYTES = 64 << 10;

    private static final JsonFactory FACTORY = JsonFactory.builder()
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.FAIL_ON_SYMBOL_HASH_OVERFLOW)
            .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
            .streamReadConstraints(StreamReadConstraints.builder()
                    // The size of the body and our own count of the depth are the limits. Numbers are never converted.
                    .maxNestingDepth(Integer.MAX_VALUE)
                    .maxNumberLength(Integer.MAX_VALUE)
                    .maxStringLength(Integer.MAX_VALUE)
                    .maxNameLength(MAX_NAME_BYTES)
                    .build())
            .build();
    private static final int UUID_LENGTH = 36;
    /** Tokens of up to this many bytes are short-lived, so they take no memory. */
    private static final int SMALL_BYTES = 64 << 10;

    private static final int OBJECT_BYTES = 48;
    /** Bytes of memory for each byte of a token: the parser decodes it into characters, in arrays that grow by half. */
    private static final int DECODED_BYTES = 5;

    private final byte[] bytes;
    private final JsonParser parser;
    private final int maxDepth;
    private final RequestMemory.Claim memory;
    private final long numberBytes;

    private JsonBody(byte[] bytes, JsonParser parser, int maxDepth, RequestMemory.Claim memory, long numberBytes) {
        this.bytes = bytes;
        this.parser = parser;
        this.maxDepth = maxDepth;
        this.memory = memory;
        this.numberBytes = numberBytes;
    }

    /** Starts to read text that is not a request. */
    public static JsonBody open(byte[] bytes, int maxDepth) {
        return open(bytes, maxDepth, RequestMemory.unlimited());
    }

    /**
     * Checks the encoding of a body and starts to read it.
     *
     * @param memory the returned values take their memory from it
     * @throws InvalidRequestException if it is empty or not UTF-8
     */
    public static JsonBody open(byte[] bytes, int maxDepth, RequestMemory.Claim memory) {
        if (bytes.length == 0) {
            throw badRequest("Empty request body");
        }
        int invalid = Utf8.firstInvalid(bytes);
        if (invalid >= 0) {
            throw badRequest("Invalid JSON: not UTF-8 at byte " + invalid);
        }
        refuseOtherEncodings(bytes);
        long numberBytes = (long) DECODED_BYTES * longestNumber(bytes);
        memory.take(numberBytes);
        try {
            return new JsonBody(bytes, FACTORY.createParser(bytes), maxDepth, memory, numberBytes);
        } catch (IOException e) {
            throw invalidJson(e);
        }
    }

    /** Returns the length of the longest number, which the parser decodes as a whole; 0 if it is too short to count. */
    private static int longestNumber(byte[] bytes) {
        if (bytes.length <= SMALL_BYTES) {
            return 0;
        }
        int longest = 0;
        int length = 0;
        for (byte each : bytes) {
            length = each >= '0' && each <= '9' ? length + 1 : 0;
            longest = Math.max(longest, length);
        }
        return longest <= SMALL_BYTES ? 0 : longest;
    }

    /** The parser would take zero bytes among the first four for UTF-16 or UTF-32, and would skip a byte order mark. */
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
    public JsonToken first() {
        JsonToken token = next();
        if (token == null) {
            throw badRequest("Empty request body");
        }
        return token;
    }

    /** Moves to the next field of the current object and returns its name; null at the end of the object. */
    @Nullable
    public String nextField() {
        try {
            return parser.nextFieldName();
        } catch (IOException e) {
            throw invalidJson(e);
        }
    }

    /** Moves to the value of the current field. */
    public JsonToken value() {
        JsonToken token = next();
        if (token == null) {
            throw new IllegalStateException("the parser ended inside an object without an error");
        }
        return token;
    }

    /**
     * Returns the current string.
     *
     * @param previous returned instead of a new string when it has the same characters
     */
    public String text(@Nullable String previous) {
        try {
            long decoded = isLargeString() ? (long) DECODED_BYTES * (stringEnd() - tokenStart()) : 0;
            memory.take(decoded);
            if (previous != null && isText(previous)) {
                memory.giveBack(decoded);
                return previous;
            }
            String text = parser.getText();
            memory.giveBack(decoded);
            memory.take(OBJECT_BYTES + (decoded == 0 ? text.length() : 2L * text.length()));
            return text;
        } catch (IOException e) {
            throw invalidJson(e);
        }
    }

    private int tokenStart() {
        return Math.toIntExact(parser.currentTokenLocation().getByteOffset());
    }

    /** Returns whether the current value is a string that is too large to decode needlessly. */
    private boolean isLargeString() {
        if (bytes.length <= SMALL_BYTES || parser.currentToken() != JsonToken.VALUE_STRING) {
            return false;
        }
        int from = tokenStart();
        for (int i = from + 1; i < bytes.length; i++) {
            if (i - from > SMALL_BYTES) {
                return true;
            }
            if (bytes[i] == '"') {
                return false;
            }
            i += bytes[i] == '\\' ? 1 : 0;
        }
        return false;
    }

    /** Returns the offset behind the current string. */
    private int stringEnd() {
        for (int i = tokenStart() + 1; i < bytes.length; i++) {
            if (bytes[i] == '"') {
                return i + 1;
            }
            if (bytes[i] == '\\') {
                i++;
            }
        }
        throw badRequest(
                "Invalid JSON: Unexpected end-of-input: was expecting closing quote for a string value at byte "
                        + bytes.length);
    }

    /** Moves to the end of the current value, and returns the offsets of its beginning and its end. */
    private int[] range() {
        int from = tokenStart();
        if (isLargeString()) {
            return new int[] {from, stringEnd()}; // The parser checks it when it moves on.
        }
        skip();
        int to = Math.toIntExact(parser.currentLocation().getByteOffset());
        while (to > from && bytes[to - 1] <= ' ') {
            to--; // The parser reads one byte behind a number.
        }
        return new int[] {from, to};
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

    /** Returns the bytes of the current value, unchanged, and moves to its end. */
    public byte[] slice() {
        int[] range = range();
        memory.take(OBJECT_BYTES + range[1] - range[0]);
        return Arrays.copyOfRange(bytes, range[0], range[1]);
    }

    /**
     * Checks that the current string is base64.
     *
     * @throws IllegalArgumentException if it is not
     */
    public void checkBase64() {
        int from = tokenStart() + 1;
        int to = isLargeString() ? stringEnd() - 1 : 0;
        boolean escaped = false;
        for (int i = from; i < to; i++) {
            escaped |= bytes[i] == '\\';
        }
        if (to == 0 || escaped) {
            String text = text(null);
            memory.take(text.length());
            byte[] unused = Base64.getDecoder().decode(text);
            memory.giveBack(2L * text.length());
            return;
        }
        ByteBuffer decoded = ByteBuffer.wrap(bytes, from, to - from);
        memory.take(to - from);
        ByteBuffer unused = Base64.getDecoder().decode(decoded);
        memory.giveBack(to - from);
    }

    /** Returns the text of the current value, unchanged, and moves to its end. */
    public String sliceText() {
        int[] range = range();
        int length = range[1] - range[0];
        memory.take(OBJECT_BYTES
                + 3L * length); // Two bytes for each character, and one byte for each when the text is sent.
        return new String(bytes, range[0], length, StandardCharsets.UTF_8);
    }

    /** Takes memory for objects other than the returned texts and slices. */
    public void take(long needed) {
        memory.take(needed);
    }

    /** Moves to the end of the current value and checks it. The step to the next token checks a large string. */
    public void skip() {
        try {
            if (isLargeString()) {
                return;
            }
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
        int depth = -1; // The caller counts the current structure, and the root context does not count.
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
    public void end() {
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

    /**
     * Refuses a field that occurs twice, because the content of the first one would be lost.
     *
     * @param isSecond whether the field has occurred before
     */
    public void refuseSecond(String field, boolean isSecond) {
        if (isSecond) {
            throw badRequest(field + " must not be there more than once");
        }
    }

    /**
     * Returns a check of the members of the current object.
     *
     * @param names the members that are read, at most 32; other members are skipped and may occur twice
     */
    public Members members(List<String> names) {
        return new Members(names);
    }

    /** Refuses an object in which a member occurs twice, because the content of the first one would be lost. */
    public final class Members {
        private final List<String> names;
        private int seen;

        private Members(List<String> names) {
            this.names = names;
        }

        public void refuseSecond(String field) {
            int index = names.indexOf(field);
            if (index >= 0) {
                int bit = 1 << index;
                JsonBody.this.refuseSecond(field, (seen & bit) != 0);
                seen |= bit;
            }
        }
    }

    /**
     * Returns a UUID in its canonical form of 36 characters (RFC 9562 §4, either case), or null if {@code text} is not
     * one.
     */
    @Nullable
    public static UUID uuid(String text) {
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
        memory.giveBack(numberBytes);
        try {
            parser.close(); // Gives its buffers back.
        } catch (IOException e) {
            throw new IllegalStateException("closing a parser over memory failed", e);
        }
    }
}
