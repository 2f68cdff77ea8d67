package dev.sluice.bridge.api;

import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.internal.HttpConnection;

/**
 * Listens. When it is told to stop it closes the connections that carry no request, after {@value #CLOSE_IDLE_MILLIS} ms, and
 * lets the others be until they are answered or the server's time to stop is over. The server itself would fail what it reads
 * and writes on these, too, if nothing has moved on them for as long.
 */
final class PatientConnector extends ServerConnector {
    private static final long CLOSE_IDLE_MILLIS = 50;

    PatientConnector(Server server, int acceptors, int selectors, ConnectionFactory factory) {
        super(server, acceptors, selectors, factory);
        setShutdownIdleTimeout(CLOSE_IDLE_MILLIS);
    }

    @Override
    protected SocketChannelEndPoint newEndPoint(SocketChannel channel, ManagedSelector selector, SelectionKey key) {
        var endPoint = new EndPoint(channel, selector, key);
        endPoint.setIdleTimeout(getIdleTimeout());
        return endPoint;
    }

    private final class EndPoint extends SocketChannelEndPoint {
        EndPoint(SocketChannel channel, ManagedSelector selector, SelectionKey key) {
            super(channel, selector, key, PatientConnector.this.getScheduler());
        }

        @Override
        protected void onIdleExpired(TimeoutException timeout) {
            if (!isShutdown() || !carriesRequest()) {
                super.onIdleExpired(timeout);
            }
        }

        private boolean carriesRequest() {
            return getConnection() instanceof HttpConnection connection
                    && connection.getHttpChannel().getRequest() != null;
        }
    }
}
