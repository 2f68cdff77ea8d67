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
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.security.Role;
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

/** The table of all routes, with who may use them, and what is common to their answers. */
final class Routes {
    private static final Logger log = LoggerFactory.getLogger(Routes.class);

    /** Attribute of a request with the path of its route; of a request without a route there is none. */
    static final String PATTERN = "sluice.route";

    /** Old clients still have calls for it. */
    private static final String OLD_STREAMS = "/api/v1/stream/";

    private static final String GET = HandlerType.GET.name();

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
    record Route(HandlerType method, String path, Access access, Endpoint endpoint) {
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
                post("/api/v1/push", READ_WRITE, endpoints.push()),
                get("/api/v1/pop", READ_WRITE, endpoints.pop()),
                post("/api/v1/push/{queue}", READ_WRITE, endpoints.push()::events),
                post("/api/v1/push-legacy", READ_WRITE, endpoints.directPush()),
                get("/api/v1/pop/queue/{queue}", READ_WRITE, endpoints.pop()),
                get("/api/v1/pop/queue/{queue}/partition/{partition}", READ_WRITE, endpoints.pop()),
                post("/api/v1/ack", READ_WRITE, endpoints.acknowledge()),
                post("/api/v1/ack/batch", READ_WRITE, endpoints.acknowledgeBatch()),
                post("/api/v1/transaction", READ_WRITE, endpoints.transaction()),
                post("/api/v1/lease/{leaseId}/extend", READ_WRITE, endpoints.leases()::extend),
                post("/api/v1/configure", READ_WRITE, queues::configure),
                get("/api/v1/resources/partitions", READ_ONLY, queues::partitions),
                delete("/api/v1/resources/queues/{queue}", ADMIN, queues::deleteQueue),
                delete("/api/v1/resources/queues/{queue}/partitions/{partition}", ADMIN, queues::deletePartition),
                delete("/api/v1/queues/{queue}/clear", ADMIN, queues::clear),
                delete("/api/v1/messages/{partitionId}/{transactionId}", READ_WRITE, queues::deleteMessage),
                post("/api/v1/messages/{partitionId}/{transactionId}/retry", READ_WRITE, deadLetters::retry),
                post("/api/v1/messages/{partitionId}/{transactionId}/dlq", READ_WRITE, deadLetters::bury),
                get("/api/v1/dlq", READ_ONLY, deadLetters::list),
                post("/api/v1/dlq/redrive", READ_WRITE, deadLetters::redrive),
                delete("/api/v1/dlq", ADMIN, deadLetters::purge),
                get("/api/v1/consumer-groups", READ_ONLY, groups::list),
                get("/api/v1/consumer-groups/lagging", READ_ONLY, groups::lagging), // Before {group}.
                get("/api/v1/consumer-groups/{group}", READ_ONLY, groups::details),
                delete("/api/v1/consumer-groups/{group}", ADMIN, groups::delete),
                post("/api/v1/consumer-groups/{group}/subscription", READ_WRITE, groups::changeSubscription),
                delete("/api/v1/consumer-groups/{group}/queues/{queue}", ADMIN, groups::deleteOnQueue),
                post("/api/v1/consumer-groups/{group}/queues/{queue}/seek", READ_WRITE, groups::seek),
                post(
                        "/api/v1/consumer-groups/{group}/queues/{queue}/partitions/{partition}/seek",
                        READ_WRITE,
                        groups::seekPartition),
                get("/api/v1/system/maintenance", ADMIN, maintenance::get),
                post("/api/v1/system/maintenance", ADMIN, maintenance::set),
                get("/api/v1/system/maintenance/pop", ADMIN, maintenance::getPops),
                post("/api/v1/system/maintenance/pop", ADMIN, maintenance::setPops),
                get("/api/v1/system/shared-state", ADMIN, maintenance::sharedState),
                get("/internal/api/shared-state/stats", ADMIN, maintenance::sharedState),
                get("/internal/api/inter-instance/stats", ADMIN, maintenance::sharedState),
                post("/internal/api/notify", ADMIN, maintenance::wake),
                post("/streams/v1/queries", READ_WRITE, streams::register),
                post("/streams/v1/cycle", READ_WRITE, streams::cycle),
                post("/streams/v1/state/get", READ_ONLY, streams::state),
                post("/api/v1/migration/test-connection", ADMIN, migrations::test),
                post("/api/v1/migration/start", ADMIN, migrations::start),
                get("/api/v1/migration/status", ADMIN, migrations::status),
                post("/api/v1/migration/validate", ADMIN, migrations::validate),
                post("/api/v1/migration/reset", ADMIN, migrations::reset),
                get("/api/v1/status/buffers", READ_ONLY, this::buffers),
                get("/api/v1/buffers/failed", ADMIN, buffers::listFailed),
                post("/api/v1/buffers/failed/retry", ADMIN, buffers::retryFailed),
                delete("/api/v1/buffers/failed", ADMIN, buffers::dropFailed),
                post("/api/v1/buffers/requeue", ADMIN, buffers::requeue),
                get("/api/v1/resources/queues", READ_ONLY, resources::queues),
                get("/api/v1/resources/queues/{queue}", READ_ONLY, resources::queue),
                get("/api/v1/resources/namespaces", READ_ONLY, resources::namespaces),
                get("/api/v1/resources/tasks", READ_ONLY, resources::tasks),
                get("/api/v1/resources/overview", READ_ONLY, resources::overview),
                get("/api/v1/messages", READ_ONLY, messages::list),
                get("/api/v1/messages/{partitionId}/{transactionId}", READ_ONLY, messages::one),
                post("/api/v1/traces", READ_WRITE, traces::add),
                get("/api/v1/traces/names", READ_ONLY, traces::names),
                get("/api/v1/traces/by-name/{traceName}", READ_ONLY, traces::byName), // Before the next.
                get("/api/v1/traces/{partitionId}/{transactionId}", READ_ONLY, traces::ofMessage),
                get("/api/v1/status", READ_ONLY, analytics::status),
                get("/api/v1/status/queues", READ_ONLY, resources::statusQueues),
                get("/api/v1/status/queues/{queue}", READ_ONLY, resources::statusQueue),
                get("/api/v1/status/queues/{queue}/messages", READ_ONLY, messages::ofQueue),
                get("/api/v1/status/analytics", READ_ONLY, analytics::pushes),
                get("/api/v1/analytics/system-metrics", READ_ONLY, analytics::systemMetrics),
                get("/api/v1/analytics/worker-metrics", READ_ONLY, analytics::workerMetrics),
                get("/api/v1/analytics/queue-lag", READ_ONLY, analytics::queueLag),
                get("/api/v1/analytics/queue-ops", READ_ONLY, analytics::queueOps),
                get("/api/v1/analytics/queue-parked-replicas", READ_ONLY, analytics::parked),
                get("/api/v1/analytics/retention", READ_ONLY, analytics::retention),
                get("/api/v1/analytics/postgres-stats", READ_ONLY, endpoints.server()::statistics),
                post("/api/v1/stats/refresh", ADMIN, resources::refresh),
                get("/metrics", PUBLIC, metrics::summary),
                get("/metrics/prometheus", PUBLIC, metrics::prometheus),
                get("/openapi.yaml", PUBLIC, documentation::contract),
                get("/docs", PUBLIC, documentation::page),
                get("/docs/{asset}", PUBLIC, documentation::asset),
                get("/health", PUBLIC, endpoints.status()::health),
                get("/live", PUBLIC, endpoints.status()::live),
                get("/ready", PUBLIC, endpoints.status()::ready));
    }

    private static Route get(String path, Access access, Endpoint endpoint) {
        return new Route(HandlerType.GET, path, access, endpoint);
    }

    private static Route post(String path, Access access, Endpoint endpoint) {
        return new Route(HandlerType.POST, path, access, endpoint);
    }

    private static Route delete(String path, Access access, Endpoint endpoint) {
        return new Route(HandlerType.DELETE, path, access, endpoint);
    }

    /**
     * Puts the table over the server. HEAD answers as GET does, without a body; on a route that pops it is not allowed.
     */
    void register(RoutesConfig routes) {
        for (Route route : table()) {
            register(routes, route.method(), route, route.endpoint());
            if (route.method().equals(HandlerType.GET)) {
                register(routes, HandlerType.HEAD, route, route.pops() ? Routes::refuseHead : route.endpoint());
            }
        }
        routes.before(ctx -> {
            cors.describe(new JavalinRequest(ctx));
            if (ctx.method().equals(HandlerType.OPTIONS)) { // Browsers ask so before they send, on any path.
                ctx.status(HttpStatus.NO_CONTENT);
                ctx.skipRemainingHandlers();
            }
        });
        routes.exception(Exception.class, (e, ctx) -> sendProblem(ctx, e));
        routes.exception(HttpResponseException.class, (e, ctx) -> {
            RequestBodies.leaveUnread(new JavalinRequest(ctx));
            sendProblem(ctx, noRoute(ctx, e));
        });
    }

    private void register(RoutesConfig routes, HandlerType method, Route route, Endpoint endpoint) {
        Endpoint guarded = foreignPages.protect(
                !route.reads(), guard.protect(route.access().role(), endpoint));
        routes.addHttpHandler(method, route.path(), ctx -> {
            ctx.attribute(PATTERN, route.path());
            if (route.pops() && endpoints.connections().crowded()) {
                ctx.header("Connection", "close");
            }
            ctx.future(() -> answer(guarded, new JavalinRequest(ctx), ctx.res()));
        });
    }

    private static CompletableFuture<Answer> refuseHead(Request request) {
        request.answerHeader("Allow", GET);
        throw InvalidRequestException.methodNotAllowed("HEAD " + request.path());
    }

    private CompletableFuture<Answer> buffers(Request request) {
        Answer summary = endpoints.status().buffers();
        return request.query().flag("detail")
                ? endpoints.buffers().detail(summary)
                : CompletableFuture.completedFuture(summary);
    }

    private CompletableFuture<@Nullable Void> answer(Endpoint endpoint, Request request, HttpServletResponse response) {
        return endpoint.handleSafely(request)
                .handleAsync(
                        (done, failure) ->
                                failure == null ? done : Problem.of(failure).answer(request),
                        executor)
                .thenCompose(answer -> {
                    endpoints.bodies().memory().claim(request.servlet()).takeUpTo(answer.bytes());
                    return sendAfterBody(request, response, answer);
                });
    }

    /**
     * Sends an answer when the request has come to its end: what the route did not read of it would be taken for the
     * beginning of the next one, so the server would end the connection under the client's hands. A client that waits
     * to be asked for its body (RFC 9110 §10.1.1) is not asked.
     */
    private CompletableFuture<@Nullable Void> sendAfterBody(
            Request request, HttpServletResponse response, Answer answer) {
        if (!RequestBodies.isUnread(request) || request.header("Expect") != null) {
            return sendLater(response, answer);
        }
        try {
            return endpoints.bodies().discard(request).thenComposeAsync(done -> sendLater(response, answer), executor);
        } catch (IOException e) {
            return CompletableFuture.completedFuture(null); // The client is gone.
        }
    }

    /** Sends an answer as fast as its client reads it. No thread waits for the client. */
    private static CompletableFuture<@Nullable Void> sendLater(HttpServletResponse response, Answer answer) {
        return answer.sendLater(response).exceptionally(failure -> {
            answer.undelivered().run();
            return null;
        });
    }

    /** Says in our words that there is no such route, or not with this method. */
    private static Exception noRoute(Context ctx, HttpResponseException e) {
        String request = describe(new JavalinRequest(ctx));
        if (ctx.path().startsWith(OLD_STREAMS)) {
            return InvalidRequestException.notFound("Not found: " + request + ". The routes under " + OLD_STREAMS
                    + " are of a protocol that servers have given up; use pop and ack");
        }
        if (e.getStatus() == HttpStatus.METHOD_NOT_ALLOWED.getCode()) {
            String allowed = e.getDetails().get("availableMethods");
            if (allowed != null) {
                ctx.header("Allow", ctx.path().startsWith(POP) ? GET : allowed);
            }
            return InvalidRequestException.methodNotAllowed(request);
        }
        return e.getStatus() == HttpStatus.NOT_FOUND.getCode()
                ? InvalidRequestException.notFound("Not found: " + request)
                : e;
    }

    /** Names a request in a message. HEAD counts as GET, so that both get answers of the same length. */
    static String describe(Request request) {
        return (request.method().equals("HEAD") ? GET : request.method()) + " " + request.path();
    }

    private static void sendProblem(Context ctx, Exception failure) {
        if (failure instanceof IOException && ctx.res().isCommitted()) {
            return; // The client is gone, and so is the way to tell it.
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
