/**
 * The queue in PostgreSQL: messages in named partitions, read by consumer groups under leases.
 *
 * <h2>What is stored</h2>
 *
 * <p>A partition is a sequence of messages numbered from 1 without gaps; the number is the message's <em>seq</em>. A
 * row of {@code segments} holds a run of consecutive messages as arrays; a row per message would cost many times as
 * much to write. {@code partitions.head} is the newest seq. For every group and partition there is one row of
 * {@code cursors}: up to where the group is done ({@code position}), what is done beyond that ({@code acked}), who
 * holds the next messages until when ({@code lease_id}, {@code lease_end}, {@code available_at}). Because seqs have no
 * gaps, what a group has left is {@code head - position} less what is acked: arithmetic, never a count.
 *
 * <h2>States of a cursor</h2>
 *
 * <pre>
 *             push                     pop
 *   idle ───────────────▶ ready ───────────────▶ leased
 *    ▲                      ▲ ▲                   │ │ │
 *    │ pop found nothing    │ └── lease ended ────┘ │ │
 *    └──────────────────────┘     by its time       │ │
 *    ▲                      ▲                       │ │
 *    │                      └─ all acked, more to read, or one given back (failed: after a delay)
 *    └──────────────────────── all acked, nothing more to read
 * </pre>
 *
 * <p>{@code available_at} alone tells them apart: null is idle, a time that has passed is ready, a time to come is
 * leased or held back. Nothing has to run for a lease to end. All times are the database's clock.
 *
 * <h2>Readers of a namespace</h2>
 *
 * <p>A group may read all queues of a namespace and task. It has its cursors in each of them as if it had read each by
 * name: every such pop registers the group where it is not registered yet. A group that does not want what is old is
 * noted in {@code pending_subscriptions_across} by its first pop; whatever comes into the namespace later, it reads
 * from that time on. To claim, the ready cursors of all these queues are ranked without locks, and the longest ready
 * are locked: the cost grows with the queues, never with their partitions.
 *
 * <h2>Streams</h2>
 *
 * <p>A stream processor reads a queue as a consumer group of its own, and keeps what it remembers (sums, windows) in
 * {@code stream_state}: by query, partition and key. It moves on in cycles ({@link StreamCycle}): the state it changes,
 * the messages it pushes and the acknowledgement of what it has read are one transaction. An acknowledgement of a cycle
 * moves the cursor up to its message, under a lease that is still live; one that comes again or late is refused, and
 * with it all of the cycle. So each message counts in the state once, whoever is killed when, as long as cycles name
 * their lease and end it.
 *
 * <h2>Readers without a group</h2>
 *
 * <p>{@link QueueReader} reads partitions by position and remembers nothing but when a reader first started (in
 * {@code state}). It is no group, so it has no cursor, holds no lease, and no message waits for it.
 *
 * <h2>What may be relied on</h2>
 *
 * <ol>
 *   <li>Seqs are given out under the partition's row lock, which is held until the commit: a message never commits
 *       behind a cursor that has passed it.
 *   <li>Offsets of sources commit with the messages: a replay changes nothing ({@link QueueWriter}).
 *   <li>A transaction id is in a partition once within the window ({@link DedupWindow}).
 *   <li>At most one live lease per group and partition. A position never goes back; what is acked is not delivered
 *       again.
 *   <li>A cursor becomes idle only while the partition's row is share-locked with {@code head = position}. A flush that
 *       holds the row makes the cursor stay ready; one that comes later finds it idle and wakes it. So no push is
 *       overlooked, and no ack waits for a flush.
 *   <li>A message pushed after its queue became an encrypted one is encrypted wherever it is stored here: the writer
 *       reads the option with the partition's lock ({@link PayloadCipher}).
 * </ol>
 *
 * <h2>Queues that are held</h2>
 *
 * <p>A writer that has waited too long for a lock finds the held queues: another transaction holds their rows. It
 * writes the messages of the other queues and keeps those of the held ones in {@code parked}, in the transaction that
 * moves the source on ({@link Parking}). Later messages of a held queue wait behind them. The release writes them to
 * their queue in order, and removes each in the same transaction.
 *
 * <h2>Plans</h2>
 *
 * <p>Statements that name their rows run under {@link IndexPlans}. Its comment says how they are written, so that no
 * statistics of the server can spoil their plans.
 *
 * <p>Locks are taken in one order: {@code queues}, {@code sink_offsets}, the advisory lock of a cycle,
 * {@code stream_queries}, {@code dead_letters} by id, {@code partitions} by id, {@code cursors} by group and partition.
 * The partition locks of pops and acks never wait ({@code skip locked}), so they may come last.
 *
 * <p>The SQL is in {@code writer.sql} and {@code reader.sql}, the tables in {@code migrations/}. This package knows
 * JDBC and nothing of Kafka or HTTP.
 */
@NullMarked
package dev.sluice.queue;

import dev.sluice.queue.read.QueueReader;
import dev.sluice.queue.sql.IndexPlans;
import dev.sluice.queue.transact.StreamCycle;
import dev.sluice.queue.write.DedupWindow;
import dev.sluice.queue.write.Parking;
import dev.sluice.queue.write.QueueWriter;
import org.jspecify.annotations.NullMarked;
