package dev.sluice.queue.sql;

/** SQLSTATEs with which the queue reports failures of its own (PostgreSQL documentation, appendix A). */
public final class SqlStates {
    /** The connection failed. */
    public static final String CONNECTION_FAILURE = "08006";

    /** The transaction was rolled back. */
    public static final String TRANSACTION_ROLLBACK = "40000";

    /** Another transaction has changed the same rows. */
    public static final String SERIALIZATION_FAILURE = "40001";

    private SqlStates() {}
}
