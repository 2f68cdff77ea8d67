package dev.sluice.bridge.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import io.javalin.http.Handler;
import io.javalin.http.HandlerType;
import io.javalin.http.HttpResponseException;
import io.javalin.http.HttpStatus;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Function;

/** All routes on one screen, and what is common to their answers. */
final class Routes {
    private final Endpoints endpoints;
    private final Executor executor;

    /** The endpoints behind the routes. */
    record Endpoints(
            Endpoint push,
            Endpoint pop,
            Endpoint acknowledge,
            Endpoint acknowledgeBatch,
            StatusEndpoints status,
            BufferEndpoints buffers) {}

    /** Answers that come later are written by {@code executor}. */
    Routes(Endpoints endpoints, Executor executor) {
        this.endpoints = endpoints;
        this.executor = executor;
    }

    void register(RoutesConfig routes) {
        routes.post("/api/v1/push", later(endpoints.push()));
        routes.get("/api/v1/pop/queue/{queue}", later(endpoints.pop()));
        routes.get("/api/v1/pop/queue/{queue}/partition/{partition}", later(endpoints.pop()));
        routes.post("/api/v1/ack", later(endpoints.acknowledge()));
        routes.post("/api/v1/ack/batch", later(endpoints.acknowledgeBatch()));
        routes.get("/api/v1/status/buffers", later(this::buffers));
        routes.get("/api/v1/buffers/failed", later(endpoints.buffers()::listFailed));
        routes.post("/api/v1/buffers/failed/retry", later(endpoints.buffers()::retryFailed));
        routes.delete("/api/v1/buffers/failed", later(endpoints.buffers()::dropFailed));
        routes.post("/api/v1/buffers/requeue", later(endpoints.buffers()::requeue));
        routes.get("/health", now(StatusEndpoints::health));
        routes.get("/live", now(StatusEndpoints::live));
        routes.get("/ready", now(StatusEndpoints::ready));

        routes.before(Routes::allowOtherOrigins);
        routes.exception(Exception.class, (e, ctx) -> sendProblem(ctx, e));
        routes.exception(HttpResponseException.class, (e, ctx) -> sendProblem(ctx, noRoute(ctx, e)));
    }

    /** Browsers of other origins may call everything; they ask with OPTIONS first, on any path. */
    private static void allowOtherOrigins(Context ctx) {
        ctx.header("Access-Control-Allow-Origin", "*");
        ctx.header("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS");
        ctx.header("Access-Control-Allow-Headers", "Content-Type, Authorization");
        if (ctx.method().equals(HandlerType.OPTIONS)) {
            ctx.status(204);
            ctx.skipRemainingHandlers();
        }
    }

    private CompletableFuture<Answer> buffers(Context ctx) {
        Answer summary = endpoints.status().buffers();
        return new Query(ctx.queryParamMap()).flag("detail")
                ? endpoints.buffers().detail(summary)
                : CompletableFuture.completedFuture(summary);
    }

    private Handler now(Function<StatusEndpoints, Answer> endpoint) {
        return ctx -> endpoint.apply(endpoints.status()).send(ctx);
    }

    private Handler later(Endpoint endpoint) {
        return ctx -> {
            ctx.future(() -> handle(endpoint, ctx)
                    .handleAsync(
                            (done, failure) -> {
                                send(
                                        ctx,
                                        failure == null
                                                ? done
                                                : Problem.of(failure).answer(ctx));
                                return null;
                            },
                            executor));
        };
    }

    private static CompletableFuture<Answer> handle(Endpoint endpoint, Context ctx) {
        try {
            return endpoint.handle(ctx);
        } catch (IOException | RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    /** Says in our words that there is no such route, or not with this method. */
    private static HttpResponseException noRoute(Context ctx, HttpResponseException e) {
        String request = ctx.method() + " " + ctx.path();
        if (e.getStatus() == HttpStatus.METHOD_NOT_ALLOWED.getCode()) {
            String allowed = e.getDetails().get("availableMethods");
            if (allowed != null) {
                ctx.header("Allow", allowed);
            }
            return new HttpResponseException(e.getStatus(), "Method not allowed: " + request, Map.of());
        }
        if (e.getStatus() == HttpStatus.NOT_FOUND.getCode()) {
            return new HttpResponseException(e.getStatus(), "Not found: " + request, Map.of());
        }
        return e;
    }

    private static void sendProblem(Context ctx, Exception failure) {
        if (failure instanceof IOException && ctx.res().isCommitted()) {
            return; // The client is gone, and so is the way to tell it.
        }
        send(ctx, Problem.of(failure).answer(ctx));
    }

    private static void send(Context ctx, Answer answer) {
        try {
            answer.send(ctx);
        } catch (IOException e) {
            // The client went away. What it asked for has been done; it will ask again.
            answer.undelivered().run();
        }
    }
}
