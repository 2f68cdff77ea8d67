/**
 * Pushes the messages of queues to clients that keep a connection open, without leases and without a consumer group for
 * each client.
 *
 * <pre>
 *   Subscriptions ── rounds ──▶ Tail of a queue ── one read ──▶ PostgreSQL
 *                                  │ one Frame for all
 *                                  ▼
 *                     Subscriber ── Outbox ──▶ the client, by SSE or WebSocket
 * </pre>
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.subscribe.Subscriptions} has a {@code Tail} for each queue that has subscribers. A
 *       wake-up of the queue, or a second, starts a round. The threads that read for requests run the rounds, and a
 *       round blocks for the database only.
 *   <li>A {@code Tail} reads what is new once, and makes one {@code Frame} of a message for all subscribers. A
 *       subscriber that begins before the end of the queue is behind: it has the spans of messages that it must get
 *       first, and gets them as fast as it reads. Subscribers that are behind at the same place share their reads too.
 *   <li>An {@code Outbox} holds the frames that wait for one client. A client that follows the end and whose outbox is
 *       full is dropped with a reason, and so is any client that does not read for a while.
 * </ul>
 *
 * <h2>Positions</h2>
 *
 * <p>The id of an event is a {@code Position}: a time before which the client has got everything, in all partitions. A
 * transaction that commits late may write a message with an earlier time than others that are committed. So that time
 * is not the time of a message: it is the newest <em>mark</em> ({@link dev.sluice.queue.read.QueueTail}) whose
 * transactions had all ended when the tail read last, two seconds earlier for a clock that goes back. Nothing can come
 * before it, so a client may go on from it at any bridge, and misses nothing. It gets messages again that were written
 * after that time: those of about the last three seconds, or since the oldest running transaction began, if that is
 * longer.
 *
 * <p>To avoid even these, a position also names the seqs of the partitions that have newer messages, if they are at
 * most eight. A subscriber that is behind gets partition after partition, in the order of their ids. Its positions name
 * two times, and the partition up to which the second one counts.
 *
 * <p>Public types: {@code Subscriptions}, {@link dev.sluice.bridge.subscribe.Subscriber},
 * {@link dev.sluice.bridge.subscribe.Outbox}, {@link dev.sluice.bridge.subscribe.EndReason},
 * {@link dev.sluice.bridge.subscribe.Start} and {@link dev.sluice.bridge.subscribe.SubscriptionLimits}: the routes and
 * the wiring use them.
 */
@NullMarked
package dev.sluice.bridge.subscribe;

import org.jspecify.annotations.NullMarked;
