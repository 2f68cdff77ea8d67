package dev.sluice.bridge.http;

import dev.sluice.bridge.limits.InvalidRequestException;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;

/** One route: decodes the request, calls, and encodes what comes back. */
public interface Endpoint {
    /**
     * Handles an asynchronous request on a thread of the HTTP server. Must not block.
     *
     * @return completes with the answer, on any thread
     * @throws InvalidRequestException if the request is refused for what it is
     */
    CompletableFuture<Answer> handle(Context ctx) throws IOException;
}
