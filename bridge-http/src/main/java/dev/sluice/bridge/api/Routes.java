package dev.sluice.bridge.api;

import static dev.sluice.bridge.api.Routes.Access.ADMIN;
import static dev.sluice.bridge.api.Routes.Access.PUBLIC;
import static dev.sluice.bridge.api.Routes.Access.READ_ONLY;
import static dev.sluice.bridge.api.Routes.Access.READ_WRITE;

import dev.sluice.bridge.api.manage.BufferEndpoints;
import dev.sluice.bridge.api.manage.ConsumerGroupEndpoints;
import dev.sluice.bridge.api.manage.DeadLetterEndpoints;
import dev.sluice.bridge.api.manage.MaintenanceEndpoints;
import dev.sluice.bridge.api.manage.MigrationEndpoints;
import dev.sluice.bridge.api.manage.QueueEndpoints;
import dev.sluice.bridge.api.messages.LeaseEndpoint;
import dev.sluice.bridge.api.messages.PushEndpoint;
import dev.sluice.bridge.api.messages.StreamEndpoints;
import dev.sluice.bridge.api.observe.AnalyticsEndpoints;
import dev.sluice.bridge.api.observe.MessageEndpoints;
import dev.sluice.bridge.api.observe.MetricsEndpoints;
import dev.sluice.bridge.api.observe.ResourceEndpoints;
import dev.sluice.bridge.api.observe.ServerEndpoints;
import dev.sluice.bridge.api.observe.StatusEndpoints;
import dev.sluice.bridge.api.observe.TraceEndpoints;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Connections;
import dev.sluice.bridge.http.Cors;
import dev.sluice.bridge.http.Endpoint;
import dev.sluice.bridge.http.ForeignPages;
import dev.sluice.bridge.http.Guard;
import dev.sluice.bridge.http.Problem;
import dev.sluice.bridge.http.Query;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.security.Role;
import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import io.javalin.http.Handler;
import io.javalin.http.HandlerType;
import io.javalin.http.HttpResponseException;
import io.javalin.http.HttpStatus;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The table of all routes, with who may use them, and what is common to their answers. */
final class Routes {
    /** Attribute of a request with the path of its route; of a request without a route there is none. */
    static final String PATTERN = "sluice.route";

    /** Old clients still have calls for it. */
    private static final String OLD_STREAMS = "/api/v1/stream/";

    /** Every route that begins so pops. */
    private static final String POP = "/api/v1/pop";

    private final Endpoints endpoints;
    private final Guard guard;
    private final ForeignPages foreignPages;
    private final Cors cors;
    private final Executor executor;

    /** The endpoints behind the routes. */
    record Endpoints(
            PushEndpoint push,
            Endpoint pop,
            Endpoint acknowledge,
            Endpoint acknowledgeBatch,
            StatusEndpoints status,
            BufferEndpoints buffers,
            ResourceEndpoints resources,
            MessageEndpoints messages,
            TraceEndpoints traces,
            AnalyticsEndpoints analytics,
            ServerEndpoints server,
            MetricsEndpoints metrics,
            Endpoint transaction,
            Endpoint directPush,
            QueueEndpoints queues,
            ConsumerGroupEndpoints groups,
            DeadLetterEndpoints deadLetters,
            LeaseEndpoint leases,
            MaintenanceEndpoints maintenance,
            StreamEndpoints streams,
            MigrationEndpoints migrations,
            DocumentationEndpoints documentation,
            RequestBodies bodies,
            Connections connections) {}

    /** What a client must be allowed to do to use a route. Each includes those before it. */
    enum Access {
        /** Nothing: open to everybody. */
        PUBLIC(null),
        READ_ONLY(Role.READ_ONLY),
        READ_WRITE(Role.READ_WRITE),
        ADMIN(Role.ADMIN);

        private final @Nullable Role role;

        Access(@Nullable Role role) {
            this.role = role;
        }

        /** Returns the role that is needed, or null for none. */
        @Nullable
        Role role() {
            return role;
        }
    }

    /**
     * A row of the table.
     *
     * @param path with parameters in braces
     */
    record Route(HandlerType method, String path, Access access, Handler handler) {
        boolean reads() {
            return method.equals(HandlerType.GET) && !pops();
        }

        /** Whether it is a GET that consumes messages. */
        boolean pops() {
            return path.startsWith(POP);
        }
    }

    /** Answers that come later are written by {@code executor}. */
    Routes(Endpoints endpoints, Guard guard, ForeignPages foreignPages, Cors cors, Executor executor) {
        this.endpoints = endpoints;
        this.guard = guard;
        this.foreignPages = foreignPages;
        this.cors = cors;
        this.executor = executor;
    }

