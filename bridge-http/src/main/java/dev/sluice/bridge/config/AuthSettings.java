package dev.sluice.bridge.config;

import static dev.sluice.bridge.config.KeyGroup.HOUR_MS;

import dev.sluice.bridge.security.JwksConfig;
import dev.sluice.bridge.security.JwtConfig;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Keys of authentication. */
final class AuthSettings {
    static final KeyGroup GROUP = new KeyGroup("Authentication");

    static final Key<Boolean> ENABLED = GROUP.flag(
            "auth.jwt.enabled",
            false,
            "Whether requests need a JSON Web Token, `Authorization: Bearer …`. If `false`, every client that reaches"
                    + " the port may do everything.");
    static final Key<String> ALGORITHM = GROUP.choice(
            "auth.jwt.algorithm",
            "HS256",
            List.of("HS256", "RS256", "EdDSA", "auto"),
            "The algorithm that signs the tokens. `HS256` needs `auth.jwt.secret`. `RS256` (which includes RS384 and"
                    + " RS512) and `EdDSA` (Ed25519) need `auth.jwt.public.key` or `auth.jwt.jwks.url`. `auto`"
                    + " accepts every algorithm that has a key.");
    static final Key<Optional<String>> SECRET =
            GROUP.secret("auth.jwt.secret", "The secret of HS256, 32 bytes or more. The service never logs it.");
    static final Key<Boolean> WEAK_SECRET = GROUP.flag(
            "auth.jwt.secret.weak",
            false,
            "Whether `auth.jwt.secret` may have fewer than 32 bytes. A short secret can be guessed from one token, so"
                    + " with `false` the service does not start.");
    static final Key<Optional<String>> PUBLIC_KEY = GROUP.optional(
            "auth.jwt.public.key", "The RSA or Ed25519 public key in PEM. `\\n` may stand for a line end.");
    static final Key<Optional<String>> JWKS_URL = GROUP.optional(
            "auth.jwt.jwks.url",
            JwksConfig::address,
            JwksConfig::shown,
            "The address, https or http, where the issuer publishes its public keys as a JWK set. The service sends"
                    + " `user:password@` before the host as basic authentication, and never logs it. If this is set,"
                    + " `auth.jwt.public.key` must not be set.");
    static final Key<Duration> JWKS_MAX_AGE = GROUP.millis(
            "auth.jwt.jwks.max.age.ms",
            600_000,
            1,
            24 * HOUR_MS,
            "The age in ms at which the service fetches the keys of `auth.jwt.jwks.url` again. The old keys stay in"
                    + " use until the new ones arrive.");
    static final Key<Duration> JWKS_REFRESH = GROUP.millis(
            "auth.jwt.jwks.refresh.ms",
            30_000,
            1,
            HOUR_MS,
            "The shortest time in ms between two fetches that the service starts because a token names an unknown"
                    + " key.");
    static final Key<Duration> JWKS_TIMEOUT =
            GROUP.millis("auth.jwt.jwks.timeout.ms", 5_000, 1, 60_000, "The longest time of one fetch in ms.");
    static final Key<Duration> JWKS_WAIT = GROUP.millis(
            "auth.jwt.jwks.wait.ms",
            500,
            0,
            10_000,
            "The time in ms, from the start of a fetch, that a request with an unknown key waits for the keys. After"
                    + " it the service answers 503. Requests with a known key never wait.");
    static final Key<Optional<String>> ISSUER = GROUP.optional(
            "auth.jwt.issuer", "The value that `iss` of a token must have. If not set, every value is valid.");
    static final Key<Optional<String>> AUDIENCE = GROUP.optional(
            "auth.jwt.audience",
            "The value that `aud` of a token must be or contain. If not set, every value is valid.");
    static final Key<Duration> CLOCK_SKEW = GROUP.millis(
            "auth.jwt.clock.skew.ms",
            30_000,
            0,
            HOUR_MS,
            "The largest difference in ms between the clocks of the issuer and of this machine.");
    static final Key<String> ROLE_CLAIM =
            GROUP.text("auth.jwt.role.claim", "role", "The claim that holds the role, a string.");
    static final Key<String> ROLES_CLAIM = GROUP.text(
            "auth.jwt.roles.claim",
            "roles",
            "The claim that holds several roles, an array of strings. The highest role counts.");
    static final Key<String> ROLE_ADMIN =
            GROUP.text("auth.jwt.role.admin", "admin", "The name of the role that may do everything.");
    static final Key<String> ROLE_READ_WRITE = GROUP.text(
            "auth.jwt.role.read.write",
            "read-write",
            "The name of the role that may push, pop, acknowledge, configure and read.");
    static final Key<String> ROLE_READ_ONLY =
            GROUP.text("auth.jwt.role.read.only", "read-only", "The name of the role that may read.");
    static final Key<List<String>> SKIP_PATHS = GROUP.list(
            "auth.skip.paths",
            "/health,/metrics/prometheus,/metrics,/",
            "Paths that need no token. A path matches exactly. If it ends in `/` and is longer than `/`, it matches"
                    + " every path that begins with it. If this is not set, `/live`, `/ready`, `/docs` and"
                    + " `/openapi.yaml` need no token either. If it is set, every other path needs a token, also the"
                    + " probes and `/metrics`; the role `read-only` is enough for these.");

    private AuthSettings() {}

    /**
     * Returns whose tokens the service accepts; empty if requests need no token.
     *
     * @throws IllegalArgumentException if values do not fit together; the message names the keys
     */
    static Optional<JwtConfig> jwt(Values values) {
        if (!values.get(ENABLED)) {
            return Optional.empty();
        }
        JwksConfig jwks = values.get(JWKS_URL)
                .map(url -> new JwksConfig(
                        JwksConfig.address(url),
                        values.get(JWKS_MAX_AGE),
                        values.get(JWKS_REFRESH),
                        values.get(JWKS_TIMEOUT),
                        values.get(JWKS_WAIT)))
                .orElse(null);
        var jwt = new JwtConfig(
                values.get(ALGORITHM),
                values.get(SECRET).orElse(null),
                values.get(PUBLIC_KEY).orElse(null),
                jwks,
                values.get(ISSUER).orElse(null),
                values.get(AUDIENCE).orElse(null),
                values.get(CLOCK_SKEW),
                new JwtConfig.RoleNames(
                        values.get(ROLE_CLAIM),
                        values.get(ROLES_CLAIM),
                        values.get(ROLE_ADMIN),
                        values.get(ROLE_READ_WRITE),
                        values.get(ROLE_READ_ONLY)),
                values.isGiven(SKIP_PATHS) ? values.get(SKIP_PATHS) : null);
        if (jwt.hasWeakSecret() && !values.get(WEAK_SECRET)) {
            throw new IllegalArgumentException("auth.jwt.secret must have " + JwtConfig.MIN_SECRET_BYTES
                    + " bytes or more, because a shorter one can be guessed from one token; auth.jwt.secret.weak=true"
                    + " accepts it");
        }
        return Optional.of(jwt);
    }
}
