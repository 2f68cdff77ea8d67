package dev.sluice.buffer;

import java.time.Duration;

/** The writing side, as a {@link LogReader} sees it: where the log ends, and when it grows. */
interface WrittenOffset {

    /** Returns the offset that the next append gets. */
    long nextOffset();

    /**
     * Waits until an append at or after the position is written, the log closes, or the timeout passes. Returns whether
     * an append was written.
     */
    boolean await(long position, Duration timeout) throws InterruptedException;
}
