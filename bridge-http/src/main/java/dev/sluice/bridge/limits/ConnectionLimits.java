package dev.sluice.bridge.limits;

import java.time.Duration;

/**
 * Bounds of the connections to the HTTP server.
 *
 * @param most connections open at once ({@code http.max.connections})
 * @param headerTimeout from the first byte of a request to the end of its headers ({@code http.header.timeout.ms})
 * @param headerBytes the largest size of a request line with its headers ({@code http.max.header.bytes})
 */
public record ConnectionLimits(int most, Duration headerTimeout, int headerBytes) {
    /** Files that the service keeps for the local log, the database and itself. */
    private static final long RESERVED_FILES = 256;

    /** The largest part of the files that is reserved, as a divisor. */
    private static final int LARGEST_RESERVED_SHARE = 4;

    /** Heap for a connection with a waiting request. */
    private static final long HEAP_BYTES = 16 << 10;

    /** This many connections may be open even with less heap or fewer files. */
    public static final int FEWEST = 16;

    /**
     * Returns these limits, lowered to the number of connections that the process can hold.
     *
     * @param heapBytes largest size of the heap
     * @param mostFiles files that the process may open
     * @param openFiles files that are open already
     */
    public ConnectionLimits within(long heapBytes, long mostFiles, long openFiles) {
        long files = mostFiles - openFiles - Math.min(RESERVED_FILES, mostFiles / LARGEST_RESERVED_SHARE);
        long possible = Math.max(FEWEST, Math.min(files, heapBytes / HEAP_BYTES));
        return possible < most ? new ConnectionLimits((int) possible, headerTimeout, headerBytes) : this;
    }
}
