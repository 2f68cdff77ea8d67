package dev.sluice.bridge.api;

import com.fasterxml.jackson.databind.JsonNode;
import io.javalin.http.Context;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import org.eclipse.jetty.ee10.servlet.HttpOutput;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/**
 * What goes back for a request.
 *
 * @param status HTTP status
 * @param body JSON, or null for no body
 * @param contentType of the body
 * @param undelivered what to do if it cannot be sent; must not block
 */
record Answer(int status, @Nullable JsonOutput body, String contentType, Runnable undelivered) {
    static final String JSON = "application/json; charset=utf-8";

    Answer(int status, @Nullable JsonOutput body, String contentType) {
        this(status, body, contentType, () -> {});
    }

    /** An answer with a JSON body. */
    static Answer json(int status, JsonOutput body) {
        return new Answer(status, body, JSON);
    }

    /** An answer with a JSON body, for routes where its making does not have to be fast. */
    static Answer json(int status, JsonNode body) {
        return json(status, new JsonOutput(0).json(body.toString()));
    }

    /** An answer without a body: status 204. */
    static Answer empty() {
        return new Answer(204, null, JSON);
    }

    /** The same answer, with something to do if it cannot be sent. */
    Answer orElse(Runnable whenUndelivered) {
        return new Answer(status, body, contentType, whenUndelivered);
    }

    /** Writes the answer; blocks while the client does not read. */
    void send(Context ctx) throws IOException {
        HttpServletResponse response = begin(ctx);
        if (body != null) {
            response.getOutputStream().write(body.array(), 0, body.length());
        }
    }

    /** Writes the answer without blocking. Completes when the client has it; exceptionally if the client goes away. */
    CompletableFuture<@Nullable Void> sendLater(Context ctx) {
        try {
            HttpServletResponse response = begin(ctx);
            if (body != null && response.getOutputStream() instanceof HttpOutput output) {
                var sent = new Callback.Completable();
                output.sendContent(ByteBuffer.wrap(body.array(), 0, body.length()), sent);
                return sent;
            }
            send(ctx);
            return CompletableFuture.completedFuture(null);
        } catch (IOException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    private HttpServletResponse begin(Context ctx) {
        HttpServletResponse response = ctx.res();
        ctx.status(status);
        if (body != null) {
            response.setContentType(contentType);
            response.setContentLength(body.length());
        }
        return response;
    }
}
