package dev.sluice.bridge.api;

import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Endpoint;
import dev.sluice.bridge.http.PatientConnector;
import dev.sluice.bridge.http.Query;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.RequestSyntax;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.metrics.Metrics;
import dev.sluice.bridge.metrics.RequestTimes;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
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
 * that finds a request on a connection handles it, and writes the answer, too: all answers that a commit completes, in
 * one go. Only a long body and a request for the servlets go to another thread, one of the pool, and the thread that
 * completes a long answer writes it.
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

    private static final int MOST_IN_A_ROW = 16;
    /** It takes longer to write an answer of more bytes, while other connections wait. */
    private static final int SHORT_ANSWER_BYTES = 64 << 10;

    private static final String ESCAPED_PLUS = "%2B";

    private final Executor executor;
    private final RouteCalls calls;
    /** Rows without parameters, by path. */
    private final Map<String, Row> literal = new HashMap<>();
    /** Rows with parameters, in the order of the table. */
    private final List<Row> patterns = new ArrayList<>();

    private final ThreadLocal<Turn> turns = ThreadLocal.withInitial(Turn::new);

    private @Nullable ContextHandler servlets;

    /** Takes the rows that it serves. {@code executor} hands all other requests to the servlets. */
    CoreRoutes(List<Route> hot, RouteCalls calls, Metrics metrics, Executor executor) {
        this.executor = executor;
        this.calls = calls;
        for (Route route : hot) {
            add(new Row(
                    route,
                    calls.guarded(route, route.endpoint()),
                    List.of(route.path().split("/", -1)),
                    metrics.requests(route.method(), route.path())));
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

    /**
     * The requests of one connection that a thread has handled in a row. A client may send requests faster than they
     * are answered, and the thread that finds them must come back to the other connections. So now and then a thread of
     * the pool handles one.
     */
    private static final class Turn {
        private int connection;
        private int requests;

        boolean isOver(Request request) {
            int now = System.identityHashCode(request.getConnectionMetaData().getConnection());
            requests = now == connection ? requests + 1 : 0;
            connection = now;
            if (requests < MOST_IN_A_ROW) {
                return false;
            }
            requests = 0;
            return true;
        }
    }

    /** A hot row with its checks and the segments of its path. */
    private record Row(Route route, Endpoint endpoint, List<String> segments, RequestTimes.OfRoute times) {
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
    public boolean handle(Request request, Response response, Callback callback) {
        Exchange exchange = isPlain(request) ? route(request, response, callback) : null;
        if (exchange == null) {
            executor.execute(() -> handleByServlets(request, response, callback));
        } else if (RequestBodies.isLong(request) || turns.get().isOver(request)) {
            executor.execute(exchange::run);
        } else {
            exchange.run();
        }
        return true;
    }

    /** Hands a request to the servlets, which may block, on a thread of the pool. */
    private void handleByServlets(Request request, Response response, Callback callback) {
        try {
            if (!super.handle(request, response, callback)) {
                Response.writeError(request, response, callback, HttpStatus.NOT_FOUND_404);
            }
        } catch (Exception e) {
            callback.failed(e);
        }
    }

    /** A hot row does not block. So the thread that finds a request on a connection reads and handles it. */
    @Override
    public InvocationType getInvocationType() {
        return InvocationType.NON_BLOCKING;
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
        try {
            var routed = new CoreRequest(
                    request, response, parameters, Query.of(request.getHttpURI().getQuery()));
            RequestSyntax.check(routed);
            return new Exchange(row, routed, callback);
        } catch (IllegalArgumentException | InvalidRequestException e) {
            return null; // JavalinRoutes refuses it.
        }
    }

    /** One request and its answer. */
    private final class Exchange {
        private final Row row;
        private final CoreRequest request;
        private final Callback callback;
        private final long startNanos = System.nanoTime();
        /** The thread that handles the request now; null when it has returned. */
        private volatile @Nullable Thread handler;

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
            handler = Thread.currentThread();
            row.endpoint.handleSafely(request).whenComplete(this::answer);
            handler = null;
        }

        @SuppressWarnings("FutureReturnValueIgnored") // The stage handles both ends.
        private void answer(@Nullable Answer done, @Nullable Throwable failure) {
            try {
                Answer answer = calls.answer(request, done, failure);
                calls.bodyBefore(request).whenComplete((read, never) -> write(answer));
            } catch (RuntimeException e) {
                fail(e);
            }
        }

        private void write(Answer answer) {
            if (Thread.currentThread() == handler || answer.bytes() > SHORT_ANSWER_BYTES) {
                send(answer);
            } else {
                PatientConnector.writeLater(request.jetty(), () -> send(answer));
            }
        }

        private void send(Answer answer) {
            try {
                answer.send(
                        request.response(),
                        Callback.from(
                                InvocationType.NON_BLOCKING, () -> delivered(answer), cause -> lost(answer, cause)));
            } catch (RuntimeException e) {
                answer.undelivered().run();
                fail(e);
            }
        }

        private void fail(RuntimeException mistake) {
            log.error("An answer could not be written", mistake);
            callback.failed(mistake);
        }

        private void delivered(Answer answer) {
            count(answer);
            callback.succeeded();
        }

        /** The client has disconnected. */
        private void lost(Answer answer, Throwable cause) {
            answer.undelivered().run();
            count(answer);
            callback.failed(cause);
        }

        private void count(Answer answer) {
            row.times.add(answer.status(), (System.nanoTime() - startNanos) / NANOS_PER_SECOND);
        }
    }
}
