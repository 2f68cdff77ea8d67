package dev.sluice.bridge.api;

import com.fasterxml.jackson.databind.JsonNode;
import io.javalin.http.Context;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
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
        ctx.status(status);
        if (body == null) {
            return;
        }
        HttpServletResponse response = ctx.res();
        response.setContentType(contentType);
        response.setContentLength(body.length());
        response.getOutputStream().write(body.array(), 0, body.length());
    }
}
