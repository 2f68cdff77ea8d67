package dev.sluice.queue.sql;

/** The outcome of a commit that PostgreSQL did not confirm, as far as it is known. */
public enum CommitOutcome {
    /** The transaction is committed, as durably as the server promises. */
    COMMITTED,
    /** The transaction changed nothing. */
    ROLLED_BACK,
    /** The commit is still under way, or the server cannot be asked now. */
    PENDING,
    /** The server no longer knows the outcome. */
    LOST
}