    /** Returns all routes. */
    List<Route> table() {
        var buffers = endpoints.buffers();
        var resources = endpoints.resources();
        var messages = endpoints.messages();
        var traces = endpoints.traces();
        var analytics = endpoints.analytics();
        var metrics = endpoints.metrics();
        var queues = endpoints.queues();
        var groups = endpoints.groups();
        var deadLetters = endpoints.deadLetters();
        var maintenance = endpoints.maintenance();
        var streams = endpoints.streams();
        var migrations = endpoints.migrations();
        var documentation = endpoints.documentation();
        return List.of(
                post("/api/v1/push", READ_WRITE, later(endpoints.push())),
                get("/api/v1/pop", READ_WRITE, later(endpoints.pop())),
                post("/api/v1/push/{queue}", READ_WRITE, later(endpoints.push()::events)),
                post("/api/v1/push-legacy", READ_WRITE, later(endpoints.directPush())),
                get("/api/v1/pop/queue/{queue}", READ_WRITE, later(endpoints.pop())),
                get("/api/v1/pop/queue/{queue}/partition/{partition}", READ_WRITE, later(endpoints.pop())),
                post("/api/v1/ack", READ_WRITE, later(endpoints.acknowledge())),
                post("/api/v1/ack/batch", READ_WRITE, later(endpoints.acknowledgeBatch())),
                post("/api/v1/transaction", READ_WRITE, later(endpoints.transaction())),
                post("/api/v1/lease/{leaseId}/extend", READ_WRITE, later(endpoints.leases()::extend)),
                post("/api/v1/configure", READ_WRITE, later(queues::configure)),
                get("/api/v1/resources/partitions", READ_ONLY, later(queues::partitions)),
                delete("/api/v1/resources/queues/{queue}", ADMIN, later(queues::deleteQueue)),
                delete(
                        "/api/v1/resources/queues/{queue}/partitions/{partition}",
                        ADMIN,
                        later(queues::deletePartition)),
                delete("/api/v1/queues/{queue}/clear", ADMIN, later(queues::clear)),
                delete("/api/v1/messages/{partitionId}/{transactionId}", READ_WRITE, later(queues::deleteMessage)),
                post("/api/v1/messages/{partitionId}/{transactionId}/retry", READ_WRITE, later(deadLetters::retry)),
                post("/api/v1/messages/{partitionId}/{transactionId}/dlq", READ_WRITE, later(deadLetters::bury)),
                get("/api/v1/dlq", READ_ONLY, later(deadLetters::list)),
                post("/api/v1/dlq/redrive", READ_WRITE, later(deadLetters::redrive)),
                delete("/api/v1/dlq", ADMIN, later(deadLetters::purge)),
                get("/api/v1/consumer-groups", READ_ONLY, later(groups::list)),
                get("/api/v1/consumer-groups/lagging", READ_ONLY, later(groups::lagging)), // Before {group}.
                get("/api/v1/consumer-groups/{group}", READ_ONLY, later(groups::details)),
                delete("/api/v1/consumer-groups/{group}", ADMIN, later(groups::delete)),
                post("/api/v1/consumer-groups/{group}/subscription", READ_WRITE, later(groups::changeSubscription)),
                delete("/api/v1/consumer-groups/{group}/queues/{queue}", ADMIN, later(groups::deleteOnQueue)),
                post("/api/v1/consumer-groups/{group}/queues/{queue}/seek", READ_WRITE, later(groups::seek)),
                post(
                        "/api/v1/consumer-groups/{group}/queues/{queue}/partitions/{partition}/seek",
                        READ_WRITE,
                        later(groups::seekPartition)),
                get("/api/v1/system/maintenance", ADMIN, later(maintenance::get)),
                post("/api/v1/system/maintenance", ADMIN, later(maintenance::set)),
                get("/api/v1/system/maintenance/pop", ADMIN, later(maintenance::getPops)),
                post("/api/v1/system/maintenance/pop", ADMIN, later(maintenance::setPops)),
                get("/api/v1/system/shared-state", ADMIN, later(maintenance::sharedState)),
                get("/internal/api/shared-state/stats", ADMIN, later(maintenance::sharedState)),
                get("/internal/api/inter-instance/stats", ADMIN, later(maintenance::sharedState)),
                post("/internal/api/notify", ADMIN, later(maintenance::wake)),
                post("/streams/v1/queries", READ_WRITE, later(streams::register)),
                post("/streams/v1/cycle", READ_WRITE, later(streams::cycle)),
                post("/streams/v1/state/get", READ_ONLY, later(streams::state)),
                post("/api/v1/migration/test-connection", ADMIN, later(migrations::test)),
                post("/api/v1/migration/start", ADMIN, later(migrations::start)),
                get("/api/v1/migration/status", ADMIN, later(migrations::status)),
                post("/api/v1/migration/validate", ADMIN, later(migrations::validate)),
                post("/api/v1/migration/reset", ADMIN, later(migrations::reset)),
                get("/api/v1/status/buffers", READ_ONLY, later(this::buffers)),
                get("/api/v1/buffers/failed", ADMIN, later(buffers::listFailed)),
                post("/api/v1/buffers/failed/retry", ADMIN, later(buffers::retryFailed)),
                delete("/api/v1/buffers/failed", ADMIN, later(buffers::dropFailed)),
                post("/api/v1/buffers/requeue", ADMIN, later(buffers::requeue)),
                get("/api/v1/resources/queues", READ_ONLY, later(resources::queues)),
                get("/api/v1/resources/queues/{queue}", READ_ONLY, later(resources::queue)),
                get("/api/v1/resources/namespaces", READ_ONLY, later(resources::namespaces)),
                get("/api/v1/resources/tasks", READ_ONLY, later(resources::tasks)),
                get("/api/v1/resources/overview", READ_ONLY, later(resources::overview)),
                get("/api/v1/messages", READ_ONLY, later(messages::list)),
                get("/api/v1/messages/{partitionId}/{transactionId}", READ_ONLY, later(messages::one)),
                post("/api/v1/traces", READ_WRITE, later(traces::add)),
                get("/api/v1/traces/names", READ_ONLY, later(traces::names)),
                get("/api/v1/traces/by-name/{traceName}", READ_ONLY, later(traces::byName)), // Before the next.
                get("/api/v1/traces/{partitionId}/{transactionId}", READ_ONLY, later(traces::ofMessage)),
                get("/api/v1/status", READ_ONLY, later(analytics::status)),
                get("/api/v1/status/queues", READ_ONLY, later(resources::statusQueues)),
                get("/api/v1/status/queues/{queue}", READ_ONLY, later(resources::statusQueue)),
                get("/api/v1/status/queues/{queue}/messages", READ_ONLY, later(messages::ofQueue)),
                get("/api/v1/status/analytics", READ_ONLY, later(analytics::pushes)),
                get("/api/v1/analytics/system-metrics", READ_ONLY, later(analytics::systemMetrics)),
                get("/api/v1/analytics/worker-metrics", READ_ONLY, later(analytics::workerMetrics)),
                get("/api/v1/analytics/queue-lag", READ_ONLY, later(analytics::queueLag)),
                get("/api/v1/analytics/queue-ops", READ_ONLY, later(analytics::queueOps)),
                get("/api/v1/analytics/queue-parked-replicas", READ_ONLY, later(analytics::parked)),
                get("/api/v1/analytics/retention", READ_ONLY, later(analytics::retention)),
                get("/api/v1/analytics/postgres-stats", READ_ONLY, later(endpoints.server()::statistics)),
                post("/api/v1/stats/refresh", ADMIN, later(resources::refresh)),
                get("/metrics", PUBLIC, later(metrics::summary)),
                get("/metrics/prometheus", PUBLIC, later(metrics::prometheus)),
                get("/openapi.yaml", PUBLIC, later(documentation::contract)),
                get("/docs", PUBLIC, later(documentation::page)),
                get("/docs/{asset}", PUBLIC, later(documentation::asset)),
                get("/health", PUBLIC, now(StatusEndpoints::health)),
                get("/live", PUBLIC, now(StatusEndpoints::live)),
                get("/ready", PUBLIC, now(StatusEndpoints::ready)));
    }

