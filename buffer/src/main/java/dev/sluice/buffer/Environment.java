package dev.sluice.buffer;

import java.time.InstantSource;

/**
 * The outside world of a log: disk, clock and threads. Tests replace it with a simulated disk, a clock and a schedule
 * of their own.
 *
 * @param storage the directory
 * @param clock states when records were appended
 * @param ownThreads whether the log starts its two threads; a test without them calls their steps
 * @param chunkBytes size of the write buffer and of a reader's buffer
 * @param reserveBytes space reserved for storing the position on a full disk; 0 for none
 */
record Environment(Storage storage, InstantSource clock, boolean ownThreads, int chunkBytes, int reserveBytes) {
    static final int DEFAULT_CHUNK_BYTES = 1 << 20;

    static Environment of(Storage storage) {
        return new Environment(storage, InstantSource.system(), true, DEFAULT_CHUNK_BYTES, Reserve.DEFAULT_BYTES);
    }
}
