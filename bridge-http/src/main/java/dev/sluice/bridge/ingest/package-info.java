/**
 * From a push to PostgreSQL: accepts messages into the local log, answers when the promise is kept, and moves them on.
 *
 * <pre>
 *   Intake ──append──▶ Lane (SegmentLog) ──read──▶ Drain ──put──▶ QueueSinkTask ──▶ PostgreSQL
 *     ▲                                                  │
 *     └───────────── outcome of each message ────────────┘
 * </pre>
 *
 * <h2>One order</h2>
 *
 * <p>Every message goes through the log, always, so there is one order and one way into the database, in an outage or
 * not. A buffer has one or more {@linkplain dev.sluice.bridge.ingest.Lanes lanes}, each a log of its own with a thread
 * that drains it. A message's queue and partition choose its lane, so the order within a partition is the order of one
 * log.
 *
 * <h2>Two answers</h2>
 *
 * <ul>
 *   <li><b>stored</b>: the answer waits for the commit. A waiter is registered under the same lock as the append, so
 *       the drain cannot pass it unseen. If the commit does not come within {@code push.stored.timeout.ms}, or
 *       PostgreSQL is known to be down, or the drain is further behind than that, the answer becomes the other one.
 *   <li><b>buffered</b>: the answer waits until the log is synced.
 * </ul>
 *
 * <p>A producer that asked for the second answer by {@code bufferMs} or {@code bufferMax} has said that its messages
 * may stay in the log for a while ({@link dev.sluice.bridge.ingest.Linger}), so that more are moved on at a time. A
 * {@linkplain dev.sluice.bridge.ingest.LingerGate gate} keeps the drain from them; whatever comes behind them and is
 * not patient opens it.
 *
 * <h2>The drain</h2>
 *
 * <p>The thread of a lane drives a sink task as a Kafka Connect worker would, with the log in the place of the topic:
 * records carry the log's offsets and the topic {@code sluice-log-<id>-<epoch>}, the partition is the lane's number.
 * Transforms and converters of Connect do not run here. The log may forget only what {@code preCommit} returns.
 *
 * <p>PostgreSQL remembers offsets per epoch of a log, and an epoch never reuses an offset. A task begins with
 * everything the log still has, moved on or not, from the oldest epoch to the present one, and compares each with its
 * offset in PostgreSQL. What is stored is passed over; the committed position of the log never goes back. What was
 * committed is there for as long as the whole segments it is in: nothing found at opening is deleted before it has been
 * compared.
 *
 * <table>
 *   <caption>Offset in PostgreSQL compared with what the log holds of an epoch</caption>
 *   <tr><th>PostgreSQL is</th><th>It means</th><th>The drain</th></tr>
 *   <tr><td>within, not moved on</td><td>a crash before the log's position was durable</td><td>continues there</td></tr>
 *   <tr><td>within, or nothing is stored, moved on</td><td>PostgreSQL was restored from a backup, failed over while the bridge
 *       was down, or is another database</td><td>warns and repeats what the log still has</td></tr>
 *   <tr><td>before the first entry</td><td>the same, longer ago</td>
 *       <td>warns with the number that cannot be recovered, and repeats the rest</td></tr>
 *   <tr><td>beyond the end, old epoch</td><td>a power cut took what was not synced here</td>
 *       <td>warns and goes on with the next epoch</td></tr>
 *   <tr><td>beyond the end, present epoch</td><td>this directory is an old copy</td><td>stops, loudly</td></tr>
 *   <tr><td>moved on while we run</td><td>a copy of this directory is in use elsewhere</td><td>stops, loudly</td></tr>
 *   <tr><td>the same, by no more than the log had at opening</td><td>a transaction of the process before us took effect
 *       late</td><td>goes on from there</td></tr>
 *   <tr><td>moved back, or gone, while we run</td><td>a failover lost transactions</td>
 *       <td>warns and begins anew with everything the log still has</td></tr>
 * </table>
 *
 * <p>Nobody is asked while nothing is pushed: a failover shows at the next flush. One thing does not show: that
 * PostgreSQL lost the end of an older epoch after we opened and before the present one was flushed for the first time;
 * the next start finds out, if the log still has it. Lanes of earlier generations are compared while they are drained,
 * and not after their directory has been set aside; that keeps the messages until somebody deletes it.
 *
 * <p>A lane that stopped loudly leaves a file {@code lane-N.source-taken} beside its directory and is not drained again
 * while that exists: after a restart, offsets alone cannot tell a copy's messages from a crash of our own between
 * PostgreSQL's commit and the log's.
 *
 * <p>A drain can be held: for maintenance, or until it is known whether there is any. Its lanes then deliver nothing
 * more to their tasks, and pushes are answered as buffered. A batch that is with PostgreSQL is finished. Told to stop,
 * a lane that is held ends at once.
 *
 * <h2>In front of Kafka</h2>
 *
 * <p>With {@code drain.mode=kafka} the lanes have another task, {@link dev.sluice.bridge.drain.kafka.KafkaTask}: it
 * sends each message to a topic, and {@code preCommit} names what Kafka has acknowledged without a gap. Kafka remembers
 * no offsets of our log, so nothing is compared: the log's committed position is where a start continues, and what was
 * acknowledged but not yet noted there is sent again. The transaction id goes along, also one the service made, and the
 * sink on the worker drops what it has seen. What becomes of a message is not known here, so every push is answered as
 * buffered. The destination can be changed only while the lanes are empty.
 *
 * <p>Offsets of finished epochs stay in {@code sink_offsets}: one row of about 150 bytes per lane and unclean stop.
 * They may be deleted when the log holds no segment of their epoch; before that, its messages would be repeated.
 */
@NullMarked
package dev.sluice.bridge.ingest;

import org.jspecify.annotations.NullMarked;
