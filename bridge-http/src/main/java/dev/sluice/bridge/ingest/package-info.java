/**
 * Accepts pushes: appends their messages to the local log, and answers when each push is as durable as it asked.
 *
 * <pre>
 *   push ──▶ Admission ──▶ Intake ──append──▶ Lane (a log) ──read──▶ dev.sluice.bridge.drain ──▶ PostgreSQL
 *                            ▲                                               │
 *                            └──────────── outcome of each message ──────────┘
 * </pre>
 *
 * <h2>One order</h2>
 *
 * <p>Every message goes through the log, in an outage or not, so there is one order and one way into the database. A
 * buffer has one or more {@linkplain dev.sluice.bridge.ingest.Lanes lanes}: each is a log, and the drain has a thread
 * for each. Queue and partition of a message choose its lane, so the order within a partition is the order of one log.
 *
 * <h2>Two answers</h2>
 *
 * <ul>
 *   <li><b>stored</b>: the answer waits for the commit in PostgreSQL. The lane registers the waiting push under the
 *       same lock as the append, so the drain cannot commit a message before its push is registered. If the commit does
 *       not come within {@code push.stored.timeout.ms}, if PostgreSQL is known to be down, or if the drain is further
 *       behind than that time, the answer becomes the other one.
 *   <li><b>buffered</b>: the answer waits for the sync of the log.
 * </ul>
 *
 * <p>A producer that sends {@code bufferMs} or {@code bufferMax} asks for the second answer and lets its messages
 * {@linkplain dev.sluice.bridge.ingest.Linger linger} in the log, so that the drain moves larger batches. The linger
 * gate ({@code LingerGate}) of the lane keeps the drain from them; a message without linger behind them opens it.
 *
 * <h2>Classes</h2>
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.ingest.Admission} refuses pushes to full queues and encrypts for encrypted ones.
 *   <li>{@link dev.sluice.bridge.ingest.Intake} splits a push into one slice per lane, appends the slices, and answers;
 *       {@code Push} collects the results of the slices.
 *   <li>{@link dev.sluice.bridge.ingest.Lane} is one log with the slices that wait for it;
 *       {@link dev.sluice.bridge.ingest.Lanes} is the directory of all lanes and their generations.
 *   <li>{@link dev.sluice.bridge.ingest.MessageCodec} is the format of a message in the log.
 *   <li>{@link dev.sluice.bridge.ingest.FailedRecords} keeps the messages that PostgreSQL refused.
 * </ul>
 *
 * <h2>Rules</h2>
 *
 * <ul>
 *   <li>{@code Intake.accept} never waits for the disk or the database. Answers are given on one thread, timeouts are
 *       found on another.
 *   <li>A lane's lock guards its waiting slices; nothing else is locked under it but the linger gate and the log.
 *   <li>The package knows nothing of the drain: the drain calls {@code Intake} with outcomes.
 * </ul>
 *
 * <h2>Public types</h2>
 *
 * <ul>
 *   <li>{@code Admission}, {@code Durability}, {@code Linger}, {@code PushResult}: for the push endpoint.
 *   <li>{@code QueueFullException}, {@code NoKeyException}, {@code IntakeFullException},
 *       {@code MessageTooLargeException}: for the HTTP answers to refused pushes.
 *   <li>{@code Intake}, {@code Lane}, {@code Lanes}, {@code MessageCodec}, {@code MessageFormatException},
 *       {@code FailedRecords}, {@code FailedRecordsFullException}: for the drain.
 *   <li>{@code AdmissionStatus}, {@code IntakeStatus}: for the status page and metrics.
 *   <li>{@code BufferLayout}: for the command line, which inspects and repairs a stopped buffer.
 * </ul>
 */
@NullMarked
package dev.sluice.bridge.ingest;

import org.jspecify.annotations.NullMarked;
