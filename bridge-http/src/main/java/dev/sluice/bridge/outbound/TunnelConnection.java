package dev.sluice.bridge.outbound;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.jetty.client.Connection;
import org.eclipse.jetty.client.Destination;
import org.eclipse.jetty.io.AbstractConnection;
import org.eclipse.jetty.io.ClientConnectionFactory;
import org.eclipse.jetty.io.ClientConnector;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.Promise;

/** A connection to a proxy that asks for a tunnel, and then gives its place to a connection in the tunnel. */
final class TunnelConnection extends AbstractConnection implements Callback {
    private static final Pattern STATUS_LINE = Pattern.compile("HTTP/1\\.[01] (\\d{3})(?: [^\\r\\n]*)?\\r\\n");
    private static final int MAX_ANSWER = 8192;
    private static final String END = "\r\n\r\n";

    private final CompletableFuture<String> request;
    private final Inside inside;
    private final StringBuilder answer = new StringBuilder();

    /** What comes into the tunnel. */
    record Inside(Destination destination, Map<String, Object> context, ClientConnectionFactory factory) {}

    /**
     * Makes a connection.
     *
     * @param request the request for a tunnel, as soon as the address of the target is known
     */
    TunnelConnection(EndPoint endPoint, Executor executor, CompletableFuture<String> request, Inside inside) {
        super(endPoint, executor);
        this.request = request;
        this.inside = inside;
    }

    @Override
    public void onOpen() {
        super.onOpen();
        var ignored = request.whenComplete((text, problem) -> {
            if (problem == null) {
                getEndPoint().write(this, BufferUtil.toBuffer(text, ISO_8859_1));
            } else {
                failed(CallFailure.cause(problem));
            }
        });
    }

    @Override
    public void succeeded() {
        fillInterested();
    }

    @Override
    @SuppressWarnings("unchecked") // The client puts a promise of this type there.
    public void failed(Throwable problem) {
        getEndPoint().close(problem);
        ((Promise<Connection>) inside.context().get(Connection.PROMISE_CONTEXT_KEY)).failed(problem);
    }

    @Override
    public boolean onIdleExpired(TimeoutException timeout) {
        failed(timeout);
        return false;
    }

    @Override
    public void onFillable() {
        try {
            // One byte at a time, so that nothing of what comes through the tunnel is read here.
            ByteBuffer one = BufferUtil.allocate(1);
            while (answer.indexOf(END) < 0) {
                BufferUtil.clear(one);
                int filled = getEndPoint().fill(one);
                if (filled == 0) {
                    fillInterested();
                    return;
                }
                if (filled < 0 || answer.length() == MAX_ANSWER) {
                    throw new CallFailure.ProxyException(
                            "the proxy " + inside.destination().getProxy().getAddress()
                                    + (filled < 0 ? " closed the connection" : " answers with too many headers"));
                }
                answer.append((char) (one.get() & 0xff));
            }
            enter();
        } catch (IOException | RuntimeException e) {
            failed(e);
        }
    }

    private void enter() throws IOException {
        Matcher status = STATUS_LINE.matcher(answer);
        if (!status.lookingAt() || status.group(1).charAt(0) != '2') {
            throw new CallFailure.ProxyException(
                    "the proxy " + inside.destination().getProxy().getAddress()
                            + " refuses a tunnel: "
                            + answer.substring(0, answer.indexOf("\r\n")).replaceAll("\\p{Cntrl}", " "));
        }
        Destination destination = inside.destination();
        // TLS takes the name from this address.
        inside.context()
                .put(
                        ClientConnector.REMOTE_SOCKET_ADDRESS_CONTEXT_KEY,
                        InetSocketAddress.createUnresolved(
                                destination.getOrigin().getAddress().getHost(),
                                destination.getOrigin().getAddress().getPort()));
        ClientConnectionFactory factory = destination.isSecure()
                ? destination.getHttpClient().getClientConnector().newSslClientConnectionFactory(null, inside.factory())
                : inside.factory();
        getEndPoint().upgrade(factory.newConnection(getEndPoint(), inside.context()));
    }
}
