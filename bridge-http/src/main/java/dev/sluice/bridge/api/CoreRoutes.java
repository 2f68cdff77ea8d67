package dev.sluice.bridge.api;

import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Endpoint;
import dev.sluice.bridge.http.Query;
import dev.sluice.bridge.http.RequestSyntax;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.metrics.Metrics;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.PreEncodedHttpField;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ContextHandler;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves the hot rows of the table of routes in front of the servlet chain, without servlets and Javalin. The thread
 * that completes an answer writes it.
 *
 * <p>This class takes only plain requests: of the method and the exact path of a hot row, without a fault of syntax,
 * and without {@code Expect}. Every other request goes on to {@link JavalinRoutes}, which refuses it or serves it. So
 * only {@link JavalinRoutes} decides what is wrong with a request, and both give the same answers.
 */
final class CoreRoutes extends Handler.Wrapper {
    private static final Logger log = LoggerFactory.getLogger(CoreRoutes.class);
    private static final double NANOS_PER_SECOND = TimeUnit.SECONDS.toNanos(1);
    /** The first header of every answer. Javalin sets it, too, and answers without a body keep it. */
    private static final HttpField NO_TEXT = new PreEncodedHttpField(HttpHeader.CONTENT_TYPE, "text/plain");

    private static final String ESCAPED_PLUS = "%2B";

    private final RouteCalls calls;
    private final Metrics metrics;
    /** Rows without parameters, by path. */
    private final Map<String, Row> literal = new HashMap<>();
    /** Rows with parameters, in the order of the table. */
    private final List<Row> patterns = new ArrayList<>();

    private @Nullable ContextHandler servlets;

    /** Takes the rows that it serves. */
    CoreRoutes(List<Route> hot, RouteCalls calls, Metrics metrics) {
        this.calls = calls;
        this.metrics = metrics;
        for (Route route : hot) {
            add(new Row(route, calls.guarded(route, route.endpoint()), List.of(route.path().split("/", -1))));
        }
    }

    private void add(Row row) {
        int parameter = row.route.path().indexOf('{');
        if (parameter >= 0) {
            patterns.add(row);
        } else if (literal.put(row.route.path(), row) != null) {
            throw new IllegalArgumentException("two hot routes have the path " + row.route.path());
        }
    }

    /** A hot row with its checks and the segments of its path. */
    private record Row(Route route, Endpoint endpoint, List<String> segments) {
        /** Returns the decoded parameters of a path; null if it is not a path of the row. */
        @Nullable
        Map<String, String> parameters(String[] path) {
            if (path.length != segments.size()) {
                return null;
            }
            var parameters = new HashMap<String, String>();
            for (int i = 0; i < path.length; i++) {
                String segment = segments.get(i);
                if (!segment.startsWith("{")) {
                    if (!segment.equals(path[i])) {
                        return null;
                    }
                } else if (path[i].isEmpty()) {
                    return null;
                } else {
                    parameters.put(segment.substring(1, segment.length() - 1), decoded(path[i]));
                }
            }
            return parameters;
        }

        private static String decoded(String segment) {
            return segment.indexOf('%') < 0
                    ? segment
                    : URLDecoder.decode(segment.replace("+", ESCAPED_PLUS), StandardCharsets.UTF_8);
        }
    }

    @Override
    protected void doStart() throws Exception {
        super.doStart();
        servlets = getDescendant(ContextHandler.class);
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        Exchange exchange = isPlain(request) ? route(request, response, callback) : null;
        if (exchange == null) {
            return super.handle(request, response, callback);
        }
        exchange.run();
        return true;
    }

    private boolean isPlain(Request request) {
        return !request.getHeaders().contains(HttpHeader.EXPECT)
                && (servlets == null || servlets.isAvailable())
                && request.getHttpURI().getCanonicalPath() != null;
    }

    /** Returns the exchange of a request of a hot row; null for any other request. */
    private @Nullable Exchange route(Request request, Response response, Callback callback) {
        String path = request.getHttpURI().getPath();
        Row row = literal.get(path);
        Map<String, String> parameters = Map.of();
        if (row == null && Route.pops(path)) {
            String[] segments = path.split("/", -1);
            for (Row each : patterns) {
                Map<String, String> found = each.parameters(segments);
                if (found != null) {
                    row = each;
                    parameters = found;
                    break;
                }
            }
        }
        if (row == null || !row.route.method().equals(request.getMethod())) {
            return null;
        }
        Query query;
        try {
            query = Query.of(request.getHttpURI().getQuery());
            var routed = new CoreRequest(request, response, parameters, query);
            RequestSyntax.check(routed);
            return new Exchange(row, routed, callback);
        } catch (IllegalArgumentException | InvalidRequestException e) {
            return null; // JavalinRoutes refuses it.
        }
    }

    /** One request and its answer. */
    private final class Exchange implements Callback {
        private final Row row;
        private final CoreRequest request;
        private final Callback callback;
        private final long startNanos = System.nanoTime();
        private @Nullable Answer answer;

        Exchange(Row row, CoreRequest request, Callback callback) {
            this.row = row;
            this.request = request;
            this.callback = callback;
        }

        @SuppressWarnings("FutureReturnValueIgnored") // The stage handles both ends.
        void run() {
            // A request that waits is not idle: its deadline is that of the endpoint.
            request.jetty().addIdleTimeoutListener(timeout -> false);
            request.response().getHeaders().put(NO_TEXT);
            calls.describe(request);
            calls.begin(row.route, request);
            row.endpoint.handleSafely(request).whenComplete(this::answer);
        }

        @SuppressWarnings("FutureReturnValueIgnored") // The stage handles both ends.
        private void answer(@Nullable Answer done, @Nullable Throwable failure) {
            try {
                answer = calls.answer(request, done, failure);
                CompletableFuture<@Nullable Void> body = calls.bodyBefore(request);
                if (body.isDone()) {
                    send();
                } else {
                    body.whenComplete((read, never) -> send());
                }
            } catch (RuntimeException e) {
                log.error("An answer could not be written", e);
                callback.failed(e);
            }
        }

        private void send() {
            answer.send(request.response(), this);
        }

        /** The client has the answer. */
        @Override
        public void succeeded() {
            count();
            callback.succeeded();
        }

        /** The client is gone. */
        @Override
        public void failed(Throwable failure) {
            answer.undelivered().run();
            count();
            callback.failed(failure);
        }

        private void count() {
            metrics.countRequest(
                    row.route.method(),
                    row.route.path(),
                    answer.status(),
                    (System.nanoTime() - startNanos) / NANOS_PER_SECOND);
        }
    }
}
