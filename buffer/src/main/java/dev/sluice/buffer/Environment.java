package dev.sluice.buffer;

import java.time.InstantSource;

/**
 * What a log gets from outside, so that tests can put a simulated disk, a clock and their own schedule in its place.
 *
 * @param storage the directory
 * @param clock tells when records were appended
 * @param ownThreads whether the log runs its two threads; without them the test calls their steps
 * @param chunkBytes size of the write buffer and of a reader's
 * @param reserveBytes space kept for bookkeeping on a full disk; 0 for none
 */
record Environment(Storage storage, InstantSource clock, boolean ownThreads, int chunkBytes, int reserveBytes) {
    static final int DEFAULT_CHUNK_BYTES = 1 << 20;

    static Environment of(Storage storage) {
        return new Environment(storage, InstantSource.system(), true, DEFAULT_CHUNK_BYTES, Reserve.DEFAULT_BYTES);
    }
}
