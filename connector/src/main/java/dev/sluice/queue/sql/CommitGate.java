package dev.sluice.queue.sql;

import dev.sluice.queue.QueueException;

/**
 * Refuses commits while the server does not confirm any. If a data source implements this interface,
 * {@link Transactions} and {@code WriterSession} ask it before each commit of a transaction that changed something. A
 * commit that hangs cannot be taken back, so the transaction rolls back instead.
 */
public interface CommitGate {
    /**
     * Lets a commit pass.
     *
     * @throws QueueException if commits hang now; the transaction is rolled back and had no effect
     */
    void beforeCommit();

    /** Lets a commit pass the gate of a data source, if it has one. */
    static void pass(Object dataSource) {
        if (dataSource instanceof CommitGate gate) {
            gate.beforeCommit();
        }
    }
}
