package dev.sluice.work;

import java.time.Duration;

/** What a handler knows of the run of a work, and can do to it. */
public interface Context {
    /** Returns the id of the work, which stays the same over retries. */
    WorkId id();

    /** Returns the number of this attempt, from 1. */
    int attempt();

    /** Returns how many engines died while the work was begun. */
    int crashes();

    /** Returns how often the work was snoozed. */
    long snoozes();

    /** Returns how long until the timeout; negative if it is over. */
    Duration remaining();

    /** Moves the timeout to {@code fromNow} from now, if that is later. */
    void extend(Duration fromNow);

    /**
     * Reports how far the work is. The engine stores the last report within its {@code progressInterval}, and this
     * method does not wait for that. Without effect after the run has ended.
     *
     * @param text what the handler does; only the first 500 characters are kept
     * @throws IllegalArgumentException if {@code percent} is not 0 to 100
     */
    void progress(int percent, String text);

    /**
     * Adds a line to the log of the work, which is stored as a progress is. The newest hundred lines are kept, over all
     * attempts, and the first 500 characters of each.
     */
    void log(String line);

    /**
     * Returns whether the handler should end soon: the work was cancelled, the engine stops, the handler ran into its
     * timeout, or another engine has taken the work over. The thread is interrupted too.
     */
    boolean isStopping();

    /**
     * Runs an action when the handler is asked to end, as {@link #isStopping} says: once, on a thread of the engine; at
     * once if it was asked before. Without effect after the run has ended. An exception is logged and changes nothing.
     */
    void onStop(Runnable action);

    /** Returns whether somebody has cancelled the work. */
    boolean isCancelled();
}
