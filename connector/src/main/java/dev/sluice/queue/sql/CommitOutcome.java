package dev.sluice.queue.sql;

/** What is known of a commit that PostgreSQL did not confirm. */
public enum CommitOutcome {
    /** It committed, and as durably as the server promises. */
    COMMITTED,
    /** It changed nothing. */
    ROLLED_BACK,
    /** It still runs, or the server cannot be asked now. */
    PENDING,
    /** The server has forgotten the outcome. It stays unknown. */
    LOST
}
