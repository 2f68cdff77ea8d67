package dev.sluice.bridge.http;

import dev.sluice.bridge.pop.PopDispatcher;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import org.eclipse.jetty.ee10.servlet.ServletContextRequest;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Request;
import org.jspecify.annotations.Nullable;

/**
 * The connection of a request that waits, to find out whether its client has gone.
 *
 * <p>While a request is handled the server does not read from its HTTP/1.1 connection, so it does not learn that the
 * client has closed it. Here one byte is read, without waiting: the end of the stream, or an error, means that nobody
 * is there. (A client that closes only its sending side is taken for gone too; it gets an empty answer.) If there
 * really is a byte, it is the beginning of a next request, sent early: it is given back to the connection, in front of
 * all it will read later, and the client is believed from then on.
 *
 * <p>This is sound because nobody else reads: a request without a body is complete when it is handled, and the next is
 * read only when this one has been answered. So {@link #isGone} reads nothing after {@link #answered}, and nothing at
 * all if there is a body. The selector is not involved.
 *
 * <p>Any thread may call.
 */
public final class ClientConnection implements PopDispatcher.Client {
    private final EndPoint endPoint;

    /** Null when there is nothing to be found out, or not any more. */
    private @Nullable SocketChannel channel;

    private boolean gone;

    /** For the request that is being handled by the calling thread. */
    public ClientConnection(HttpServletRequest servletRequest) {
        Request request = ServletContextRequest.getServletContextRequest(servletRequest);
        endPoint = request.getConnectionMetaData().getConnection().getEndPoint();
        boolean readsNext = endPoint.getConnection() instanceof Connection.UpgradeTo;
        boolean hasBody =
                servletRequest.getContentLengthLong() > 0 || servletRequest.getHeader("Transfer-Encoding") != null;
        if (!hasBody && readsNext && endPoint.getTransport() instanceof SocketChannel transport) {
            channel = transport;
        }
    }

    @Override
    public synchronized boolean isGone() {
        SocketChannel open = channel;
        if (gone || open == null) {
            return gone;
        }
        ByteBuffer one = ByteBuffer.allocate(1);
        try {
            int count = open.read(one);
            gone = count < 0;
        } catch (IOException e) {
            gone = true;
        }
        if (one.position() > 0 && endPoint.getConnection() instanceof Connection.UpgradeTo connection) {
            connection.onUpgradeTo(one.flip());
            channel = null;
        }
        return gone;
    }

    /**
     * Must be called before anything is answered: from then on the server reads. Returns whether the client has gone.
     */
    public synchronized boolean answered() {
        isGone();
        channel = null;
        return gone;
    }
}
