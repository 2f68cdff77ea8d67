package dev.sluice.bridge.outbound;

import dev.sluice.bridge.system.StartException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.client.BytesRequestContent;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.RedirectProtocolHandler;
import org.eclipse.jetty.client.Request;
import org.eclipse.jetty.client.WWWAuthenticationProtocolHandler;
import org.eclipse.jetty.client.transport.HttpClientTransportOverHTTP;
import org.eclipse.jetty.http.HttpCookieStore;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.io.ClientConnector;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.eclipse.jetty.util.thread.ScheduledExecutorScheduler;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Calls URLs that others have chosen. One for a process; any thread may call. */
public final class OutboundClient implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(OutboundClient.class);

    /** As many as a type of work may have in flight. */
    private static final int MAX_CONNECTIONS_PER_TARGET = 10_000;

    private static final int MAX_THREADS = 8;
    private static final int BUFFER = 4096;
    private static final int MAX_HEADERS = 16 * 1024;
    private static final Duration IDLE_TARGET = Duration.ofMinutes(1);

    /**
     * Shorter than the time after which usual servers close an idle connection, so that few calls meet a closed one.
     */
    private static final Duration IDLE_CONNECTION = Duration.ofSeconds(4);

    private final OutboundSettings settings;
    private final GuardedResolver resolver;
    private final HttpClient http;
    private volatile boolean isStarted;
    private volatile boolean isStopped;

    /**
     * Makes a client. It has no thread before its first call.
     *
     * @throws StartException if the file of trusted certificates cannot be used
     */
    public OutboundClient(OutboundSettings settings) throws StartException {
        this(settings, HostLookup.SYSTEM);
    }

    /** Makes a client that looks names up as {@code lookup} does. */
    public OutboundClient(OutboundSettings settings, HostLookup lookup) throws StartException {
        this.settings = settings;
        this.resolver = new GuardedResolver(new AddressGuard(settings.allowed()), lookup);
        this.http = client(settings);
        http.setSocketAddressResolver(resolver);
        if (settings.proxy() != null) {
            http.getProxyConfiguration().addProxy(new TunnelProxy(settings.proxy(), resolver));
        }
    }

    /** Starts the threads, before the first call. */
    private synchronized void start() {
        if (isStarted || isStopped) {
            return;
        }
        try {
            http.start();
        } catch (Exception e) {
            throw new IllegalStateException("the client of webhooks cannot start", e);
        }
        // They exist since the start. A challenge is an answer, and so is a redirect.
        http.getProtocolHandlers().remove(RedirectProtocolHandler.NAME);
        http.getProtocolHandlers().remove(WWWAuthenticationProtocolHandler.NAME);
        http.getContentDecoderFactories().clear();
        isStarted = true;
    }

    private static HttpClient client(OutboundSettings settings) throws StartException {
        var tls = new SslContextFactory.Client();
        if (settings.trusted() != null) {
            tls.setTrustStore(Trust.with(settings.trusted()));
        }
        var threads = new QueuedThreadPool(MAX_THREADS, 2);
        threads.setName("sluice-outbound");
        threads.setDaemon(true);
        threads.setReservedThreads(0);
        var connector = new ClientConnector();
        connector.setSelectors(1);
        connector.setSslContextFactory(tls);
        connector.setExecutor(threads);
        var http = new HttpClient(new HttpClientTransportOverHTTP(connector));
        http.setExecutor(threads);
        http.setScheduler(new ScheduledExecutorScheduler("sluice-outbound-timer", true));
        http.setConnectTimeout(settings.connectTimeout().toMillis());
        http.setIdleTimeout(IDLE_CONNECTION.toMillis());
        http.setDestinationIdleTimeout(IDLE_TARGET.toMillis());
        http.setMaxConnectionsPerDestination(MAX_CONNECTIONS_PER_TARGET);
        http.setMaxRequestsQueuedPerDestination(MAX_CONNECTIONS_PER_TARGET);
        http.setFollowRedirects(false);
        http.setHttpCookieStore(new HttpCookieStore.Empty());
        http.setUserAgentField(new HttpField(HttpHeader.USER_AGENT, "Sluice"));
        http.setRequestBufferSize(BUFFER);
        http.setResponseBufferSize(BUFFER);
        http.setMaxResponseHeadersSize(MAX_HEADERS);
        return http;
    }

    /** Returns why a URL must not be called; null if it may. What its name points to is checked when it is called. */
    public @Nullable String problem(OutboundUrl url) {
        return settings.httpsOnly() && !url.isSecure() ? "only https:// may be called (outbound.https.only)" : null;
    }

    /**
     * Calls a URL. Does not block. The result fails with a {@link CallFailure}, and completes on a thread of this
     * client: do not block it. Cancel it to end the call.
     */
    public CompletableFuture<OutboundAnswer> call(OutboundCall call) {
        OutboundUrl url = call.url();
        String problem = problem(url);
        if (problem != null) {
            return CompletableFuture.failedFuture(
                    new CallFailure(CallFailure.Kind.REFUSED, 0, problem, new RefusedAddressException(problem)));
        }
        var result = new CompletableFuture<OutboundAnswer>();
        if (!isStarted) {
            start();
        }
        try {
            Request request = http.newRequest(url.host(), url.port())
                    .scheme(url.scheme())
                    .method(HttpMethod.POST)
                    .path(url.path())
                    .idleTimeout(call.timeout().toMillis() + IDLE_CONNECTION.toMillis(), TimeUnit.MILLISECONDS)
                    .timeout(call.timeout().toMillis(), TimeUnit.MILLISECONDS)
                    .headers(headers -> call.headers().forEach(headers::put))
                    .body(new BytesRequestContent(call.headers().get("content-type"), call.body()));
            var reader = new AnswerReader(url, settings, result, () -> isStopped);
            var unused = result.whenComplete((answer, failure) -> {
                if (result.isCancelled()) {
                    var ignored = request.abort(failure);
                }
            });
            request.onResponseListener(reader).send(null);
        } catch (RejectedExecutionException | IllegalStateException e) {
            result.completeExceptionally(CallFailure.stopped(e));
        }
        return result;
    }

    /** Ends all calls, and the threads. */
    @Override
    public synchronized void close() {
        isStopped = true;
        resolver.close();
        try {
            http.stop();
        } catch (Exception e) {
            log.warn("The client of webhooks did not stop", e);
        }
    }
}
