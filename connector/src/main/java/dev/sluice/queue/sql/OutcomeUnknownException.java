package dev.sluice.queue.sql;

import dev.sluice.queue.QueueException;
import org.jspecify.annotations.Nullable;

/**
 * Thrown when PostgreSQL did not confirm a commit. The changes may be stored or not, so the caller must not report a
 * failure without effect.
 */
public class OutcomeUnknownException extends QueueException {
    private static final long serialVersionUID = 1L;

    /** SQLSTATE transaction_resolution_unknown. */
    static final String TRANSACTION_RESOLUTION_UNKNOWN = "08007";

    private final transient @Nullable TransactionId transaction;

    public OutcomeUnknownException(String what, @Nullable Throwable cause, @Nullable TransactionId transaction) {
        super(
                what + ": PostgreSQL did not confirm the commit, so its outcome is unknown"
                        + (cause == null ? "" : ": " + cause.getMessage()),
                TRANSACTION_RESOLUTION_UNKNOWN,
                cause);
        this.transaction = transaction;
    }

    /** Returns an exception for a request that is answered before its transaction is over. */
    public static OutcomeUnknownException because(String reason) {
        return new OutcomeUnknownException(reason, null, null);
    }

    /** Returns the transaction to ask PostgreSQL about; null if its id is not known. */
    @Nullable
    public TransactionId transaction() {
        return transaction;
    }
}