    private static Route get(String path, Access access, Handler handler) {
        return new Route(HandlerType.GET, path, access, handler);
    }

    private static Route post(String path, Access access, Handler handler) {
        return new Route(HandlerType.POST, path, access, handler);
    }

    private static Route delete(String path, Access access, Handler handler) {
        return new Route(HandlerType.DELETE, path, access, handler);
    }

    /**
     * Puts the table over the server. HEAD answers as GET does, without a body; on a route that pops it is not allowed.
     */
    void register(RoutesConfig routes) {
        for (Route route : table()) {
            register(routes, route.method(), route, route.handler());
            if (route.method().equals(HandlerType.GET)) {
                register(routes, HandlerType.HEAD, route, route.pops() ? later(Routes::refuseHead) : route.handler());
            }
        }
        routes.before(ctx -> {
            cors.describe(ctx);
            if (ctx.method().equals(HandlerType.OPTIONS)) { // Browsers ask so before they send, on any path.
                ctx.status(HttpStatus.NO_CONTENT);
                ctx.skipRemainingHandlers();
            }
        });
        routes.exception(Exception.class, (e, ctx) -> sendProblem(ctx, e));
        routes.exception(HttpResponseException.class, (e, ctx) -> {
            closeIfUnread(ctx);
            sendProblem(ctx, noRoute(ctx, e));
        });
    }

