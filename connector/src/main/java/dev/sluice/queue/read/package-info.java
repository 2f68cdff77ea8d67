/**
 * Reads messages: pops with leases, acknowledgements, and readers that keep their own positions.
 *
 * <p>{@link dev.sluice.queue.read.Queue} is the entry for consumers. Each of its methods runs one transaction.
 *
 * <h2>States of a cursor</h2>
 *
 * <pre>
 *             push                     pop
 *   idle ───────────────▶ ready ───────────────▶ leased
 *    ▲                      ▲ ▲                   │ │ │
 *    │ pop found nothing    │ └── lease expired ──┘ │ │
 *    └──────────────────────┘                       │ │
 *    ▲                      ▲                       │ │
 *    │                      └─ all acknowledged, more to read; or one message returned (failed: after a delay)
 *    └──────────────────────── all acknowledged, nothing more to read
 * </pre>
 *
 * <p>The column {@code available_at} alone tells the states apart: null is idle, a time in the past is ready, a time in
 * the future is leased or delayed. So no job has to run when a lease expires.
 *
 * <h2>A pop</h2>
 *
 * <ol>
 *   <li>{@code ReadyCursors} locks ready cursors of the target, most urgent lane and longest ready first, and skips
 *       cursors that another pop has locked. If the group is new, {@code Registration} gives it a cursor for each
 *       partition.
 *   <li>{@code Pop} shares the cursors out among the consumers that wait. If too many leases on the first message of a
 *       cursor have expired, the message becomes a dead letter ({@code DeadLetterBatch}).
 *   <li>{@code Pop} reads the messages as {@code MessageSlice}s of stored segments.
 *   <li>{@code Pop} writes a lease for each cursor. With auto-ack it writes the position instead
 *       ({@code CursorUpdates}). These statements go to the server together with the commit. So the statement of the
 *       first step returns the id of the transaction, with which the outcome of a lost commit can be found.
 * </ol>
 *
 * <p>If the outcome of the commit is unknown, the caller gets a
 * {@link dev.sluice.queue.read.PopOutcomeUnknownException} with the results. It asks for the outcome later, and either
 * delivers the results or puts the messages back ({@code PutBack}).
 *
 * <h2>An acknowledgement</h2>
 *
 * <p>{@link dev.sluice.queue.read.Acknowledge} locks the cursors ({@code LockedCursor}) by group and partition, finds
 * the seqs of the transaction ids in the leases, and moves the cursors. If an acknowledgement names no lease,
 * {@code UnleasedSearch} finds its message near the position of the cursor. A cursor moves over seqs that are done
 * without a gap, and keeps the others in {@code acked} ({@code SeqSet}). So a failed message is delivered again alone.
 *
 * <p>The process that gave a lease remembers the transaction ids of its messages ({@code LeaseHints}). If
 * acknowledgements complete all messages of such a lease, one statement moves the cursor ({@code WholeLeases}): it
 * compares the cursor with what the pop left, and changes nothing if a word differs. Then, and for all other
 * acknowledgements, the cursor is locked first. So any process can serve an acknowledgement, and all of them give the
 * same answer.
 *
 * <h2>Readers of a namespace</h2>
 *
 * <p>A group may read all queues of a namespace and task. It has its cursors in each queue, as if it had read each
 * queue by name: every such pop registers the group where it is not registered yet. Unless the group starts at the
 * beginning, its first pop notes in {@code pending_subscriptions_across} the time from which it reads, or else the time
 * of the pop. In queues that are created later the group reads from that time on. The pop ranks the ready cursors of
 * all these queues without locks, and then locks those that have been ready longest. So its cost grows with the number
 * of queues, and not with the number of partitions.
 *
 * <h2>Readers without a group</h2>
 *
 * <p>{@link dev.sluice.queue.read.QueueReader} reads partitions by position, for the source connector. It stores
 * nothing but the time at which a reader first started. It has no cursor and holds no lease, so no message waits for
 * it.
 *
 * <h2>Takers</h2>
 *
 * <p>A work engine keeps leases of its own. {@link dev.sluice.queue.read.Taking} moves the cursors of its group past
 * the messages that the engine takes, in a transaction in which the engine stores what it has taken. So a slow message
 * does not hold its partition. A partition whose messages are to be worked on one after the other is closed meanwhile:
 * its {@code available_at} is a hundred years away.
 *
 * <p>An engine with limits chooses the partitions from which it takes. {@link dev.sluice.queue.read.Lining} parks ready
 * cursors: their {@code available_at} is forty years away, and the engine notes the partitions in lines. A push does
 * not make a parked cursor ready, so a partition that must wait costs nothing meanwhile.
 *
 * <h2>Rules</h2>
 *
 * <ul>
 *   <li>A pop never waits for the lock of a cursor, and no statement here waits for the lock of a partition, except the
 *       registration of a group.
 *   <li>Classes below {@code Queue} and {@code QueueReader} run in a transaction of their caller and do not commit.
 *   <li>{@code Queue} and {@code QueueReader} have no state but hints; any number of threads and processes may use
 *       them.
 * </ul>
 *
 * <p>The package does not wait for messages: the bridge waits, and pops again when a push wakes it. It does not delete
 * messages; retention does.
 *
 * <h2>Public types</h2>
 *
 * <ul>
 *   <li>{@link dev.sluice.queue.read.Queue}, {@link dev.sluice.queue.read.QueueConfig},
 *       {@link dev.sluice.queue.read.PopOutcomeUnknownException}: for the bridge.
 *   <li>{@link dev.sluice.queue.read.Acknowledge}: for transactions that also push.
 *   <li>{@link dev.sluice.queue.read.QueueReader}: for the source connector.
 *   <li>{@link dev.sluice.queue.read.Taking}, {@link dev.sluice.queue.read.Lining}: for the work engine.
 * </ul>
 */
@NullMarked
package dev.sluice.queue.read;

import org.jspecify.annotations.NullMarked;
