package dev.sluice.queue;

/**
 * Knows whether commits are answered now. A data source that implements it is asked before each transaction that changed
 * something commits: a commit that hangs cannot be taken back, but one that was never sent can.
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
