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
     * Returns whether the handler should end soon: the work was cancelled, the engine stops, the handler ran into its
     * timeout, or another engine has taken the work over. The thread is interrupted too.
     */
    boolean isStopping();

    /** Returns whether somebody has cancelled the work. */
    boolean isCancelled();
}
