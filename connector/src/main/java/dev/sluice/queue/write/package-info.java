/**
 * Writes messages: from a batch of new messages to segments in the database, exactly once.
 *
 * <h2>Flow</h2>
 *
 * <p>{@link dev.sluice.queue.write.QueueWriter#write} gets messages and the progress of their sources. It makes a
 * {@link dev.sluice.queue.write.Flush} of the messages, and runs one transaction of its
 * {@link dev.sluice.queue.write.WriterSession}:
 *
 * <ol>
 *   <li>{@code PartitionDirectory} gives the ids of the partitions, from its cache or the database.
 *       {@code PartitionCreation} creates those that are missing, in a transaction of its own before this one.
 *   <li>{@code FlushOpening} runs the statements that need no answer of each other in one round trip.
 *       {@code OffsetTable} moves the offsets of the sources by compare-and-set. {@code HeadClaim} locks the partitions
 *       in order of their ids, moves their heads, reads the options of their queues, and wakes the idle cursors.
 *       {@code TransactionId} reads the id of the transaction.
 *   <li>{@code DedupWindow} finds the messages whose transaction ids are in the segments, and {@code Scheduled} those
 *       whose transaction ids are scheduled. {@code SeenSegments} reads the ids that the cache lacks, with one
 *       statement for all partitions of the flush.
 *   <li>The flush gives seqs to the messages that are due and are no duplicates. It encrypts payloads that arrive in
 *       clear for an encrypted queue.
 *   <li>{@code HeadClaim} corrects the heads, {@code SegmentCopy} copies the segments, and {@code Scheduled} stores the
 *       messages that are not due.
 * </ol>
 *
 * <p>After the commit, {@code FlushWriter} adds the transaction ids to the cache of {@code DedupWindow}. Then
 * {@link dev.sluice.queue.write.WakeUps} or {@link dev.sluice.queue.write.WriterWakeUps} tells other processes which
 * queues have new messages.
 *
 * <p>Two kinds of messages take a detour. A message with a time or a delay waits in the table {@code scheduled}, and
 * {@code DueRelease} writes it when it is due. If the writer has a lock timeout, a message of a queue that another
 * transaction keeps locked for longer waits in the table {@code parked}; {@code Parking} keeps the later messages of
 * the queue behind it, and {@code ParkedRelease} writes them in order once the lock is free. The source moves on in the
 * transaction that stores the message in either table.
 *
 * <h2>Rules</h2>
 *
 * <ul>
 *   <li>A transaction gives out seqs under the row lock of the partition, and holds the lock until it commits. So no
 *       message commits behind a cursor that has passed its seq.
 *   <li>Offsets commit with the messages. So a replay of a source after a crash changes nothing.
 *   <li>A transaction id is in a partition once within the deduplication window of the queue, as far as the bound of
 *       the cache allows ({@code DedupWindow}).
 *   <li>Locks are taken in the order that the comment of {@code dev.sluice.queue} states.
 *   <li>The work in a transaction returns an {@link dev.sluice.queue.write.Ending}: commit, roll back or restart. It
 *       restarts if a partition was deleted under it, at most five times.
 *   <li>A writer, its session and everything in it belong to one thread. Any number of writers, in any number of
 *       processes, may write to the same partitions. {@code WakeUps} has a thread and a connection of its own.
 *   <li>All times are the database's, so delays and windows do not depend on the clock of this machine.
 * </ul>
 *
 * <p>Except to park, the package does not retry a failed write: the caller knows whether it may, and when. It does not
 * read messages, and it does not know what a source is.
 *
 * <h2>Public types</h2>
 *
 * <ul>
 *   <li>{@link dev.sluice.queue.write.QueueWriter}, {@link dev.sluice.queue.write.QueueWriterConfig}: the entry for the
 *       sink task and the bridge.
 *   <li>{@link dev.sluice.queue.write.SourcePartition}, {@link dev.sluice.queue.write.SourceProgress}: how a caller
 *       names a source and moves it on. {@link dev.sluice.queue.write.SourceMovedException},
 *       {@link dev.sluice.queue.write.SourceRefusedException}: why it may not go on.
 *   <li>{@link dev.sluice.queue.write.StoredOffsets}: for operators that change offsets.
 *   <li>{@link dev.sluice.queue.write.WriterSession}, {@link dev.sluice.queue.write.WriterTransaction},
 *       {@link dev.sluice.queue.write.Ending}, {@link dev.sluice.queue.write.Flush}: for transactions that push and do
 *       other things too, in {@code dev.sluice.queue.transact}.
 *   <li>{@link dev.sluice.queue.write.PartitionCreation}: for the administration, which creates the default partition
 *       of a queue.
 *   <li>{@link dev.sluice.queue.write.WakeUps}: for the bridge. {@link dev.sluice.queue.write.WriterWakeUps}: for a
 *       sink task in a Connect worker.
 * </ul>
 */
@NullMarked
package dev.sluice.queue.write;

import org.jspecify.annotations.NullMarked;
