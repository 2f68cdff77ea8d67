package dev.sluice.bridge.bench;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;

/**
 * The floor of a request: a server that reads the body of a POST without blocking and answers bytes that it knows. It
 * has no guard, no limits and no routes. The benchmark runs it in a process of its own.
 */
final class BarePost extends Handler.Abstract.NonBlocking {
    private static final String HOST = "127.0.0.1";

    private final byte[] answer;

    private BarePost(byte[] answer) {
        this.answer = answer;
    }

    /** Serves the first argument as the answer. Prints the port, and ends when its input ends. */
    public static void main(String[] arguments) throws Exception {
        var server = new Server();
        var connector = new ServerConnector(server);
        connector.setHost(HOST);
        connector.setIdleTimeout(0); // Its connections wait while other paths are measured.
        server.addConnector(connector);
        server.setHandler(new BarePost(arguments[0].getBytes(StandardCharsets.UTF_8)));
        server.start();
        System.out.println(connector.getLocalPort());
        while (System.in.read() >= 0) {
            // The benchmark sends nothing.
        }
        server.stop();
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        new Exchange(request, response, callback).run();
        return true;
    }

    /** Reads the body of one request, then answers. */
    private final class Exchange implements Runnable {
        private final Request request;
        private final Response response;
        private final Callback callback;

        private Exchange(Request request, Response response, Callback callback) {
            this.request = request;
            this.response = response;
            this.callback = callback;
        }

        @Override
        public void run() {
            while (true) {
                Content.Chunk chunk = request.read();
                if (chunk == null) {
                    request.demand(this);
                    return;
                }
                if (Content.Chunk.isFailure(chunk)) {
                    callback.failed(chunk.getFailure());
                    return;
                }
                chunk.release();
                if (chunk.isLast()) {
                    break;
                }
            }
            response.setStatus(HttpStatus.CREATED_201);
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/json");
            response.getHeaders().put(HttpHeader.CONTENT_LENGTH, answer.length);
            response.write(true, ByteBuffer.wrap(answer), callback);
        }
    }
}
