package dev.sluice.bridge.http;

import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.security.JwtConfig;
import dev.sluice.bridge.security.Principal;
import dev.sluice.bridge.security.Role;
import dev.sluice.bridge.security.TokenVerifier;
import java.io.IOException;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks the token of a request before the request reaches its endpoint. Without a configuration for tokens, it lets
 * every request through.
 */
public final class Guard {
    private static final Logger log = LoggerFactory.getLogger(Guard.class);

    private static final String SUBJECT = "sluice.subject";
    /** Attribute of a request whose caller has shown no role. */
    private static final String NO_ROLE = "sluice.no.role";

    /** Attribute of a request with the role of its token. */
    private static final String ROLE = "sluice.role";

    private static final String SCHEME = "bearer ";

    private final @Nullable JwtConfig config;
    private final @Nullable TokenVerifier verifier;
    private final RequestBodies bodies;
    private final Executor executor;

    /**
     * A guard.
     *
     * @param config null to let every request through
     * @param bodies reads the body of a refused request
     * @param executor continues a request that had to wait for the key of its token
     */
    public Guard(@Nullable JwtConfig config, RequestBodies bodies, Executor executor) {
        this.config = config;
        this.verifier = config == null ? null : new TokenVerifier(config);
        this.bodies = bodies;
        this.executor = executor;
        if (config != null && !(config.skips(false, "/live") && config.skips(false, "/ready"))) {
            log.info("auth.skip.paths does not list /live and /ready, so probes need a token");
        }
    }

    /** Returns the subject of the token of a request; null if the route needs no token or the token has no subject. */
    public static @Nullable String subjectOf(Request request) {
        return (String) request.jetty().getAttribute(SUBJECT);
    }

    /**
     * Returns whether the caller of an open route has a role. Without a configuration for tokens, every caller has all
     * roles.
     */
    public static boolean hasRole(Request request) {
        return request.jetty().getAttribute(NO_ROLE) == null;
    }

    /**
     * Requires a role for a part of what a route does. A request that needed no token has all roles.
     *
     * @throws InvalidRequestException (403) if the token has a lower role
     */
    public static void requireRole(Request request, Role needed) {
        Role role = (Role) request.jetty().getAttribute(ROLE);
        if (role != null && !role.includes(needed)) {
            throw InvalidRequestException.forbidden();
        }
    }

    /**
     * Returns an endpoint that lets a request through to {@code endpoint} if its token has the role.
     *
     * @param needed null for an endpoint that is open to everybody, unless {@code auth.skip.paths} is set without it
     */
    public Endpoint protect(@Nullable Role needed, Endpoint endpoint) {
        if (config == null || verifier == null) {
            return endpoint;
        }
        Role least = needed == null ? Role.READ_ONLY : needed;
        return request -> {
            if (config.skips(needed != null, request.path())) {
                return needed == null ? open(verifier, request, endpoint) : endpoint.handle(request);
            }
            CompletableFuture<Principal> caller = authorize(verifier, request, least);
            if (caller.isDone() && !caller.isCompletedExceptionally()) {
                return enter(request, caller.join(), endpoint);
            }
            // The keys may arrive on any thread. The request goes on in one of the HTTP server.
            return caller.exceptionallyComposeAsync(refusal -> bodies.<Principal>refuse(request, refusal), executor)
                    .thenComposeAsync(principal -> enter(request, principal, endpoint), executor);
        };
    }

    /** Handles a request that needs no role, and notes whether it has one. */
    private CompletableFuture<Answer> open(TokenVerifier known, Request request, Endpoint endpoint) throws IOException {
        if (token(request).isEmpty()) {
            request.jetty().setAttribute(NO_ROLE, true);
            return endpoint.handle(request);
        }
        return authorize(known, request, Role.READ_ONLY)
                .handle((principal, refusal) -> refusal == null)
                .thenComposeAsync(
                        hasRole -> {
                            if (!hasRole) {
                                request.jetty().setAttribute(NO_ROLE, true);
                            }
                            return endpoint.handleSafely(request);
                        },
                        executor);
    }

    /** Completes with the caller; exceptionally with the reason why the caller may not use the route. */
    private static CompletableFuture<Principal> authorize(TokenVerifier verifier, Request request, Role needed) {
        String token = token(request);
        if (token.isEmpty()) {
            return CompletableFuture.failedFuture(InvalidRequestException.unauthenticated());
        }
        return verifier.verify(token).thenApply(principal -> {
            if (principal.role() == null || !principal.role().includes(needed)) {
                throw InvalidRequestException.forbidden();
            }
            return principal;
        });
    }

    private static CompletableFuture<Answer> enter(Request request, Principal principal, Endpoint endpoint) {
        request.jetty().setAttribute(SUBJECT, principal.subject());
        request.jetty().setAttribute(ROLE, principal.role());
        return endpoint.handleSafely(request);
    }

    /** Returns the token, or an empty string. A client may omit the scheme. */
    private static String token(Request request) {
        String header = request.header("Authorization");
        String token = header == null ? "" : header.strip();
        if (token.toLowerCase(Locale.ROOT).startsWith(SCHEME)) {
            token = token.substring(SCHEME.length()).strip();
        }
        return token.equalsIgnoreCase(SCHEME.strip()) ? "" : token;
    }
}
