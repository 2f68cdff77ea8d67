package dev.sluice.bridge.http;

import dev.sluice.bridge.limits.InvalidRequestException;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;

/** Handles the requests of a route: decodes the request, calls the service, and encodes the result. */
public interface Endpoint {
    /**
     * Handles an asynchronous request on a thread of the HTTP server. Must not block.
     *
     * @return completes with the answer, on any thread
     * @throws InvalidRequestException if the client must change the request
     */
    CompletableFuture<Answer> handle(Request request) throws IOException;

    /** Handles a request; every failure is in the future. */
    default CompletableFuture<Answer> handleSafely(Request request) {
        try {
            return handle(request);
        } catch (IOException | RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
    }
}
