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
            "Whether requests need a JSON Web Token, `Authorization: Bearer …`. `false`: everybody who reaches the"
                    + " port may do everything.");
    static final Key<String> ALGORITHM = GROUP.choice(
            "auth.jwt.algorithm",
            "HS256",
            List.of("HS256", "RS256", "EdDSA", "auto"),
            "How tokens are signed. `HS256` needs `auth.jwt.secret`; `RS256` (which includes RS384 and RS512) and"
                    + " `EdDSA` (Ed25519) need `auth.jwt.public.key` or `auth.jwt.jwks.url`; `auto`: any of them"
                    + " that a key is given for.");
    static final Key<Optional<String>> SECRET =
            GROUP.secret("auth.jwt.secret", "Secret of HS256, 32 bytes or more. Never logged.");
    static final Key<Optional<String>> PUBLIC_KEY = GROUP.optional(
            "auth.jwt.public.key", "PEM of the RSA or Ed25519 public key; line ends may be written as `\\n`.");
    static final Key<Optional<String>> JWKS_URL = GROUP.optional(
            "auth.jwt.jwks.url",
            JwksConfig::address,
            JwksConfig::shown,
            "Where the issuer publishes its public keys as a JWK set, https or http. `user:password@` before the"
                    + " host is sent as basic authentication and never logged. Not together with"
                    + " `auth.jwt.public.key`.");
    static final Key<Duration> JWKS_MAX_AGE = GROUP.millis(
            "auth.jwt.jwks.max.age.ms",
            600_000,
            1,
            24 * HOUR_MS,
            "Age after which the keys of `auth.jwt.jwks.url` are fetched again. The old ones stay in use until new"
                    + " ones have come.");
    static final Key<Duration> JWKS_REFRESH = GROUP.millis(
            "auth.jwt.jwks.refresh.ms",
            30_000,
            1,
            HOUR_MS,
            "Shortest time between two fetches because a token names a key that is not known.");
    static final Key<Duration> JWKS_TIMEOUT =
            GROUP.millis("auth.jwt.jwks.timeout.ms", 5_000, 1, 60_000, "Longest time of one fetch.");
    static final Key<Duration> JWKS_WAIT = GROUP.millis(
            "auth.jwt.jwks.wait.ms",
            500,
            0,
            10_000,
            "How long after the beginning of a fetch a request with an unknown key still waits for it. Then the"
                    + " answer is 503. Requests with a known key never wait.");
    static final Key<Optional<String>> ISSUER =
            GROUP.optional("auth.jwt.issuer", "What `iss` of a token must be. Not set: anything.");
    static final Key<Optional<String>> AUDIENCE =
            GROUP.optional("auth.jwt.audience", "What `aud` of a token must be or contain. Not set: anything.");
    static final Key<Duration> CLOCK_SKEW = GROUP.millis(
            "auth.jwt.clock.skew.ms",
            30_000,
            0,
            HOUR_MS,
            "How far the clocks of the issuer and of this machine may be apart.");
    static final Key<String> ROLE_CLAIM = GROUP.text("auth.jwt.role.claim", "role", "Claim with the role, a string.");
    static final Key<String> ROLES_CLAIM = GROUP.text(
            "auth.jwt.roles.claim", "roles", "Claim with several roles, an array of strings. The highest counts.");
    static final Key<String> ROLE_ADMIN =
            GROUP.text("auth.jwt.role.admin", "admin", "Name of the role that may do everything.");
    static final Key<String> ROLE_READ_WRITE = GROUP.text(
            "auth.jwt.role.read.write",
            "read-write",
            "Name of the role that may push, pop, acknowledge, configure and read.");
    static final Key<String> ROLE_READ_ONLY =
            GROUP.text("auth.jwt.role.read.only", "read-only", "Name of the role that may read.");
    static final Key<List<String>> SKIP_PATHS = GROUP.list(
            "auth.skip.paths",
            "/health,/metrics/prometheus,/metrics,/",
            "Paths that need no token, besides those that are open to everybody anyway. Exact; one that ends in `/`"
                    + " and is longer stands for all that begin with it.");

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
        return Optional.of(new JwtConfig(
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
                values.get(SKIP_PATHS)));
    }
}
