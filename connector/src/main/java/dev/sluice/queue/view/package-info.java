/**
 * Views of a schema for people: lists, counts, statistics and traces. Nothing here changes a message or a position.
 *
 * <h2>Classes</h2>
 *
 * <ul>
 *   <li>{@link QueueOverview} counts the messages of queues, namespaces and partitions by state, and summarises lag,
 *       leases and dead letters.
 *   <li>{@link StoredMessages} lists messages without their payload, and finds one message with its payload.
 *   <li>{@link Traces} stores and finds the notes that consumers make about messages.
 *   <li>{@link MinuteCounters} stores and returns the data of charts: what each bridge did in each minute.
 *   <li>{@link ServerStatistics} returns statistics of the PostgreSQL server.
 * </ul>
 *
 * <h2>Cost</h2>
 *
 * <p>No call costs more for a queue with many messages. Counts are computed from {@code head}, {@code tail} and the
 * cursors of each partition by the database views {@code partition_counts} and {@code group_lag}. A page of messages
 * reads the segments that it shows, which its statement finds by bisecting the seqs of each partition.
 * {@link StoredMessages#find} and {@link Traces#add} look a message up by the index of transaction ids
 * ({@link dev.sluice.queue.index}). They read the messages that it does not have yet: those of the last seconds, or all
 * of them after an upgrade.
 *
 * <p>A list has two ways to continue: by an offset, or by the key of the last row, which costs the same on every page.
 *
 * <h2>Rules</h2>
 *
 * <ul>
 *   <li>Every method is one transaction, except the {@code prune} methods, which delete a thousand rows in each. None
 *       locks a partition, a cursor or a segment.
 *   <li>Statements that show whole tables run with all plans of the server; {@link Traces} names its rows and runs by
 *       index.
 *   <li>Payloads of encrypted queues are decrypted when the key is there, and shown as they are stored otherwise.
 *   <li>No class has a thread; any number of threads and processes may use it.
 * </ul>
 *
 * <p>The package knows the model, {@code sql} and {@code index} only: not the writer, not the reader, not the
 * administration.
 *
 * <h2>Public types</h2>
 *
 * <p>The bridge uses all of them: the five classes above; {@link ResourceFilter} and {@link MessageFilter} to say what
 * to show; {@link QueueStatus}, {@link PartitionStatus} and {@link MessageCounts} from the overview;
 * {@link ListedMessage}, {@link MessageDetail} and {@link MessageState} from the messages; {@link Trace}; and
 * {@link Counter}, which names the columns of the counters.
 */
@NullMarked
package dev.sluice.queue.view;

import org.jspecify.annotations.NullMarked;
