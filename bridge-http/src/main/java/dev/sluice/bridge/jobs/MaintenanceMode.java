package dev.sluice.bridge.jobs;

/**
 * What an operator has put on hold, at all bridges on one database. Asking returns at once with what is known; setting
 * blocks until the database has it. Any thread may call.
 */
public interface MaintenanceMode {
    /** Returns whether pushes are kept in the local logs, and nothing is moved from there. */
    boolean pushes();

    /** Returns whether pops get nothing. */
    boolean pops();

    /**
     * Sets whether pushes are kept in the local logs.
     *
     * @throws dev.sluice.queue.QueueException if the database failed; nothing has changed, unless it failed while
     *     committing
     */
    void setPushes(boolean on);

    /**
     * Sets whether pops get nothing.
     *
     * @throws dev.sluice.queue.QueueException as {@link #setPushes}
     */
    void setPops(boolean on);
}
