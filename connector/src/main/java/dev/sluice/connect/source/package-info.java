/**
 * The source task: it reads messages of queues by position and hands them to Connect as records.
 *
 * <h2>One poll</h2>
 *
 * <ol>
 *   <li>{@code SourcePositions} returns the runs of messages to read next. Partitions with unread messages take turns.
 *   <li>If none is left, the task lists the partitions of its share with their newest message. {@code QueueTopics}
 *       decides which queues it reads, and into which topics. A new partition begins at Connect's offset
 *       ({@link dev.sluice.connect.source.SourceOffsets}), or where {@code StartFrom} says.
 *   <li>{@link dev.sluice.queue.read.QueueReader} reads the runs, and the task turns each message into a record
 *       ({@link dev.sluice.connect.record.RecordHeaders}). {@code RecordValues} makes the value: text, bytes, or maps
 *       and lists.
 *   <li>If there is nothing to read, the task waits for {@code poll.interval.ms}. If PostgreSQL is not readable, it
 *       waits for {@code retry.backoff.ms}, and retries without limit.
 * </ol>
 *
 * <h2>Delivery guarantee</h2>
 *
 * <p>The task stores nothing itself. Connect commits the seq of each message with its record, and returns it after a
 * restart. So the task delivers at least once. With {@code exactly.once.source.support} the worker writes records and
 * offsets in one transaction of Kafka, and the task delivers exactly once: no message ever appears before a position
 * that was read. The records of one partition of a queue are in order.
 *
 * <p>The task takes no lease and belongs to no consumer group, so retention does not wait for it. If retention deletes
 * messages before the task has read them, the task skips them, counts them and logs a warning.
 *
 * <h2>How tasks share partitions</h2>
 *
 * <p>A partition belongs to the task whose index is the remainder of the partition's id. With this fixed rule each task
 * finds its new partitions alone. The alternative is a thread that watches for new partitions and requests a
 * reconfiguration. It would stop and start all tasks for each new partition, and there can be thousands. The price of
 * the rule is that each task lists all partitions of its share each time.
 *
 * <h2>Rules</h2>
 *
 * <ul>
 *   <li>Connect calls all methods on one thread, except {@code stop}. That closes the pool, which ends a read.
 *   <li>The pool has one connection, and replaces it every 30 seconds: a read does not notice that its server is no
 *       longer the primary.
 *   <li>A queue that can have no topic does not stop the others.
 * </ul>
 *
 * <h2>Public types</h2>
 *
 * <ul>
 *   <li>{@link dev.sluice.connect.source.QueueSourceTask}: Connect runs it.
 *   <li>{@link dev.sluice.connect.source.QueueSourceConfig}: the connector validates with it and makes the
 *       configurations of the tasks.
 *   <li>{@link dev.sluice.connect.source.SourceOffsets}: the connector checks offsets with it.
 * </ul>
 */
@NullMarked
package dev.sluice.connect.source;

import org.jspecify.annotations.NullMarked;