    private void register(RoutesConfig routes, HandlerType method, Route route, Handler handler) {
        Handler guarded = guard.protect(route.access().role(), handler);
        routes.addHttpHandler(method, route.path(), ctx -> {
            ctx.attribute(PATTERN, route.path());
            try {
                foreignPages.check(ctx, !route.reads());
            } catch (InvalidRequestException refusal) {
                ctx.future(() -> guard.refuse(ctx, refusal));
                return;
            }
            if (route.pops() && endpoints.connections().crowded()) {
                ctx.header("Connection", "close");
            }
            guarded.handle(ctx);
        });
    }

    private static CompletableFuture<Answer> refuseHead(Context ctx) {
        ctx.header("Allow", HandlerType.GET.name());
        throw notAllowed("HEAD " + ctx.path());
    }

    private static HttpResponseException notAllowed(String request) {
        return new HttpResponseException(
                HttpStatus.METHOD_NOT_ALLOWED.getCode(), "Method not allowed: " + request, Map.of());
    }

    /** Names a request in a message. HEAD counts as GET, so that both get answers of the same length. */
    private static String request(Context ctx) {
        return (ctx.method().equals(HandlerType.HEAD) ? HandlerType.GET : ctx.method()) + " " + ctx.path();
    }

    private CompletableFuture<Answer> buffers(Context ctx) {
        Answer summary = endpoints.status().buffers();
        return new Query(ctx.queryParamMap()).flag("detail")
                ? endpoints.buffers().detail(summary)
                : CompletableFuture.completedFuture(summary);
    }

    private Handler now(Function<StatusEndpoints, Answer> endpoint) {
        return unread(ctx -> endpoint.apply(endpoints.status()).send(ctx));
    }

    /** A handler that reads no body: if there is one, the client is told that the connection ends with the answer. */
    private static Handler unread(Handler handler) {
        return ctx -> {
            closeIfUnread(ctx);
            handler.handle(ctx);
        };
    }

    private static void closeIfUnread(Context ctx) {
        if (RequestBodies.isUnread(ctx)) {
            ctx.header("Connection", "close");
        }
    }

    private Handler later(Endpoint endpoint) {
        return ctx -> {
            ctx.future(() -> handle(endpoint, ctx)
                    .handleAsync(
                            (done, failure) ->
                                    failure == null ? done : Problem.of(failure).answer(ctx),
                            executor)
                    .thenCompose(answer -> {
                        endpoints.bodies().memory().claim(ctx.req()).takeUpTo(answer.bytes());
                        return sendAfterBody(ctx, answer);
                    }));
        };
    }

    /**
     * Sends an answer when the request has come to its end: what the route did not read of it would be taken for the
     * beginning of the next one, so the server would end the connection under the client's hands. A client that waits
     * to be asked for its body (RFC 9110 §10.1.1) is not asked.
     */
    private CompletableFuture<@Nullable Void> sendAfterBody(Context ctx, Answer answer) {
        if (!RequestBodies.isUnread(ctx) || ctx.header("Expect") != null) {
            return sendLater(ctx, answer);
        }
        try {
            return endpoints.bodies().discard(ctx).thenComposeAsync(done -> sendLater(ctx, answer), executor);
        } catch (IOException e) {
            return CompletableFuture.completedFuture(null); // The client is gone.
        }
    }

    /** Sends an answer as fast as its client reads it. No thread waits for the client. */
    private static CompletableFuture<@Nullable Void> sendLater(Context ctx, Answer answer) {
        return answer.sendLater(ctx).exceptionally(failure -> {
            answer.undelivered().run();
            return null;
        });
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
        String request = request(ctx);
        if (ctx.path().startsWith(OLD_STREAMS)) {
            return new HttpResponseException(
                    HttpStatus.NOT_FOUND.getCode(),
                    "Not found: " + request + ". The routes under " + OLD_STREAMS
                            + " are of a protocol that servers have given up; use pop and ack",
                    Map.of());
        }
        if (e.getStatus() == HttpStatus.METHOD_NOT_ALLOWED.getCode()) {
            String allowed = e.getDetails().get("availableMethods");
            if (allowed != null) {
                ctx.header("Allow", ctx.path().startsWith(POP) ? HandlerType.GET.name() : allowed);
            }
            return notAllowed(request);
        }
        if (e.getStatus() == HttpStatus.NOT_FOUND.getCode()) {
            return notFound(ctx);
        }
        return e;
    }

    static HttpResponseException notFound(Context ctx) {
        return new HttpResponseException(HttpStatus.NOT_FOUND.getCode(), "Not found: " + request(ctx), Map.of());
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
