package dev.sluice.queue.sql;

import dev.sluice.queue.QueueException;

/**
 * Knows whether the server confirms commits now. A transaction that changed something asks a data source that
 * implements it before it commits. Nobody can take back a commit that hangs, so the transaction rolls back instead.
 */
public interface CommitGate {
    /**
     * Lets a commit pass.
     *
     * @throws QueueException if commits hang now; the transaction is rolled back and had no effect
     */
    void beforeCommit();

    /** Asks {@code dataSource} if it is a gate. */
    static void pass(Object dataSource) {
        if (dataSource instanceof CommitGate gate) {
            gate.beforeCommit();
        }
    }
}
