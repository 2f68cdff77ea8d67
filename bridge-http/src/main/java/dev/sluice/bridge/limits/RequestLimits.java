package dev.sluice.bridge.limits;

import dev.sluice.queue.HeaderLimits;

/**
 * The limits of one request. Each value is the largest that is accepted. A larger value is refused, unless the
 * parameter says "cut down".
 *
 * @param bodyBytes bytes of a body ({@code http.max.body.bytes}); more is status 413
 * @param items messages in a push, or acknowledgements in a batch ({@code http.max.items})
 * @param depth arrays and objects inside each other, the body itself included ({@code http.max.depth})
 * @param popBatch messages in a pop ({@code pop.max.batch}); more is cut down
 * @param popTimeoutMillis how long a pop may wait ({@code pop.max.timeout.ms}); more is cut down
 * @param compressionRatio the factor by which decompression may enlarge a body ({@code http.max.compression.ratio}),
 *     beyond its first MiB; more is status 413
 * @param headers headers of a message ({@code message.headers.max.count}, {@code message.headers.max.bytes})
 * @param memoryBytes the heap that all requests may use together ({@code http.memory.bytes}); more is status 413 or 503
 */
public record RequestLimits(
        int bodyBytes,
        int items,
        int depth,
        int popBatch,
        int popTimeoutMillis,
        int compressionRatio,
        HeaderLimits headers,
        long memoryBytes) {}
