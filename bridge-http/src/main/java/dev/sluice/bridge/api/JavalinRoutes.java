package dev.sluice.bridge.api;

import dev.sluice.bridge.api.messages.WebhookEndpoint;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Endpoint;
import dev.sluice.bridge.http.Problem;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.RequestSyntax;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.limits.InvalidRequestException;
import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import io.javalin.http.HandlerType;
import io.javalin.http.HttpResponseException;
import io.javalin.http.HttpStatus;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts the table of routes over Javalin. A request passes the check of foreign pages and the guard, reaches its
 * endpoint, and its answer is sent as fast as the client reads it. Only this class, {@link JavalinRequest} and
 * {@link HttpService} know Javalin.
 */
final class JavalinRoutes {
    private static final Logger log = LoggerFactory.getLogger(JavalinRoutes.class);

    /** Attribute with the path of the route of a request. A request without a route does not have it. */
    static final String PATTERN = "sluice.route";

    /** Old clients still call routes with this prefix. */
    private static final String OLD_STREAMS = "/api/v1/stream/";

    private final List<Route> table;
    private final RouteCalls calls;
    private final Executor executor;

    /** Takes the table. {@code executor} writes answers that come later. */
    JavalinRoutes(List<Route> table, RouteCalls calls, Executor executor) {
        this.table = table;
        this.calls = calls;
        this.executor = executor;
    }

    /** Registers the table. HEAD answers as GET without a body. On a route that pops, HEAD is not allowed. */
    void register(RoutesConfig routes) {
        for (Route route : table) {
            HandlerType method = HandlerType.findOrCreate(route.method());
            for (String path : route.paths()) {
                register(routes, method, path, route, route.endpoint());
                if (route.method().equals(Route.GET)) {
                    Endpoint head = route.pops() ? JavalinRoutes::refuseHead : route.endpoint();
                    register(routes, HandlerType.HEAD, path, route, head);
                }
            }
        }
        routes.before(this::check);
        routes.exception(Exception.class, (e, ctx) -> sendProblem(ctx, e));
        routes.exception(HttpResponseException.class, (e, ctx) -> {
            RequestBodies.leaveUnread(new JavalinRequest(ctx));
            sendProblem(ctx, noRoute(ctx, e));
        });
    }

    /**
     * Answers a preflight, which a browser sends on any path, and refuses what no route may get. The validation of a
     * web hook has the method of a preflight, but a route.
     */
    private void check(Context ctx) {
        var request = new JavalinRequest(ctx);
        calls.describe(request);
        if (ctx.method().equals(HandlerType.OPTIONS) && request.header(WebhookEndpoint.REQUEST_ORIGIN) == null) {
            ctx.status(HttpStatus.NO_CONTENT);
            ctx.skipRemainingHandlers();
            return;
        }
        try {
            RequestSyntax.check(request);
        } catch (InvalidRequestException refusal) {
            RequestBodies.leaveUnread(request);
            throw refusal;
        }
    }

    private void register(RoutesConfig routes, HandlerType method, String path, Route route, Endpoint endpoint) {
        Endpoint guarded = calls.guarded(route, endpoint);
        routes.addHttpHandler(method, path, ctx -> {
            ctx.attribute(PATTERN, route.path());
            var request = new JavalinRequest(ctx);
            calls.begin(route, request);
            ctx.future(() -> answer(guarded, request, ctx.res()));
        });
    }

    private static CompletableFuture<Answer> refuseHead(Request request) {
        request.answerHeader("Allow", Route.GET);
        throw InvalidRequestException.methodNotAllowed("HEAD " + request.path());
    }

    private CompletableFuture<@Nullable Void> answer(Endpoint endpoint, Request request, HttpServletResponse response) {
        return endpoint.handleSafely(request)
                .handleAsync((done, failure) -> calls.answer(request, done, failure), executor)
                .thenCompose(answer -> {
                    CompletableFuture<@Nullable Void> body = calls.bodyBefore(request);
                    return body.isDone()
                            ? sendLater(response, answer)
                            : body.thenComposeAsync(done -> sendLater(response, answer), executor);
                });
    }

    /** Sends an answer as fast as the client reads it. No thread waits for the client. */
    private static CompletableFuture<@Nullable Void> sendLater(HttpServletResponse response, Answer answer) {
        return answer.sendLater(response).exceptionally(failure -> {
            answer.undelivered().run();
            return null;
        });
    }

    /** Replaces the message of Javalin for a missing route or a wrong method with ours. */
    private static Exception noRoute(Context ctx, HttpResponseException e) {
        String request = describe(new JavalinRequest(ctx));
        if (ctx.path().startsWith(OLD_STREAMS)) {
            return InvalidRequestException.notFound("Not found: " + request + ". The routes under " + OLD_STREAMS
                    + " are of a protocol that servers have given up; use pop and ack");
        }
        if (e.getStatus() == HttpStatus.METHOD_NOT_ALLOWED.getCode()) {
            String allowed = e.getDetails().get("availableMethods");
            if (allowed != null) {
                ctx.header("Allow", Route.pops(ctx.path()) ? Route.GET : allowed);
            }
            return InvalidRequestException.methodNotAllowed(request);
        }
        return e.getStatus() == HttpStatus.NOT_FOUND.getCode()
                ? InvalidRequestException.notFound("Not found: " + request + slashes(ctx.path()))
                : e;
    }

    /** Explains the slashes of a path without a route, because a name is easily sent with one too many. */
    private static String slashes(String path) {
        if (path.contains("//")) {
            return "; a name in a path must not be empty, and a slash in a name is %2F";
        }
        return path.length() > 1 && path.endsWith("/")
                ? "; a path ends behind a name, and a slash in a name is %2F"
                : "";
    }

    /** Names a request in a message. HEAD counts as GET, so that both get answers of the same length. */
    static String describe(Request request) {
        return (request.method().equals(Route.HEAD) ? Route.GET : request.method()) + " " + request.path();
    }

    private static void sendProblem(Context ctx, Exception failure) {
        if (failure instanceof IOException && ctx.res().isCommitted()) {
            return; // The client is gone.
        }
        Problem problem = failure instanceof HttpResponseException http
                ? new Problem(http.getStatus(), String.valueOf(http.getMessage()), 0)
                : Problem.of(failure);
        try {
            problem.answer(new JavalinRequest(ctx)).send(ctx.res());
        } catch (IOException e) {
            log.debug("The client of a failed request went away", e);
        }
    }
}
