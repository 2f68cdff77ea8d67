/**
 * Moves messages from the lanes of the local log to their destination: PostgreSQL or a Kafka topic.
 *
 * <pre>
 *   Lane ──read──▶ TaskDriver ──put──▶ sink task ──▶ PostgreSQL or Kafka
 *     ▲                │
 *     └── commit ◀── preCommit
 * </pre>
 *
 * <p>{@link dev.sluice.bridge.drain.Drain} starts and stops the lanes, one thread each; those of earlier generations
 * come first. {@code LaneDrain} serves one lane: it makes a task and replaces it when it fails. {@code TaskDriver} is
 * one life of a task: it drives the task as a Kafka Connect worker would, with the log in the place of the topic.
 * Transforms and converters of Connect do not run. {@code BatchReader} reads the log, {@code TaskContext} notes the
 * wishes of the task, and {@code Outage} decides when a lane is down. The log may delete only what {@code preCommit}
 * confirms.
 *
 * <p>A transaction costs about as much as a hundred messages in it. So clients that push one message after the other
 * should share transactions: {@code AnsweredPushes} lets a small batch wait until the clients that the last one has
 * answered have pushed again, until a millisecond after that commit. A push that no other has preceded waits for
 * nobody.
 *
 * <p>Records carry the offsets of the log and the topic {@code sluice-log-<id>-<epoch>}; the partition is the number of
 * the lane.
 *
 * <h2>Offsets in PostgreSQL</h2>
 *
 * <p>PostgreSQL stores an offset per epoch of a log, and an epoch never reuses an offset. A task begins with everything
 * the log still has, committed or not, from the oldest epoch to the current one, and compares each epoch with its
 * offset in PostgreSQL. Entries that are stored are skipped; the committed position of the log never goes back. The log
 * keeps committed entries for as long as the whole segment they are in, and deletes none that it found at opening
 * before the drain has compared them.
 *
 * <table>
 *   <caption>Offset in PostgreSQL compared with what the log holds of an epoch</caption>
 *   <tr><th>Offset in PostgreSQL</th><th>Cause</th><th>The drain</th></tr>
 *   <tr><td>within the log, not committed in it</td><td>the process crashed before the log's position was durable</td>
 *       <td>continues there</td></tr>
 *   <tr><td>within the log and committed in it, or none</td>
 *       <td>PostgreSQL was restored from a backup, failed over while the bridge was down, or is another database</td>
 *       <td>warns, and repeats what the log still has</td></tr>
 *   <tr><td>before the first entry</td><td>the same, longer ago</td>
 *       <td>warns with the number of entries that cannot be recovered, and repeats the rest</td></tr>
 *   <tr><td>beyond the end, old epoch</td><td>a power cut took entries that were stored but not synced here</td>
 *       <td>warns, and continues with the next epoch</td></tr>
 *   <tr><td>beyond the end, current epoch</td><td>this directory is an old copy</td><td>stops the lane</td></tr>
 *   <tr><td>moved forward while the lane runs</td><td>a copy of this directory is in use elsewhere</td>
 *       <td>stops the lane</td></tr>
 *   <tr><td>the same, but not beyond the log's end at opening</td><td>a transaction of the process before took effect
 *       late</td><td>continues from there</td></tr>
 *   <tr><td>moved back, or gone, while the lane runs</td><td>a failover lost transactions</td>
 *       <td>warns, and starts over with everything the log still has</td></tr>
 * </table>
 *
 * <p>The drain does not ask PostgreSQL while nothing is pushed: it notices a failover at the next flush. It does not
 * notice one case: PostgreSQL loses the end of an older epoch after the log was opened and before the current epoch is
 * flushed for the first time. The next start notices it, if the log still has those entries. The lanes of earlier
 * generations are compared while they are drained, but not after their directory has been set aside; the directory
 * keeps the messages until somebody deletes it.
 *
 * <p>A lane that stops because of another copy leaves a file {@code lane-N.source-taken} beside its directory, and is
 * not drained while that file exists. After a restart, offsets alone do not distinguish the messages of a copy from a
 * crash between the commit in PostgreSQL and the commit in the log.
 *
 * <p>Offsets of finished epochs stay in {@code sink_offsets}, one row of about 150 bytes per lane and unclean stop.
 * They may be deleted when the log holds no segment of their epoch; earlier, the drain would repeat its messages.
 *
 * <h2>Kafka</h2>
 *
 * <p>With {@code drain.mode=kafka} each lane has a {@link dev.sluice.bridge.drain.kafka.KafkaTask} instead. Kafka
 * stores no offsets of the log, so the drain compares nothing and continues at the committed position of the log;
 * messages that Kafka acknowledged after that position are sent again. The transaction id goes along, also one that the
 * service generated, and the sink on the Connect worker drops messages it has seen. The drain does not learn whether a
 * message is a duplicate, so every push is answered as buffered. The destination can change only while the lanes are
 * empty.
 *
 * <h2>Hold and stop</h2>
 *
 * <p>A held drain moves nothing and pushes are answered as buffered: during maintenance, until the drain knows whether
 * there is any, and while the database takes no writes. A batch that the destination has is finished. A lane that is
 * held when the drain stops ends at once; the next start drains the rest.
 *
 * <h2>Rules</h2>
 *
 * <ul>
 *   <li>A lane's messages are delivered in order, by one thread, one batch at a time.
 *   <li>A lane that is refused a record for its content keeps it in the failed records and goes on; if there is no room
 *       for it, the lane holds.
 *   <li>A lane stops for good if another copy of its log is in use, or if the program has a defect. Every other failure
 *       is retried without an end; messages stay in the log.
 *   <li>The package does not create tables, does not transform messages, and does not answer pushes: it tells the
 *       outcomes to {@code Intake}.
 * </ul>
 *
 * <p>Public types: {@code Drain}, {@code DrainConfig} and {@code Destination} for the wiring; {@code DrainStatus} and
 * {@code BufferDetail} for status pages and metrics.
 */
@NullMarked
package dev.sluice.bridge.drain;

import org.jspecify.annotations.NullMarked;
