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
    @Override
    protected void generateResponse(
            Request request, Response response, int code, String message, Throwable cause, Callback callback) {
        String error = message == null || message.isEmpty() ? HttpStatus.getMessage(code) : message;
        if (code == HttpStatus.BAD_REQUEST_400 && cause != null && isBadArgument(cause)) {
            error = Problem.UNDECODABLE; // Only the address is decoded this early.
        }
        byte[] body =
                new JsonOutput(0).object().field("error", error).endObject().toBytes();
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, Answer.JSON);
        // The server does not read the rest of such a request. So the connection ends, and the client must know.
        response.getHeaders().put(HttpHeader.CONNECTION, "close");
        boolean head = HttpMethod.HEAD.is(request.getMethod());
        response.getHeaders().put(HttpHeader.CONTENT_LENGTH, body.length);
        response.write(true, ByteBuffer.wrap(body, 0, head ? 0 : body.length), callback);
    }

    private static boolean isBadArgument(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof IllegalArgumentException) {
                return true;
            }
        }
        return false;
    }
}
