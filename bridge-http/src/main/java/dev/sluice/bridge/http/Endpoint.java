package dev.sluice.bridge.http;

import dev.sluice.bridge.limits.InvalidRequestException;
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
    CompletableFuture<Answer> handle(Request request) throws IOException;

    /** Does the same, and fails with the future only. */
    default CompletableFuture<Answer> handleSafely(Request request) {
        try {
            return handle(request);
        } catch (IOException | RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
    }
}
