package dev.sluice.buffer;

import java.time.Duration;

/** What a reader needs to know of the writing side: how far the log goes, and when it goes further. */
interface WrittenOffset {

    /** Returns the offset the next append will get. */
    long nextOffset();

    /**
     * Waits until something at or after the position is written, or the log closes; says whether there is something.
     */
    boolean await(long position, Duration timeout) throws InterruptedException;
}
