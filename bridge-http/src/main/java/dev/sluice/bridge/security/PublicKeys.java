package dev.sluice.bridge.security;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.RSAPublicKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Parses public keys from PEM (RFC 7468) and JWK (RFC 7517). */
final class PublicKeys {
    /** RFC 7518 §3.3. */
    static final int MIN_RSA_BITS = 2048;

    private static final Pattern PEM =
            Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \\1-----", Pattern.DOTALL);
    /** The bytes before the 32 bytes of an Ed25519 key in X.509 (RFC 8410 §4). */
    private static final byte[] ED25519_PREFIX = HexFormat.of().parseHex("302a300506032b6570032100");

    private static final int ED25519_BYTES = 32;

    private PublicKeys() {}

    /**
     * Parses an RSA or Ed25519 public key from PEM. A line end may be the two characters {@code \n}, as in environment
     * variables.
     *
     * @throws IllegalArgumentException if it is none; the message says what it is instead
     */
    static PublicKey fromPem(String text) {
        Matcher pem = PEM.matcher(text.replace("\\n", "\n"));
        if (!pem.find()) {
            throw new IllegalArgumentException("is not PEM, which begins with -----BEGIN PUBLIC KEY-----");
        }
        if (!pem.group(1).equals("PUBLIC KEY")) {
            throw new IllegalArgumentException("is PEM of a " + pem.group(1) + ", not of a PUBLIC KEY");
        }
        byte[] der;
        try {
            der = Base64.getMimeDecoder().decode(pem.group(2));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("is not base64 between its first and last line", e);
        }
        for (String type : List.of("RSA", "Ed25519")) {
            PublicKey key = ofType(type, der);
            if (key instanceof RSAPublicKey rsa && rsa.getModulus().bitLength() < MIN_RSA_BITS) {
                throw new IllegalArgumentException("is an RSA key of less than " + MIN_RSA_BITS + " bits");
            }
            if (key != null) {
                return key;
            }
        }
        throw new IllegalArgumentException("is neither an RSA nor an Ed25519 public key");
    }

    private static @Nullable PublicKey ofType(String type, byte[] der) {
        try {
            return KeyFactory.getInstance(type).generatePublic(new X509EncodedKeySpec(der));
        } catch (InvalidKeySpecException e) {
            return null;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("Java has no keys of type " + type, e);
        }
    }

    /** Parses a key of a JWK set. Returns null if it is not a valid RSA or Ed25519 key for signatures. */
    static @Nullable PublicKey fromJwk(JsonNode jwk) {
        if (!jwk.path("use").asText("sig").equals("sig") || !verifies(jwk.get("key_ops"))) {
            return null;
        }
        try {
            return switch (jwk.path("kty").asText()) {
                case "RSA" -> rsa(jwk);
                case "OKP" -> jwk.path("crv").asText().equals("Ed25519") ? ed25519(jwk) : null;
                default -> null;
            };
        } catch (GeneralSecurityException | InvalidTokenException e) {
            return null;
        }
    }

    private static boolean verifies(@Nullable JsonNode operations) {
        if (operations == null) {
            return true;
        }
        for (JsonNode operation : operations) {
            if (operation.asText().equals("verify")) {
                return true;
            }
        }
        return false;
    }

    private static @Nullable PublicKey rsa(JsonNode jwk) throws GeneralSecurityException {
        var modulus = new BigInteger(1, Token.decode(jwk.path("n").asText()));
        var exponent = new BigInteger(1, Token.decode(jwk.path("e").asText()));
        if (modulus.bitLength() < MIN_RSA_BITS) {
            return null;
        }
        return KeyFactory.getInstance("RSA").generatePublic(new RSAPublicKeySpec(modulus, exponent));
    }

    private static @Nullable PublicKey ed25519(JsonNode jwk) throws GeneralSecurityException {
        byte[] point = Token.decode(jwk.path("x").asText());
        if (point.length != ED25519_BYTES) {
            return null;
        }
        var encoded = new ByteArrayOutputStream();
        encoded.writeBytes(ED25519_PREFIX);
        encoded.writeBytes(point);
        return KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(encoded.toByteArray()));
    }
}
