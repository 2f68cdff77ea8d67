/**
 * The model of the queue in PostgreSQL: the values that callers pass in and get back, and the ids, names and times in
 * them. The packages below this one do the work; this comment is their glossary.
 *
 * <h2>Glossary</h2>
 *
 * <dl>
 *   <dt>message
 *   <dd>JSON text with an id, a transaction id and {@link dev.sluice.queue.MessageHeaders headers}. A producer pushes a
 *       {@link dev.sluice.queue.NewMessage}; a consumer pops a {@link dev.sluice.queue.Message}.
 *   <dt>queue
 *   <dd>A name with {@link dev.sluice.queue.QueueOptions}, a namespace and a task. A push creates a queue that does not
 *       exist.
 *   <dt>partition
 *   <dd>A sequence of messages within a queue. Messages of one partition stay in order.
 *   <dt>seq
 *   <dd>The number of a message in its partition, from 1 and without gaps. The seq of the newest message is the
 *       <em>head</em> of the partition; the seq of the oldest message that is not deleted is its <em>tail</em>.
 *   <dt>stored segment
 *   <dd>A row of {@code segments}: consecutive messages of one partition as arrays. A row per message would cost many
 *       times as much to write.
 *   <dt>transaction id
 *   <dd>The key under which a message is unique in its partition, within the deduplication window.
 *   <dt>consumer group
 *   <dd>A name under which consumers share the reading of queues. Each group reads every message.
 *       {@link dev.sluice.queue.Subscription} says where a group starts.
 *   <dt>cursor
 *   <dd>A row of {@code cursors}, one for each group and partition. {@code position} is the seq up to which everything
 *       is done; {@code acked} has the seqs that are done after it. Because seqs have no gaps, the lag of a group is
 *       {@code head - position} minus the size of {@code acked}.
 *   <dt>lease
 *   <dd>The right of one consumer to the next messages of a cursor, until a time. A lease that is not acknowledged in
 *       time expires, and the messages are delivered again. A lease that has not ended is <em>live</em>.
 *   <dt>pop
 *   <dd>A {@link dev.sluice.queue.PopRequest} to a {@link dev.sluice.queue.PopTarget}: a queue, a partition, or all
 *       queues of a namespace.
 *   <dt>acknowledgement
 *   <dd>An {@link dev.sluice.queue.Acknowledgement}: a consumer completes, fails, returns or rejects one message.
 *   <dt>dead letter
 *   <dd>A copy of a message that a group gave up on. A <em>redrive</em> moves it back to its queue.
 *   <dt>scheduled message
 *   <dd>A message with a delivery time. It gets its seq when it is due.
 *   <dt>parked message
 *   <dd>A message whose queue another transaction keeps locked. It gets its seq when the lock is free.
 *   <dt>lane
 *   <dd>A {@link dev.sluice.queue.PriorityLane}: the urgency of a partition.
 *   <dt>source
 *   <dd>The log from which a writer takes messages, such as a Kafka topic. Its offsets commit with the messages.
 * </dl>
 *
 * <h2>Packages</h2>
 *
 * <ul>
 *   <li>{@code sql}: statements, transactions and the schema.
 *   <li>{@code index}: finds the segments that have a transaction id.
 *   <li>{@code write}: pushes, from a batch of messages to stored segments.
 *   <li>{@code read}: pops, acknowledgements, and readers without a group.
 *   <li>{@code transact}: transactions that push and acknowledge, streams, and redrive.
 *   <li>{@code admin}: queues, groups, dead letters and retention.
 *   <li>{@code letters}: dead letters in bulk, with {@code admin} and {@code transact}.
 *   <li>{@code view}: what a dashboard shows.
 * </ul>
 *
 * <p>These packages know JDBC, and nothing of Kafka or HTTP.
 *
 * <h2>Guarantees</h2>
 *
 * <ol>
 *   <li>A transaction assigns seqs under the row lock of the partition and holds the lock until it commits. So no
 *       message commits behind a cursor that has passed its seq.
 *   <li>The offsets of a source commit with its messages. So a replay changes nothing.
 *   <li>A transaction id is in a partition once within the deduplication window, as far as the writer's cache reaches.
 *   <li>A group has at most one live lease on a partition. A position never moves back, and an acknowledged message is
 *       not delivered again, except by a seek or by a put-back of messages that reached no consumer.
 *   <li>A cursor becomes idle only if its transaction share-locks the row of the partition and finds {@code head =
 *       position}. If a flush holds the row, the cursor stays ready. A later flush finds the idle cursor and wakes it.
 *       So no push is overlooked, and no acknowledgement waits for a flush.
 *   <li>A message that is pushed after its queue became encrypted is stored encrypted everywhere: the writer reads the
 *       option under the lock of the partition ({@link dev.sluice.queue.PayloadCipher}).
 * </ol>
 *
 * <h2>Lock order</h2>
 *
 * <p>All transactions take locks in this order: {@code queues}; {@code sink_offsets}; the advisory lock of a cycle;
 * {@code stream_queries}; {@code dead_letters} by id; {@code partitions} by id; {@code work_items}; {@code cursors} by
 * group and partition; {@code work_lines} by partition. Engines of works lock the row of a type in {@code work_limits}
 * before its cursors; a flush does not lock it. The partition locks of pops and acknowledgements do not wait
 * ({@code skip locked}), so they may come last. All times are of the database's clock.
 *
 * <h2>Public types besides those named above</h2>
 *
 * <ul>
 *   <li>{@link dev.sluice.queue.PushOutcome}, {@link dev.sluice.queue.PopResult},
 *       {@link dev.sluice.queue.AcknowledgeOutcome}: results, as the bridge answers them.
 *   <li>{@link dev.sluice.queue.MessageHeaders}, {@link dev.sluice.queue.HeaderLimits}: the headers of a message, and
 *       how many and how large they may be.
 *   <li>{@link dev.sluice.queue.Origin}: what a message keeps from a topic.
 *   <li>{@link dev.sluice.queue.QueueInfo}, {@link dev.sluice.queue.QueueNamespace},
 *       {@link dev.sluice.queue.PartitionKey}: rows of queues, and where a page of rows ends.
 *   <li>{@link dev.sluice.queue.MessageIds}: makes the ids of messages, in the bridge and in the connectors.
 *   <li>{@link dev.sluice.queue.PartitionIds}, {@link dev.sluice.queue.QueueIds}, {@link dev.sluice.queue.StreamIds},
 *       {@link dev.sluice.queue.TraceIds}: ids as clients see them.
 *   <li>{@link dev.sluice.queue.TimeText}: parses times for requests, connector settings and record headers.
 *   <li>{@link dev.sluice.queue.QueueException}, {@link dev.sluice.queue.SessionFailures}: which failures a retry
 *       helps.
 * </ul>
 */
@NullMarked
package dev.sluice.queue;

import org.jspecify.annotations.NullMarked;
