package dev.sluice.bridge.http;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.bridge.json.JsonBody;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.queue.TimeText;
import java.io.IOException;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A JSON object in the body of a request of administration, as a tree. {@link JsonBody} reads bodies with messages,
 * because it keeps every byte of a payload.
 *
 * <p>A name that occurs twice in an object is refused, because one of its values would have no effect.
 *
 * <p>If a field has the wrong type or value, a method throws {@link InvalidRequestException} (400) that names the
 * field. A field that is {@code null} counts as absent.
 */
public record JsonRequest(JsonNode fields) {
    /** Bytes of an object or an array, with its entry in the parent. */
    private static final int STRUCTURE_BYTES = 176;
    /** Bytes of a name or a value besides its text, with its entry in the parent. */
    private static final int SCALAR_BYTES = 80;

    /**
     * Parses a body.
     *
     * @throws InvalidRequestException if it is empty, not UTF-8, not JSON or not an object
     */
    public static JsonRequest parse(byte[] body, int maxDepth, RequestMemory.Claim memory) {
        JsonBody.open(body, maxDepth, memory).close(); // Checks the encoding.
        var mapper = new ObjectMapper(JsonFactory.builder()
                        .streamReadConstraints(StreamReadConstraints.builder()
                                .maxNestingDepth(maxDepth)
                                .build())
                        .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
                        .build())
                .enable(
                        DeserializationFeature.FAIL_ON_TRAILING_TOKENS,
                        DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY);
        try {
            takeForTree(body, mapper.getFactory(), memory);
            JsonNode tree = mapper.readTree(body);
            if (tree == null || tree.isMissingNode()) {
                throw badRequest("Empty request body");
            }
            if (!tree.isObject()) {
                throw badRequest("the body must be a JSON object");
            }
            return new JsonRequest(tree);
        } catch (JsonProcessingException e) {
            // An exception about a limit has no location.
            // The message must not repeat a word without quotes: it may be a password.
            throw badRequest("Invalid JSON: "
                    + e.getOriginalMessage()
                            .replaceFirst("token '.*?':", "token:")
                            .replaceFirst("(?s)(Duplicate field '.*') for .*", "$1")
                    + (e.getLocation() == null
                            ? ""
                            : " at byte " + e.getLocation().getByteOffset()));
        } catch (IOException e) {
            throw new IllegalStateException("reading from memory failed", e);
        }
    }

    /** Takes the memory of the tree. A body of a few megabytes may become a tree of hundreds of megabytes. */
    private static void takeForTree(byte[] body, JsonFactory factory, RequestMemory.Claim memory) throws IOException {
        try (JsonParser parser = factory.createParser(body)) {
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                if (token == JsonToken.FIELD_NAME || token.isScalarValue()) {
                    memory.take(SCALAR_BYTES + 2L * parser.getTextLength());
                } else if (token.isStructStart()) {
                    memory.take(STRUCTURE_BYTES);
                }
            }
        }
    }

    /** Returns the value of a field, or null if it is absent. */
    @Nullable
    public JsonNode value(String name) {
        JsonNode value = fields.get(name);
        return value == null || value.isNull() ? null : value;
    }

    /** Returns a string, or null if it is absent. */
    @Nullable
    public String text(String name) {
        JsonNode value = value(name);
        if (value == null) {
            return null;
        }
        if (!value.isTextual()) {
            throw badRequest(name + " must be a string");
        }
        return value.textValue();
    }

    /** Returns a string that must be present. */
    public String requiredText(String name) {
        String text = text(name);
        if (text == null || text.isEmpty()) {
            throw badRequest(name + " is required");
        }
        return text;
    }

    /** Returns a boolean, or {@code byDefault} if it is absent. */
    public boolean flag(String name, boolean byDefault) {
        JsonNode value = value(name);
        if (value == null) {
            return byDefault;
        }
        if (!value.isBoolean()) {
            throw badRequest(name + " must be true or false");
        }
        return value.booleanValue();
    }

    /** Returns a whole number from {@code least} to {@code most}, or {@code byDefault} if it is absent. */
    public long number(String name, long byDefault, long least, long most) {
        JsonNode value = value(name);
        if (value == null) {
            return byDefault;
        }
        if (!value.isIntegralNumber()
                || !value.canConvertToLong()
                || value.longValue() < least
                || value.longValue() > most) {
            throw badRequest(name + " must be a whole number from " + least + " to " + most);
        }
        return value.longValue();
    }

    /** Returns a {@linkplain TimeText time}, written as a string or as a number, or null if it is absent. */
    @Nullable
    public Instant time(String name) {
        JsonNode value = value(name);
        if (value == null) {
            return null;
        }
        if (!value.isTextual() && !value.isNumber()) {
            throw badRequest(name + " must be " + TimeText.FORMS);
        }
        return Parameters.time(name, value.asText());
    }
}
