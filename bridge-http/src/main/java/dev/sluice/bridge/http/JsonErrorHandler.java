package dev.sluice.bridge.http;

import dev.sluice.bridge.json.JsonOutput;
import java.nio.ByteBuffer;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;

/** Answers requests that are not valid HTTP, and so never reach a route, with {@code {"error": "…"}}. */
public final class JsonErrorHandler extends ErrorHandler {
    private final int headBytes;
    private final Cors cors;

    /**
     * A handler.
     *
     * @param headBytes the largest size of a request line with its headers ({@code http.max.header.bytes})
     * @param cors describes the service to pages; without the headers of a request, only to all of them
     */
    public JsonErrorHandler(int headBytes, Cors cors) {
        this.headBytes = headBytes;
        this.cors = cors;
    }

    /** Every method gets the error. Without this, Jetty would answer an unusual method without a body. */
    @Override
    public boolean errorPageForMethod(String method) {
        return true;
    }

    @Override
    protected void generateResponse(
            Request request, Response response, int code, String message, Throwable cause, Callback callback) {
        String error = BadHttp.describe(code, message, cause, headBytes);
        byte[] body =
                new JsonOutput(0).object().field("error", error).endObject().toBytes();
        cors.describe(
                request.getMethod(),
                name -> request.getHeaders().get(name),
                (name, value) -> response.getHeaders().put(name, value));
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, Answer.JSON);
        // The server does not read the rest of such a request. So the connection ends, and the client must know.
        response.getHeaders().put(HttpHeader.CONNECTION, "close");
        if (code == HttpStatus.SERVICE_UNAVAILABLE_503 || code == HttpStatus.TOO_MANY_REQUESTS_429) {
            response.getHeaders().put(HttpHeader.RETRY_AFTER, 1);
        }
        boolean head = HttpMethod.HEAD.is(request.getMethod());
        response.getHeaders().put(HttpHeader.CONTENT_LENGTH, body.length);
        response.write(true, ByteBuffer.wrap(body, 0, head ? 0 : body.length), callback);
    }
}
