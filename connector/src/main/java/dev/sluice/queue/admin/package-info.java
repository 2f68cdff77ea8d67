/**
 * Administration of a schema: everything that changes queues, groups and dead letters other than push, pop and
 * acknowledgement, and the retention that runs in the background.
 *
 * <h2>Classes</h2>
 *
 * <ul>
 *   <li>{@link Queues} configures queues, and deletes queues, partitions and messages.
 *   <li>{@link ConsumerGroups} lists groups with their lag, moves their positions, and deletes groups.
 *   <li>{@link DeadLetters} lists and purges dead letters. ({@link dev.sluice.queue.transact.Redrive} pushes them
 *       again, and the package {@code letters} does so in bulk.)
 *   <li>{@link ScheduledMessages} lists the messages that are not due, cancels them, and moves them to another time.
 *   <li>{@link Retention} deletes expired messages, old dead letters, unused rows, and the rows of everything that was
 *       deleted.
 *   <li>{@link PushRule} tells a bridge which queues are encrypted or full, before it accepts a push.
 *   <li>{@link SharedSwitches} keeps switches that all bridges of a schema share, such as maintenance.
 *   <li>{@link KnownTopics} keeps the number of partitions of each topic that a sink task reads.
 *   <li>Inside the package: {@code TailAdvance} makes the oldest messages of a partition invisible,
 *       {@code PartitionPages} walks the partitions of a queue, {@code UnusedRows} finds and deletes idle partitions
 *       and other rows without a user.
 * </ul>
 *
 * <h2>How something is deleted</h2>
 *
 * <p>A deletion has two phases. The first is short, whatever the number of messages:
 *
 * <ul>
 *   <li>To delete a queue or a partition, a transaction deletes rows of {@code partitions} with their cursors.
 *   <li>To clear a queue or to let messages expire, a transaction advances the {@code tail} of partitions, and moves
 *       the cursors behind the new tail.
 * </ul>
 *
 * <p>Both write rows of {@code deletions}, which say what segments of a partition are invisible now. In the second
 * phase {@link Retention#sweep} deletes these segments, at most a hundred in one transaction; then the dead letters,
 * scheduled messages, traces and stream state of deleted partitions; blocks of the index of transaction ids; and at
 * last the row of {@code deletions}.
 *
 * <p>The deletion of one message has one phase: the transaction finds the message by the index of transaction ids, and
 * removes the payload from its segment. The seq stays taken, and the rest of the message goes with its segment.
 *
 * <h2>Rules</h2>
 *
 * <ul>
 *   <li>Locks are taken in the order that the comment of {@link dev.sluice.queue} gives. A transaction that advances a
 *       tail or deletes a partition holds the row of the partition {@code for update}. A seek holds it {@code for key
 *       share}: no tail passes the new position, and flushes go on.
 *   <li>Operations of a user wait for locks. Retention skips locked rows, and the next sweep finds them. Only when it
 *       deletes an idle partition does it wait, for pops that run on the cursors of the partition.
 *   <li>Here only {@link ConsumerGroups#seek} and {@link ConsumerGroups#restart} move a position back.
 *   <li>An operation on many partitions takes at most 500 of them in one transaction. After a failure the caller
 *       repeats it.
 *   <li>An advisory lock lets one process at a time run a sweep. Every other class has no state and no thread of its
 *       own; any number of threads and processes may use it.
 *   <li>Each class reads its statements from the file of its name: {@code consumer_groups.sql} for
 *       {@link ConsumerGroups}.
 * </ul>
 *
 * <p>The package does not check rights, and does not wake waiting pops: a bridge does both. It shows no stored
 * messages: that is the package {@code view}.
 *
 * <h2>Public types</h2>
 *
 * <p>The bridge uses all of them: {@link Queues} with {@link PartitionInfo}; {@link ConsumerGroups} with
 * {@link GroupInfo}, {@link GroupPartition} and {@link SeekTarget}; {@link DeadLetters} with {@link DeadLetter} and
 * {@link DeadLetterFilter}; {@link ScheduledMessages}; {@link Retention} with {@link RetentionListener} and
 * {@link RetentionResult}; {@link PushRule} and {@link SharedSwitches}. The connectors use {@link KnownTopics}.
 */
@NullMarked
package dev.sluice.queue.admin;

import org.jspecify.annotations.NullMarked;
