package dev.sluice.bridge.security;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/**
 * A token taken apart, nothing of it believed yet: {@code header.claims.signature}, each base64url without padding (RFC
 * 7515 §3.1).
 *
 * <p>The form is taken strictly, so that a token has one spelling only: no padding, no white space, no unused bits, no
 * second field of a name, and no extension that must be understood ({@code crit}).
 *
 * @param algorithm what the header says it is signed with
 * @param keyId which key signed it, {@code kid}; null if the header does not say
 * @param claims a JSON object
 * @param signed the bytes the signature is about
 */
@SuppressWarnings("ArrayRecordComponent") // Lives for one check; compared by nobody.
record Token(SignatureAlgorithm algorithm, @Nullable String keyId, JsonNode claims, byte[] signed, byte[] signature) {
    /** Longest token in characters. A request's headers have 16 KiB together. */
    static final int MAX_LENGTH = 16 << 10;

    static final String NOT_ACCEPTED = "Token algorithm is not accepted";

    private static final int MAX_DEPTH = 16;
    private static final ObjectMapper JSON = new ObjectMapper(JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(MAX_DEPTH)
                            .build())
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    /**
     * Takes a token apart.
     *
     * @throws InvalidTokenException if it does not have this form, or is signed with an algorithm we do not know
     */
    static Token parse(String text) {
        int first = text.indexOf('.');
        int last = text.lastIndexOf('.');
        if (text.length() > MAX_LENGTH || first < 0 || first == last || text.indexOf('.', first + 1) != last) {
            throw malformed();
        }
        JsonNode header = object(decode(text.substring(0, first)));
        JsonNode claims = object(decode(text.substring(first + 1, last)));
        byte[] signature = decode(text.substring(last + 1));
        if (header.has("crit")) {
            throw new InvalidTokenException("Token needs an extension that is not known here");
        }
        String name = optionalText(header, "alg");
        SignatureAlgorithm algorithm = name == null ? null : SignatureAlgorithm.named(name);
        if (algorithm == null) {
            throw new InvalidTokenException(NOT_ACCEPTED);
        }
        byte[] signed = text.substring(0, last).getBytes(StandardCharsets.US_ASCII);
        return new Token(algorithm, optionalText(header, "kid"), claims, signed, signature);
    }

    private static InvalidTokenException malformed() {
        return new InvalidTokenException("Malformed token");
    }

    /** Decodes base64url in its only form; Java's decoder takes padding and unused bits too. */
    static byte[] decode(String base64) {
        try {
            byte[] bytes = Base64.getUrlDecoder().decode(base64);
            if (Base64.getUrlEncoder().withoutPadding().encodeToString(bytes).equals(base64)) {
                return bytes;
            }
            throw malformed();
        } catch (IllegalArgumentException e) {
            throw malformed();
        }
    }

    private static JsonNode object(byte[] json) {
        try {
            JsonNode tree = JSON.readTree(json);
            if (tree != null && tree.isObject()) {
                return tree;
            }
            throw malformed();
        } catch (IOException e) {
            throw malformed();
        }
    }

    private static @Nullable String optionalText(JsonNode object, String field) {
        JsonNode value = object.get(field);
        if (value == null) {
            return null;
        }
        if (!value.isTextual()) {
            throw malformed();
        }
        return value.textValue();
    }
}
