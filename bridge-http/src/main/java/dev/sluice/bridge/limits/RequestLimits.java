package dev.sluice.bridge.limits;

/**
 * What one request may ask for. The last value accepted; one more is refused, except where it says "cut down".
 *
 * @param bodyBytes bytes of a body ({@code http.max.body.bytes}); more is status 413
 * @param items messages in a push, or acknowledgements in a batch ({@code http.max.items})
 * @param depth arrays and objects inside each other, the body itself included ({@code http.max.depth})
 * @param popBatch messages in a pop ({@code pop.max.batch}); more is cut down
 * @param popTimeoutMillis how long a pop may wait ({@code pop.max.timeout.ms}); more is cut down
 * @param compressionRatio how many times larger a body may be than it came ({@code http.max.compression.ratio}), beyond
 *     its first MiB; more is status 413
 * @param memoryBytes what all requests may take of the heap ({@code http.memory.bytes}); more is status 413 or 503
 */
public record RequestLimits(
        int bodyBytes,
        int items,
        int depth,
        int popBatch,
        int popTimeoutMillis,
        int compressionRatio,
        long memoryBytes) {}
