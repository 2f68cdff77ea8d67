/**
 * Runs transactions that push messages and change other rows too: transactions of a client, cycles of a stream, and
 * redrives of dead letters.
 *
 * <p>Each runs in a transaction of a {@link dev.sluice.queue.write.WriterSession}: the session writes the pushes, the
 * class here does the rest on the same connection, and returns whether to commit, roll back or restart
 * ({@link dev.sluice.queue.write.Ending}).
 *
 * <ul>
 *   <li>{@link dev.sluice.queue.transact.TransactionExecutor} runs a transaction of a client: pushes, then
 *       acknowledgements. A duplicate message or a rejected acknowledgement rolls back all of it.
 *   <li>{@link dev.sluice.queue.transact.TransactionExecutor} also runs a cycle of a stream, by the steps of
 *       {@code StreamSteps}.
 *   <li>{@link dev.sluice.queue.transact.Redrive} pushes the messages of dead letters and removes the letters. The
 *       letter of a work becomes a work again: {@code WorkReplay}.
 * </ul>
 *
 * <h2>Streams</h2>
 *
 * <p>A stream processor reads a queue as a consumer group of its own. It keeps its state, such as sums and windows, in
 * {@code stream_state}, by query, partition and key. {@link dev.sluice.queue.transact.Streams} registers a query and
 * reads its state. A {@link dev.sluice.queue.transact.StreamCycle} changes the state, pushes messages and acknowledges
 * the messages that it has read, in one transaction.
 *
 * <p>The acknowledgement of a cycle is cumulative. If it names a lease, the lease must be live: an acknowledgement that
 * comes a second time or too late is refused, and so is the whole cycle. So each message counts in the state once,
 * whichever process fails when, as long as each cycle names its lease and ends it.
 *
 * <h2>Rules</h2>
 *
 * <ul>
 *   <li>A transaction locks partitions, with the pushes, before cursors, with the acknowledgements, whatever the order
 *       of the operations in the request. {@code dev.sluice.queue} has the whole lock order.
 *   <li>Finding the partitions of a push may end the transaction with all its locks. So it comes before all locks.
 *   <li>A {@code TransactionExecutor} and a {@code Redrive} each have one connection and run one transaction at a time.
 *       Any number of them may run in any number of processes.
 * </ul>
 *
 * <p>The package decides nothing about retries: a failure goes to the caller, and the outcome of a refused transaction
 * is a result.
 *
 * <h2>Public types</h2>
 *
 * <ul>
 *   <li>{@link dev.sluice.queue.transact.TransactionExecutor}, {@link dev.sluice.queue.transact.StreamCycle},
 *       {@link dev.sluice.queue.transact.Streams}, {@link dev.sluice.queue.transact.Redrive}: for the endpoints of the
 *       bridge.
 * </ul>
 */
@NullMarked
package dev.sluice.queue.transact;

import org.jspecify.annotations.NullMarked;
