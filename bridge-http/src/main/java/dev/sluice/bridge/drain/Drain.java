package dev.sluice.bridge.drain;

import java.time.Duration;

/** Moves what is in the lanes on, each lane in its order. */
public sealed interface Drain permits EmbeddedDrain {

    /** Begins. Lanes of earlier generations come first. */
    void start();

    /** Whether to move anything. */
    enum Hold {
        /** Yes. */
        NONE,
        /** No, for it is not known yet whether that is wanted. */
        UNKNOWN,
        /** No, an operator has said so. */
        MAINTENANCE
    }

    /**
     * Says whether to move anything from now on. What is pushed while it is held is answered as buffered. A transaction
     * under way is finished. {@link #stop} ends a drain that is held at once; what is left is there after the next
     * start.
     */
    void hold(Hold wanted);

    /**
     * Says whether the database takes no writes. While it takes none nothing is moved, so that transactions whose
     * commit hangs do not pile up in the server; the lanes are down.
     */
    void block(boolean isBlocked);

    /** Says how it is going. Any thread may call, at any time. */
    DrainStatus status();

    /**
     * Ends: moves on what it can within the time, then stops. Nothing may be appended to the lanes any more. A lane
     * that cannot be drained now is given up at once. Waits for at most about the time given.
     *
     * @return how much is left in the lanes; it is there after the next start
     */
    DrainReport stop(Duration timeout);

    /**
     * What a drain left when it stopped.
     *
     * @param undrained messages still in the lanes
     * @param ended whether all lanes had come to an end; otherwise one still waits for the database in the background
     */
    record DrainReport(long undrained, boolean ended) {}
}
