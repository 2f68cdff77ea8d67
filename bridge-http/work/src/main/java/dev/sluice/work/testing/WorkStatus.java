package dev.sluice.work.testing;

/** Where a work is in its life. */
public enum WorkStatus {
    /** It waits for its first run or for a further one. */
    WAITING,
    /** Its handler runs. */
    RUNNING,
    /** It is done. */
    DONE,
    /** It is dropped. */
    CANCELLED,
    /** It is a dead letter. */
    DEAD_LETTER
}
