package dev.sluice.bridge.security;

import java.nio.charset.StandardCharsets;
import java.security.Key;
import java.security.PublicKey;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * Which tokens are accepted, and which roles they give.
 *
 * @param algorithm {@code HS256}, {@code RS256} (and RS384, RS512), {@code EdDSA}, or {@code auto}: every algorithm
 *     with a configured key
 * @param secret for HS256, as its UTF-8 bytes; never shown
 * @param publicKey PEM of an RSA or Ed25519 key
 * @param jwks endpoint of public keys; excludes {@code publicKey}
 * @param issuer required {@code iss}; null accepts any
 * @param audience required element of {@code aud}; null accepts any
 * @param clockSkew largest difference between the clocks of issuer and service
 * @param roles the names of roles in tokens
 * @param skipPaths paths that need no token: exact, or as a prefix if they end in {@code /} and are longer than
 *     {@code /}; null: all routes that need no role
 */
public record JwtConfig(
        String algorithm,
        @Nullable String secret,
        @Nullable String publicKey,
        @Nullable JwksConfig jwks,
        @Nullable String issuer,
        @Nullable String audience,
        Duration clockSkew,
        RoleNames roles,
        @Nullable List<String> skipPaths) {
    /** The values of {@code auth.jwt.algorithm}. */
    public static final Set<String> ALGORITHMS = Set.of("HS256", "RS256", "EdDSA", "auto");

    /** RFC 7518 §3.2: a shorter secret can be guessed. */
    public static final int MIN_SECRET_BYTES = 32;

    private static final Set<SignatureAlgorithm> RSA =
            Set.of(SignatureAlgorithm.RS256, SignatureAlgorithm.RS384, SignatureAlgorithm.RS512);

    /**
     * How a token names its roles.
     *
     * @param claim name of a claim that is a string
     * @param listClaim name of a claim that is an array of strings
     * @param admin value for {@link Role#ADMIN}
     * @param readWrite value for {@link Role#READ_WRITE}
     * @param readOnly value for {@link Role#READ_ONLY}
     */
    public record RoleNames(String claim, String listClaim, String admin, String readWrite, String readOnly) {
        /**
         * Checks the names.
         *
         * @throws IllegalArgumentException if two roles have the same name
         */
        public RoleNames {
            if (admin.equals(readWrite) || admin.equals(readOnly) || readWrite.equals(readOnly)) {
                throw new IllegalArgumentException("auth.jwt.role.admin, .read.write and .read.only must differ");
            }
        }

        @Nullable
        Role named(String name) {
            if (name.equals(admin)) {
                return Role.ADMIN;
            }
            if (name.equals(readWrite)) {
                return Role.READ_WRITE;
            }
            return name.equals(readOnly) ? Role.READ_ONLY : null;
        }
    }

    /**
     * Checks that there is a key for the algorithm.
     *
     * @throws IllegalArgumentException if there is none, or it has the wrong type; the message names the settings, and
     *     no secret
     */
    public JwtConfig {
        if (!ALGORITHMS.contains(algorithm)) {
            throw new IllegalArgumentException(
                    "auth.jwt.algorithm must be HS256, RS256, EdDSA or auto, was " + algorithm);
        }
        if (publicKey != null && jwks != null) {
            throw new IllegalArgumentException("auth.jwt.public.key and auth.jwt.jwks.url exclude each other");
        }
        if (secret != null && secret.contains("-----BEGIN")) {
            throw new IllegalArgumentException(
                    "auth.jwt.secret is PEM, but a public key is no secret: set auth.jwt.public.key");
        }
        skipPaths = skipPaths == null ? null : List.copyOf(skipPaths);
        Map<SignatureAlgorithm, ?> accepted = fixedKeys(algorithm, secret, publicKey);
        if (accepted.isEmpty() && (jwks == null || algorithm.equals("HS256"))) {
            throw new IllegalArgumentException(
                    switch (algorithm) {
                        case "HS256" -> "auth.jwt.algorithm HS256 needs auth.jwt.secret";
                        case "auto" ->
                            "auth.jwt.algorithm auto needs auth.jwt.secret, auth.jwt.public.key or auth.jwt.jwks.url";
                        default ->
                            publicKey == null
                                    ? "auth.jwt.algorithm " + algorithm
                                            + " needs auth.jwt.public.key or auth.jwt.jwks.url"
                                    : "auth.jwt.public.key is not of the type auth.jwt.algorithm " + algorithm
                                            + " needs";
                    });
        }
    }

    /** Returns the keys from the settings, by algorithm. */
    Map<SignatureAlgorithm, Key> fixedKeys() {
        return fixedKeys(algorithm, secret, publicKey);
    }

    private static Map<SignatureAlgorithm, Key> fixedKeys(
            String algorithm, @Nullable String secret, @Nullable String publicKey) {
        var keys = new EnumMap<SignatureAlgorithm, Key>(SignatureAlgorithm.class);
        if (secret != null && !secret.isEmpty()) {
            put(keys, algorithm, new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
        }
        if (publicKey != null) {
            put(keys, algorithm, readPem(publicKey));
        }
        return keys;
    }

    private static void put(Map<SignatureAlgorithm, Key> keys, String configured, Key key) {
        for (SignatureAlgorithm each : SignatureAlgorithm.values()) {
            if (isConfigured(configured, each) && each.accepts(key)) {
                keys.put(each, key);
            }
        }
    }

    private static PublicKey readPem(String pem) {
        try {
            return PublicKeys.fromPem(pem);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("auth.jwt.public.key " + e.getMessage(), e);
        }
    }

    private static boolean isConfigured(String configured, SignatureAlgorithm algorithm) {
        return configured.equals("auto")
                || configured.equals(algorithm.tokenName())
                || (configured.equals("RS256") && RSA.contains(algorithm));
    }

    /** Returns whether keys of the JWKS endpoint may be used with this algorithm. */
    boolean takesFromJwks(SignatureAlgorithm candidate) {
        return jwks != null && candidate != SignatureAlgorithm.HS256 && isConfigured(algorithm, candidate);
    }

    /** Returns whether the secret is used and has fewer than {@link #MIN_SECRET_BYTES} bytes. */
    public boolean hasWeakSecret() {
        Key key = fixedKeys().get(SignatureAlgorithm.HS256);
        return key != null && key.getEncoded().length < MIN_SECRET_BYTES;
    }

    /**
     * Returns whether requests of a route need no token.
     *
     * @param needsRole whether the route is for callers with a role
     * @param path of the request
     */
    public boolean skips(boolean needsRole, String path) {
        if (skipPaths == null) {
            return !needsRole;
        }
        for (String each : skipPaths) {
            if (path.equals(each) || (each.length() > 1 && each.endsWith("/") && path.startsWith(each))) {
                return true;
            }
        }
        return false;
    }

    /** Hides the keys. */
    @Override
    public String toString() {
        return "JwtConfig[algorithm=" + algorithm + ", issuer=" + issuer + ", audience=" + audience + "]";
    }
}
