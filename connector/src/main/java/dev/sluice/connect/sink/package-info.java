/**
 * The sink task: it writes the records of topic partitions into queues, exactly once and in order.
 *
 * <p>The same {@link dev.sluice.connect.sink.QueueSinkTask} runs in two hosts. On a Connect worker its records come
 * from topics. In the bridge they come from the local log. Both hosts drive it through the contract of
 * {@link org.apache.kafka.connect.sink.SinkTask}, and one test, {@code SinkTaskContract}, checks the same promises in
 * both. There are two differences. On a worker the task also wakes consumers at bridges, releases parked messages and
 * stores the number of partitions of topics ({@code WorkerDuties}). In the bridge other threads do the first two, and
 * nothing needs the third. And on a worker the task itself keeps a delivery that has failed ({@code Redelivery}), where
 * in the bridge it throws {@code RetriableException}.
 *
 * <h2>One delivery</h2>
 *
 * <ol>
 *   <li>Connect calls {@code put} with records. {@code RecreatedTopics} checks those that come for the first time.
 *   <li>{@code SinkPositions} reads stored offsets that the task does not know: after an open without PostgreSQL, after
 *       another writer has moved an offset, after a commit of unknown outcome.
 *   <li>{@code BatchWriter} drops records that are stored or held already. It maps the others to messages
 *       ({@link dev.sluice.connect.record.RecordMapping}) and holds them ({@code HeldRecords}).
 *   <li>{@code BatchWriter} writes the batches that are due, each in one transaction with the offsets of its partitions
 *       ({@link dev.sluice.queue.write.QueueWriter}). It tells the outcomes to the
 *       {@link dev.sluice.connect.sink.OutcomeObserver}.
 *   <li>Connect calls {@code preCommit} and gets only offsets of written records.
 * </ol>
 *
 * <h2>Why exactly once</h2>
 *
 * <p>For each topic partition PostgreSQL stores the next offset to write, in the table {@code sink_offsets}. A write is
 * one transaction: it stores the messages and moves the offset by compare-and-set. Everything else follows from that:
 *
 * <ol>
 *   <li><b>Restart or rebalance.</b> The task reads the stored offset and has Connect continue there
 *       ({@code SinkTaskContext#offset}), wherever the consumer group stands.
 *   <li><b>Redelivery.</b> A record that comes again lies below the stored offset, and the task drops it.
 *   <li><b>Commit of unknown outcome.</b> The task compares the stored offset with the one it has attempted before it
 *       retries.
 *   <li><b>Second task on the same partition</b> (a zombie, a copied data directory). The task that loses the
 *       compare-and-set has written nothing, and reads the stored offset again.
 *   <li><b>Stored offset that went back or is gone</b> (a restored backup, a failover that lost transactions).
 *       PostgreSQL has lost records. The task logs a warning and has Connect go back to the stored offset. If no offset
 *       is stored, it goes back to the first offset that was stored when it opened the partition, or that it got. It
 *       cannot know what lies before that: on a worker, set the consumer group's offset if the database starts empty.
 *       The bridge repeats everything that its log still has. If only the row of the offset was deleted, the task
 *       writes the messages of the partition twice, except those that bring a transaction id which is in the duplicate
 *       window.
 *   <li><b>Recreated or truncated topic.</b> Other records now have stored offsets. The consumer stands at an offset
 *       that does not exist, and {@code auto.offset.reset} sets it back. So it delivers a record for the first time
 *       below the offset it had passed. The task fails then. If a record with that offset is stored, PostgreSQL keeps
 *       the reason, and each later task of the partition fails too, until an operator sets the offset through Connect's
 *       API ({@code QueueSinkConnector.alterOffsets}). Without that, a task that starts after the topic has grown would
 *       detect nothing.
 *   <li><b>Record that cannot be written because of its data.</b> The task reports it to the errant record reporter
 *       first, and then moves the offset past it. After a crash it may be reported twice, but it is never lost.
 *   <li><b>Record that can be neither written nor reported.</b> Its partition ends there ({@code EndedPartitions}). The
 *       task writes what precedes it and the records of other partitions, and then fails with the offset from which
 *       nothing is stored. A report counts only once the dead letter topic has the record. Connect's future does not
 *       tell that, and {@code DeadLetterFailures} does.
 * </ol>
 *
 * <p>All of this needs durable commits. If the server, the database or the role has {@code synchronous_commit = off},
 * the sessions of the task set it to {@code on}, and they keep anything stronger. They cannot set it through a pooler
 * in transaction mode: set it on the role there.
 *
 * <h2>Failures</h2>
 *
 * <table>
 *   <caption>The answer of the task to a failure</caption>
 *   <tr><th>Failure</th><th>Answer</th></tr>
 *   <tr><td>Transient ({@link dev.sluice.queue.QueueException#isTransient()})</td>
 *       <td>{@code context.timeout(backoff)}, then a redelivery; never a dead letter</td></tr>
 *   <tr><td>A batch times out</td><td>As above, and {@code BatchLimit} halves the next batches</td></tr>
 *   <tr><td>About the data (SQLSTATE classes 21, 22, 23, 54; a record that no rule can map)</td>
 *       <td>The task halves the batch until the bad records stand alone, reports them and writes the rest</td></tr>
 *   <tr><td>Another writer has moved the offset ({@link dev.sluice.queue.write.SourceMovedException})</td>
 *       <td>A redelivery, which continues at the stored offset</td></tr>
 *   <tr><td>{@code put.timeout.ms} is over</td><td>A redelivery, so that the consumer polls in time; it continues after
 *       the written records</td></tr>
 *   <tr><td>Permanent (no such table, no permission, wrong password)</td>
 *       <td>{@code ConnectException}: the task fails, and nothing is lost</td></tr>
 * </table>
 *
 * <p>A redelivery begins with a {@code RetriableException} inside the task. In the bridge it leaves {@code put}, and
 * the drain calls again with the same records. Connect would do the same, but it logs the stack trace of the exception
 * at each attempt, so on a worker {@code put} returns: the task keeps the records, pauses its partitions, and works on
 * the records at the next call. Until that succeeds {@code preCommit} returns nothing. {@code DatabaseState} logs the
 * beginning and the end of an outage.
 *
 * <h2>Rules</h2>
 *
 * <ul>
 *   <li>All classes of a task belong to the task's thread, and none has a lock. Only counters for metrics are read by
 *       other threads.
 *   <li>The observer hears an outcome only after the transaction has committed.
 *   <li>{@code preCommit} writes nothing. It never returns an offset beyond a record that is not written.
 * </ul>
 *
 * <p>The task deliberately has no retry loop: between two attempts the consumer polls, so that it stays in the group.
 * It does not commit offsets to Kafka itself, and it does not detect duplicates by content: the offsets exclude them,
 * and the queue's duplicate window covers only transaction ids that records bring along.
 *
 * <h2>Public types</h2>
 *
 * <ul>
 *   <li>{@link dev.sluice.connect.sink.QueueSinkTask}: Connect and the bridge's drain run it.
 *   <li>{@link dev.sluice.connect.sink.QueueSinkConfig}: the connector validates with it, and the bridge names its
 *       keys.
 *   <li>{@link dev.sluice.connect.sink.OutcomeObserver}: the bridge learns the outcome of each message by it.
 *   <li>{@link dev.sluice.connect.sink.SinkOffsets}: the connector changes offsets with it.
 * </ul>
 */
@NullMarked
package dev.sluice.connect.sink;

import org.jspecify.annotations.NullMarked;
