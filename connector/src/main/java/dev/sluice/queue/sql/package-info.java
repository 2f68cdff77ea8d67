/**
 * Connects to PostgreSQL: named statements, transactions, the settings of sessions, and the schema with its migrations.
 * The packages beside this one know the tables; this package knows how to talk to the server.
 *
 * <h2>Statements</h2>
 *
 * <p>Each class has its statements in an {@code .sql} file of its own, named like the class ({@code dedup_window.sql}
 * for {@code DedupWindow}). Statements that several classes run are in a file named like the rows: the files
 * {@code locked_cursors.sql} and {@code message_slice.sql}. {@link dev.sluice.queue.sql.Statements} reads the file and
 * puts the configured schema in place of {@code sluice}. {@link dev.sluice.queue.sql.BoundStatement} sets parameters by
 * name, arrays by a getter, and runs a statement once: {@code list} and {@code first} map rows, {@code forEach} reads
 * them, {@code execute} returns how many rows have changed, {@code run} is for locks.
 *
 * <h2>Transactions</h2>
 *
 * <p>{@link dev.sluice.queue.sql.Transactions} runs work on a connection of a pool and commits. It runs the work again
 * after a deadlock. {@code dev.sluice.queue.write.WriterSession} runs and commits the transactions of a writer, which
 * keeps its connection. It runs work again only if a partition was deleted, and not after a deadlock.
 *
 * <p>A commit has one of three results. It succeeds, it fails without effect, or its outcome is unknown because the
 * connection broke or a synchronous standby did not confirm it ({@link dev.sluice.queue.sql.Commit}). In the last case
 * {@link dev.sluice.queue.sql.Outcomes} asks for the transaction's {@link dev.sluice.queue.sql.TransactionId} on
 * another connection, again and again for 1.5 s. If the outcome stays unknown, the caller gets an
 * {@link dev.sluice.queue.sql.OutcomeUnknownException} and must not report a failure without effect.
 *
 * <h2>Sessions</h2>
 *
 * <p>{@link dev.sluice.queue.sql.SessionSettings} makes sessions independent of the defaults of the server and the
 * role. {@link dev.sluice.queue.sql.IndexPlans} makes statements that name their rows independent of the statistics of
 * the server; its comment has the rules for writing such statements.
 *
 * <h2>Schema</h2>
 *
 * <p>{@link dev.sluice.queue.sql.QueueSchema} applies the numbered files in {@code migrations/} at the start, or checks
 * that they were applied. {@code SchemaRights} names a right that is missing, with the statement that grants it.
 * {@code Sessions} refuses a pooler that shares sessions between clients.
 *
 * <p>The package gets connections from its callers' data sources, and has no threads. It does not decide whether a
 * failure is worth a retry: {@link dev.sluice.queue.QueueException} says what kind of failure it is, and the caller
 * decides.
 *
 * <p>Statements that need no answer of each other go to the server together, in one
 * {@link dev.sluice.queue.sql.RoundTrip}.
 *
 * <h2>Public types</h2>
 *
 * <ul>
 *   <li>{@link dev.sluice.queue.sql.Statements}, {@link dev.sluice.queue.sql.BoundStatement},
 *       {@link dev.sluice.queue.sql.RoundTrip}, {@link dev.sluice.queue.sql.Transactions},
 *       {@link dev.sluice.queue.sql.IndexPlans}: every package of the queue runs statements.
 *   <li>{@link dev.sluice.queue.sql.Commit}, {@link dev.sluice.queue.sql.TransactionId},
 *       {@link dev.sluice.queue.sql.Outcomes}, {@link dev.sluice.queue.sql.CommitOutcome}: for the writer and for pops,
 *       which handle unknown outcomes on their own.
 *   <li>{@link dev.sluice.queue.sql.OutcomeUnknownException}: callers of every package catch it.
 *       {@link dev.sluice.queue.sql.SqlStates}: classes of other packages report failures with them.
 *   <li>{@link dev.sluice.queue.sql.Effects}: the bridge tells a client whether a failed task has changed something.
 *       {@link dev.sluice.queue.sql.CommitGate}: the bridge refuses commits while they hang.
 *       {@link dev.sluice.queue.sql.WriteTest}: the bridge looks whether they hang.
 *   <li>{@link dev.sluice.queue.sql.QueueSchema}: both connectors and the bridge apply or check the schema.
 *       {@link dev.sluice.queue.sql.SchemaCopy}: the bridge moves a queue to another database.
 *   <li>{@link dev.sluice.queue.sql.ConnectionUrl}, {@link dev.sluice.queue.sql.SessionSettings}: the pools of the
 *       connectors and the bridge connect with them.
 * </ul>
 */
@NullMarked
package dev.sluice.queue.sql;

import org.jspecify.annotations.NullMarked;
