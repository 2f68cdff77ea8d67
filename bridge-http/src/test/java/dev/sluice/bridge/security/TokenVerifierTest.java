package dev.sluice.bridge.security;

import static dev.sluice.bridge.security.TestTokens.SECRET;
import static dev.sluice.bridge.security.TestTokens.claims;
import static dev.sluice.bridge.security.TestTokens.header;
import static dev.sluice.bridge.security.TestTokens.hs256;
import static dev.sluice.bridge.security.TestTokens.pem;
import static dev.sluice.bridge.security.TestTokens.signed;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.security.KeyPair;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenVerifierTest {
    private static final long NOW = 1_800_000_000L;
    private static final KeyPair RSA = TestTokens.rsa(2048);
    private static final KeyPair ED = TestTokens.ed25519();
    private static final JwtConfig.RoleNames ROLES =
            new JwtConfig.RoleNames("role", "roles", "admin", "read-write", "read-only");

    private static JwtConfig config(String algorithm, @Nullable String secret, @Nullable String publicKey) {
        return new JwtConfig(
                algorithm, secret, publicKey, null, "issuer", "sluice", Duration.ofSeconds(30), ROLES, List.of());
    }

    private static ObjectNode good() {
        return claims().put("iss", "issuer")
                .put("aud", "sluice")
                .put("sub", "ann")
                .put("role", "admin");
    }

    private static Principal verify(JwtConfig config, String token) {
        try {
            return new TokenVerifier(config, () -> Instant.ofEpochSecond(NOW))
                    .verify(token)
                    .join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw e;
        }
    }

    private static Principal verify(ObjectNode claims) {
        return verify(config("HS256", SECRET, null), hs256(claims, SECRET));
    }

    private static void assertRefused(JwtConfig config, String token, String reason) {
        assertThatThrownBy(() -> verify(config, token))
                .isInstanceOf(InvalidTokenException.class)
                .hasMessage(reason);
    }

    private static void assertRefused(ObjectNode claims, String reason) {
        assertRefused(config("HS256", SECRET, null), hs256(claims, SECRET), reason);
    }

    @Nested
    class TheAlgorithm {
        @Test
        void isOneTheSettingsHaveAKeyFor() {
            String hs = hs256(good(), SECRET);
            String rs256 = signed(header("RS256"), good(), "SHA256withRSA", RSA.getPrivate());
            String rs384 = signed(header("RS384"), good(), "SHA384withRSA", RSA.getPrivate());
            String rs512 = signed(header("RS512"), good(), "SHA512withRSA", RSA.getPrivate());
            String ed = signed(header("EdDSA"), good(), "Ed25519", ED.getPrivate());
            var rsa = pem(RSA.getPublic());
            var edwards = pem(ED.getPublic());
            assertAccepts(config("HS256", SECRET, null), List.of(hs), List.of(rs256, rs384, rs512, ed));
            assertAccepts(config("HS256", SECRET, rsa), List.of(hs), List.of(rs256, ed));
            assertAccepts(config("RS256", SECRET, rsa), List.of(rs256, rs384, rs512), List.of(hs, ed));
            assertAccepts(config("EdDSA", SECRET, edwards), List.of(ed), List.of(hs, rs256));
            assertAccepts(config("auto", SECRET, edwards), List.of(hs, ed), List.of(rs256));
            assertAccepts(config("auto", SECRET, rsa), List.of(hs, rs256, rs384, rs512), List.of(ed));
            assertAccepts(config("auto", null, rsa), List.of(rs256), List.of(hs, ed));
        }

        private void assertAccepts(JwtConfig config, List<String> accepted, List<String> refused) {
            accepted.forEach(token -> assertThat(verify(config, token).role()).isEqualTo(Role.ADMIN));
            refused.forEach(token -> assertRefused(config, token, "Token algorithm is not accepted"));
        }

        @ParameterizedTest
        @ValueSource(strings = {"none", "None", "NONE", "", "hs256", "HS384", "HS512", "ES256", "PS256"})
        void isNeverAnother(String name) {
            String unsigned = TestTokens.unsigned(header(name), good());
            for (String signature : List.of("", "AAAA")) {
                assertRefused(
                        config("auto", SECRET, pem(RSA.getPublic())),
                        unsigned + "." + signature,
                        "Token algorithm is not accepted");
            }
        }

        @Test
        void neverTakesThePublicKeyForASecret() {
            String pem = pem(RSA.getPublic());
            for (byte[] secret : List.of(
                    pem.getBytes(UTF_8),
                    pem.strip().getBytes(UTF_8),
                    RSA.getPublic().getEncoded())) {
                String forged = hs256(header("HS256"), good(), secret);
                assertRefused(config("RS256", null, pem), forged, "Token algorithm is not accepted");
                assertRefused(config("auto", null, pem), forged, "Token algorithm is not accepted");
                assertRefused(config("auto", SECRET, pem), forged, "Invalid token signature");
            }
        }
    }

    @Nested
    class TheSettings {
        @Test
        void areRefusedWithoutTheKeyTheyNeed() {
            String rsa = pem(RSA.getPublic());
            String ed = pem(ED.getPublic());
            assertIncomplete("HS256", null, rsa, "auth.jwt.algorithm HS256 needs auth.jwt.secret");
            assertIncomplete("HS256", "", null, "auth.jwt.algorithm HS256 needs auth.jwt.secret");
            assertIncomplete(
                    "RS256", SECRET, null, "auth.jwt.algorithm RS256 needs auth.jwt.public.key or auth.jwt.jwks.url");
            assertIncomplete(
                    "EdDSA", SECRET, null, "auth.jwt.algorithm EdDSA needs auth.jwt.public.key or auth.jwt.jwks.url");
            assertIncomplete(
                    "auto",
                    null,
                    null,
                    "auth.jwt.algorithm auto needs auth.jwt.secret, auth.jwt.public.key or auth.jwt.jwks.url");
            assertIncomplete(
                    "RS256", null, ed, "auth.jwt.public.key is not of the type auth.jwt.algorithm RS256 needs");
            assertIncomplete(
                    "EdDSA", null, rsa, "auth.jwt.public.key is not of the type auth.jwt.algorithm EdDSA needs");
        }

        @Test
        void areRefusedWithAKeyThatIsNone() {
            assertIncomplete(
                    "RS256",
                    null,
                    "MIIB",
                    "auth.jwt.public.key is not PEM, which begins with -----BEGIN PUBLIC KEY-----");
            assertIncomplete(
                    "RS256",
                    null,
                    pem(RSA.getPublic()).replace("PUBLIC", "PRIVATE"),
                    "auth.jwt.public.key is PEM of a PRIVATE KEY, not of a PUBLIC KEY");
            assertIncomplete(
                    "RS256",
                    null,
                    pem(TestTokens.rsa(1024).getPublic()),
                    "auth.jwt.public.key is an RSA key of less than 2048 bits");
            assertIncomplete(
                    "auto",
                    pem(RSA.getPublic()),
                    null,
                    "auth.jwt.secret is PEM, but a public key is no secret: set auth.jwt.public.key");
        }

        private void assertIncomplete(
                String algorithm, @Nullable String secret, @Nullable String publicKey, String problem) {
            assertThatThrownBy(() -> config(algorithm, secret, publicKey))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(problem);
        }

        @Test
        void mayHaveLineEndsOfAKeyWrittenOut() {
            String oneLine = pem(RSA.getPublic()).replace("\r", "").replace("\n", "\\n");
            String token = signed(header("RS256"), good(), "SHA256withRSA", RSA.getPrivate());
            assertThat(verify(config("RS256", null, oneLine), token).subject()).isEqualTo("ann");
        }

        @Test
        void doNotShowTheSecret() {
            assertThat(config("HS256", SECRET, null).toString()).doesNotContain(SECRET);
        }
    }

    @Nested
    class TheForm {
        @Test
        void hasOneSpelling() {
            String token = hs256(good(), SECRET);
            int dot = token.indexOf('.');
            for (String other : List.of(
                    "",
                    "x",
                    "a.b",
                    "..",
                    token + ".",
                    token + "=",
                    token + " ",
                    " " + token,
                    token.substring(0, dot) + "=" + token.substring(dot),
                    token.substring(0, dot) + "\n" + token.substring(dot),
                    token.replace('.', ','),
                    "a".repeat(Token.MAX_LENGTH) + "." + token)) {
                assertRefused(config("HS256", SECRET, null), other, "Malformed token");
            }
        }

        @Test
        void hasNoBitsThatMeanNothing() {
            String token = hs256(good(), SECRET); // 32 bytes: the last character has two unused bits.
            String alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            char last = token.charAt(token.length() - 1);
            char next = alphabet.charAt(alphabet.indexOf(last) + 1);
            assertRefused(
                    config("HS256", SECRET, null), token.substring(0, token.length() - 1) + next, "Malformed token");
        }

        @Test
        void isJsonObjectsWithEachNameOnce() {
            for (String claims : List.of("[]", "1", "", "{", "{} {}", "{\"role\":\"a\",\"role\":\"admin\"}")) {
                String unsigned = TestTokens.encode("{\"alg\":\"HS256\"}") + "." + TestTokens.encode(claims);
                assertRefused(config("HS256", SECRET, null), unsigned + ".AAAA", "Malformed token");
            }
            assertRefused(
                    config("HS256", SECRET, null),
                    hs256(header("HS256").put("kid", 1), good(), SECRET.getBytes(UTF_8)),
                    "Malformed token");
        }

        @Test
        void hasNoExtensionThatMustBeUnderstood() {
            ObjectNode header = header("HS256").put("b64", true);
            header.putArray("crit").add("b64");
            assertRefused(
                    config("HS256", SECRET, null),
                    hs256(header, good(), SECRET.getBytes(UTF_8)),
                    "Token needs an extension that is not known here");
        }
    }

    @Test
    void anyChangedByteBreaksTheSignature() {
        String hs = hs256(good(), SECRET);
        String other = hs256(good().put("sub", "bob"), SECRET);
        String swapped = other.substring(0, other.lastIndexOf('.')) + hs.substring(hs.lastIndexOf('.'));
        assertRefused(config("HS256", SECRET, null), swapped, "Invalid token signature");
        assertRefused(config("HS256", SECRET + "x", null), hs, "Invalid token signature");
        assertRefused(
                config("HS256", SECRET, null), hs.substring(0, hs.lastIndexOf('.') + 1), "Invalid token signature");
        for (String signature : List.of("", "AAAA", "A".repeat(342))) {
            String rs = TestTokens.unsigned(header("RS256"), good()) + "." + signature;
            assertRefused(config("RS256", null, pem(RSA.getPublic())), rs, "Invalid token signature");
            String ed = TestTokens.unsigned(header("EdDSA"), good()) + "." + signature;
            assertRefused(config("EdDSA", null, pem(ED.getPublic())), ed, "Invalid token signature");
        }
    }

    @Nested
    class Claims {
        @Test
        void ofTimeHaveTheSkewOnBothSides() {
            assertThat(verify(good().put("exp", NOW - 29)).subject()).isEqualTo("ann");
            assertRefused(good().put("exp", NOW - 30), "Token has expired");
            assertThat(verify(good().put("nbf", NOW + 30)).subject()).isEqualTo("ann");
            assertRefused(good().put("nbf", NOW + 31), "Token is not valid yet");
            assertThat(verify(good().put("iat", NOW + 30)).subject()).isEqualTo("ann");
            assertRefused(good().put("iat", NOW + 31), "Token was issued in the future");
            assertThat(verify(good().put("exp", NOW - 29.5)).subject()).isEqualTo("ann");
        }

        @Test
        void ofTimeAreNumbers() {
            for (String name : List.of("exp", "nbf", "iat")) {
                assertRefused(good().put(name, "1"), "Invalid token: " + name + " must be a number");
                assertRefused(good().putNull(name), "Invalid token: " + name + " must be a number");
            }
        }

        @Test
        void nameTheIssuerAndTheAudienceWeWant() {
            assertRefused(good().put("iss", "Issuer"), "Invalid token issuer");
            assertRefused(good().without("iss"), "Invalid token issuer");
            assertRefused(good().put("aud", "sluice2"), "Invalid token audience");
            assertRefused(good().without("aud"), "Invalid token audience");
            ObjectNode several = good();
            several.putArray("aud").add("other").add("sluice");
            assertThat(verify(several).subject()).isEqualTo("ann");
            several.putArray("aud").add("other");
            assertRefused(several, "Invalid token audience");
        }

        @Test
        void nameASubjectThatCanBeStored() {
            assertThat(verify(good().without("sub")).subject()).isNull();
            assertThat(verify(good().put("sub", "s".repeat(255))).subject()).hasSize(255);
            assertRefused(good().put("sub", 7), "Invalid token: sub must be a string");
            for (String sub : List.of("", "s".repeat(256), "a\u0000b")) {
                assertRefused(
                        good().put("sub", sub),
                        "Invalid token: sub must be 1 to 255 characters without U+0000 and halves of surrogate pairs");
            }
        }

        @ParameterizedTest
        @CsvSource({
            "{},",
            "{\"role\":\"admin\"},ADMIN",
            "{\"role\":\"read-write\"},READ_WRITE",
            "{\"role\":\"read-only\"},READ_ONLY",
            "{\"role\":\"Admin\"},",
            "{\"role\":[\"admin\"]},",
            "{\"roles\":\"admin\"},",
            "'{\"roles\":[\"x\",\"read-only\",\"admin\",\"read-write\"]}',ADMIN",
            "'{\"role\":\"read-only\",\"roles\":[\"read-write\"]}',READ_WRITE",
            "'{\"role\":\"admin\",\"roles\":[\"read-only\"]}',ADMIN",
            "'{\"roles\":[1,null]}',",
        })
        void nameTheHighestRole(String text, @Nullable Role role) throws Exception {
            ObjectNode claims = good().without("role");
            claims.setAll((ObjectNode) new com.fasterxml.jackson.databind.ObjectMapper().readTree(text));
            assertThat(verify(claims).role()).isEqualTo(role);
        }
    }
}
