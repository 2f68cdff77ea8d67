package dev.sluice.bridge.api;

import static dev.sluice.bridge.http.AdminJson.seconds;

import com.sun.management.UnixOperatingSystemMXBean;
import dev.sluice.bridge.api.messages.WebhookEndpoint;
import dev.sluice.bridge.http.Connections;
import dev.sluice.bridge.http.Cors;
import dev.sluice.bridge.http.JsonErrorHandler;
import dev.sluice.bridge.http.PatientConnector;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.RequestTargets;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.http.WebPages;
import dev.sluice.bridge.http.WebSocketHandshake;
import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.limits.ConnectionLimits;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.bridge.metrics.Metrics;
import dev.sluice.bridge.security.JwtConfig;
import io.javalin.Javalin;
import io.javalin.compression.CompressionStrategy;
import io.javalin.http.Context;
import io.javalin.util.JavalinBindException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.net.BindException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.eclipse.jetty.http.HttpCompliance;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The HTTP server: Jetty and Javalin with the table of routes. */
public final class HttpService implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(HttpService.class);

    private static final int MIN_THREADS = 8;
    /** Every line ends with CR LF. {@link RequestTargets} decides between the two hosts of a request. */
    private static final HttpCompliance COMPLIANCE =
            HttpCompliance.STRICT.with("SLUICE", HttpCompliance.Violation.MISMATCHED_AUTHORITY);

    private static final int ACCEPTORS = 1;
    private static final int FEWEST_SELECTORS = 2;
    private static final int MOST_SELECTORS = 8;
    /** The selectors take at most one thread of this many. */
    private static final int THREADS_PER_SELECTOR = 4;

    /** Most requests fit, so that they need one read. An idle connection has no buffer. */
    private static final int INPUT_BUFFER_BYTES = 32 << 10;

    private static final int ACCEPT_QUEUE_LENGTH = 1024;
    /** Replaces the method and the path of a request without a route, because their number has no bound. */
    private static final String NO_ROUTE = "none";

    /**
     * Where and how to listen.
     *
     * @param host address ({@code http.host})
     * @param port port ({@code http.port}); 0 takes a free one
     * @param threads the largest number of threads that read requests and write answers ({@code http.threads})
     * @param idleTimeout a connection without a running request is closed after this silence
     *     ({@code http.idle.timeout.ms}); a body must not pause longer
     * @param bodyTimeout the longest time in which a body arrives ({@code http.body.timeout.ms})
     * @param stopTimeout closing waits this long for running requests
     * @param usualDurability the durability of a push that does not ask for one
     * @param limits bounds of a request
     * @param connections bounds of the connections
     * @param jwt whose tokens are accepted; null if no route needs a token
     * @param pages that may use the service from a browser
     * @param webhooks sources of events that may push
     * @param streams bounds of answers that do not end by themselves
     * @param migrations whether a copy into another database is allowed ({@code migration.enabled})
     */
    public record Config(
            String host,
            int port,
            int threads,
            Duration idleTimeout,
            Duration bodyTimeout,
            Duration stopTimeout,
            Durability usualDurability,
            RequestLimits limits,
            ConnectionLimits connections,
            @Nullable JwtConfig jwt,
            WebPages pages,
            WebhookEndpoint.Sources webhooks,
            Streams streams,
            boolean migrations) {}

    /**
     * Bounds of the streams of events.
     *
     * @param most streams at a time ({@code http.max.event.streams})
     * @param buffer events that wait for a client, and that are kept ({@code http.event.stream.buffer})
     */
    public record Streams(int most, int buffer) {}

    private final Config config;
    private final QueuedThreadPool threads;
    private final Javalin javalin;
    private final RequestBodies bodies;
    private final RouteTable table;
    private final Connections connections;
    private final Cors cors;

    /** Builds the table of routes and the server. Does not listen yet. */
    public HttpService(Config config, Backend backend) {
        this(config, backend, Route::hot);
    }

    /** Builds a server that serves only some routes without servlets. */
    HttpService(Config config, Backend backend, Predicate<Route> core) {
        this.config = config;
        bodies = new RequestBodies(
                config.limits(), new RequestMemory(config.limits().memoryBytes()), config.bodyTimeout());
        connections = new Connections(possible(config.connections()), System::nanoTime);
        table = new RouteTable(config, backend, bodies, connections);
        cors = new Cors(config.pages(), methods(table.rows()));
        threads = new QueuedThreadPool(config.threads(), Math.min(MIN_THREADS, config.threads()));
        threads.setName("sluice-http");
        var calls = new RouteCalls(config, cors, bodies, connections, threads);
        var routes = new JavalinRoutes(table.rows(), calls, threads);
        var hot = new CoreRoutes(table.rows().stream().filter(core).toList(), calls, backend.metrics(), threads);
        javalin = Javalin.create(javalinConfig -> {
            javalinConfig.startup.showJavalinBanner = false;
            javalinConfig.startup.showOldJavalinVersionWarning = false;
            javalinConfig.startup.startupWatcherEnabled = false;
            javalinConfig.http.compressionStrategy = CompressionStrategy.NONE;
            javalinConfig.http.prefer405over404 = true;
            javalinConfig.router.ignoreTrailingSlashes = false; // JavalinRoutes decides where a slash counts.
            javalinConfig.http.generateEtags = false;
            javalinConfig.http.maxRequestSize = Long.MAX_VALUE; // RequestBodies has its own limit, with our message.
            javalinConfig.http.asyncTimeout = 0; // Each future has its own deadline.
            javalinConfig.requestLogger.http((ctx, millis) -> count(backend.metrics(), ctx, millis));
            javalinConfig.jetty.threadPool = threads;
            javalinConfig.jetty.addConnector(this::connector);
            javalinConfig.jetty.modifyHttpConfiguration(this::configure);
            javalinConfig.jetty.modifyServer(server -> configure(server, hot));
            javalinConfig.jetty.modifyServletContextHandler(
                    handler -> handler.getServletHandler().setDecodeAmbiguousURIs(true));
            routes.register(javalinConfig.routes);
        });
    }

    /**
     * Loads and initialises the classes of Jetty and Javalin. A start calls it while it waits for something else, since
     * that takes a good part of a second without an archive of classes. Opens nothing and starts no thread.
     */
    public static void preload() {
        Javalin.create(javalinConfig -> {
            javalinConfig.startup.showJavalinBanner = false;
            javalinConfig.startup.showOldJavalinVersionWarning = false;
            javalinConfig.startup.startupWatcherEnabled = false;
        });
        new ServerConnector(new Server(), ACCEPTORS, FEWEST_SELECTORS, new HttpConnectionFactory());
    }

    private static Set<String> methods(List<Route> routes) {
        return routes.stream().map(Route::method).collect(Collectors.toCollection(TreeSet::new));
    }

    private static ConnectionLimits possible(ConnectionLimits configured) {
        long heapBytes = Runtime.getRuntime().maxMemory();
        ConnectionLimits possible = ManagementFactory.getOperatingSystemMXBean()
                        instanceof UnixOperatingSystemMXBean system
                ? configured.within(heapBytes, system.getMaxFileDescriptorCount(), system.getOpenFileDescriptorCount())
                : configured.within(heapBytes, Long.MAX_VALUE, 0);
        if (possible.most() < configured.most()) {
            log.info(
                    "The heap or the limit of open files allows fewer connections than http.max.connections"
                            + " connections={} configured={}",
                    possible.most(),
                    configured.most());
        }
        return possible;
    }

    private static void count(Metrics metrics, Context ctx, float millis) {
        String route = ctx.attribute(JavalinRoutes.PATTERN);
        metrics.countRequest(
                route == null ? NO_ROUTE : ctx.method().toString(),
                route == null ? NO_ROUTE : route,
                ctx.statusCode(),
                seconds(millis));
    }

    /** A name of a queue may contain any character, so a path may contain any escape. */
    private void configure(HttpConfiguration http) {
        http.setUriCompliance(UriCompliance.from(Set.of(
                UriCompliance.Violation.AMBIGUOUS_PATH_SEPARATOR,
                UriCompliance.Violation.AMBIGUOUS_PATH_ENCODING,
                UriCompliance.Violation.AMBIGUOUS_PATH_SEGMENT,
                UriCompliance.Violation.AMBIGUOUS_EMPTY_SEGMENT,
                UriCompliance.Violation.AMBIGUOUS_PATH_PARAMETER,
                UriCompliance.Violation.SUSPICIOUS_PATH_CHARACTERS)));
        http.setHttpCompliance(COMPLIANCE);
        http.addCustomizer(PatientConnector.requests());
        http.addCustomizer(RequestTargets::read);
        http.addCustomizer((request, responseHeaders) -> WebSocketHandshake.hide(request));
        http.setSendServerVersion(false);
        http.setRequestHeaderSize(config.connections().headerBytes());
    }

    private void configure(Server server, CoreRoutes hot) {
        server.setHandler(hot); // Javalin puts its servlets behind it.
        server.setErrorHandler(new JsonErrorHandler(config.connections().headerBytes(), cors));
        server.setStopTimeout(config.stopTimeout().toMillis());
    }

    /** Returns the number of threads that wait for requests, and that handle those of hot rows. */
    private int selectors() {
        int useful = Math.min(Runtime.getRuntime().availableProcessors() / 2, MOST_SELECTORS);
        return Math.max(FEWEST_SELECTORS, Math.min(useful, config.threads() / THREADS_PER_SELECTOR));
    }

    private ServerConnector connector(Server server, HttpConfiguration http) {
        var factory = new HttpConnectionFactory(http);
        factory.setInputBufferSize(INPUT_BUFFER_BYTES);
        var connector = new PatientConnector(server, ACCEPTORS, selectors(), connections, factory);
        connector.setHost(config.host());
        connector.setPort(config.port());
        connector.setIdleTimeout(config.idleTimeout().toMillis());
        connector.setAcceptQueueSize(ACCEPT_QUEUE_LENGTH);
        return connector;
    }

    /**
     * Starts to listen.
     *
     * @throws BindException if the port is taken
     */
    public void start() throws IOException {
        try {
            javalin.start();
        } catch (JavalinBindException e) {
            var taken = new BindException("http.port " + config.port() + " on " + config.host() + " is taken");
            taken.initCause(e);
            throw taken;
        } catch (RuntimeException e) {
            throw new UncheckedIOException(new IOException("the HTTP server does not start", e));
        }
    }

    /** Returns the port on which it listens. */
    public int port() {
        return javalin.port();
    }

    /** Returns the table of routes. */
    public List<Route> routes() {
        return table.rows();
    }

    /** Stops listening, and waits for running requests for at most the stop timeout. */
    @Override
    public void close() {
        table.endStreams();
        try {
            javalin.stop();
        } catch (RuntimeException e) {
            log.warn("Some requests were not answered before the HTTP server stopped reason={}", e.toString());
        }
        bodies.close();
        table.close();
    }
}
