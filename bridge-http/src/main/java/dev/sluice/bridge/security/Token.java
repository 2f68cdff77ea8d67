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
 * A parsed token that is not verified: {@code header.claims.signature}, each base64url without padding (RFC 7515 §3.1).
 *
 * <p>The parser is strict, so that a token has one spelling only: no padding, no white space, no unused bits, no
 * duplicate field, and no critical extension ({@code crit}).
 *
 * @param algorithm the algorithm in the header
 * @param keyId {@code kid}, the key that signed it; null if the header names none
 * @param claims a JSON object
 * @param signed the signed bytes
 */
@SuppressWarnings("ArrayRecordComponent") // Lives for one check; never compared.
record Token(SignatureAlgorithm algorithm, @Nullable String keyId, JsonNode claims, byte[] signed, byte[] signature) {
    /** Longest token in characters. All headers of a request together have 16 KiB. */
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
     * Parses a token.
     *
     * @throws InvalidTokenException if it has not this form, or its algorithm is not supported
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

    /** Decodes base64url in its canonical form; the decoder of Java also accepts padding and unused bits. */
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
