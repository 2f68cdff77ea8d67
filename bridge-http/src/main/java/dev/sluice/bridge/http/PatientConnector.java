package dev.sluice.bridge.http;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.SelectorManager;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Accepts connections within the {@linkplain Connections bounds}.
 *
 * <p>If the process can open no more files, accepting fails. The connector then closes idle connections until it
 * succeeds.
 *
 * <p>When the server stops, the connector closes idle connections after {@value #CLOSE_IDLE_MILLIS} ms. It keeps the
 * others until their requests are answered or the stop timeout of the server is over. Without this class, Jetty would
 * also fail reads and writes on a connection that carries a request but has been silent for that time.
 */
public final class PatientConnector extends ServerConnector {
    private static final Logger log = LoggerFactory.getLogger(PatientConnector.class);

    private static final long CLOSE_IDLE_MILLIS = 50;
    private static final long LONGEST_SWEEP_MILLIS = 1000;
    private static final int SWEEPS_PER_HEADER_TIMEOUT = 4;
    private static final Duration PAUSE = Duration.ofMillis(10);
    private static final Duration SILENCE_BETWEEN_WARNINGS = Duration.ofMinutes(1);

    private final Connections connections;
    private final Map<ManagedSelector, SelectorAnswers> answers = new ConcurrentHashMap<>();
    private long warnedNanos = System.nanoTime() - SILENCE_BETWEEN_WARNINGS.toNanos();

    public PatientConnector(
            Server server, int acceptors, int selectors, Connections connections, ConnectionFactory factory) {
        super(server, acceptors, selectors, factory);
        this.connections = connections;
        setShutdownIdleTimeout(CLOSE_IDLE_MILLIS);
        getSelectorManager().addEventListener(new Opening());
    }

    /** Returns a customizer that tells a connection of this class when a request begins and ends. */
    public static HttpConfiguration.Customizer requests() {
        return PatientConnector::follow;
    }

    /** Lets the thread that serves the connection of a request write its answer. The action must not block or throw. */
    public static void writeLater(Request request, Runnable write) {
        if (request.getConnectionMetaData().getConnection().getEndPoint() instanceof EndPoint endPoint) {
            endPoint.answers.add(write);
        } else {
            write.run();
        }
    }

    private static Request follow(Request request, HttpFields.Mutable responseHeaders) {
        if (request.getConnectionMetaData().getConnection().getEndPoint() instanceof EndPoint endPoint) {
            endPoint.requestBegins();
            Request.addCompletionListener(request, failure -> endPoint.requestEnds());
        }
        return request;
    }

    @Override
    protected void doStart() throws Exception {
        super.doStart();
        sweepLater();
    }

    private void sweepLater() {
        long quarter = connections.limits().headerTimeout().toMillis() / SWEEPS_PER_HEADER_TIMEOUT;
        var unused = getScheduler()
                .schedule(this::sweep, Math.max(1, Math.min(quarter, LONGEST_SWEEP_MILLIS)), TimeUnit.MILLISECONDS);
    }

    private void sweep() {
        try {
            connections.closeOverdue();
        } finally {
            if (isRunning()) {
                sweepLater();
            }
        }
    }

    /** Accepts a connection. Returns soon if there is no room for one; the caller then calls again. */
    @Override
    public void accept(int acceptor) throws IOException {
        if (!connections.makeRoom()) {
            warn("There is no room for more connections, so new ones wait", null);
            LockSupport.parkNanos(PAUSE.toNanos());
            return;
        }
        try {
            super.accept(acceptor);
        } catch (ClosedChannelException e) {
            throw e;
        } catch (IOException e) {
            if (!isOpen()) {
                throw e;
            }
            connections.noMoreFiles();
            warn(
                    "No connection can be accepted, so idle ones are closed; raise the limit of open files of the process or"
                            + " lower http.max.connections",
                    e);
            LockSupport.parkNanos(PAUSE.toNanos());
        }
    }

    private void warn(String message, @Nullable Exception cause) {
        long now = System.nanoTime();
        if (now - warnedNanos >= SILENCE_BETWEEN_WARNINGS.toNanos()) {
            warnedNanos = now;
            log.warn("{} connections={} allowed={}", message, connections.count(), connections.most(), cause);
        }
    }

    @Override
    protected SocketChannelEndPoint newEndPoint(SocketChannel channel, ManagedSelector selector, SelectionKey key) {
        var endPoint = new EndPoint(channel, selector, key);
        endPoint.setIdleTimeout(getIdleTimeout());
        return endPoint;
    }

    /** Counts the connections that were accepted but have no end point yet. */
    private final class Opening implements SelectorManager.AcceptListener {
        @Override
        public void onAccepting(SelectableChannel channel) {
            connections.opening();
        }

        @Override
        public void onAccepted(SelectableChannel channel) {
            connections.openingEnded();
        }

        @Override
        public void onAcceptFailed(SelectableChannel channel, Throwable cause) {
            connections.openingEnded();
        }
    }

    private final class EndPoint extends SocketChannelEndPoint implements Connections.Held {
        private final SelectorAnswers answers;
        // Guarded by this, because a request may begin while another thread closes the connection.
        private boolean carriesRequest;
        private long idleSinceNanos = System.nanoTime();
        private @Nullable Long headersSinceNanos;

        EndPoint(SocketChannel channel, ManagedSelector selector, SelectionKey key) {
            super(channel, selector, key, PatientConnector.this.getScheduler());
            answers = PatientConnector.this.answers.computeIfAbsent(selector, SelectorAnswers::new);
        }

        @Override
        public void onOpen() {
            connections.opened(this);
            super.onOpen();
        }

        @Override
        public void doClose() {
            connections.closed(this);
            super.doClose();
        }

        @Override
        public int fill(ByteBuffer buffer) throws IOException {
            int count = super.fill(buffer);
            if (count > 0) {
                bytesCame();
            }
            return count;
        }

        private synchronized void bytesCame() {
            if (!carriesRequest && headersSinceNanos == null) {
                headersSinceNanos = System.nanoTime();
            }
        }

        private synchronized void requestBegins() {
            carriesRequest = true;
            headersSinceNanos = null;
        }

        private synchronized void requestEnds() {
            carriesRequest = false;
            idleSinceNanos = System.nanoTime();
        }

        @Override
        public synchronized @Nullable Long idleSinceNanos() {
            return carriesRequest ? null : (Long) idleSinceNanos;
        }

        @Override
        public synchronized @Nullable Long headersSinceNanos() {
            return headersSinceNanos;
        }

        @Override
        public boolean closeUnlessUsed() {
            synchronized (this) {
                if (carriesRequest) {
                    return false;
                }
            }
            close();
            return true;
        }

        @Override
        protected void onIdleExpired(TimeoutException timeout) {
            if (!isShutdown() || idleSinceNanos() != null) {
                super.onIdleExpired(timeout);
            }
        }
    }
}
