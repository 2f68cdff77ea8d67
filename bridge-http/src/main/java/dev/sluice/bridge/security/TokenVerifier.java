package dev.sluice.bridge.security;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.queue.NewMessage;
import java.security.Key;
import java.time.InstantSource;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Verifies tokens and names their owner. Any thread may call; no method blocks. */
public final class TokenVerifier {
    private static final Logger log = LoggerFactory.getLogger(TokenVerifier.class);

    /** Most cached signatures: checking an Ed25519 signature takes longer than a push. */
    private static final int CACHED_SIGNATURES = 1024;

    private static final int MILLIS_PER_SECOND = 1000;

    private final JwtConfig config;
    private final Map<SignatureAlgorithm, VerificationKeys> keys = new EnumMap<>(SignatureAlgorithm.class);
    private final InstantSource clock;

    /** Verified tokens with the key that signed them, least recently used first. */
    private final Map<String, Key> signedWith = Collections.synchronizedMap(new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Key> eldest) {
            return size() > CACHED_SIGNATURES;
        }
    });

    /** Makes a verifier. */
    public TokenVerifier(JwtConfig config) {
        this(config, InstantSource.system());
    }

    TokenVerifier(JwtConfig config, InstantSource clock) {
        this.config = config;
        this.clock = clock;
        if (config.jwks() != null) {
            JwksConfig settings = config.jwks();
            var jwks = new Jwks(
                    new JwksClient(settings),
                    settings.maxAge(),
                    settings.refreshInterval(),
                    settings.maxWait(),
                    System::nanoTime);
            jwks.prepare();
            for (SignatureAlgorithm each : SignatureAlgorithm.values()) {
                if (config.takesFromJwks(each)) {
                    keys.put(each, jwks);
                }
            }
        }
        config.fixedKeys()
                .forEach((algorithm, key) -> keys.put(algorithm, token -> CompletableFuture.completedFuture(key)));
        if (config.hasWeakSecret()) {
            log.warn(
                    "auth.jwt.secret is short enough to be guessed, set a longer one leastBytes={}",
                    JwtConfig.MIN_SECRET_BYTES);
        }
    }

    /**
     * Verifies a token.
     *
     * @return completes with its owner; exceptionally with {@link InvalidTokenException} if it is not valid, or with
     *     {@link KeysUnavailableException} if its key cannot be fetched now
     */
    public CompletableFuture<Principal> verify(String text) {
        Token token;
        try {
            token = Token.parse(text);
        } catch (InvalidTokenException e) {
            return CompletableFuture.failedFuture(e);
        }
        VerificationKeys candidates = keys.get(token.algorithm());
        if (candidates == null) {
            return CompletableFuture.failedFuture(new InvalidTokenException(Token.NOT_ACCEPTED));
        }
        return candidates.keyOf(token).thenApply(key -> {
            checkSignature(text, token, key);
            checkTimes(token.claims());
            checkIssuer(token.claims());
            checkAudience(token.claims());
            return new Principal(subject(token.claims()), role(token.claims()));
        });
    }

    private void checkSignature(String text, Token token, Key key) {
        if (signedWith.get(text) == key) {
            return;
        }
        if (!token.algorithm().verify(key, token.signed(), token.signature())) {
            throw new InvalidTokenException("Invalid token signature");
        }
        signedWith.put(text, key);
    }

    private void checkTimes(JsonNode claims) {
        double now = (double) clock.millis() / MILLIS_PER_SECOND;
        double skew = (double) config.clockSkew().toMillis() / MILLIS_PER_SECOND;
        if (time(claims, "exp", Double.POSITIVE_INFINITY) <= now - skew) {
            throw new InvalidTokenException("Token has expired");
        }
        if (time(claims, "nbf", Double.NEGATIVE_INFINITY) > now + skew) {
            throw new InvalidTokenException("Token is not valid yet");
        }
        if (time(claims, "iat", Double.NEGATIVE_INFINITY) > now + skew) {
            throw new InvalidTokenException("Token was issued in the future");
        }
    }

    /** Returns a time in seconds since 1970 (RFC 7519 §2, NumericDate). */
    private static double time(JsonNode claims, String name, double absent) {
        JsonNode value = claims.get(name);
        if (value == null) {
            return absent;
        }
        if (!value.isNumber()) {
            throw new InvalidTokenException("Invalid token: " + name + " must be a number");
        }
        return value.doubleValue();
    }

    private void checkIssuer(JsonNode claims) {
        if (config.issuer() != null
                && !config.issuer().equals(claims.path("iss").textValue())) {
            throw new InvalidTokenException("Invalid token issuer");
        }
    }

    private void checkAudience(JsonNode claims) {
        String wanted = config.audience();
        if (wanted == null) {
            return;
        }
        JsonNode audience = claims.path("aud");
        if (wanted.equals(audience.textValue())) {
            return;
        }
        if (audience.isArray()) {
            for (JsonNode each : audience) {
                if (wanted.equals(each.textValue())) {
                    return;
                }
            }
        }
        throw new InvalidTokenException("Invalid token audience");
    }

    /** Returns the subject. It is stored with messages, so the database must be able to hold it. */
    private static @Nullable String subject(JsonNode claims) {
        JsonNode subject = claims.path("sub");
        if (subject.isMissingNode()) {
            return null;
        }
        try {
            if (!subject.isTextual()) {
                throw new InvalidTokenException("Invalid token: sub must be a string");
            }
            NewMessage.checkName("sub", subject.textValue());
            return subject.textValue();
        } catch (IllegalArgumentException e) {
            throw new InvalidTokenException("Invalid token: sub must be 1 to " + NewMessage.MAX_NAME_LENGTH
                    + " characters without U+0000 and halves of surrogate pairs");
        }
    }

    private @Nullable Role role(JsonNode claims) {
        Role highest = higher(null, claims.path(config.roles().claim()));
        JsonNode list = claims.path(config.roles().listClaim());
        if (list.isArray()) {
            for (JsonNode each : list) {
                highest = higher(highest, each);
            }
        }
        return highest;
    }

    private @Nullable Role higher(@Nullable Role known, JsonNode name) {
        Role role = name.isTextual() ? config.roles().named(name.textValue()) : null;
        return known == null || (role != null && role.includes(known)) ? role : known;
    }
}
