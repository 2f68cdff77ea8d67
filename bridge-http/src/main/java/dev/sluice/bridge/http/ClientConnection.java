package dev.sluice.bridge.http;

import dev.sluice.bridge.pop.PopDispatcher;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Request;
import org.jspecify.annotations.Nullable;

/**
 * Finds out whether the client of a waiting request has disconnected.
 *
 * <p>While a request waits, the server does not read from its HTTP/1.1 connection, so it does not notice that the
 * client has closed it. This class reads one byte without waiting. At the end of the stream or on an error, the client
 * is gone. (A client that closes only its sending side counts as gone, too; it gets an empty answer.) A byte is the
 * beginning of a pipelined request. The class returns it to the connection, in front of all later input, and from then
 * on assumes that the client is there.
 *
 * <p>No other thread reads at that time: a request without a body is complete when it is handled, and the server reads
 * the next request only after the answer. So {@link #isGone} reads nothing after {@link #answered}, and nothing if the
 * request has a body. The selector is not involved.
 *
 * <p>Any thread may call.
 */
public final class ClientConnection implements PopDispatcher.Client {
    private final EndPoint endPoint;

    /** Null if the connection must not be read. */
    private @Nullable SocketChannel channel;

    private boolean gone;

    /** Takes the request that the calling thread handles. */
    public ClientConnection(Request request) {
        endPoint = request.getConnectionMetaData().getConnection().getEndPoint();
        boolean readsNext = endPoint.getConnection() instanceof Connection.UpgradeTo;
        boolean hasBody = request.getLength() > 0 || request.getHeaders().contains(HttpHeader.TRANSFER_ENCODING);
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

    /** Stops reading, and returns whether the client is gone. Call it before the answer: after it the server reads. */
    public synchronized boolean answered() {
        isGone();
        channel = null;
        return gone;
    }
}
