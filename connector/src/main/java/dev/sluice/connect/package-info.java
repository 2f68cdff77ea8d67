/**
 * The queue as a Kafka Connect plug-in: {@link dev.sluice.connect.QueueSinkConnector} moves topics into queues,
 * {@link dev.sluice.connect.QueueSourceConnector} moves queues into topics. How a message is written as a record, both
 * know from {@link dev.sluice.connect.record.RecordHeaders}: a message that goes through a topic comes out the same.
 *
 * <p>The same {@link dev.sluice.connect.sink.QueueSinkTask} runs in two places: on Kafka Connect workers, where its
 * records come from topics, and inside the bridge, where they come from the local log. Both drive it through the
 * contract of {@link org.apache.kafka.connect.sink.SinkTask}. One test, {@code SinkTaskContract}, holds it to the same
 * promises in both. It knows one difference: on a worker there is nobody else to wake the consumers that wait at
 * bridges, so it tells the bridges ({@link dev.sluice.queue.write.WriterWakeUps}).
 *
 * <h2>The sink: exactly once</h2>
 *
 * <p>For every topic partition PostgreSQL stores the next offset to write, in the table {@code sink_offsets}. A write
 * is one transaction that stores messages and moves that offset by compare-and-set. Everything else follows from it:
 *
 * <ol>
 *   <li><b>A restart or rebalance</b> asks for the stored offset and continues there ({@code SinkTaskContext#offset}),
 *       wherever the consumer group stands.
 *   <li><b>A record delivered again</b> lies below the stored offset and is dropped.
 *   <li><b>A partition that begins anew</b> (its topic was deleted and made again, or has lost its end) has other
 *       records at offsets that are stored. The consumer then stands where nothing is, and is set back by its own rule
 *       ({@code auto.offset.reset}): it delivers, not as a repetition, what lies below where it was asked to continue
 *       or had come to. That ends the task. If something is stored at that offset it is noted with it, and ends every
 *       task after it until somebody says through Connect's API where to begin
 *       ({@code QueueSinkConnector.alterOffsets}): started again when the topic has grown, it would find nothing wrong.
 *   <li><b>A commit whose answer got lost</b> is looked up before anything is tried again: the stored offset tells
 *       whether it happened.
 *   <li><b>A second task on the same partition</b> (a zombie, a copied data directory) loses the compare-and-set, has
 *       written nothing, and re-reads where the partition stands.
 *   <li><b>A stored offset that moved back, or is gone</b> (a restored backup, a failover that lost transactions) means
 *       that PostgreSQL has lost records it had: the task warns and goes back there ({@code SinkTaskContext#offset}),
 *       or, if nothing is stored any more, to the first offset this task was given or found stored when it was opened.
 *       It cannot know what lies before that; on a worker, set the consumer group's offset for a connector whose
 *       database begins anew. The bridge repeats everything its log still has. Segments that are in the database
 *       although the offset is gone (a row deleted by hand) are written twice, but for records that bring along a
 *       transaction id which is in the duplicate window.
 *   <li><b>A record that cannot be written for what it is</b> is reported to the errant record reporter first, then the
 *       offset moves past it. So it may be reported twice after a crash, but never vanishes.
 *   <li><b>A record that can neither be written nor be reported</b> ends its partition. The task writes what precedes
 *       it, in all partitions, and then fails with the offset from which nothing is stored. A report counts only if the
 *       record has reached the dead letter topic, which Connect's future does not tell ({@code DeadLetterFailures}).
 * </ol>
 *
 * <p>All of this rests on a commit that lasts. Where the server, the database or the role has {@code synchronous_commit
 * = off}, the task's connections turn it on; anything stronger stays. Through a pooler that gives each transaction
 * another server connection that cannot be done: set it on the role there.
 *
 * <h2>The source: by position</h2>
 *
 * <p>{@link dev.sluice.connect.source.QueueSourceTask} remembers nothing itself. Connect commits the seq of each
 * message with its record, and gives it back after a restart ({@link dev.sluice.connect.source.SourceOffsets}).
 * Partitions are shared among the tasks by the remainder of their ids: a fixed rule, under which every task finds its
 * new partitions alone. The alternative, a thread that watches for them and asks for a reconfiguration, would stop and
 * start all tasks for every new partition, of which there can be thousands. The price is that each task lists all
 * partitions of its share at every look.
 *
 * <h2>Failures of the sink</h2>
 *
 * <p>A delivery that takes longer than {@code put.timeout.ms} is handed back with {@code RetriableException}, so that
 * the consumer polls in time; what is written by then is recognised by its offsets.
 *
 * <table>
 *   <caption>What the task does about a failure</caption>
 *   <tr><th>Failure</th><th>Answer</th></tr>
 *   <tr><td>Transient ({@link dev.sluice.queue.QueueException#isTransient()})</td>
 *       <td>{@code context.timeout(backoff)} and {@code RetriableException}; never dead-lettered</td></tr>
 *   <tr><td>About the data (SQLSTATE classes 21, 22, 23, 54; a record no rule can map)</td>
 *       <td>The batch is halved until the bad records stand alone; they are reported, the rest is written</td></tr>
 *   <tr><td>Offset moved by somebody else</td><td>{@code RetriableException} caused by
 *       {@link dev.sluice.queue.write.SourceMovedException}; the redelivery continues from the stored offset</td></tr>
 *   <tr><td>Anything else (no such table, no permission, wrong password)</td>
 *       <td>{@code ConnectException}: the task stops, nothing is lost</td></tr>
 * </table>
 */
@NullMarked
package dev.sluice.connect;

import org.jspecify.annotations.NullMarked;
