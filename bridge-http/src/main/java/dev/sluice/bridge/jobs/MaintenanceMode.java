package dev.sluice.bridge.jobs;

/**
 * The maintenance switches of all bridges on one database. A getter returns the last known state at once. A setter
 * blocks until the database has stored the state. Any thread may call.
 */
public interface MaintenanceMode {
    /** Returns whether push maintenance is on: pushes stay in the local logs, and the drains stand still. */
    boolean pushes();

    /** Returns whether pop maintenance is on: pops get no messages. */
    boolean pops();

    /**
     * Sets push maintenance.
     *
     * @throws dev.sluice.queue.QueueException if the database failed; then nothing has changed, unless it failed during
     *     the commit
     */
    void setPushes(boolean on);

    /**
     * Sets pop maintenance.
     *
     * @throws dev.sluice.queue.QueueException as {@link #setPushes}
     */
    void setPops(boolean on);
}
