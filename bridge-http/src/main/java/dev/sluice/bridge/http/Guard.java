package dev.sluice.bridge.http;

import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.security.JwtConfig;
import dev.sluice.bridge.security.Principal;
import dev.sluice.bridge.security.Role;
import dev.sluice.bridge.security.TokenVerifier;
import io.javalin.http.Context;
import io.javalin.http.Handler;
import java.io.IOException;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Lets a request through to its route if its token allows that. Without a configuration for tokens, everybody may do
 * everything.
 */
public final class Guard {
    private static final String SUBJECT = "sluice.subject";
    private static final String SCHEME = "bearer ";

    private final @Nullable JwtConfig config;
    private final @Nullable TokenVerifier verifier;
    private final RequestBodies bodies;
    private final Executor executor;

    /**
     * A guard.
     *
     * @param config null to let everybody through
     * @param bodies reads what comes with a request that is refused
     * @param executor where a request goes on that had to wait for the key of its token
     */
    public Guard(@Nullable JwtConfig config, RequestBodies bodies, Executor executor) {
        this.config = config;
        this.verifier = config == null ? null : new TokenVerifier(config);
        this.bodies = bodies;
        this.executor = executor;
    }

    /**
     * Returns the subject of the token a request came with; null if nobody was authenticated, or the token names none.
     */
    public static @Nullable String subjectOf(Context ctx) {
        return ctx.attribute(SUBJECT);
    }

    /** Returns a handler that lets through to {@code handler} who may do what needs {@code needed}; null: everybody. */
    public Handler protect(@Nullable Role needed, Handler handler) {
        if (config == null || verifier == null || needed == null) {
            return handler;
        }
        return ctx -> {
            if (config.skips(ctx.path())) {
                handler.handle(ctx);
                return;
            }
            CompletableFuture<Principal> caller = admission(verifier, ctx, needed);
            if (caller.isDone() && !caller.isCompletedExceptionally()) {
                ctx.attribute(SUBJECT, caller.join().subject());
                handler.handle(ctx);
            } else {
                // The keys may arrive on any thread; the request goes on in one of ours.
                ctx.future(() -> caller.whenCompleteAsync((known, unknown) -> {}, executor)
                        .exceptionallyCompose(refusal -> this.<Principal>refuse(ctx, refusal))
                        .thenCompose(principal -> letThrough(ctx, principal, handler)));
            }
        };
    }

    /** Completes with who calls; exceptionally with why not. */
    private static CompletableFuture<Principal> admission(TokenVerifier verifier, Context ctx, Role needed) {
        String token = token(ctx);
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

    private CompletableFuture<@Nullable Void> letThrough(Context ctx, Principal principal, Handler handler) {
        var handled = new CompletableFuture<@Nullable Void>();
        executor.execute(() -> {
            try {
                ctx.attribute(SUBJECT, principal.subject());
                handler.handle(ctx); // May set another future, which is the next to be waited for.
                handled.complete(null);
            } catch (Exception e) {
                handled.completeExceptionally(e);
            }
        });
        return handled;
    }

    /** Fails with the reason, after the body has come. */
    public <T> CompletableFuture<T> refuse(Context ctx, Throwable refusal) {
        try {
            return bodies.discard(ctx).thenCompose(done -> CompletableFuture.failedFuture(refusal));
        } catch (IOException e) {
            return CompletableFuture.failedFuture(refusal);
        }
    }

    /** Returns the token, empty if there is none. The scheme may be left out. */
    private static String token(Context ctx) {
        String header = ctx.header("Authorization");
        String token = header == null ? "" : header.strip();
        if (token.toLowerCase(Locale.ROOT).startsWith(SCHEME)) {
            token = token.substring(SCHEME.length()).strip();
        }
        return token.equalsIgnoreCase(SCHEME.strip()) ? "" : token;
    }
}
